import numpy as np
import scn

conv = scn.SubmanifoldConvolution(3, 2, 4, 3, False)
state = {"conv.weight": np.ones((4, 3, 3, 3, 2))}
kernel = np.ones((27, 2, 4))
lattice = scn.PermutohedralSubmanifoldConvolution(2, 2, 4, False)
old = np.ones((7, 1, 2, 4))
BLOCK
