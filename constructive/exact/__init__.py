"""Networks in integers: exact at any length of number, for memorizers that doubles cannot hold.

In reading order: the integer network and its calculus; the bridge from and to networks in doubles; data on a line;
memorizers of the line, from one hidden layer to words that fold open; memorizers by grids; proofs on whole balls;
slopes; what doubles can hold.
"""

from constructive.exact.balls import BallProof, certify_on_balls
from constructive.exact.boxes import BoxProof, certify_on_boxes
from constructive.exact.bridge import from_network, to_network
from constructive.exact.cells import Cells, cells_of
from constructive.exact.extraction import bit_extraction
from constructive.exact.horizon import FloatHorizon, float_horizon
from constructive.exact.interpolants import plateaus, shallow_interpolant
from constructive.exact.lookups import look_up
from constructive.exact.memorizer import LineMemorizer, wanted_outputs
from constructive.exact.network import IntegerLayer, IntegerNetwork, IntegerSize, over_common_denominator, together
from constructive.exact.planes import bit_planes
from constructive.exact.projection import Projection, along, project
from constructive.exact.shifted_grids import GridMemorizer, grid_memorizer
from constructive.exact.slopes import Steepness, lipschitz_on_line, slope_at, steepest
from constructive.exact.words import fold, pack

__all__ = [
    # integer networks
    "IntegerLayer", "IntegerNetwork", "IntegerSize", "over_common_denominator", "together",
    "from_network", "to_network",
    # data on a line
    "Projection", "project", "along", "Cells", "cells_of",
    # memorizers of the line
    "LineMemorizer", "wanted_outputs", "shallow_interpolant", "plateaus", "pack", "fold", "look_up", "bit_planes",
    "bit_extraction",
    # memorizers by grids
    "GridMemorizer", "grid_memorizer",
    # proofs, slopes, and what doubles can hold
    "BallProof", "certify_on_balls", "BoxProof", "certify_on_boxes",
    "Steepness", "lipschitz_on_line", "slope_at", "steepest", "FloatHorizon", "float_horizon",
]
