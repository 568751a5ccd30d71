"""Whole networks, which torchsparse 2.0 has."""

from .resnet import *
from .unet import *
