"""The version of torchsparse that this package speaks the language of."""

__all__ = ["__version__"]

__version__ = "1.4.0"
