"""SparseConvNet's layers and networks as modules of torch."""
