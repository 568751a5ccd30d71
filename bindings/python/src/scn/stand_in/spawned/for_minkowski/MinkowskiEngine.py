"""MinkowskiEngine in a spawned process."""

from scn.stand_in.spawned import begin

begin(__name__)
