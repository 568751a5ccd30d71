"""Convolutions, and how they are computed in the real library."""

from . import conv_config as conv_config
from . import conv_mode as conv_mode
from .conv import *
from .conv_config import *
from .conv_mode import *
from .kmap import *
