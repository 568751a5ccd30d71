"""Between torch's autograd and the library: shared memory, derivatives, recomputation, random numbers."""
