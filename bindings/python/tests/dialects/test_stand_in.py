"""Programs find scn under the names of other libraries; each test runs in a process of its own."""

import sys
import textwrap

import pytest

pytest.importorskip("torch", reason="PyTorch is not installed")

from scn.stand_in.__main__ import main


def test_each_library_is_one_module_under_two_names(run):
    run(
        """
        import importlib, sys
        import scn
        scn.stand_in("spconv", "MinkowskiEngine", "torchsparse", "sparseconvnet")
        pairs = {
            "spconv": "scn.spconv",
            "spconv.pytorch": "scn.spconv.pytorch",
            "spconv.pytorch.utils": "scn.spconv.pytorch.utils",
            "cumm": "scn.spconv._cumm",
            "cumm.tensorview": "scn.spconv._cumm.tensorview",
            "MinkowskiEngine": "scn.minkowski",
            "MinkowskiEngine.utils": "scn.minkowski.utils",
            "MinkowskiOps": "scn.minkowski.MinkowskiOps",
            "torchsparse": "scn.torchsparse",
            "torchsparse.nn.functional": "scn.torchsparse.nn.functional",
            "torchsparse.utils.collate": "scn.torchsparse.utils.collate",
            "torchsparse.backbones": "scn.torchsparse.backbones",
        }
        for name, other in pairs.items():
            module = importlib.import_module(name)
            assert module is importlib.import_module(other), name
            assert module.__name__ == module.__spec__.name == other, (module.__name__, module.__spec__)
        from torchsparse.nn import Conv3d
        assert Conv3d.__module__ == "scn.torchsparse.nn.modules.conv"
        import sparseconvnet
        assert hasattr(sparseconvnet, "SubmanifoldConvolution")
        for missing in ("torchsparse.nothing", "spconv.pytorch.nothing"):
            try:
                importlib.import_module(missing)
            except ModuleNotFoundError as error:
                assert missing in str(error), error
            else:
                raise AssertionError(missing)
        scn.stand_in("torchsparse")
        """
    )


def test_modules_of_minkowski_engine_are_found_without_its_name(run):
    run(
        """
        import importlib, pathlib, pickle
        import scn
        scn.stand_in("MinkowskiEngine")
        import MinkowskiEngine as ME
        from MinkowskiConvolution import MinkowskiConvolution
        from MinkowskiSparseTensor import SparseTensor
        assert MinkowskiConvolution is ME.MinkowskiConvolution and SparseTensor is ME.SparseTensor
        names = sorted(file.stem for file in pathlib.Path(scn.minkowski.__file__).parent.glob("Minkowski*.py"))
        assert len(names) == 18, names
        for name in names:
            module = importlib.import_module(name)
            assert module is importlib.import_module(f"MinkowskiEngine.{name}"), name
        # As MinkowskiEngine itself pickles a class.
        assert pickle.loads(b"cMinkowskiNonlinearity\\nMinkowskiReLU\\n.") is ME.MinkowskiReLU
        """
    )


def test_the_older_form_of_torchsparse_takes_the_name(run):
    run(
        """
        import scn
        scn.stand_in("torchsparse==1.4")
        import torchsparse, scn.torchsparse.v1
        import torchsparse.nn.functional as F
        assert torchsparse is scn.torchsparse.v1 and torchsparse.__version__ == "1.4.0"
        assert F is scn.torchsparse.v1.nn.functional
        scn.stand_in("torchsparse==2.0")
        assert torchsparse.__version__ == "2.0.0b" == torchsparse.version.__version__
        from torchsparse.backbones import SparseResNet21D
        assert SparseResNet21D.__module__ == "scn.torchsparse.v1.backbones.resnet"
        try:
            scn.stand_in("torchsparse")
        except scn.StateError as error:
            assert "before any import of it" in str(error), error
        else:
            raise AssertionError
        assert torchsparse.SparseTensor is scn.torchsparse.v1.SparseTensor
        try:
            scn.stand_in("torchsparse==0.1")
        except ValueError as error:
            assert "'torchsparse==1.4'" in str(error), error
        else:
            raise AssertionError
        """
    )


def test_a_library_that_was_imported_stays_and_nothing_changes(run, tmp_path):
    package = tmp_path / "installed" / "spconv"
    package.mkdir(parents=True)
    (package / "__init__.py").write_text("here = True\n")
    run(
        """
        import spconv, sys
        assert spconv.here
        import scn
        try:
            scn.stand_in("torchsparse", "spconv")
        except scn.StateError as error:
            assert "spconv: is imported from" in str(error) and "installed" in str(error), error
        else:
            raise AssertionError
        assert sys.modules["spconv"] is spconv
        assert not any(type(finder).__module__ == "scn.stand_in" for finder in sys.meta_path)
        """,
        also_found=[package.parent],
    )
    run(
        """
        import scn
        scn.stand_in("spconv")
        import spconv
        assert spconv is scn.spconv
        """,
        also_found=[package.parent],
    )


