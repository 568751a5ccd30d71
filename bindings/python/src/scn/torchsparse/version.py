"""The version of torchsparse that this package speaks the language of."""

__all__ = ["__version__"]

__version__ = "2.1.0"
