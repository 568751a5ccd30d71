"""The functions that SparseConvNet's layers apply to features, with the names and arguments that they have there.

Each is called as `SubmanifoldConvolutionFunction.apply(features, ...)` and returns features, in the order in which a
tensor of the same metadata shows them. An empty tensor stands for an absent parameter.
"""

from __future__ import annotations

from functools import partial
from typing import Any, Callable, Optional

import torch

from .._messages import wrong_shape
from .._native.generated import SCN_INPUT_UNIQUE
from .._native.library import library
from .autograd.buffers import parameter, prepared, prepared_together, typed_like
from .functions import linear
from .layers.convolution import convolved, found_rules, permutohedral_rules, randomized_rules, submanifold_rules
from .layers.input_output import BLInputLayer, BLOutputLayer, DenseToSparse, InputLayer, OutputLayer, SparseToDense
from .layers.layer import Layer, Window
from .layers.normalization import BatchNormalization
from .layers.pooling import AveragePooling, MaxPooling, RandomizedStrideMaxPooling, UnPooling
from .metadata import Metadata
from .sparse import SparseConvNetTensor


def _present(values: Optional[torch.Tensor]) -> Optional[torch.Tensor]:
    return None if values is None or not values.numel() else values


def _shown(tensor: SparseConvNetTensor) -> torch.Tensor:
    features = tensor.features
    assert features is not None, "what a layer returns has features"
    return features


def _convolve(
    features: torch.Tensor, weight: torch.Tensor, bias: Any, metadata: Metadata, size: Any, volume: int, rules: Any
) -> SparseConvNetTensor:
    """Return the result of a convolution. rules: a function of metadata and a site set."""
    input = SparseConvNetTensor(features, metadata, size)
    rows = input._sorted()
    # The oldest weights lack the group axis.
    weight = weight.unsqueeze(1) if weight.ndim == 3 else weight
    if weight.ndim != 4 or weight.shape[0] != volume or weight.shape[1] * weight.shape[2] != rows.shape[1]:
        raise wrong_shape("weight", weight.shape, f"[{volume}, groups, {rows.shape[1]} / groups, nOut / groups]")
    shift = parameter(_present(bias), "bias", weight.shape[1] * weight.shape[3])
    return convolved(input, rows, weight, shift, rules(metadata, input._site_set()))


def _strided(find: Callable[[Metadata, int, Window], Any]) -> Callable[..., torch.Tensor]:
    """Return the `apply` of a convolution with a stride. find: what finds its rules."""

    def apply(
        input_features: torch.Tensor, weight: torch.Tensor, bias: Any, input_metadata: Metadata,
        input_spatial_size: Any, output_spatial_size: Any, dimension: int, filter_size: Any, filter_stride: Any,
    ) -> torch.Tensor:  # fmt: skip
        window = Window(dimension, filter_size, filter_stride, 0, 1, "filter")

        def rules(metadata: Metadata, sites: int) -> Any:
            return find(metadata, sites, window)

        return _shown(_convolve(input_features, weight, bias, input_metadata, input_spatial_size, window.volume, rules))

    return apply


class ConvolutionFunction:
    """The function of `Convolution`."""

    apply = staticmethod(_strided(partial(found_rules, library.scn_geometry_strided)))


class DeconvolutionFunction:
    """The function of `Deconvolution`."""

    apply = staticmethod(_strided(partial(found_rules, library.scn_geometry_reverse)))


class RandomizedStrideConvolutionFunction:
    """The function of `RandomizedStrideConvolution` in training."""

    apply = staticmethod(_strided(randomized_rules))


class FullConvolutionFunction:
    """The function of `FullConvolution`; output_metadata then knows the sites."""

    @staticmethod
    def apply(
        input_features: torch.Tensor, weight: torch.Tensor, bias: Any, input_metadata: Metadata,
        output_metadata: Metadata, input_spatial_size: Any, output_spatial_size: Any, dimension: int, filter_size: Any,
        filter_stride: Any,
    ) -> torch.Tensor:  # fmt: skip
        window = Window(dimension, filter_size, filter_stride, 0, 1, "filter")

        def rules(metadata: Metadata, sites: int) -> Any:
            return found_rules(library.scn_geometry_full, metadata, sites, window)

        place = (input_metadata, input_spatial_size, window.volume, rules)
        return _entered(_convolve(input_features, weight, bias, *place)._alone(), output_metadata)


class SubmanifoldConvolutionFunction:
    """The function of `SubmanifoldConvolution`."""

    @staticmethod
    def apply(
        input_features: torch.Tensor, weight: torch.Tensor, bias: Any, input_metadata: Metadata, spatial_size: Any,
        dimension: int, filter_size: Any,
    ) -> torch.Tensor:  # fmt: skip
        window = Window(dimension, filter_size, None, None, 1, "filter")

        def rules(metadata: Metadata, sites: int) -> Any:
            return submanifold_rules(metadata, sites, window)

        return _shown(_convolve(input_features, weight, bias, input_metadata, spatial_size, window.volume, rules))


class ShapeContextFunction(SubmanifoldConvolutionFunction):
    """The function of `ShapeContext`, whose weight is a unit matrix there."""


class PermutohedralSubmanifoldConvolutionFunction:
    """The function of `PermutohedralSubmanifoldConvolution`."""

    @staticmethod
    def apply(
        input_features: torch.Tensor, weight: torch.Tensor, bias: Any, input_metadata: Metadata, spatial_size: Any,
        dimension: int,
    ) -> torch.Tensor:  # fmt: skip
        place = (input_metadata, spatial_size, dimension * (dimension + 1) + 1, permutohedral_rules)
        return _shown(_convolve(input_features, weight, bias, *place))


