"""Programs like SparseConvNet's published examples, with nothing but the import changed, on small data made here."""

import copy
import math
import random

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

from torch import nn, optim
from torch.nn import functional as F

import scn.torch as scn

device = "cpu"


def test_hello_world(capsys):
    torch.manual_seed(0)
    model = (
        scn.Sequential()
        .add(
            scn.SparseVggNet(
                2, 1,
                [
                    ["C", 8], ["C", 8], ["MP", 3, 2],
                    ["C", 16], ["C", 16], ["MP", 3, 2],
                    ["C", 24], ["C", 24], ["MP", 3, 2],
                ],
            )
        )
        .add(scn.SubmanifoldConvolution(2, 24, 32, 3, False))
        .add(scn.BatchNormReLU(32))
        .add(scn.SparseToDense(2, 32))
        .to(device)
    )  # fmt: skip
    size = model.input_spatial_size(torch.LongTensor([10, 10]))
    assert size.tolist() == [87, 87]
    input_layer = scn.InputLayer(2, size)
    pictures = [
        ["#   # ### #   #   ##  ", "##### ##  #   #  #  # ", "#   # ### ### ### ##  "],
        ["###  ##  ", "# # #  # ", "###  ##  "],
    ]
    locations, features = [], []
    for sample, picture in enumerate(pictures):
        for y, line in enumerate(picture):
            for x, letter in enumerate(line):
                if letter == "#":
                    locations.append([y, x, sample])
                    features.append([1])
    locations, features = torch.LongTensor(locations), torch.FloatTensor(features).to(device)
    input = input_layer([locations, features])
    print("Input SparseConvNetTensor:", input)
    output = model(input)
    assert output.size() == (2, 32, 10, 10) and output.is_contiguous()
    output.sum().backward()
    assert model[0][0].weight.grad.shape == (9, 1, 1, 8)
    assert "Input SparseConvNetTensor: SparseConvNetTensor(sites=" in capsys.readouterr().out


def strokes(kind, generator):
    """A drawn character: points [n, 2] in 0 ... 1 along a curve that depends on its class."""
    t = torch.linspace(0, 1, 80)
    curves = [
        torch.stack([0.5 + 0.4 * torch.cos(6.28 * t), 0.5 + 0.4 * torch.sin(6.28 * t)], 1),
        torch.stack([t, t], 1),
        torch.stack([t, (2 * t - 1).abs()], 1),
    ]
    turned = torch.eye(2) + 0.1 * torch.randn(2, 2, generator=generator)
    return (curves[kind] - 0.5) @ turned + 0.5


class Characters(torch.utils.data.Dataset):
    def __init__(self, count, seed):
        generator = torch.Generator().manual_seed(seed)
        self.samples = [(strokes(index % 3, generator), index % 3) for index in range(count)]

    def __len__(self):
        return len(self.samples)

    def __getitem__(self, index):
        return index, *self.samples[index]


class Merge:
    """Combines samples as the handwriting examples do: points in the middle of the field, the sample last."""

    def __init__(self, field):
        self.field = field

    def __call__(self, samples):
        locations, features, targets = [], [], []
        for number, (_, points, kind) in enumerate(samples):
            where = (points * 24 + self.field / 2 - 12).long()
            locations.append(torch.cat([where, torch.full((len(where), 1), number)], 1))
            features.append(torch.cat([torch.ones(len(where), 1), points.diff(dim=0, append=points[-1:])], 1))
            targets.append(kind)
        return {
            "input": scn.InputLayerInput(torch.cat(locations), torch.cat(features)),
            "target": torch.LongTensor(targets),
            "idx": torch.LongTensor([index for index, _, _ in samples]),
        }


class VggPlus(nn.Module):
    def __init__(self):
        super().__init__()
        self.sparseModel = scn.Sequential(
            scn.SparseVggNet(2, 3, [["C", 8], ["C", 8], "MP", ["C", 16, 8], ["C", 16, 8], "MP", ["C", 16, 8], "MP"]),
            scn.Convolution(2, 24, 32, 5, 1, False),
            scn.BatchNormReLU(32),
            scn.SparseToDense(2, 32),
        )
        self.spatial_size = self.sparseModel.input_spatial_size(torch.LongTensor([1, 1]))
        self.inputLayer = scn.InputLayer(2, self.spatial_size, 2)
        self.linear = nn.Linear(32, 3)

    def forward(self, x):
        x = self.sparseModel(self.inputLayer(x))
        return self.linear(x.view(-1, 32))