def test_programs_run_with_their_arguments_and_their_status(run, tmp_path):
    folder = tmp_path / "programs"
    folder.mkdir()
    (folder / "beside.py").write_text("value = 7\n")
    (folder / "program.py").write_text(
        "import sys, beside, torchsparse\n"
        "assert __name__ == '__main__'\n"
        "print(sys.argv[1:], beside.value, torchsparse.__version__)\n"
        "sys.exit(int(sys.argv[2]))\n"
    )
    program = str(folder / "program.py")
    assert run(None, "-m", "scn.stand_in", program, "--device", "0").split() == ["['--device',", "'0']", "7", "2.1.0"]
    run(None, "-m", "scn.stand_in", "--libraries", "torchsparse", program, "-m", "3", status=3)
    older = run(None, "-m", "scn.stand_in", "--libraries", "torchsparse==1.4", program, "--x", "0")
    assert older.split()[-1] == "1.4.0"
    (tmp_path / "part").mkdir()
    (tmp_path / "part" / "__main__.py").write_text(
        "import sys, torch, torchsparse\n"
        "print(sys.argv[0].endswith('__main__.py'), sys.argv[1:], torch.ones(2).cuda().device)\n"
    )
    printed = run(None, "-m", "scn.stand_in", "--ignore-cuda", "-m", "part", "a", "-b")
    assert printed.split() == ["True", "['a',", "'-b']", "cpu"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "the following arguments are required: program"),
        (("--libraries", "torchsparse,numpy", "missing.py"), "libraries: is 'numpy', expected"),
        (("--libraries", "", "missing.py"), "libraries: is '', expected"),
    ],
)
def test_the_command_says_what_is_wrong_and_changes_nothing(arguments, message, monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["stand_in", *arguments])
    finders = list(sys.meta_path)
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err
    assert sys.meta_path == finders


def test_a_program_that_does_not_exist_is_named(run):
    called = ("-m", "scn.stand_in", "--libraries", "torchsparse", "missing.py")
    assert "program: missing.py does not exist" in run(None, *called, status=2)


def test_what_was_saved_under_the_other_name_loads_without_it(run):
    run(
        """
        import scn
        scn.stand_in("torchsparse")
        import torch, torchsparse.nn as spnn
        from torchsparse import SparseTensor
        net = torch.nn.Sequential(spnn.Conv3d(2, 3, 3), spnn.BatchNorm(3), spnn.ReLU(True))
        x = SparseTensor(torch.ones(4, 2), torch.arange(16).reshape(4, 4).int())
        torch.save((net, net(x)), "saved.pt")
        """
    )
    run(
        """
        import sys, torch
        net, y = torch.load("saved.pt", weights_only=False)
        assert "torchsparse" not in sys.modules
        assert type(net[0]).__module__ == "scn.torchsparse.nn.modules.conv"
        assert y.feats.shape == (4, 3)
        """
    )


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_processes_of_a_program_find_the_libraries(run, tmp_path, method):
    (tmp_path / "train.py").write_text(
        textwrap.dedent(
            """
            import multiprocessing
            import sys

            import MinkowskiEngine as ME
            import torchsparse
            import spconv.pytorch as spconv
            import torch


            def work(queue):
                import sparseconvnet

                device = torch.zeros(1, device="cuda").device.type
                queue.put((spconv.__name__, ME.__name__, torchsparse.__name__, sparseconvnet.__name__, device))


            if __name__ == "__main__":
                processes = multiprocessing.get_context(sys.argv[1])
                queue = processes.Queue()
                child = processes.Process(target=work, args=(queue,))
                child.start()
                print(*queue.get(timeout=100))
                child.join()
            """
        )
    )
    libraries = "--libraries=spconv,MinkowskiEngine,torchsparse==1.4,sparseconvnet"
    printed = run(None, "-m", "scn.stand_in", "--ignore-cuda", libraries, "train.py", method)
    assert printed.split() == ["scn.spconv.pytorch", "scn.minkowski", "scn.torchsparse.v1", "scn.torch", "cpu"]


