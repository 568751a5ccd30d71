"""What trains a network: losses, optimizers, rates, saving and restoring, the loop for classification."""
