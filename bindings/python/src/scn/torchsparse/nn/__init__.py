"""Layers and functions on sparse tensors."""

from . import functional as functional
from . import utils as utils
from .modules import *
