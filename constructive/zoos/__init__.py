"""Memorizers side by side on the same data: what each one costs, what it is worth, and what no one can beat."""

from constructive.zoos.bounds import least_bits, least_rank, least_slope, most_points, smooth_slope
from constructive.zoos.collisions import colliding_points, cross
from constructive.zoos.counts import Counts, count
from constructive.zoos.entry import Entry, Slope
from constructive.zoos.tables import BUDGET, Zoo, zoo

__all__ = ["zoo", "Zoo", "BUDGET", "Entry", "Slope", "Counts", "count",
           "least_bits", "most_points", "least_slope", "smooth_slope", "least_rank", "cross", "colliding_points"]
