"""Helpers for layers."""

from .apply import *
from .kernel import *
