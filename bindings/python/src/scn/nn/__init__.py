"""Modules: layers, containers, ready networks, and what they tell of themselves."""

from .activation import *
from .activation import __all__ as _activation
from .batched import *
from .batched import __all__ as _batched
from .combining import *
from .combining import __all__ as _combining
from .containers import *
from .containers import __all__ as _containers
from .convolution import *
from .convolution import __all__ as _convolution
from .inference import *
from .inference import __all__ as _inference
from .input_batch import *
from .input_batch import __all__ as _input_batch
from .input_output import *
from .input_output import __all__ as _input_output
from .linear import *
from .linear import __all__ as _linear
from .module import *
from .module import __all__ as _module
from .networks import *
from .networks import __all__ as _networks
from .normalization import *
from .normalization import __all__ as _normalization
from .permutohedral import *
from .permutohedral import __all__ as _permutohedral
from .pooling import *
from .pooling import __all__ as _pooling
from .shape_context import *
from .shape_context import __all__ as _shape_context
from .sparsify import *
from .sparsify import __all__ as _sparsify
from .spectral import *
from .spectral import __all__ as _spectral
from .summary import *
from .summary import __all__ as _summary

__all__: list[str] = []
__all__ += _activation
__all__ += _batched
__all__ += _combining
__all__ += _containers
__all__ += _convolution
__all__ += _inference
__all__ += _input_batch
__all__ += _input_output
__all__ += _linear
__all__ += _module
__all__ += _networks
__all__ += _normalization
__all__ += _permutohedral
__all__ += _pooling
__all__ += _shape_context
__all__ += _sparsify
__all__ += _spectral
__all__ += _summary
