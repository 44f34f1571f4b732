"""Populations with a known label law, and risks estimated on them with honest intervals."""

from constructive.populations.cube import Population, jittered_lattice
from constructive.populations.law import LabelLaw, flip_labels
from constructive.populations.margins import checkerboard, moons, rings, wave
from constructive.populations.mixtures import Mixture, gaussians
from constructive.populations.risks import difference_bracket, hypergeometric, risk_bracket, sample_bracket
from constructive.populations.spheres import Spheres
from constructive.populations.tabled import Split, Tabled, table

__all__ = ["LabelLaw", "Population", "checkerboard", "rings", "moons", "wave", "Spheres", "Mixture", "gaussians",
           "Tabled", "Split", "table", "jittered_lattice", "flip_labels", "risk_bracket", "sample_bracket",
           "difference_bracket", "hypergeometric"]
