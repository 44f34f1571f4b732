"""One line of the table: a memorizer with what it costs, what it promises, and what of it was proved or measured."""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

from constructive.evidence import Verdict
from constructive.zoos.counts import Counts


@dataclass(frozen=True, slots=True, eq=False)
class Slope:
    """The Lipschitz constant in the norm of the entry: ``lower <= constant <= upper``; None where nothing is known."""

    lower: Fraction | float
    upper: Fraction | float | None

    @property
    def exact(self) -> bool:
        """Whether both ends agree, up to the rounding of a double."""
        if self.upper is None or self.upper == math.inf:
            return False
        return self.lower >= Fraction(self.upper) * (1 - Fraction(1, 1 << 50))

    @property
    def words(self) -> str:
        """The constant as text: one number where its four digits are known, else the ends that are known."""
        if self.upper is None:
            return f">= {short(self.lower)}"
        lower, upper = short(self.lower), short(self.upper)
        if self.exact or lower == upper:
            return upper
        return f"<= {upper}" if self.lower <= 0 else f"{lower} .. {upper}"


def short(value: Fraction | float) -> str:
    """Return four digits of a number, or a power of two where it is beyond a million.

    >>> short(Fraction(1, 3)), short(2**111)
    ('0.3333', '2^111.0')
    """
    if value in (math.inf, -math.inf) or -(10**6) < value < 10**6:
        return f"{float(value):.4g}"
    return f"2^{_log2(abs(Fraction(value))):.1f}"


def _log2(value: Fraction) -> float:
    # integers of any length; their quotient need not fit a double
    return math.log2(value.numerator) - math.log2(value.denominator)


@dataclass(frozen=True, slots=True, eq=False)
class Entry:
    """A memorizer in the table.

    ``nonzeros``, ``depth``, ``width`` by formula; ``counts`` from the weights, None if the network was not written
    out. ``radius`` in ``norm``, and ``ratio`` to half the separation in that norm. ``promise``: "value" (exactly the
    label's scores on every ball), "sign" (the right class on every ball) or "data" (at the data alone). ``proof``:
    the verdict on the promise for the data at hand, None if not tried; ``proved_by`` in words. ``slope``: Lipschitz
    constant. ``wrong32``, ``wrong64``: data of the wrong class in floats, at the datum or at a drawn corner of its
    ball; None if not run. ``note``: what else should be said.
    """

    name: str
    nonzeros: int
    depth: int
    width: int
    counts: Counts | None
    radius: Fraction | float
    ratio: float
    norm: float
    promise: str
    proof: Verdict | None
    proved_by: str
    slope: Slope | None
    wrong32: int | None
    wrong64: int | None
    note: str = ""

    @property
    def arithmetic(self) -> str:
        """The narrowest arithmetic in which no tried point came out wrong: float32, float64 or integers."""
        if self.wrong64 is None:
            return ""
        if self.wrong64:
            return "integers"
        return "float64" if self.wrong32 else "float32"
