"""The results recorded from the reference implementation, through scn.torch and torch's autograd.

The contract is that of Tests/golden/check_golden.py, with torch tensors in place of numpy's.
"""

import json
import pathlib

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")
safetensors = pytest.importorskip("safetensors")

import scn.torch as scn

FOLDER = pathlib.Path(__file__).resolve().parents[4] / "Tests" / "golden"
CASES = sorted(path.stem for path in FOLDER.glob("*.safetensors"))


def load(name):
    with safetensors.safe_open(FOLDER / f"{name}.safetensors", "pt") as file:
        return json.loads(file.metadata()["case"]), {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118


def close(what, got, want, tolerance):
    assert got is not None and got.shape == want.shape, (
        f"{what}: {None if got is None else got.shape}, not {want.shape}"
    )
    if want.numel():
        got = got.detach()
        error, scale = (got - want).abs().max(), want.abs().max() + 1e-3
        assert torch.isfinite(got).all() and error <= tolerance * scale, f"{what}: off by {error:.3g} at {scale:.3g}"


def same_sites(what, got, want):
    """Two permutations that bring both row orders into the same order."""
    orders = [torch.from_numpy(np.lexsort(coords.numpy().T[::-1])) for coords in (got, want)]
    assert torch.equal(got[orders[0]], want[orders[1]]), f"{what}: other sites"
    return orders


def part(tensors, prefix):
    return {name[len(prefix) :]: values for name, values in tensors.items() if name.startswith(prefix)}


def build(pieces):
    net = scn.Sequential()
    for name, arguments, options in pieces:
        net.add(getattr(scn, name)(*arguments, **options))
    return net


def check_gradients(module, tensors, tolerance):
    parameters, state = dict(module.named_parameters()), module.state_dict()
    for name, want in part(tensors, "grad.").items():
        if name != "features":
            close(f"grad.{name}", parameters[name].grad, want, tolerance)
    for name, want in part(tensors, "after.").items():
        close(f"after.{name}", state[name], want, tolerance)


def layer_case(case, tensors):
    tolerance = 2e-3 if case["op"] == "Network" else 1e-4
    features = tensors["in.features"].clone().requires_grad_()
    x = scn.InputLayer(case["dimension"], case["spatial_size"], mode=0)([tensors["in.coords"], features])
    # In mode 0 every row is its own site: what is shown is what was given.
    assert torch.equal(x.get_spatial_locations(), tensors["in.coords"])
    if "before" in case:
        name, arguments = case["before"]
        before = getattr(scn, name)(*arguments)
        before.load_state_dict(part(tensors, "before."))
        x = before(x).detach().requires_grad_()
        ours, theirs = same_sites("mid", x.get_spatial_locations(), tensors["mid.coords"])
        close("mid.features", x.features[ours], tensors["mid.features"][theirs], tolerance)
    module = build(case["network"]) if case["op"] == "Network" else getattr(scn, case["op"])(*case["args"])
    if part(tensors, "param."):
        module.load_state_dict(part(tensors, "param."))
    module.train(case["train"])
    y = module(x)
    if "out.dense" in tensors:
        close("out.dense", y, tensors["out.dense"], tolerance)
        gradient, values = tensors.get("out.grad"), y
    else:
        ours, theirs = same_sites("out", y.get_spatial_locations(), tensors["out.coords"])
        values = y.features
        close("out.features", values[ours], tensors["out.features"][theirs], tolerance)
        if case.get("out_spatial_size"):
            assert y.spatial_size.tolist() == case["out_spatial_size"]
        gradient = torch.empty_like(tensors["out.features"])
        if "out.grad" in tensors:
            gradient[ours] = tensors["out.grad"][theirs]
    if case["train"]:
        values.backward(gradient)
        if "before" in case:
            ours, theirs = same_sites("mid", x.get_spatial_locations(), tensors["mid.coords"])
            close("grad.features", x.features.grad[ours], tensors["grad.features"][theirs], tolerance)
        else:
            close("grad.features", features.grad, tensors["grad.features"], tolerance)
        check_gradients(module, tensors, tolerance)


def input_case(case, tensors):
    d, size = case["dimension"], case["spatial_size"]
    features = tensors["in.features"].clone().requires_grad_()
    x = scn.InputLayer(d, size, mode=case["mode"])([tensors["in.coords"], features])
    # SparseConvNet's own order.
    assert torch.equal(x.get_spatial_locations(), tensors["out.coords"])
    ours, theirs = same_sites("out", x.get_spatial_locations(), tensors["out.coords"])
    close("out.features", x.features[ours], tensors["out.features"][theirs], 1e-5)
    close("out.rows", scn.OutputLayer(d)(x), tensors["out.rows"], 1e-5)
    gradient = torch.empty_like(tensors["out.grad"])
    gradient[ours] = tensors["out.grad"][theirs]
    x.features.backward(gradient)
    close("grad.features", features.grad, tensors["grad.features"], 1e-5)


def training_case(case, tensors):
    net, head = build(case["network"]), torch.nn.Linear(*case["head"][1:])
    state = part(tensors, "param.")
    head.load_state_dict(part(state, "head."))
    net.load_state_dict({name: values for name, values in state.items() if not name.startswith("head.")})
    sgd = torch.optim.SGD([*net.parameters(), *head.parameters()], **case["optimizer"]["sgd"])
    enter = scn.InputLayer(case["dimension"], case["spatial_size"], mode=case["mode"])
    losses = []
    for _ in range(case["steps"]):
        sgd.zero_grad()
        scores = head(net(enter([tensors["in.coords"], tensors["in.features"]])))
        loss = torch.nn.functional.cross_entropy(scores, tensors["labels"])
        loss.backward()
        sgd.step()
        losses.append(loss.item())
    close("losses", torch.tensor(losses), tensors["losses"], 1e-3)
    for name, values in net.state_dict().items():
        close(f"after.{name}", values, tensors[f"after.{name}"], 5e-3)


@pytest.mark.filterwarnings("ignore::scn.torch.InputModeWarning")
@pytest.mark.parametrize("name", CASES)
def test_recorded_results(name):
    case, tensors = load(name)
    {"InputLayer": input_case, "Training": training_case}.get(case["op"], layer_case)(case, tensors)
