#!/usr/bin/env python3
"""SparseConvNet's hello-world: two messages, drawn in 2-D, go through a small VGG net.

They come out as a 2 x 32 x 10 x 10 array. The C and the Swift hello-world print the same lines;
bindings/c/examples/hello_world.c says how they are made.
"""

import numpy as np

import scn

MESSAGES = [
    [
        "H   H EEEEE L     L      OOO ",
        "H   H E     L     L     O   O",
        "H   H E     L     L     O   O",
        "HHHHH EEEE  L     L     O   O",
        "H   H E     L     L     O   O",
        "H   H E     L     L     O   O",
        "H   H EEEEE LLLLL LLLLL  OOO ",
    ],
    [
        "W   W  OOO  RRRR  L     DDDD      )  ",
        "W   W O   O R   R L     D   D  :   ) ",
        "W   W O   O R   R L     D   D  :    )",
        "W W W O   O RRRR  L     D   D       )",
        "W W W O   O R R   L     D   D  :    )",
        "WW WW O   O R  R  L     D   D  :   ) ",
        "W   W  OOO  R   R LLLLL DDDD      )  ",
    ],
]

scn.manual_seed(0)
network = scn.Sequential(
    scn.SparseVggNet(
        2, 1, [["C", 8], ["C", 8], ["MP", 3, 2], ["C", 16], ["C", 16], ["MP", 3, 2], ["C", 24], ["C", 24], ["MP", 3, 2]]
    ),
    scn.SubmanifoldConvolution(2, 24, 32, 3, False),
    scn.BatchNormReLU(32),
    scn.SparseToDense(2, 32),
)
size = [int(n) for n in network.input_spatial_size([10, 10])]
print("input spatial size:", " x ".join(map(str, size)))
input_layer = scn.InputLayer(2, size)

sites = [
    [40 + row, 24 + column, sample]
    for sample, lines in enumerate(MESSAGES)
    for row, line in enumerate(lines)
    for column, character in enumerate(line)
    if character != " "
]
features = np.ones((len(sites), 1), np.float32)
output = network(input_layer([np.array(sites), features])).numpy()

values = output.ravel().astype(np.float64)
largest = int(values.argmax())
print("output:", " x ".join(map(str, output.shape)))
print(f"sum: {np.add.accumulate(values)[-1]:.6g}")
print(f"sum of squares: {np.add.accumulate(values * values)[-1]:.6g}")
print(f"maximum: {values[largest]:.6g} at {largest}")