class ResNet(nn.Module):
    def __init__(self):
        super().__init__()
        self.sparseModel = scn.Sequential(
            scn.SubmanifoldConvolution(2, 3, 8, 3, False),
            scn.MaxPooling(2, 3, 2),
            scn.SparseResNet(2, 8, [["b", 8, 2, 1], ["b", 16, 1, 2], ["b", 24, 1, 2]]),
            scn.Convolution(2, 24, 32, 4, 1, False),
            scn.BatchNormReLU(32),
            scn.SparseToDense(2, 32),
        )
        self.spatial_size = self.sparseModel.input_spatial_size(torch.LongTensor([1, 1]))
        self.inputLayer = scn.InputLayer(2, self.spatial_size, 2)
        self.linear = nn.Linear(32, 3)

    def forward(self, x):
        return self.linear(self.sparseModel(self.inputLayer(x)).view(-1, 32))


@pytest.mark.parametrize("kind", [VggPlus, ResNet])
def test_handwriting(kind, tmp_path, capsys):
    torch.manual_seed(0)
    scn.swap_input_modes(None)
    model = kind()
    merge = Merge(int(model.spatial_size[0]))
    loader = torch.utils.data.DataLoader
    dataset = {
        "train": lambda: loader(Characters(96, 1), 12, shuffle=True, collate_fn=merge),
        "val": lambda: loader(Characters(30, 2), 10, collate_fn=merge),
    }
    p = {
        "n_epochs": 3, "initial_lr": 0.1, "lr_decay": 0.05, "weight_decay": 1e-4,
        "use_cuda": torch.cuda.is_available(), "check_point": True, "folder": str(tmp_path),
    }  # fmt: skip
    with pytest.warns(scn.InputModeWarning):
        results = scn.ClassificationTrainValidate(model, dataset, p)
    scn.swap_input_modes(None)
    assert len(results) == 3 and results[-1][1].top1_error < 0.2 and results[-1][1].top5_error == 0
    assert results[-1][1].multiply_adds_per_sample > 0
    names = sorted(path.name for path in tmp_path.iterdir())
    assert names == [
        "classification-epoch-3.pth", "test confusion matrix.csv", "test confusion matrix.png",
        "train confusion matrix.csv", "train confusion matrix.png",
    ]  # fmt: skip
    again = kind()
    scn.swap_input_modes(False)
    # What SparseConvNet itself leaves behind.
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    torch.save(2, theirs / "epoch.pth")
    torch.save(model.state_dict(), theirs / "model.pth")
    foreign = copy.deepcopy(model)
    for values in foreign.parameters():
        values.data.zero_()
    settings = {**p, "folder": str(theirs), "n_epochs": 2}
    assert scn.ClassificationTrainValidate(foreign, dataset, settings) == [] and settings["epoch"] == 3
    assert all(torch.equal(a, b) for a, b in zip(foreign.state_dict().values(), model.state_dict().values()))
    more = scn.ClassificationTrainValidate(again, dataset, {**p, "n_epochs": 4, "test_reps": 2})
    scn.swap_input_modes(None)
    assert len(more) == 1 and more[0][1].top1_error < 0.2
    assert "Restarting at epoch 4" in capsys.readouterr().out


def scenes(count, seed):
    """Points on a floor (class 0) and on balls above it (class 1), a color and a height each."""
    generator = torch.Generator().manual_seed(seed)
    batch = []
    for sample in range(count):
        floor = torch.rand(250, 3, generator=generator) * torch.tensor([1.0, 1.0, 0.05])
        ball = F.normalize(torch.randn(150, 3, generator=generator), dim=1) * 0.2 + torch.tensor([0.5, 0.5, 0.35])
        points = torch.cat([floor, ball])
        where = torch.cat([(points * 30).long().clamp(min=0), torch.full((400, 1), sample)], 1)
        batch.append((where, torch.rand(400, 1, generator=generator), (torch.arange(400) >= 250).long()))
    return {
        "x": [torch.cat([b[0] for b in batch]), torch.cat([b[1] for b in batch])],
        "y": torch.cat([b[2] for b in batch]),
    }


