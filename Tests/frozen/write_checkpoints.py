"""Write the checkpoints of this version and what their networks make of an input: write_checkpoints.py

Results: Tests/frozen/checkpoints/VERSION/NAME.safetensors, the file as `scn.save` writes it, and
NAME.results.safetensors, the input (in.*), what the opened network makes of it in evaluation (out.N), and losses of the
steps after it, where they do not depend on random numbers. Meant to be run once, before a version is released: the
files of a released version stay.
"""

import pathlib
import sys

import numpy as np
import safetensors.numpy

import scn

FOLDER = pathlib.Path(__file__).parent / "checkpoints"
STEPS = 2
ABSTRACT = {"Module"}  # the base of those written in Python, which have no architecture


def branches():
    """Layers that take 3 planes of 12 x 12 sites: nearly all there are, a few in each."""
    return [
        [
            scn.SubmanifoldConvolution(2, 3, 4, 3, True),
            scn.BatchNormReLU(4),
            scn.ConcatTable(
                scn.Identity(),
                scn.Sequential(
                    scn.Convolution(2, 4, 4, 2, 2, False, groups=2),
                    scn.BatchNormLeakyReLU(4),
                    scn.Deconvolution(2, 4, 2, 2, 2, True),
                ),
            ),
            scn.JoinTable(),
            scn.NetworkInNetwork(6, 2, False),
            scn.OutputLayer(2),
        ],
        [scn.AddCoords(), scn.NetworkInNetwork(5, 3, True), scn.ELU(), scn.BatchNormELU(3), scn.VerboseIdentity()],
        [
            scn.ConcatTable(
                scn.spectral_norm(scn.SubmanifoldConvolution(2, 3, 2, [1, 3], False, dilation=2)),
                scn.PermutohedralSubmanifoldConvolution(2, 3, 2, True),
            ),
            scn.AddTable(),
            scn.SELU(),
            scn.Dropout(0.3),
            scn.MeanOnlyBNLeakyReLU(2),
            scn.Tanh(),
        ],
        [
            scn.ShapeContext(2, 3),
            scn.NetworkInNetwork(27, 4, True),
            scn.SparseGroupNorm(2, 4),
            scn.BatchwiseDropout(0.3),
        ],
        [scn.MaxPooling(2, 2, 2), scn.AveragePooling(2, 2, 2), scn.UnPooling(2, 2, 2), scn.LeakyReLU(0.2)],
        [scn.FullConvolution(2, 3, 2, 2, 2, True), scn.Sigmoid(), scn.SparsifyFCS(2)],
        [scn.RandomizedStrideConvolution(2, 3, 2, 2, 2, True), scn.RandomizedStrideMaxPooling(2, 2, 2)],
        [scn.FractionalMaxPooling(2, 1.5), scn.ReLU(), scn.GlobalMaxPooling(2)],
        [scn.Sparsify(2, 3, "sigmoid"), scn.BatchNormalization(3, affine=False), scn.GlobalAveragePooling(2)],
        [
            scn.CheckpointedSequential(scn.NetworkInNetwork(3, 2, True), scn.Tanh()),
            scn.GlobalSumPooling(2),
            scn.Linear(2, 3),
        ],
        [
            scn.Convolution(2, 3, 2, 3, 3, True, padding=0),
            scn.SparseToDense(2, 2),
            scn.Flatten(),
            scn.Linear(32, 2, False),
        ],
    ]


def networks():
    """Name -> a network and what makes its optimizer, or None."""
    return {
        "points": (
            scn.Sequential(
                scn.InputLayer(2, 12, 4), scn.ConcatTable(*(scn.Sequential(*layers) for layers in branches()))
            ),
            lambda parameters: scn.Adam(parameters, 0.01, weight_decay=1e-3),
        ),
        "batched": (
            scn.Sequential(
                scn.BLInputLayer(2, [12, 10], 3),
                scn.SubmanifoldConvolution(2, 3, 4, 3, True),
                scn.BatchNormReLU(4),
                scn.BLOutputLayer(2),
            ),
            lambda parameters: scn.SGD(parameters, 0.05, 0.9),
        ),
        "dense": (
            scn.Sequential(
                scn.DenseToSparse(2), scn.SubmanifoldConvolution(2, 3, 2, 3, False), scn.SparseToDense(2, 2)
            ),
            None,
        ),
    }


def input_of(name, arrays):
    """What a network takes, of the arrays of a results file."""
    return arrays["in.dense"] if name == "dense" else [arrays["in.coords"], arrays["in.features"]]


def inputs():
    random = np.random.default_rng(7)
    cells = random.choice(2 * 12 * 12, 40, replace=False)
    coords = np.stack([cells // 12 % 12, cells % 12, cells // 144], axis=1)
    features = random.standard_normal((40, 3)).astype(np.float32)
    picture = random.standard_normal((2, 3, 12, 12)).astype(np.float32)
    sparse_picture = (picture * (random.random((2, 1, 12, 12)) < 0.3)).astype(np.float32)
    batched = {
        "in.coords": np.stack([random.permutation(120)[:20] for _ in range(2)])[:, :, None] // [10, 1] % [12, 10],
        "in.features": random.standard_normal((2, 20, 3)).astype(np.float32),
    }
    points = {"in.coords": coords, "in.features": features}
    return {"points": points, "inference": points, "batched": batched, "dense": {"in.dense": sparse_picture}}


def results(output):
    """The arrays of what a network returned."""
    parts = output if isinstance(output, list) else [output]
    return {f"out.{number}": np.array(part.numpy()) for number, part in enumerate(parts)}


def step(network, optimizer, given):
    """Make a training step and return its loss."""
    optimizer.zero_grad()
    output = network(given)
    parts = output if isinstance(output, list) else [output]
    loss = sum(((part * part).sum() for part in parts[1:]), (parts[0] * parts[0]).sum())
    loss.backward()
    optimizer.step()
    return loss.item()


def main():
    folder = FOLDER / ".".join(scn.version().split(".")[:2])
    folder.mkdir(parents=True, exist_ok=True)
    scn.manual_seed(1)
    kinds = set()
    made = networks()
    for name, (network, make_optimizer) in made.items():
        arrays = inputs()[name]
        optimizer = make_optimizer and make_optimizer(network.parameters())
        for _ in range(STEPS if optimizer else 0):
            step(network, optimizer, input_of(name, arrays))
        kinds |= {type(module).__name__ for module in network.modules()}
        scn.save(network, folder / f"{name}.safetensors", optimizer)
        arrays.update(results(network.eval()(input_of(name, arrays))))
        if name == "batched":
            network.train()
            losses = [step(network, optimizer, input_of(name, arrays)) for _ in range(3)]
            arrays["losses"] = np.array(losses, np.float32)
        safetensors.numpy.save_file(arrays, folder / f"{name}.results.safetensors")
    first_layer, table = made["points"][0]
    inference = scn.optimize_for_inference(scn.Sequential(first_layer, *table[0]))
    kinds.add(type(inference).__name__)
    arrays = inputs()["inference"]
    scn.save(inference, folder / "inference.safetensors")
    arrays.update(results(inference(input_of("inference", arrays))))
    safetensors.numpy.save_file(arrays, folder / "inference.results.safetensors")
    every = {
        name
        for name in scn.__all__
        if isinstance(getattr(scn, name), type) and issubclass(getattr(scn, name), scn.Module)
    }
    missing = {getattr(scn, name).__name__ for name in every} - kinds - ABSTRACT
    if missing:
        sys.exit(f"write_checkpoints: no network has {', '.join(sorted(missing))}")


if __name__ == "__main__":
    main()