def _pooled(layer: type[Layer]) -> Callable[..., torch.Tensor]:
    """Return the `apply` of a pooling."""

    def apply(
        input_features: torch.Tensor, input_metadata: Metadata, input_spatial_size: Any, output_spatial_size: Any,
        dimension: int, pool_size: Any, pool_stride: Any, nFeaturesToDrop: int,
    ) -> torch.Tensor:  # fmt: skip
        pooling: Any = layer(dimension, pool_size, pool_stride, nFeaturesToDrop)
        return _shown(pooling(SparseConvNetTensor(input_features, input_metadata, input_spatial_size)))

    return apply


class MaxPoolingFunction:
    """The function of `MaxPooling`."""

    apply = staticmethod(_pooled(MaxPooling))


class AveragePoolingFunction:
    """The function of `AveragePooling`."""

    apply = staticmethod(_pooled(AveragePooling))


class UnPoolingFunction:
    """The function of `UnPooling`."""

    apply = staticmethod(_pooled(UnPooling))


class RandomizedStrideMaxPoolingFunction:
    """The function of `RandomizedStrideMaxPooling` in training."""

    apply = staticmethod(_pooled(RandomizedStrideMaxPooling))


class BatchNormalizationFunction:
    """The function of `BatchNormalization`; in training it changes the running statistics in place."""

    @staticmethod
    def apply(
        input_features: torch.Tensor, weight: Any, bias: Any, running_mean: torch.Tensor, running_var: torch.Tensor,
        eps: float, momentum: float, train: bool, leakiness: float,
    ) -> torch.Tensor:  # fmt: skip
        layer = BatchNormalization(running_mean.shape[0], eps, momentum, False, leakiness).train(train)
        layer.running_mean, layer.running_var = running_mean, running_var
        for name, values in (("weight", _present(weight)), ("bias", _present(bias))):
            if values is not None:
                setattr(layer, name, values)
        result: torch.Tensor = layer(input_features)
        return result


class NetworkInNetworkFunction:
    """The function of `NetworkInNetwork`."""

    @staticmethod
    def apply(input_features: torch.Tensor, weight: torch.Tensor, bias: Any) -> torch.Tensor:
        rows = prepared(input_features)
        if rows.ndim != 2:
            raise wrong_shape("input_features", rows.shape, "[n, nIn]")
        if weight.ndim != 2 or weight.shape[0] != rows.shape[1]:
            raise wrong_shape("weight", weight.shape, f"[{rows.shape[1]}, nOut]")
        shift = parameter(_present(bias), "bias", weight.shape[1])
        return typed_like(linear(*prepared_together(rows, weight, shift)), input_features)


class SparseToDenseFunction:
    """The function of `SparseToDense`."""

    @staticmethod
    def apply(
        input_features: torch.Tensor, input_metadata: Metadata, spatial_size: Any, dimension: int, nPlanes: int
    ) -> torch.Tensor:
        dense: torch.Tensor = SparseToDense(dimension, nPlanes)(
            SparseConvNetTensor(input_features, input_metadata, spatial_size)
        )
        return dense


class DenseToSparseFunction:
    """The function of `DenseToSparse`; output_metadata then knows the sites."""

    @staticmethod
    def apply(input: torch.Tensor, output_metadata: Metadata, output_spatial_size: Any, dimension: int) -> torch.Tensor:
        return _entered(DenseToSparse(dimension)(input), output_metadata)


def _entered(tensor: SparseConvNetTensor, metadata: Metadata) -> torch.Tensor:
    """Return a tensor's features; the metadata becomes that of the tensor."""
    features = _shown(tensor)
    metadata._become(tensor._known_metadata())
    return features


class InputLayerFunction:
    """The function of `InputLayer`; metadata, `Metadata(dimension)`, then knows the sites."""

    @staticmethod
    def apply(
        dimension: int, metadata: Metadata, spatial_size: Any, coords: Any, input_features: torch.Tensor,
        batch_size: int, mode: int,
    ) -> torch.Tensor:  # fmt: skip
        return _entered(InputLayer(dimension, spatial_size, mode)([coords, input_features, batch_size]), metadata)


class OutputLayerFunction:
    """The function of `OutputLayer`."""

    @staticmethod
    def apply(dimension: int, metadata: Metadata, input_features: torch.Tensor) -> torch.Tensor:
        return _left(OutputLayer(dimension), metadata, input_features)


class BLInputLayerFunction:
    """The function of `BLInputLayer`; metadata, `Metadata(dimension)`, then knows the sites."""

    @staticmethod
    def apply(
        dimension: int, metadata: Metadata, spatial_size: Any, coords: Any, input_features: torch.Tensor, mode: int
    ) -> torch.Tensor:
        return _entered(BLInputLayer(dimension, spatial_size, mode)([coords, input_features]), metadata)


class BLOutputLayerFunction:
    """The function of `BLOutputLayer`."""

    @staticmethod
    def apply(dimension: int, metadata: Metadata, input_features: torch.Tensor) -> torch.Tensor:
        return _left(BLOutputLayer(dimension), metadata, input_features)


def _left(layer: Layer, metadata: Metadata, features: torch.Tensor) -> torch.Tensor:
    """Return a row for each row of the input."""
    if metadata._mode == SCN_INPUT_UNIQUE and metadata._length is None:
        return features.clone()
    rows: torch.Tensor = layer(SparseConvNetTensor(features, metadata))
    return rows
