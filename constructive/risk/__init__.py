"""Robust error of any model on given points, from both sides: attacks below, certificates above.

Data flow: the model decides the route. A two-class student has an exact rule for each point; the nearest-neighbor
rule has half-distances; any network has bounds above (intervals, affine forms, its own bump structure, branch and
bound) and witnesses below (attacks that read the weights). The gradient of a memorizer is exactly 0 at its data, so
an attack that follows gradients sees nothing there: that is reported, and never read as robustness.
"""

from constructive.risk.measurement import Measurement
from constructive.risk.measuring import measure, robust_error, verdicts

__all__ = ["Measurement", "measure", "robust_error", "verdicts"]
