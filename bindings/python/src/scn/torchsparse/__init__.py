"""torchsparse 2.1 on a CPU: its names, arguments and tensors, computed by scn.

`scn.stand_in("torchsparse")` lets programs import it as torchsparse. `scn.torchsparse.v1` is the form of 1.4 and 2.0.
"""

from .. import _with_torch  # noqa: F401
from . import backend, backends, nn, utils
from .operators import cat, generative_add
from .tensor import PointTensor, SparseTensor, set_coordinate_units
from .utils.tune import tune
from .version import __version__

__all__ = [
    "PointTensor",
    "SparseTensor",
    "__version__",
    "backend",
    "backends",
    "cat",
    "generative_add",
    "nn",
    "set_coordinate_units",
    "tune",
    "utils",
]
