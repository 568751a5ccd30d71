"""Find libscn.so, load it, and declare its functions for ctypes.

`library` is the loaded library. Its functions have the argument types of `FUNCTIONS`; those that return a status raise
the exception for it, so that callers need not look.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import sys
from pathlib import Path
from typing import Any

from ..errors import error_for_status

ABI_VERSION = 0


class _STATUS(ctypes.c_int):
    """The result of a function that can fail."""


_HANDLE = _ARRAY = _OUT = _STRUCT = _CALLBACK = _CONTEXT = ctypes.c_void_p
_TEXT = ctypes.c_char_p
_ENUM = ctypes.c_int
_I32 = ctypes.c_int32
_I64 = ctypes.c_int64
_U64 = ctypes.c_uint64
_F32 = ctypes.c_float
_F64 = ctypes.c_double

FUNCTIONS: dict[str, tuple[Any, list[Any]]] = {
    # the library itself
    "scn_version": (_TEXT, []),
    "scn_abi_version": (_I32, []),
    "scn_status_name": (_TEXT, [_ENUM]),
    "scn_last_error": (_TEXT, []),
    "scn_cpu_description": (_TEXT, []),
    "scn_get_thread_count": (_I32, []),
    "scn_set_thread_count": (_STATUS, [_I32]),
    "scn_live_handles": (_I64, []),
    "scn_memory_in_use": (_I64, []),
    "scn_get_forward_counts": (None, [_OUT, _OUT, _OUT]),
    "scn_set_forward_counts": (_STATUS, [_I64, _I64, _I64]),
    "scn_manual_seed": (_STATUS, [_U64]),
    "scn_get_random_state": (_STATUS, [_ARRAY]),
    "scn_set_random_state": (_STATUS, [_ARRAY]),
    "scn_scope_begin": (_STATUS, [_ARRAY]),
    "scn_scope_end": (_STATUS, [_I32]),
    # tensors and points
    "scn_tensor_create": (_STATUS, [_ARRAY, _I32, _ARRAY, _OUT]),
    "scn_tensor_borrow": (_STATUS, [_ARRAY, _I32, _ARRAY, _CALLBACK, _CONTEXT, _OUT]),
    "scn_points_create": (_STATUS, [_ARRAY, _I64, _I32, _HANDLE, _I64, _OUT]),
    "scn_points_create_batched": (_STATUS, [_ARRAY, _I64, _I64, _I32, _HANDLE, _OUT]),
    "scn_table_create": (_STATUS, [_ARRAY, _I64, _OUT]),
    "scn_table_count": (_STATUS, [_HANDLE, _OUT]),
    "scn_table_get": (_STATUS, [_HANDLE, _I64, _OUT]),
    "scn_tensor_retain": (_STATUS, [_HANDLE]),
    "scn_tensor_release": (_STATUS, [_HANDLE]),
    "scn_tensor_get_kind": (_STATUS, [_HANDLE, _OUT]),
    "scn_tensor_type": (_STATUS, [_HANDLE, _OUT]),
    "scn_tensor_rank": (_STATUS, [_HANDLE, _OUT]),
    "scn_tensor_shape": (_STATUS, [_HANDLE, _OUT, _I32]),
    "scn_tensor_data": (_STATUS, [_HANDLE, _OUT]),
    "scn_tensor_copy_from": (_STATUS, [_HANDLE, _ARRAY, _I64]),
    # sparse tensors
    "scn_tensor_features": (_STATUS, [_HANDLE, _OUT]),
    "scn_tensor_with_features": (_STATUS, [_HANDLE, _HANDLE, _OUT]),
    "scn_tensor_geometry": (_STATUS, [_HANDLE, _OUT, _OUT]),
    "scn_sparse_create": (_STATUS, [_HANDLE, _I32, _HANDLE, _OUT]),
    "scn_tensor_mask": (_STATUS, [_HANDLE, _OUT]),
    # gradients
    "scn_tensor_get_requires_gradient": (_STATUS, [_HANDLE, _OUT]),
    "scn_tensor_set_requires_gradient": (_STATUS, [_HANDLE, _I32]),
    "scn_tensor_detach": (_STATUS, [_HANDLE, _OUT]),
    "scn_tensor_backward": (_STATUS, [_HANDLE, _ARRAY, _I64]),
    "scn_tensor_gradient": (_STATUS, [_HANDLE, _OUT]),
    "scn_tensor_zero_gradient": (_STATUS, [_HANDLE]),
    "scn_get_gradient_recording": (_I32, []),
    "scn_set_gradient_recording": (_STATUS, [_I32]),
    # arithmetic
    "scn_tensor_add": (_STATUS, [_HANDLE, _HANDLE, _OUT]),
    "scn_tensor_multiply": (_STATUS, [_HANDLE, _HANDLE, _OUT]),
    "scn_tensor_scale": (_STATUS, [_HANDLE, _F32, _OUT]),
    "scn_tensor_sum": (_STATUS, [_HANDLE, _OUT]),
    "scn_tensor_reshape": (_STATUS, [_HANDLE, _ARRAY, _I32, _OUT]),
    "scn_cross_entropy": (_STATUS, [_HANDLE, _ARRAY, _I64, _ARRAY, _I64, _OUT]),
    "scn_append_tensors": (_STATUS, [_ARRAY, _I64, _OUT]),
    "scn_compare_sparse": (_STATUS, [_HANDLE, _HANDLE, _OUT]),
    "scn_binary_cross_entropy": (_STATUS, [_HANDLE, _ARRAY, _I64, _OUT]),
    # modules
    "scn_module_forward": (_STATUS, [_HANDLE, _HANDLE, _OUT]),
    "scn_module_set_training": (_STATUS, [_HANDLE, _I32]),
    "scn_module_get_training": (_STATUS, [_HANDLE, _OUT]),
    "scn_module_set_momentum": (_STATUS, [_HANDLE, _F64]),
    "scn_module_input_spatial_size": (_STATUS, [_HANDLE, _I32, _ARRAY, _OUT]),
    "scn_module_state_count": (_STATUS, [_HANDLE, _OUT]),
    "scn_module_state": (_STATUS, [_HANDLE, _I64, _OUT, _OUT, _OUT]),
    "scn_module_reweight": (_STATUS, [_HANDLE, _HANDLE, _OUT]),
    "scn_module_rebias": (_STATUS, [_HANDLE, _HANDLE, _OUT]),
    "scn_spectral_norm": (_STATUS, [_HANDLE, _I64, _F64, _F64]),
    "scn_module_zero_gradients": (_STATUS, [_HANDLE]),
    "scn_module_type": (_STATUS, [_HANDLE, _OUT]),
    "scn_module_architecture": (_STATUS, [_HANDLE, _OUT]),
    "scn_module_description": (_STATUS, [_HANDLE, _OUT]),
    "scn_module_summary": (_STATUS, [_HANDLE, _HANDLE, _OUT]),
    "scn_module_create": (_STATUS, [_TEXT, _OUT]),
    "scn_module_optimize_for_inference": (_STATUS, [_HANDLE, _OUT]),
    "scn_module_retain": (_STATUS, [_HANDLE]),
    "scn_module_release": (_STATUS, [_HANDLE]),
    # containers
    "scn_sequential_create": (_STATUS, [_ARRAY, _I64, _OUT]),
    "scn_checkpointed_sequential_create": (_STATUS, [_ARRAY, _I64, _OUT]),
    "scn_concat_table_create": (_STATUS, [_ARRAY, _I64, _OUT]),
    "scn_add_table_create": (_STATUS, [_OUT]),
    "scn_join_table_create": (_STATUS, [_OUT]),
    "scn_identity_create": (_STATUS, [_OUT]),
    "scn_verbose_identity_create": (_STATUS, [_OUT]),
    "scn_add_coords_create": (_STATUS, [_OUT]),
    "scn_module_add": (_STATUS, [_HANDLE, _HANDLE]),
    "scn_module_child_count": (_STATUS, [_HANDLE, _OUT]),
    "scn_module_child": (_STATUS, [_HANDLE, _I64, _OUT]),
    # into sparse tensors and out of them
    "scn_input_layer_create": (_STATUS, [_I32, _ARRAY, _ENUM, _OUT]),
    "scn_output_layer_create": (_STATUS, [_I32, _OUT]),
    "scn_sparse_to_dense_create": (_STATUS, [_I32, _I64, _OUT]),
    "scn_bl_input_layer_create": (_STATUS, [_I32, _ARRAY, _ENUM, _OUT]),
    "scn_bl_output_layer_create": (_STATUS, [_I32, _OUT]),
    "scn_dense_to_sparse_create": (_STATUS, [_I32, _OUT]),
    "scn_sparsify_create": (_STATUS, [_I32, _I64, _ENUM, _OUT]),
    "scn_sparsify_fcs_create": (_STATUS, [_I32, _OUT]),
    "scn_flatten_create": (_STATUS, [_OUT]),
    # layers
    "scn_submanifold_convolution_create": (_STATUS, [_I32, _I64, _I64, _ARRAY, _STRUCT, _OUT]),
    "scn_convolution_create": (_STATUS, [_I32, _I64, _I64, _ARRAY, _ARRAY, _STRUCT, _OUT]),
    "scn_deconvolution_create": (_STATUS, [_I32, _I64, _I64, _ARRAY, _ARRAY, _STRUCT, _OUT]),
    "scn_permutohedral_submanifold_convolution_create": (_STATUS, [_I32, _I64, _I64, _STRUCT, _OUT]),
    "scn_permutohedral_offsets": (_STATUS, [_I32, _OUT, _I64]),
    "scn_permutohedral_basis": (_STATUS, [_I32, _OUT, _OUT]),
    "scn_shape_context_create": (_STATUS, [_I32, _I64, _ARRAY, _OUT]),
    "scn_full_convolution_create": (_STATUS, [_I32, _I64, _I64, _ARRAY, _ARRAY, _STRUCT, _OUT]),
    "scn_randomized_stride_convolution_create": (_STATUS, [_I32, _I64, _I64, _ARRAY, _ARRAY, _STRUCT, _OUT]),
    "scn_network_in_network_create": (_STATUS, [_I64, _I64, _I32, _OUT]),
    "scn_linear_create": (_STATUS, [_I64, _I64, _I32, _OUT]),
    "scn_max_pooling_create": (_STATUS, [_I32, _ARRAY, _ARRAY, _STRUCT, _OUT]),
    "scn_average_pooling_create": (_STATUS, [_I32, _ARRAY, _ARRAY, _STRUCT, _OUT]),
    "scn_unpooling_create": (_STATUS, [_I32, _ARRAY, _ARRAY, _STRUCT, _OUT]),
    "scn_randomized_stride_max_pooling_create": (_STATUS, [_I32, _ARRAY, _ARRAY, _STRUCT, _OUT]),
    "scn_fractional_max_pooling_create": (_STATUS, [_I32, _STRUCT, _OUT]),
    "scn_global_pooling_create": (_STATUS, [_I32, _ENUM, _OUT]),
    "scn_batch_normalization_create": (_STATUS, [_I64, _STRUCT, _OUT]),
    "scn_batch_norm_elu_create": (_STATUS, [_I64, _F64, _F64, _OUT]),
    "scn_mean_only_norm_create": (_STATUS, [_I64, _I32, _F64, _F64, _OUT]),
    "scn_group_norm_create": (_STATUS, [_I64, _I64, _F64, _OUT]),
    "scn_activation_create": (_STATUS, [_ENUM, _F64, _OUT]),
    "scn_dropout_create": (_STATUS, [_F64, _OUT]),
    "scn_batchwise_dropout_create": (_STATUS, [_F64, _OUT]),
    "scn_sparse_vgg_net_create": (_STATUS, [_I32, _I64, _TEXT, _OUT]),
    "scn_sparse_resnet_create": (_STATUS, [_I32, _I64, _TEXT, _OUT]),
    "scn_unet_create": (_STATUS, [_I32, _I64, _ARRAY, _I64, _STRUCT, _OUT]),
    "scn_sparse_densenet_create": (_STATUS, [_I32, _I64, _TEXT, _OUT]),
    "scn_fully_convolutional_net_create": (_STATUS, [_I32, _I64, _ARRAY, _I64, _STRUCT, _OUT]),
    "scn_fully_convolutional_integrated_linear_create": (_STATUS, [_I32, _I64, _ARRAY, _I64, _I64, _STRUCT, _OUT]),
    "scn_multiscale_shape_context_create": (_STATUS, [_I32, _STRUCT, _OUT]),
    # optimizers
    "scn_sgd_create": (_STATUS, [_ARRAY, _I64, _STRUCT, _OUT]),
    "scn_adam_create": (_STATUS, [_ARRAY, _I64, _STRUCT, _OUT]),
    "scn_optimizer_step": (_STATUS, [_HANDLE]),
    "scn_optimizer_zero_gradients": (_STATUS, [_HANDLE]),
    "scn_optimizer_get_learning_rate": (_STATUS, [_HANDLE, _OUT]),
    "scn_optimizer_set_learning_rate": (_STATUS, [_HANDLE, _F64]),
    "scn_optimizer_retain": (_STATUS, [_HANDLE]),
    "scn_optimizer_release": (_STATUS, [_HANDLE]),
    "scn_exponential_rate": (_STATUS, [_F64, _F64, _I64, _OUT]),
    "scn_step_rate": (_STATUS, [_F64, _F64, _I64, _I64, _OUT]),
    "scn_cosine_rate": (_STATUS, [_F64, _F64, _I64, _I64, _I64, _OUT]),
    "scn_clip_gradient_norm": (_STATUS, [_ARRAY, _I64, _F64, _OUT]),
    "scn_gradients_count": (_STATUS, [_ARRAY, _I64, _OUT]),
    "scn_gradients_get": (_STATUS, [_ARRAY, _I64, _OUT, _I64]),
    "scn_gradients_set": (_STATUS, [_ARRAY, _I64, _ARRAY, _I64]),
    # checkpoints
    "scn_checkpoint_save": (_STATUS, [_TEXT, _HANDLE, _HANDLE]),
    "scn_checkpoint_open": (_STATUS, [_TEXT, _OUT]),
    "scn_checkpoint_restore": (_STATUS, [_TEXT, _HANDLE, _HANDLE]),
    "scn_checkpoint_save_named": (_STATUS, [_TEXT, _ARRAY, _ARRAY, _I64, _HANDLE]),
    "scn_checkpoint_restore_named": (_STATUS, [_TEXT, _ARRAY, _ARRAY, _I64, _HANDLE]),
    # geometry and rulebooks
    "scn_geometry_create": (_STATUS, [_I32, _ARRAY, _ARRAY, _I64, _I32, _I64, _ENUM, _OUT]),
    "scn_geometry_create_batched": (_STATUS, [_I32, _ARRAY, _ARRAY, _I64, _I64, _ENUM, _OUT]),
    "scn_geometry_create_dense": (_STATUS, [_I32, _ARRAY, _ARRAY, _I64, _I64, _I64, _OUT]),
    "scn_voxelize": (_STATUS, [_I32, _ARRAY, _ENUM, _I64, _ARRAY, _STRUCT, _OUT]),
    "scn_geometry_retain": (_STATUS, [_HANDLE]),
    "scn_geometry_release": (_STATUS, [_HANDLE]),
    "scn_geometry_dimension": (_STATUS, [_HANDLE, _OUT]),
    "scn_geometry_batch_size": (_STATUS, [_HANDLE, _OUT]),
    "scn_geometry_input_row_count": (_STATUS, [_HANDLE, _OUT]),
    "scn_geometry_row_sites": (_STATUS, [_HANDLE, _OUT, _I64]),
    "scn_geometry_row_counts": (_STATUS, [_HANDLE, _OUT, _I64]),
    "scn_geometry_site_count": (_STATUS, [_HANDLE, _I32, _OUT]),
    "scn_geometry_spatial_size": (_STATUS, [_HANDLE, _I32, _OUT]),
    "scn_geometry_coordinates": (_STATUS, [_HANDLE, _I32, _OUT, _I64]),
    "scn_geometry_find_sites": (_STATUS, [_HANDLE, _ARRAY, _OUT]),
    "scn_geometry_submanifold": (_STATUS, [_HANDLE, _I32, _STRUCT, _OUT]),
    "scn_geometry_permutohedral": (_STATUS, [_HANDLE, _I32, _OUT]),
    "scn_geometry_strided": (_STATUS, [_HANDLE, _I32, _STRUCT, _OUT, _OUT]),
    "scn_geometry_full": (_STATUS, [_HANDLE, _I32, _STRUCT, _OUT, _OUT]),
    "scn_geometry_randomized": (_STATUS, [_HANDLE, _I32, _STRUCT, _OUT, _OUT]),
    "scn_geometry_fractional": (_STATUS, [_HANDLE, _I32, _STRUCT, _I32, _OUT, _OUT]),
    "scn_geometry_reverse": (_STATUS, [_HANDLE, _I32, _STRUCT, _OUT, _OUT]),
    "scn_geometry_subset": (_STATUS, [_HANDLE, _I32, _ARRAY, _I64, _OUT, _OUT]),
    "scn_rulebook_retain": (_STATUS, [_HANDLE]),
    "scn_rulebook_release": (_STATUS, [_HANDLE]),
    "scn_rulebook_sizes": (_STATUS, [_HANDLE, _OUT, _OUT, _OUT, _OUT]),
    "scn_rulebook_rules": (_STATUS, [_HANDLE, _OUT, _OUT, _OUT]),
    "scn_rulebook_reversed": (_STATUS, [_HANDLE, _OUT]),
    # buffers to buffers
    "scn_tensor_allocate": (_STATUS, [_ARRAY, _I32, _OUT]),
    "scn_input_forward": (_STATUS, [_HANDLE, _STRUCT, _STRUCT]),
    "scn_input_backward": (_STATUS, [_HANDLE, _STRUCT, _STRUCT]),
    "scn_output_forward": (_STATUS, [_HANDLE, _STRUCT, _STRUCT]),
    "scn_output_backward": (_STATUS, [_HANDLE, _STRUCT, _STRUCT]),
    "scn_convolution_forward": (_STATUS, [_HANDLE, _STRUCT, _ARRAY, _ARRAY, _I64, _STRUCT]),
    "scn_convolution_backward_input": (_STATUS, [_HANDLE, _STRUCT, _ARRAY, _I64, _STRUCT]),
    "scn_convolution_backward_weight": (_STATUS, [_HANDLE, _STRUCT, _STRUCT, _I64, _ARRAY, _ARRAY]),
    "scn_shape_context_forward": (_STATUS, [_HANDLE, _STRUCT, _STRUCT]),
    "scn_shape_context_backward": (_STATUS, [_HANDLE, _STRUCT, _STRUCT]),
    "scn_max_pooling_forward": (_STATUS, [_HANDLE, _STRUCT, _I64, _STRUCT]),
    "scn_max_pooling_backward": (_STATUS, [_HANDLE, _STRUCT, _STRUCT, _STRUCT, _I64, _STRUCT]),
    "scn_average_pooling_forward": (_STATUS, [_HANDLE, _STRUCT, _I64, _STRUCT]),
    "scn_average_pooling_backward": (_STATUS, [_HANDLE, _STRUCT, _I64, _STRUCT]),
    "scn_unpooling_forward": (_STATUS, [_HANDLE, _STRUCT, _I64, _STRUCT]),
    "scn_unpooling_backward": (_STATUS, [_HANDLE, _STRUCT, _I64, _STRUCT]),
    "scn_global_pooling_forward": (_STATUS, [_HANDLE, _I32, _ENUM, _STRUCT, _STRUCT]),
    "scn_global_pooling_backward": (_STATUS, [_HANDLE, _I32, _ENUM, _STRUCT, _STRUCT, _STRUCT, _STRUCT]),
    "scn_batch_norm_forward_training": (
        _STATUS,
        [_STRUCT, _ARRAY, _ARRAY, _ARRAY, _ARRAY, _STRUCT, _ARRAY, _ARRAY, _STRUCT],
    ),
    "scn_batch_norm_forward_evaluation": (_STATUS, [_STRUCT, _ARRAY, _ARRAY, _ARRAY, _ARRAY, _STRUCT, _STRUCT]),
    "scn_batch_norm_backward_training": (
        _STATUS,
        [_STRUCT, _STRUCT, _STRUCT, _ARRAY, _ARRAY, _ARRAY, _STRUCT, _ARRAY, _ARRAY, _STRUCT],
    ),
    "scn_batch_norm_backward_evaluation": (
        _STATUS,
        [_STRUCT, _STRUCT, _STRUCT, _ARRAY, _ARRAY, _ARRAY, _STRUCT, _ARRAY, _ARRAY, _STRUCT],
    ),
    "scn_mean_only_norm_forward_training": (_STATUS, [_STRUCT, _ARRAY, _ARRAY, _F64, _F64, _STRUCT]),
    "scn_mean_only_norm_forward_evaluation": (_STATUS, [_STRUCT, _ARRAY, _ARRAY, _F64, _STRUCT]),
    "scn_mean_only_norm_backward": (_STATUS, [_STRUCT, _STRUCT, _I32, _F64, _ARRAY, _STRUCT]),
    "scn_group_norm_forward": (
        _STATUS,
        [_HANDLE, _I32, _STRUCT, _ARRAY, _ARRAY, _I64, _F64, _ARRAY, _ARRAY, _STRUCT],
    ),
    "scn_group_norm_backward": (
        _STATUS,
        [_HANDLE, _I32, _STRUCT, _STRUCT, _ARRAY, _I64, _ARRAY, _ARRAY, _ARRAY, _ARRAY, _STRUCT],
    ),
    "scn_activation_forward": (_STATUS, [_ENUM, _F64, _STRUCT, _STRUCT]),
    "scn_activation_backward": (_STATUS, [_ENUM, _F64, _STRUCT, _STRUCT, _STRUCT, _STRUCT]),
    "scn_linear_forward": (_STATUS, [_STRUCT, _ARRAY, _I32, _ARRAY, _STRUCT]),
    "scn_linear_backward_input": (_STATUS, [_STRUCT, _ARRAY, _I32, _STRUCT]),
    "scn_linear_backward_weight": (_STATUS, [_STRUCT, _STRUCT, _I32, _ARRAY, _ARRAY]),
    "scn_add_forward": (_STATUS, [_STRUCT, _STRUCT, _STRUCT]),
    "scn_join_forward": (_STATUS, [_ARRAY, _I64, _STRUCT]),
    "scn_join_backward": (_STATUS, [_STRUCT, _ARRAY, _I64]),
    "scn_sparse_to_dense_forward": (_STATUS, [_HANDLE, _I32, _STRUCT, _ARRAY, _I64]),
    "scn_sparse_to_dense_backward": (_STATUS, [_HANDLE, _I32, _ARRAY, _I64, _STRUCT]),
    "scn_cross_entropy_forward": (_STATUS, [_STRUCT, _ARRAY, _ARRAY, _I64, _ARRAY, _STRUCT]),
    "scn_compare_sparse_forward": (
        _STATUS,
        [_HANDLE, _I32, _STRUCT, _HANDLE, _I32, _STRUCT, _ARRAY, _STRUCT, _STRUCT],
    ),
    "scn_binary_cross_entropy_forward": (_STATUS, [_STRUCT, _ARRAY, _ARRAY, _STRUCT]),
}


def _candidates() -> list[str]:
    """Return where the library may be, the best place first."""
    chosen = os.environ.get("SCN_LIBRARY")
    if chosen:
        return [chosen]
    package = Path(__file__).resolve().parents[1]
    places = [str(package / "libscn.so")]
    if len(package.parents) > 3 and package.parents[2].name == "bindings":
        places.append(str(package.parents[3] / "build" / "lib" / "libscn.so"))
    return [*places, f"libscn.so.{ABI_VERSION}"]


def _open() -> _Library:
    """Load the library from the first place that has it; ImportError names every place where there was none."""
    failures = []
    for place in _candidates():
        if os.sep in place and not os.path.exists(place):
            failures.append(f"  {place}: no such file")
            continue
        try:
            return _Library(place)
        except OSError as error:
            failures.append(f"  {place}: {error}")
    raise ImportError(
        "scn cannot find its library. Looked at\n"
        + "\n".join(failures)
        + "\nBuild it with `make lib`, or set SCN_LIBRARY to the path of libscn.so."
    )


# What Python calls the arguments that the library's messages begin with, where it has names of its own.
_PYTHON_NAMES = {
    "beta1": "betas[0]",
    "beta2": "betas[1]",
    "epsilon": "eps",
    "features_to_drop": "nFeaturesToDrop",
    "in_planes": "nIn",
    "learning_rate": "lr",
    "out_planes": "nOut",
    "parameter": "leak",
    "parameters": "params",
    "planes": "nPlanes",
}
_PYTHON_NAMES_OF_FUNCTIONS = {
    "scn_clip_gradient_norm": {"parameters": "parameters"},
    "scn_fully_convolutional_integrated_linear_create": {"repetitions": "reps", "classes": "nClasses"},
    "scn_fully_convolutional_net_create": {"repetitions": "reps"},
    "scn_group_norm_create": {"planes": "planes"},
    "scn_multiscale_shape_context_create": {"in_planes": "n_features", "layers": "n_layers"},
    "scn_sparse_densenet_create": {"in_planes": "nInputPlanes"},
    "scn_sparse_resnet_create": {"in_planes": "nInputPlanes"},
    "scn_sparse_vgg_net_create": {"in_planes": "nInputPlanes"},
    "scn_unet_create": {"repetitions": "reps", "in_planes": "n_input_planes"},
}


def _in_python_names(function: str, message: str) -> str:
    """Return the library's message with the name that Python has for the argument that it begins with."""
    start, colon, rest = message.partition(":")
    name, bracket, index = start.partition("[")
    if not function.endswith("_create") and name not in ("epsilon", "learning_rate"):
        return message
    names = {**_PYTHON_NAMES, **_PYTHON_NAMES_OF_FUNCTIONS.get(function, {})}
    return names.get(name, name) + bracket + index + colon + rest


