"""Preparing data, and small helpers."""

from .utils import *
