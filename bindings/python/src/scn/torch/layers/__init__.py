"""SparseConvNet's layers and networks as modules of torch."""

from .activation import *
from .activation import __all__ as _activation
from .combining import *
from .combining import __all__ as _combining
from .containers import *
from .containers import __all__ as _containers
from .convolution import *
from .convolution import __all__ as _convolution
from .input_output import *
from .input_output import __all__ as _input_output
from .linear import *
from .linear import __all__ as _linear
from .normalization import *
from .normalization import __all__ as _normalization
from .pooling import *
from .pooling import __all__ as _pooling
from .running_statistics import *
from .running_statistics import __all__ as _running_statistics
from .sparsify import *
from .sparsify import __all__ as _sparsify
from .spectral import *
from .spectral import __all__ as _spectral
from .sync_normalization import *
from .sync_normalization import __all__ as _sync_normalization

__all__: list[str] = []
__all__ += _activation
__all__ += _combining
__all__ += _containers
__all__ += _convolution
__all__ += _input_output
__all__ += _linear
__all__ += _normalization
__all__ += _pooling
__all__ += _running_statistics
__all__ += _sparsify
__all__ += _spectral
__all__ += _sync_normalization