def _raise_unless_ok(status: _STATUS, function: Any, arguments: Any) -> None:
    if status.value != 0:
        message = (library.scn_last_error() or b"").decode("utf-8", "replace")
        raise error_for_status(status.value, _in_python_names(function.__name__, message))


class _Library(ctypes.CDLL):
    """The library, which knows when its process is a worker of a data loader of torch: then it takes one thread, as torch
    does there, unless the environment or the worker itself says otherwise.

    Torch says what a process is only after it began to work. Until that is known, the functions are set aside, so that each
    look-up comes by here.
    """

    def watch(self) -> None:
        """Begin to look out, in a new process."""
        here = self.__dict__
        here["_set_aside"] = {name: here.pop(name) for name in FUNCTIONS if name in here} or here["_set_aside"]

    def __getattr__(self, name: str) -> Any:
        function = self.__dict__.get("_set_aside", {}).get(name)
        if function is None:
            return super().__getattr__(name)
        if name == "scn_set_thread_count":
            self._stop_watching()
        else:
            self._look_out()
        return function

    def _look_out(self) -> None:
        data = sys.modules.get("torch.utils.data")
        if data is not None and data.get_worker_info() is not None:
            self._stop_watching()
            if not os.environ.get("SCN_NUM_THREADS"):
                self.scn_set_thread_count(1)
        # A spawned process gets to know its parent only once it has read what it is to do.
        elif multiprocessing.parent_process() is None and not hasattr(multiprocessing.current_process(), "_inheriting"):
            self._stop_watching()

    def _stop_watching(self) -> None:
        self.__dict__.update(self.__dict__["_set_aside"])


def _load() -> _Library:
    loaded = _open()
    for name, (result, arguments) in FUNCTIONS.items():
        try:
            function = getattr(loaded, name)
        except AttributeError:
            raise ImportError(f"{loaded._name} has no function {name}: it is another version of the library") from None
        function.restype = result
        function.argtypes = arguments
        if result is _STATUS:
            function.errcheck = _raise_unless_ok
    found = loaded.scn_abi_version()
    if found != ABI_VERSION:
        raise ImportError(f"{loaded._name} has the ABI version {found}; this package needs {ABI_VERSION}")
    return loaded


library = _load()
library.watch()
os.register_at_fork(after_in_child=library.watch)
