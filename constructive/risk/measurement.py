"""What was found out about a model on points: a verdict for each, witnesses, and who decided."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from constructive.evidence import Bracket
from constructive.populations import risk_bracket, sample_bracket

Array = NDArray[np.float64]

SAFE, WRONG, UNKNOWN = 0, 1, -1


@dataclass(frozen=True, slots=True, eq=False)
class Measurement:
    """The robust error of one model on n points, point by point.

    ``verdicts`` (n,) int8: 0 right on the whole closed ball, 1 wrong somewhere in it, -1 unknown; ``witnesses`` (n, d):
    a vector of the ball with a wrong answer, NaN where none is kept; ``decided``: how many points each method decided;
    ``zero_gradient`` (n,): where the gradient of the margin at the point itself is exactly 0, so that an attack that
    follows it cannot start (None: not looked at); ``reevaluated``: how many witnesses were evaluated again in rational
    arithmetic, and for how many of these the real network is wrong as well.
    """

    verdicts: NDArray[np.int8]
    witnesses: Array
    decided: tuple[tuple[str, int], ...]
    zero_gradient: NDArray[np.bool_] | None
    reevaluated: tuple[int, int]
    radius: float
    norm: float

    @property
    def error(self) -> Bracket:
        """The robust error on these points: proved errors below, points not proved safe above."""
        return sample_bracket(self.verdicts)

    def population(self, confidence: float = 0.99) -> Bracket:
        """Return a bracket of the population's robust error, if the points are an independent sample of it."""
        return risk_bracket(self.verdicts, confidence)

    def __str__(self) -> str:
        ball = {1.0: "l_1", 2.0: "l_2", math.inf: "l_inf"}[self.norm]
        n, unknown = self.verdicts.size, int((self.verdicts == UNKNOWN).sum())
        parts = [f"robust error {self.error} on {n} points, {ball} radius {float(self.radius)!r}",
                 "decided by " + ", ".join(f"{name} {count}" for name, count in self.decided) if self.decided else "",
                 f"{unknown} unknown: raise budget" if unknown else "",
                 f"{self.reevaluated[1]} of {self.reevaluated[0]} witnesses wrong in rational arithmetic too"
                 if self.reevaluated[0] else ""]
        if self.zero_gradient is not None and self.zero_gradient.any():
            parts.append(f"the gradient is exactly 0 at {int(self.zero_gradient.sum())} of {n} points: attacks that "
                         "follow it learn nothing there")
        return "; ".join(part for part in parts if part)
