"""Preparing data, and small helpers."""

from .to_dense import *
from .utils import *