class Segmenter(nn.Module):
    def __init__(self, kind, mode=3):
        super().__init__()
        m, planes = 8, [8, 12, 16]
        network, out = {
            "unet": (lambda: scn.UNet(3, 1, planes, residual_blocks=False, downsample=[2, 2]), m),
            "residual unet": (lambda: scn.UNet(3, 2, planes, True), m),
            "fully convolutional": (lambda: scn.FullyConvolutionalNet(3, 1, planes, False, [2, 2]), sum(planes)),
        }[kind]
        self.sparseModel = (
            scn.Sequential()
            .add(scn.InputLayer(3, torch.LongTensor([32] * 3), mode=mode))
            .add(scn.SubmanifoldConvolution(3, 1, m, 3, False))
            .add(network())
            .add(scn.BatchNormReLU(out))
            .add(scn.OutputLayer(3))
        )
        self.linear = nn.Linear(out, 2)

    def forward(self, x):
        return self.linear(self.sparseModel(x))


@pytest.mark.parametrize("kind, mode", [("unet", 3), ("fully convolutional", 3), ("residual unet", 4)])
def test_segmentation(kind, mode, tmp_path):
    torch.manual_seed(0)
    unet, data = Segmenter(kind, mode), scenes(2, 1)
    assert sum(values.nelement() for values in unet.parameters()) > 1000
    name = str(tmp_path / "segmentation")
    training_epoch = scn.checkpoint_restore(unet, name, "unet", torch.cuda.is_available())
    assert training_epoch == 1
    optimizer = optim.SGD(unet.parameters(), lr=0.1, momentum=0.9, weight_decay=1e-4, nesterov=True)
    for epoch in range(training_epoch, 7):
        unet.train()
        scn.forward_pass_multiplyAdd_count = 0
        scn.forward_pass_hidden_states = 0
        for group in optimizer.param_groups:
            group["lr"] = 0.1 * math.exp((1 - epoch) * 0.05)
        for _ in range(3):
            optimizer.zero_grad()
            predictions = unet(data["x"])
            loss = F.cross_entropy(predictions, data["y"])
            loss.backward()
            optimizer.step()
        assert scn.forward_pass_multiplyAdd_count > 0 and scn.forward_pass_hidden_states > 0
        scn.checkpoint_save(unet, name, "unet", epoch, torch.cuda.is_available())
    right = (predictions.max(1)[1] == data["y"]).float().mean()
    assert loss.item() < 0.3 and right > 0.9
    other = Segmenter(kind, mode)
    assert scn.checkpoint_restore(other, name, "unet") == 7
    unet.eval(), other.eval()
    with torch.no_grad():
        assert torch.equal(unet(data["x"]), other(data["x"]))


def test_linear_layers_on_features_and_dense_layers_around_sparse_ones():
    class Mixed(nn.Module):
        def __init__(self):
            super().__init__()
            self.stem = nn.Conv2d(1, 4, 3, padding=1, bias=False)
            self.enter = scn.DenseToSparse(2)
            self.sparse = scn.SubmanifoldConvolution(2, 4, 6, 3, True)
            self.linear = nn.Linear(6, 6)
            self.norm = nn.BatchNorm1d(6)
            self.leave = scn.SparseToDense(2, 6)
            self.head = nn.Sequential(nn.Conv2d(6, 4, 3, stride=2), nn.ReLU(), nn.Flatten(), nn.Linear(4 * 5 * 5, 2))

        def forward(self, pictures):
            x = self.sparse(self.enter(self.stem(pictures)))
            x.features = F.relu(self.norm(self.linear(x.features)))
            y = scn.SparseConvNetTensor()
            y.metadata, y.spatial_size, y.features = x.metadata, x.spatial_size, x.features + 1
            return self.head(self.leave(y))

    torch.manual_seed(0)
    net = Mixed()
    optimizer = optim.Adam(net.parameters(), lr=0.02)
    pictures = (torch.rand(8, 1, 12, 12) > 0.9).float()
    pictures[::2, :, 6] = 1
    target = torch.arange(8) % 2
    for _ in range(40):
        optimizer.zero_grad()
        loss = F.cross_entropy(net(pictures), target)
        loss.backward()
        optimizer.step()
    assert all(values.grad is not None and values.grad.any() for values in net.parameters() if values.ndim > 1)
    assert loss.item() < 0.1


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "Adagrad"])
def test_optimizers_and_schedules_of_torch(name):
    torch.manual_seed(0)
    random.seed(0)
    net, data = Segmenter("unet"), scenes(1, 2)
    optimizer = getattr(optim, name)(net.parameters(), lr=0.01)
    schedule = optim.lr_scheduler.ExponentialLR(optimizer, 0.95)
    losses = []
    for _ in range(8):
        optimizer.zero_grad(set_to_none=random.random() < 0.5)
        loss = F.cross_entropy(net(data["x"]), data["y"])
        loss.backward()
        nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        losses.append(loss.item())
    assert losses[-1] < losses[0]
