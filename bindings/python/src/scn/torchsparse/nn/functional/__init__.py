"""Functions on sparse tensors, voxels and points."""

from .activation import *
from .conv import *
from .count import *
from .crop import *
from .devoxelize import *
from .hash import *
from .pooling import *
from .query import *
from .voxelize import *
