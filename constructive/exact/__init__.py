"""Networks in integers: exact at any length of number, for memorizers that doubles cannot hold.

In reading order: the integer network and its calculus; the bridge from and to networks in doubles; data on a line;
words that fold open, and the look-up made of them; proofs on whole balls.
"""

from constructive.exact.balls import BallProof, certify_on_balls
from constructive.exact.bridge import from_network, to_network
from constructive.exact.cells import Cells, cells_of
from constructive.exact.lookups import look_up
from constructive.exact.memorizer import LineMemorizer, wanted_outputs
from constructive.exact.network import IntegerLayer, IntegerNetwork, IntegerSize, over_common_denominator, together
from constructive.exact.projection import Projection, along, project
from constructive.exact.words import fold, pack

__all__ = [
    # integer networks
    "IntegerLayer", "IntegerNetwork", "IntegerSize", "over_common_denominator", "together",
    "from_network", "to_network",
    # data on a line
    "Projection", "project", "along", "Cells", "cells_of",
    # memorizers of the line
    "LineMemorizer", "wanted_outputs", "pack", "fold", "look_up",
    # proofs
    "BallProof", "certify_on_balls",
]
