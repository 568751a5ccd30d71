"""Networks drawn from seeds, for random_networks.py."""

from __future__ import annotations

import math
import random
from typing import Any

import numpy as np

import scn

MOST_DIMENSIONS = 6


class Drawn:
    """A network drawn from a seed, how to rebuild it, and the inputs of its steps."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        rng = random.Random(seed)
        self.dimension = rng.randint(1, MOST_DIMENSIONS)
        self.planes = rng.randint(1, 4)
        self.is_random = False  # draws numbers in training
        self.changes_sites = False  # by scores: rounding may move a site across the threshold
        self.on_input_sites = True
        even = [2, 4, 6, 8, 12] if self.dimension > 3 else [4, 8, 12, 16, 24]
        self.size = [rng.choice(even) for _ in range(self.dimension)]
        if rng.random() < 0.3:
            self.size = [size + 1 for size in self.size]
        self.entry = rng.choices(["points", "batched", "dense"], [8, 1, 1])[0]
        self.mode = rng.randint(1, 4)
        # Many rows are several chunks of work, for several threads; with few, windows at the field's edges matter.
        self.most_rows = 3000 if self.dimension <= 3 and rng.random() < 0.3 else 60
        if self.most_rows > 60:
            self.size = [4 * size + size % 2 for size in self.size]
        if self.entry == "dense" and math.prod(self.size) > 2000:
            self.entry = "points"
        self.source = self._body(rng)
        self.optimizer = rng.choice(
            ["scn.SGD(p, 0.01, 0.9, weight_decay=1e-3)", "scn.Adam(p, 0.01)", "scn.AdamW(p, 0.01)"]
        )

    def build(self) -> scn.Sequential:
        """Return the network, its weights drawn from the seed."""
        scn.manual_seed(self.seed)
        return eval(self.source)

    def inputs(self, step: int) -> list[Any] | np.ndarray:
        """Return the input of a training step: some sites twice, and one sample without points in some steps."""
        rng = np.random.default_rng([self.seed, step])
        if self.entry == "dense":
            picture = rng.standard_normal((2, self.planes, *self.size)).astype(np.float32)
            return picture * (rng.random((2, 1, *self.size)) < 0.3)
        if self.entry == "batched":
            where = rng.integers(0, self.size, (2, 12, self.dimension))
            where[1, 9:] = -1
            return [where, rng.standard_normal((2, 12, self.planes)).astype(np.float32)]
        rows = int(rng.integers(1, self.most_rows))
        reach = 5 if self.most_rows == 60 else 16
        near = np.minimum(rng.integers(0, reach, (rows, self.dimension)), np.array(self.size) - 1)
        anywhere = rng.integers(0, self.size, (rows, self.dimension))
        where = np.where(rng.random((rows, 1)) < 0.7, near, anywhere)
        batch = rng.choice([0, 2], (rows, 1)) if step % 2 else rng.integers(0, 2, (rows, 1))
        return [np.hstack([where, batch]), rng.standard_normal((rows, self.planes)).astype(np.float32)]

    def __str__(self) -> str:
        return f"seed {self.seed}: entry {self.entry}, {self.planes} planes, {self.optimizer}\n  {self.source}"

    # The network's source. `planes` and `size` are those reached so far.

    def _body(self, rng: random.Random) -> str:
        entries = {
            "points": f"scn.InputLayer({self.dimension}, {self.size}, {self.mode})",
            "batched": f"scn.BLInputLayer({self.dimension}, {self.size}, {self.mode})",
            "dense": f"scn.DenseToSparse({self.dimension})",
        }
        layers, planes = [entries[self.entry]], self.planes
        size = list(self.size)
        for _ in range(rng.randint(1, 4)):
            more, planes, size = self._stage(rng, planes, size, 2)
            layers += more
        layers += self._end(rng, planes, size)
        return f"scn.Sequential({', '.join(layers)})"

    def _stage(self, rng: random.Random, planes: int, size: list[int], depth: int) -> tuple[list[str], int, list[int]]:
        """Return layers, and the planes and size after them."""
        kind = rng.choices(["same", "down", "there and back", "network", "full", "scores"], [8, 3, 3, 2, 1, 1])[0]
        if kind == "down":
            down = self._down(rng, planes, size)
            if down:
                self.on_input_sites = False
                return [down[0]], down[2], down[3]
        if kind == "there and back" and depth > 0:
            layers = self._there_and_back(rng, planes, size, depth)
            if layers:
                return layers, planes, size
        if kind == "network":
            network = self._network(rng, planes, size)
            if network:
                return [network[0]], network[1], size
        if kind == "full" and max(size) <= 12 and self.dimension <= 4:
            out = rng.randint(1, 4)
            filter_size, stride = rng.choice([(2, 2), (3, 1), (2, 1)])
            self.on_input_sites = False
            layer = (
                f"scn.FullConvolution({self.dimension}, {planes}, {out}, {filter_size}, {stride}, {rng.random() < 0.5})"
            )
            return [layer], out, [(n - 1) * stride + filter_size for n in size]
        if kind == "scores" and depth == 2:
            self.changes_sites, self.on_input_sites = True, False
            if rng.random() < 0.3:
                return [f"scn.SparsifyFCS({self.dimension})"], planes, size
            activation = rng.choice([None, "sigmoid", "fakeGradHardSigmoid"])
            return [f"scn.Sparsify({self.dimension}, {planes}, {activation!r})"], planes, size
        layers, planes = self._same(rng, planes, depth)
        return layers, planes, size

    def _same(self, rng: random.Random, planes: int, depth: int) -> tuple[list[str], int]:
        """Return layers that keep the sites."""
        d, out = self.dimension, rng.randint(1, 4)
        bias = rng.random() < 0.5
        kinds = ["submanifold", "submanifold", "product", "norm", "norm", "activation", "dropout", "coordinates"]
        kinds += ["context", "lattice"]
        if depth > 0:
            kinds += ["add", "join", "again"]
        kind = rng.choice(kinds)
        if kind == "submanifold":
            filter_size: Any = rng.choice([1, 2, 3] if d > 3 else [1, 2, 3, 3, 5])
            if d <= 4 and rng.random() < 0.3:
                filter_size = [rng.randint(1, 3) for _ in range(d)]
            groups = 2 if planes % 2 == 0 and out % 2 == 0 and rng.random() < 0.5 else 1
            dilation = rng.choice([1, 1, 2])
            arguments = f"{d}, {planes}, {out}, {filter_size}, {bias}, {groups}, dilation={dilation}"
            layer = f"scn.SubmanifoldConvolution({arguments})"
            return [self._perhaps_spectral(rng, layer)], out
        if kind == "product":
            return [self._perhaps_spectral(rng, f"scn.NetworkInNetwork({planes}, {out}, {bias})")], out
        if kind == "norm":
            divisors = [g for g in range(1, planes + 1) if planes % g == 0]
            return [
                rng.choice(
                    [
                        f"scn.BatchNormReLU({planes})",
                        f"scn.BatchNormalization({planes}, momentum=0.5, affine={bias})",
                        f"scn.BatchNormLeakyReLU({planes}, leakiness=0.2)",
                        f"scn.BatchNormELU({planes})",
                        f"scn.MeanOnlyBNLeakyReLU({planes}, {bias}, 0.3)",
                        f"scn.SparseGroupNorm({rng.choice(divisors)}, {planes})",
                        f"scn.InstanceNorm({planes}, 1e-3, {bias})",
                        f"scn.LayerNorm({planes}, 1e-3, {bias})",
                    ]
                )
            ], planes
        if kind == "activation":
            if rng.random() < 0.2:
                return [f"scn.PReLU({rng.choice([1, planes])})"], planes
            names = ["ReLU", "ELU", "SELU", "Tanh", "Sigmoid", "Identity", "GELU", "SiLU", "Hardswish", "Softplus"]
            return [f"scn.{rng.choice(names)}()"], planes
        if kind == "dropout":
            self.is_random = True
            return [f"scn.{rng.choice(['Dropout', 'BatchwiseDropout'])}({rng.choice([0.0, 0.2, 0.5])})"], planes
        if kind == "coordinates":
            return [f"scn.AddCoords(), scn.NetworkInNetwork({planes + d}, {out}, {bias})"], out
        if kind == "context" and planes * 3**d <= 800:
            return [f"scn.ShapeContext({d}, {planes}), scn.NetworkInNetwork({planes * 3**d}, {out}, {bias})"], out
        if kind == "lattice":
            if rng.random() < 0.4:
                shape, normalized = rng.choice(["centered", "corner", "cross"]), rng.random() < 0.5
                options = f"shape={shape!r}, normalized={normalized}"
                return [f"scn.ConvolutionOnto({d}, {planes}, {out}, {rng.choice([2, 3])}, {bias}, {options})"], out
            return [f"scn.PermutohedralSubmanifoldConvolution({d}, {planes}, {out}, {bias})"], out
        if kind == "add":
            one, one_planes = self._same(rng, planes, depth - 1)
            other = "scn.Identity()" if one_planes == planes else f"scn.NetworkInNetwork({planes}, {one_planes}, False)"
            return [f"scn.ConcatTable({other}, scn.Sequential({', '.join(one)})), scn.AddTable()"], one_planes
        if kind == "join":
            one, one_planes = self._same(rng, planes, depth - 1)
            return [
                f"scn.ConcatTable(scn.Identity(), scn.Sequential({', '.join(one)})), scn.JoinTable()",
                f"scn.NetworkInNetwork({planes + one_planes}, {out}, {bias})",
            ], out
        if kind == "again":
            one, one_planes = self._same(rng, planes, depth - 1)
            return [f"scn.CheckpointedSequential({', '.join(one)})"], one_planes
        return [f"scn.LeakyReLU({rng.choice([0.1, 0.333, 1.0])})"], planes

    def _perhaps_spectral(self, rng: random.Random, layer: str) -> str:
        return f"scn.spectral_norm({layer}, n_power_iterations={rng.randint(1, 2)})" if rng.random() < 0.15 else layer

    def _windows(self, rng: random.Random, size: list[int]) -> tuple[int, int, list[int]] | None:
        """Return a size and stride of windows that fit, and the size after them."""
        fitting = [
            (filter_size, stride)
            for filter_size, stride in [(2, 2), (3, 2), (3, 1), (2, 1), (3, 3), (1, 2)]
            if all(n >= filter_size and (n - filter_size) % stride == 0 for n in size)
        ]
        if not fitting:
            return None
        filter_size, stride = rng.choice(fitting)
        return filter_size, stride, [(n - filter_size) // stride + 1 for n in size]

    def _down(self, rng: random.Random, planes: int, size: list[int]) -> tuple[str, str, int, list[int]] | None:
        """Return a layer to coarser sites, its window as arguments, and the planes and size after it."""
        d, out = self.dimension, rng.randint(1, 4)
        if rng.random() < 0.1 and min(size) >= 4:
            self.is_random = True
            sequence = rng.choice(["random", "pseudorandom"])
            windows = [max(1, int(n / 1.5)) for n in size]
            return f"scn.FractionalMaxPooling({d}, 1.5, sequence={sequence!r})", "", planes, windows
        fit = self._windows(rng, size)
        if fit is None:
            return None
        filter_size, stride, behind = fit
        window = f"{filter_size}, {stride}"
        kind = rng.choice(["Convolution", "Convolution", "MaxPooling", "AveragePooling", "random", "random", "padded"])
        if kind == "Convolution":
            return f"scn.Convolution({d}, {planes}, {out}, {window}, {rng.random() < 0.5})", window, out, behind
        if kind == "padded":
            behind = [(n + 2 - 2 * (filter_size - 1) - 1) // stride + 1 for n in size]
            if min(behind) < 1:
                return None
            layer = f"scn.Convolution({d}, {planes}, {out}, {window}, False, padding=1, dilation=2)"
            return layer, "", out, behind
        if kind == "random" and stride > 1:
            self.is_random = True
            if rng.random() < 0.5:
                return f"scn.RandomizedStrideMaxPooling({d}, {window})", "", planes, behind
            return f"scn.RandomizedStrideConvolution({d}, {planes}, {out}, {window}, True)", "", out, behind
        pooling = kind if kind.endswith("Pooling") else "MaxPooling"
        return f"scn.{pooling}({d}, {window})", window, planes, behind

    def _there_and_back(self, rng: random.Random, planes: int, size: list[int], depth: int) -> list[str]:
        """Return a path to coarser sites and back, joined with its input."""
        down = self._down(rng, planes, size)
        if not down or not down[1]:
            return []
        layer, window, coarse_planes, coarse_size = down
        inner, inner_planes = self._same(rng, coarse_planes, depth - 1)
        up_planes = rng.randint(1, 4)
        if rng.random() < 0.5:
            up = f"scn.Deconvolution({self.dimension}, {inner_planes}, {up_planes}, {window}, {rng.random() < 0.5})"
        else:
            up, up_planes = f"scn.UnPooling({self.dimension}, {window})", inner_planes
        way = f"scn.Sequential({', '.join([layer, *inner, up])})"
        return [
            f"scn.ConcatTable(scn.Identity(), {way}), scn.JoinTable()",
            f"scn.NetworkInNetwork({planes + up_planes}, {planes}, True)",
        ]

    def _network(self, rng: random.Random, planes: int, size: list[int]) -> tuple[str, int] | None:
        """Return one of SparseConvNet's networks that keeps the sites."""
        if self.dimension > 4:
            return None
        out = rng.randint(1, 3)
        if any(n % 2 for n in size):
            networks = [("SparseVggNet", f"C{out}"), ("SparseResNet", f"b{out}x2"), ("SparseDenseNet", f"B2x{out}")]
            kind, text = rng.choice(networks)
            return (
                f"scn.{kind}({self.dimension}, {planes}, {text!r})",
                planes + 2 * out if kind == "SparseDenseNet" else out,
            )
        levels = [rng.randint(1, 3), rng.randint(1, 3)]
        d, residual = self.dimension, rng.random() < 0.5
        kind = rng.choice(["UNet", "fully", "linear", "context"])
        if kind == "UNet":
            unet = f"scn.UNet({d}, 1, {levels}, residual_blocks={residual})"
            return f"scn.NetworkInNetwork({planes}, {levels[0]}, False), {unet}", levels[0]
        if kind == "fully":
            network = f"scn.FullyConvolutionalNet({d}, 1, {levels}, residual_blocks={residual})"
            return f"scn.NetworkInNetwork({planes}, {levels[0]}, False), {network}", sum(levels)
        if kind == "linear":
            network = f"scn.FullConvolutionalNetIntegratedLinear({d}, 1, {levels}, residual={residual})"
            return f"scn.NetworkInNetwork({planes}, {levels[0]}, False), {network}", levels[0]
        if 2 * planes * 3**d > 800:
            return None
        network = f"scn.MultiscaleShapeContext({d}, {planes}, n_layers=2)"
        return f"{network}, scn.NetworkInNetwork({2 * planes * 3**d}, 2, False)", 2

    def _end(self, rng: random.Random, planes: int, size: list[int]) -> list[str]:
        d = self.dimension
        kinds = ["sparse", "pooled"]
        if self.on_input_sites and self.entry != "dense":
            kinds += ["rows", "rows"]
        if math.prod(size) * planes <= 3000:
            kinds.append("dense")
        kind = rng.choice(kinds)
        if kind == "rows":
            return [f"scn.{'BLOutputLayer' if self.entry == 'batched' else 'OutputLayer'}({d})"]
        if kind == "pooled":
            pooling = rng.choice(["Sum", "Average", "Max"])
            return [f"scn.Global{pooling}Pooling({d})", f"scn.Linear({planes}, 3, True)"]
        if kind == "dense":
            return [
                f"scn.SparseToDense({d}, {planes})",
                "scn.Flatten()",
                f"scn.Linear({math.prod(size) * planes}, 2, False)",
            ]
        return []


def kinds_of(source: str) -> set[str]:
    """Return the names from scn that a network's source uses."""
    return {word.split("(")[0] for word in source.split("scn.")[1:]}
