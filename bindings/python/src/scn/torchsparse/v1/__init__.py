"""torchsparse 1.4 and 2.0 on a CPU: coordinates [x, y, z, batch] in the units of the finest level.

`scn.stand_in("torchsparse==1.4")` lets programs import it as torchsparse. What does not differ is that of
`scn.torchsparse`.
"""

from . import backend, backends, nn, utils
from .operators import cat
from .tensor import PointTensor, SparseTensor
from .utils.tune import tune
from .version import __version__

__all__ = ["PointTensor", "SparseTensor", "__version__", "backend", "backends", "cat", "nn", "tune", "utils"]
