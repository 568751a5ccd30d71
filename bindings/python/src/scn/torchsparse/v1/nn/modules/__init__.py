"""Layers on sparse tensors."""

from .activation import *
from .bev import *
from .conv import *
from .crop import *
from .norm import *
from .pooling import *
