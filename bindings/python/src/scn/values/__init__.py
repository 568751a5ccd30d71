"""What networks take and return: tensors, sparse tensors with their metadata, voxels."""
