import scn.torch as scn
import torch


class Program(torch.nn.Module):
    """What a program for SparseConvNet contains."""

    def __init__(self):
        super().__init__()
        self.sparseModel = scn.Sequential(
            scn.InputLayer(2, 8, mode=3),
            scn.SubmanifoldConvolution(2, 1, 4, 3, False),
            scn.BatchNormReLU(4),
            scn.OutputLayer(2),
        )
        self.linear = torch.nn.Linear(4, 2)

    def forward(self, x):
        return self.linear(self.sparseModel(x))


net = Program()
optimizer = torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10)
scn.cross_entropy(net([torch.tensor([[1, 2], [3, 4]]), torch.ones(2, 1)]), [0, 1]).backward()
optimizer.step()
scheduler.step()
BLOCK