def test_processes_find_nothing_else_and_those_that_they_spawn_the_same(run, tmp_path):
    """Also beside an installed library, and after an import that a program does without."""
    (tmp_path / "installed" / "spconv").mkdir(parents=True)
    (tmp_path / "installed" / "spconv" / "__init__.py").write_text("installed = True")
    (tmp_path / "train.py").write_text(
        textwrap.dedent(
            """
            import importlib.util
            import multiprocessing

            try:
                import torchsparse
            except ImportError:
                torchsparse = None


            def work(queue, depth):
                import spconv

                is_absent = torchsparse is None and importlib.util.find_spec("torchsparse") is None
                queue.put((depth, spconv.__name__, is_absent))
                if depth < 2:
                    spawn(queue, depth + 1)


            def spawn(queue, depth):
                child = multiprocessing.get_context("spawn").Process(target=work, args=(queue, depth))
                child.start()
                child.join()


            if __name__ == "__main__":
                queue = multiprocessing.get_context("spawn").Queue()
                spawn(queue, 1)
                print([queue.get(timeout=100) for _ in range(2)])
            """
        )
    )
    arguments = ("-m", "scn.stand_in", "--libraries=spconv", "train.py")
    printed = run(None, *arguments, also_found=[tmp_path / "installed"])
    assert printed.strip() == "[(1, 'scn.spconv', True), (2, 'scn.spconv', True)]"


def test_cuda_means_the_cpu(run):
    run(
        """
        import io, threading, warnings
        import torch
        from torch import nn
        import scn
        before = torch.relu, torch.Tensor.__add__, torch.nn.functional.linear
        scn.stand_in(ignore_cuda=True)
        replaced = torch.zeros
        scn.stand_in(ignore_cuda=True)
        assert torch.zeros is replaced
        assert before == (torch.relu, torch.Tensor.__add__, torch.nn.functional.linear)
        warnings.simplefilter("ignore")
        cuda = torch.device("cuda")

        def is_on_cpu(*tensors):
            assert all(each.device.type == "cpu" for each in tensors), tensors

        x = torch.ones(3)
        for device in ("cuda", "cuda:0", "cuda:1", cuda, torch.device("cuda", 0), 0):
            is_on_cpu(x.to(device), x.to(device=device), torch.zeros(2, device=device), x.new_zeros(2, device=device))
            is_on_cpu(nn.Linear(2, 3).to(device).weight, nn.Linear(2, 3, device=device).bias)
        assert x.to(cuda, torch.float64, non_blocking=True).dtype is torch.float64
        assert x.to(torch.float16).dtype is torch.float16
        assert x.to(x.double()).dtype is torch.float64
        assert x.to("meta").device.type == torch.zeros(2, device="meta").device.type == "meta"
        is_on_cpu(x.cuda(), x.cuda(0), x.cuda(non_blocking=True), nn.BatchNorm1d(2).cuda().half().cuda(0).weight)
        for make in (torch.zeros, torch.ones, torch.empty, torch.rand, torch.randn):
            is_on_cpu(make(2, 2, device="cuda", dtype=torch.float64))
        is_on_cpu(torch.full((2,), 1.0, device=cuda), torch.arange(3, device=cuda), torch.tensor([1], device=cuda))
        is_on_cpu(torch.as_tensor([1], device=cuda), torch.randint(3, (2,), device=cuda), torch.eye(2, device=cuda))
        is_on_cpu(torch.zeros_like(x, device=cuda), x.new_tensor([1], device=cuda), x.new_full((2,), 1, device=cuda))
        is_on_cpu(torch.linspace(0, 1, 3, device=cuda), torch.randperm(3, device=cuda), torch.empty_like(x, device=0))
        is_on_cpu(torch.zeros(2, pin_memory=True), x.pin_memory(), torch.fft.fftfreq(4, device=cuda))
        x.record_stream(torch.cuda.current_stream())

        assert torch.cuda.is_available() is False
        torch.cuda.set_device(0), torch.cuda.synchronize(), torch.cuda.empty_cache()
        torch.cuda.manual_seed(1), torch.cuda.manual_seed_all(1)
        assert torch.cuda.current_device() == torch.cuda.memory_allocated() == torch.cuda.max_memory_reserved() == 0
        assert torch.cuda.get_device_name() == "cpu"
        first, second = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        first.record(), second.record(), second.synchronize(), second.wait()
        assert first.elapsed_time(second) >= 0 and first.query()
        stream = torch.cuda.Stream()
        with torch.cuda.stream(stream), torch.cuda.device(0), stream:
            stream.wait_stream(torch.cuda.default_stream()), stream.synchronize(), stream.wait_event(first)
            assert stream.record_event().query() and stream.query()
        with torch.cuda.nvtx.range("here"):
            pass

        assert x.type(torch.cuda.DoubleTensor).dtype is x.type("torch.cuda.DoubleTensor").dtype is torch.float64
        is_on_cpu(torch.cuda.LongTensor([1, 2]))
        buffer = io.BytesIO()
        torch.save({"x": x}, buffer)
        for place in ("cuda", cuda, {"cpu": "cuda:0"}, lambda storage, location: storage, None):
            buffer.seek(0)
            is_on_cpu(torch.load(buffer, map_location=place)["x"])
        from scn.stand_in.without_cuda import _restored_on_cpu
        assert _restored_on_cpu(x, "cuda:3") is x and _restored_on_cpu(x, "cpu") is None

        with torch.device("cuda"):
            is_on_cpu(torch.zeros(2), nn.Linear(2, 2).weight)
        torch.set_default_device("cuda")
        is_on_cpu(torch.zeros(2))
        torch.set_default_device("meta")
        assert torch.zeros(2).device.type == "meta"
        torch.set_default_device(None)
        torch.set_default_tensor_type("torch.cuda.DoubleTensor")
        assert torch.zeros(1).dtype is torch.float64
        torch.set_default_tensor_type(torch.cuda.FloatTensor)

        generator = torch.Generator(device="cuda").manual_seed(3)
        same = torch.Generator().manual_seed(3)
        assert torch.equal(torch.rand(2, generator=generator), torch.rand(2, generator=same))
        saved = io.BytesIO()
        torch.save(x, saved)
        for content in (x.untyped_storage(), x.storage()):
            assert content.cuda() is content and content.pin_memory() is content
        saved.seek(0)
        is_on_cpu(torch.load(saved, map_location=lambda storage, location: storage.cuda(0)))
        assert torch.cuda.get_device_properties(0).name == "cpu"
        assert isinstance(torch.default_generator, torch.Generator) and isinstance(generator, torch.Generator)

        with torch.autocast("cuda"), torch.cuda.amp.autocast():
            assert (x.view(1, 3) @ x.view(3, 1)).dtype is torch.float32
        parameter, scaler = nn.Parameter(x.clone()), torch.cuda.amp.GradScaler()
        optimizer = torch.optim.SGD([parameter], 1.0)
        scaler.scale(parameter.sum()).backward()
        scaler.step(optimizer), scaler.update()
        assert parameter.tolist() == [0, 0, 0]

        @torch.jit.script
        def scripted(a):
            return a + torch.zeros([3]) + torch.ones_like(a)

        assert scripted(x).tolist() == [2, 2, 2]
        elsewhere = []
        thread = threading.Thread(target=lambda: elsewhere.append(torch.zeros(2, device="cuda").cuda()))
        thread.start(), thread.join()
        is_on_cpu(*elsewhere)

        class Data(torch.utils.data.Dataset):
            def __len__(self):
                return 2

            def __getitem__(self, index):
                return torch.tensor(index, device="cuda").cuda()

        loader = torch.utils.data.DataLoader(Data(), num_workers=1, pin_memory=True, multiprocessing_context="fork")
        assert [int(batch) for batch in loader] == [0, 1]
        """
    )


