"""The adversarially best ridge is never smaller than the standard one: for one data set, attacks in l_2.

On a path along which the predictor's norm does not rise, more radius only adds weight to the norm, so the best place
moves toward larger ridges. The statement fails for other dual norms, which may rise along the path, and for averages
of adversarial risks over data sets; both are computed here, and marked as not covered.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_number, as_points
from constructive.ridge.effective import as_ridges
from constructive.ridge.risk import adversarial_risk

Array = NDArray[np.float64]
TIE = 1e-12
"""Relative distance at which two risks count as equal; the larger ridge is taken among equals."""
RISES = 1e-12
"""By how much, relative to the largest, a norm may rise along the path before it counts as rising: rounding."""


@dataclass(frozen=True, slots=True, eq=False)
class BestRidges:
    """The best ridge of a grid for each radius, and whether a theorem says that it does not fall with the radius.

    ``ridges`` and ``risks`` have the shape of ``radii``. ``covered``: one data set (or plugged-in averages) whose
    norms do not rise along the grid; then ``ridges`` does not fall. Otherwise it may, and ``why`` says so.
    """

    radii: Array
    ridges: Array
    risks: Array
    covered: bool
    why: str


def best_ridges(ridges: ArrayLike, risks: ArrayLike, norms: ArrayLike, radii: ArrayLike, *,
                label_noise: float = 0.0) -> BestRidges:
    """Return for each radius the ridge of the grid with the least adversarial risk; radii are sorted first.

    ``ridges`` (g,) increasing; ``risks`` and ``norms`` the excess risk R and the dual norm |theta| (not squared) of
    the predictors along it: (g,) for one data set, (t, g) for t data sets, whose adversarial risks are averaged.
    Minimized is R' + 2 radius sqrt(2 / pi) sqrt(R') norm + radius^2 norm^2, R' = R + label_noise, normal test points.
    For averages that keep the theorem pass the mean risk and the root of the mean squared norm, (g,) each.

    One data set and norms that do not rise (l_2 norms never do): the best ridge does not fall as the radius grows,
    and is the standard one at radius 0. The optimum is flat: compare risks rather than ridges.
    Raises ValueError for wrong shapes, negative values, or ridges that do not increase.

    >>> best_ridges([0.0, 1.0], [1.0, 2.0], [3.0, 1.0], [0.0, 1.0]).ridges.tolist()
    [0.0, 1.0]
    """
    who = "best_ridges"
    grid = as_ridges(ridges, who)
    if grid.ndim != 1 or (np.diff(grid) <= 0.0).any():
        raise ValueError(f"{who}: ridges must be a vector that increases, got {ridges!r}")
    found, sizes = (as_points(np.atleast_2d(values), who, name, dimension=grid.size)
                    for values, name in ((risks, "risks"), (norms, "norms")))
    if found.shape != sizes.shape or (found < 0.0).any() or (sizes < 0.0).any():
        raise ValueError(f"{who}: risks and norms must be >= 0 and of one shape, got {found.shape} and {sizes.shape}")
    noise = as_number(label_noise, who, "label_noise", at_least=0.0)
    order = np.unique(np.atleast_1d(as_ridges(radii, who)))
    values = np.array([adversarial_risk(found, sizes**2, a, noise).mean(axis=0) for a in order])
    least = values.min(axis=1)
    near = values <= least[:, None] * (1.0 + TIE)
    best = near.shape[1] - 1 - np.argmax(near[:, ::-1], axis=1)
    why = _why(sizes)
    return BestRidges(order, grid[best], values[np.arange(order.size), best], not why, why)


def _why(norms: Array) -> str:
    """Return which hypothesis fails, or nothing."""
    if len(norms) > 1:
        return "adversarial risks averaged over data sets: the best ridge may fall as the radius grows"
    if (np.diff(norms[0]) > RISES * norms[0].max()).any():
        return "the norm rises along the path, as dual norms of attacks other than l_2 may: the best ridge may fall"
    return ""
