"""Blocks of networks."""

from .blocks import *
