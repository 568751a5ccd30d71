"""The sites that layers lead to, and the rows that filters read."""

from .build_kmap import *
from .downsample import *
from .upsample import *
