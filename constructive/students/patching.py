"""Patching: data on whose whole box the teacher is certified right need no bump."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from constructive.certificates.enclosure import interval_bounds
from constructive.certificates.goals import goal_of
from constructive.certificates.linear import affine_bounds
from constructive.labels import Labels
from constructive.network import Network

Array = NDArray[np.float64]


def certified_right(lower: Array, upper: Array, labels: Labels, teacher: Network,
                    amplitude: float) -> NDArray[np.bool_]:
    """Return for which boxes (n, d), labelled by ``labels`` (n,), the teacher is certified right on the whole box.

    The gate returns the teacher up to some units in the last place of the amplitude B, so the right class
    must be ahead by 2^-40 B (2^-16 B for a float32 teacher): a score of 1e-20 B would be rounded to 0, which is
    wrong. Unpatched data then have the right sign, not the exact score.
    """
    single = teacher.dtype == np.float32
    margin = (2.0**-16 if single else 2.0**-40) * amplitude
    low, high = interval_bounds(teacher, lower, upper)
    if not single:  # the affine forms speak about doubles
        forms = affine_bounds(teacher, lower, upper)
        low, high = np.maximum(low, forms.lower), np.minimum(high, forms.upper)
    return goal_of(labels).right(low - margin, high + margin)