def test_a_whole_program_for_a_gpu_trains(run, tmp_path):
    (tmp_path / "train.py").write_text(
        textwrap.dedent(
            """
            import numpy as np
            import torch
            import torchsparse.nn as spnn
            from torchsparse import SparseTensor
            from torchsparse.utils.collate import sparse_collate_fn
            from torchsparse.utils.quantize import sparse_quantize

            class Data:
                def __len__(self):
                    return 4

                def __getitem__(self, index):
                    points = np.random.default_rng(index).uniform(0, 10, (300, 3))
                    coords, rows = sparse_quantize(points, 0.5, return_index=True)
                    feats = torch.tensor(points[rows], dtype=torch.float)
                    labels = (feats[:, 0] > 5).long()
                    sites = torch.tensor(coords)
                    return {"input": SparseTensor(feats, sites), "label": SparseTensor(labels, sites)}

            torch.manual_seed(0)
            net = torch.nn.Sequential(
                spnn.Conv3d(3, 8, 3), spnn.BatchNorm(8), spnn.ReLU(True), spnn.Conv3d(8, 8, 2, 2), spnn.ReLU(True),
                spnn.Conv3d(8, 8, 2, 2, transposed=True), spnn.Conv3d(8, 2, 1, bias=True),
            ).cuda()
            optimizer, scaler = torch.optim.Adam(net.parameters(), 0.02), torch.cuda.amp.GradScaler()
            losses = []
            for _ in range(8):
                for batch in torch.utils.data.DataLoader(Data(), 2, collate_fn=sparse_collate_fn):
                    x, labels = batch["input"].cuda(), batch["label"].to("cuda")
                    with torch.cuda.amp.autocast():
                        loss = torch.nn.functional.cross_entropy(net(x).feats, labels.feats)
                    optimizer.zero_grad()
                    scaler.scale(loss).backward()
                    scaler.step(optimizer)
                    scaler.update()
                    losses.append(loss.item())
            assert losses[-1] < 0.5 * losses[0], losses
            """
        )
    )
    run(None, "-W", "ignore", "-m", "scn.stand_in", "--ignore-cuda", "train.py")
