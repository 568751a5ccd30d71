"""The programs of other libraries with scn in their place."""

import scn


def stand_in_for(library):
    """Return the class of the library's programs, in which scn computes."""
    scn.stand_in("torchsparse==2.0" if library == "torchsparse" else library)
    if library == "spconv":
        from networks_spconv import Spconv as program
    elif library == "torchsparse":
        from networks_torchsparse import Torchsparse as program
    else:
        from networks_minkowski import MinkowskiEngine as program

    class StandIn(program):
        name = f"scn in place of {library}"

        def versions(self):
            found = super().versions()
            return {"scn": scn.version(), "torch": found["torch"], "numpy": found["numpy"]}

    return StandIn
