"""The number formats that a student can be exact in, and what each of them asks of thresholds and labels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive.domain import outward_boxes
from constructive.labels import Labels

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Format:
    """A format of IEEE 754: its rounding unit, bits, the narrowest ramp and the largest number taken.

    Beyond ``narrowest`` the reciprocal of a ramp overflows; beyond ``largest`` products of three numbers might.
    """

    name: str
    dtype: Any
    unit: float
    bits: int
    narrowest: float
    largest: float

    def boxes(self, points: Array, radius: float) -> tuple[Array, Array]:
        """Return boxes (n, d), (n, d) round points (n, d) whose ends are numbers of the format, rounded outward.

        A radius that the format cannot hold counts as its rounded value if that is larger, so that an attack of
        the rounded size stays inside.
        """
        size = max(radius, float(self.dtype(radius)))
        lower, upper = outward_boxes(points, size)
        return self.down(lower), self.up(upper)

    def down(self, values: Array) -> Array:
        """Return the largest numbers of the format <= values, as doubles."""
        near = values.astype(self.dtype)
        return np.where(near > values, np.nextafter(near, self.dtype(-np.inf)), near).astype(np.float64)

    def up(self, values: Array) -> Array:
        """Return the smallest numbers of the format >= values, as doubles."""
        return -self.down(-values)

    def labels(self, labels: Labels, coarser: int = 0) -> Labels:
        """Return real labels rounded to the grid ``B 2^-(bits - 1 - coarser)``, errors added up; classes as they are.

        On that grid B + y and, with ``coarser=1``, 3 B + y are numbers of the format.
        """
        if labels.classes is not None:
            return labels
        grid = labels.bound * 2.0 ** -(self.bits - 1 - coarser)
        rounded = np.rint(labels.scores / grid) * grid + 0.0
        moved = float(np.abs(rounded - labels.scores).max())
        return replace(labels, scores=rounded, representation=labels.representation + moved)


DOUBLE = Format("float64", np.float64, 2.0**-53, 53, 2.0**-1021, 2.0**500)
SINGLE = Format("float32", np.float32, 2.0**-24, 24, 2.0**-125, 2.0**60)


def as_format(precision: Any, who: str) -> Format:
    """Return the format named "float64" or "float32"; ValueError otherwise."""
    for known in (DOUBLE, SINGLE):
        if precision == known.name:
            return known
    raise ValueError(f"{who}: precision={precision!r} must be 'float64' or 'float32'")
