"""What the library computes, made of torch's own operations: any real type, any device, derivatives of any order.

The library computes float32 on the CPU; these are for what it does not compute, and for derivatives of its gradients.
They need its rulebooks and maps of rows, nothing else. Convolution has its own, in `autograd.convolution`.
"""

from .along import interpolation_weights, pool, rule_counts, shape_context, weighted_sum
from .layers import batch_norm, binary_cross_entropy, cross_entropy, group_norm, mean_only_norm
from .rows import dense_to_sparse, global_pooling, input_rows, output_rows, sparse_to_dense
from .segments import segment_gather, segment_maximum, segment_pad, segment_reduce, segment_softmax, segment_sum

__all__ = [
    "batch_norm",
    "binary_cross_entropy",
    "cross_entropy",
    "dense_to_sparse",
    "global_pooling",
    "group_norm",
    "input_rows",
    "interpolation_weights",
    "mean_only_norm",
    "output_rows",
    "pool",
    "rule_counts",
    "segment_gather",
    "segment_maximum",
    "segment_pad",
    "segment_reduce",
    "segment_softmax",
    "segment_sum",
    "shape_context",
    "sparse_to_dense",
    "weighted_sum",
]
