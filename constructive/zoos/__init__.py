"""Memorizers side by side on the same data: what each one costs, what it is worth, and what no one can beat."""

from constructive.zoos.bounds import bits_needed, colliding_points, cross, least_slope, shattered_points

__all__ = ["bits_needed", "shattered_points", "least_slope", "cross", "colliding_points"]
