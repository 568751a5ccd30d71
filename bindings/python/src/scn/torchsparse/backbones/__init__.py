"""Whole networks."""

from .resnet import *
from .unet import *
