import scn
import torch

net = scn.Linear(2, 3)
torch.save(torch.nn.Linear(2, 3).state_dict(), "old.pth")
BLOCK
