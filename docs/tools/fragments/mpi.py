from types import SimpleNamespace

import scn


class Alone:
    """mpi4py's communicator, as seen by one process."""

    size = 1

    def Allreduce(self, send, receive):
        pass


MPI, comm, network = SimpleNamespace(IN_PLACE=None), Alone(), scn.Sequential(scn.BatchNormReLU(2), scn.Linear(2, 2))
BLOCK
