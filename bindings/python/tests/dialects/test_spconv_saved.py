"""What spconv saved as a whole, and voxels on a GPU that is ignored, in processes where scn stands in."""


def test_whole_models_and_tensors_that_spconv_saved_load(run):
    run(
        """
        import copy, pickle, torch, scn
        scn.stand_in("spconv")
        import spconv.pytorch as spconv
        from cumm.tensorview.gemm import Activation

        layer = spconv.SubMConv2d(2, 3, 3)
        # As pybind11 pickles an enumeration, and as spconv names the hook of a layer.
        saved = pickle.loads(b"\\x80\\x02ccumm.core_cc.tensorview_bind\\nActivation\\n)\\x81K\\x01b.")
        state = {**layer.__dict__, "act_type": saved}
        loaded = type(layer).__new__(type(layer))
        loaded.__setstate__(copy.copy(state))
        assert loaded.act_type is Activation.ReLU
        loaded._load_weight_different_layout(loaded.state_dict(), "", {}, True, [], [], [])
        x = spconv.SparseConvTensor(torch.ones(2, 2), torch.tensor([[0, 0, 0], [0, 1, 1]]).int(), [4, 4], 1)
        assert torch.equal(loaded.eval()(x).features, layer(x).features.relu())

        y = spconv.SparseConv2d(2, 3, 3, 2, 1, indice_key="down")(x)
        data = y.indice_dict["down"]
        names = ("out_indices", "indices", "spatial_shape", "out_spatial_shape", "is_subm", "algo", "ksize", "stride",
                 "dilation", "padding", "indice_pairs", "indice_pair_num", "voxel_num")
        theirs = type(data).__new__(type(data))
        theirs.__setstate__({name: getattr(data, name) for name in names})
        parts = ("indices", "spatial_shape", "batch_size", "grid", "voxel_num", "benchmark", "benchmark_record",
                 "thrust_allocator", "_timer", "force_algo", "int8_scale")
        z = spconv.SparseConvTensor.__new__(spconv.SparseConvTensor)
        z.__setstate__({**{name: getattr(y, name) for name in parts}, "_features": y.features.detach(),
                        "indice_dict": {"down": theirs}})
        assert torch.equal(z.features, y.features)
        back = spconv.SparseInverseConv2d(3, 2, 3, indice_key="down")
        assert torch.equal(back(z).features, back(y).features)
        assert torch.equal(z.indice_dict["down"].indice_pairs, data.indice_pairs)
        """
    )


def test_a_voxel_generator_on_a_gpu_that_is_ignored_is_on_the_cpu(run):
    run(
        """
        import torch, scn
        from scn.spconv.pytorch.utils import PointToVoxel
        arguments = ([0.1] * 3, [0, 0, 0, 1, 1, 1], 3, 500, 5)
        try:
            PointToVoxel(*arguments, device="cuda:0")
        except NotImplementedError as error:
            assert "cuda:0" in str(error)
        else:
            raise AssertionError
        scn.stand_in("spconv", ignore_cuda=True)
        for device in ("cuda", torch.device("cuda:0")):
            made = PointToVoxel(*arguments, device=device)
            assert made.device.type == "cpu" and len(made(torch.rand(9, 3).cuda())[0]) > 0
        """
    )
