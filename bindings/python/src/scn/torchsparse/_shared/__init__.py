"""What the two forms of torchsparse have in common."""
