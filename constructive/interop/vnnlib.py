"""VNN-LIB properties: what a verifier is asked, as text; "sat" always means that a counterexample exists.

A property is a box of inputs and what would be *wrong* there: a disjunction of conjunctions of non-strict
comparisons, the negation of what one hopes to prove. Both versions of the language are written: 1, which the verifiers
of the yearly competition read, and 2, the standard that names networks and formats. Numbers are decimals without
exponents (version 2 has none, and every reader of version 1 takes them) that read back to the same double; "exact"
digits are also the same real number, for readers that compute with rationals.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_number, as_points
from constructive.certificates.goals import Goal, goal_of
from constructive.domain import inward_boxes, outward_boxes
from constructive.labels import clean_labels
from constructive.network import Network

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """``Y[output] <= other`` or ``>=``; ``other`` is another output (int) or a number (float)."""

    output: int
    sign: Literal["<=", ">="]
    other: int | float

    def holds(self, values: Sequence[Any]) -> bool:
        """Return whether it holds for output values (m,): floats or Fractions, compared exactly."""
        right = values[self.other] if isinstance(self.other, int) else self.other
        return bool(values[self.output] <= right if self.sign == "<=" else values[self.output] >= right)


@dataclass(frozen=True, slots=True, eq=False)
class Property:
    """Is there an x in the box with ``lower <= x <= upper`` at which, for one of ``wrong``, all comparisons hold?

    ``lower``, ``upper`` (d,) finite; ``wrong`` a nonempty disjunction of nonempty conjunctions over ``outputs``
    outputs. Raises ValueError for what is not that.
    """

    lower: Array
    upper: Array
    outputs: int
    wrong: tuple[tuple[Comparison, ...], ...]

    def __post_init__(self) -> None:
        low, high = (np.array(end, dtype=np.float64) for end in (self.lower, self.upper))
        if low.ndim != 1 or low.shape != high.shape or not (np.isfinite(low).all() and np.isfinite(high).all()):
            raise ValueError(f"Property: lower and upper must be finite vectors of one length, got {low.shape} and "
                             f"{high.shape}")
        if not (low <= high).all():
            j = int(np.argmin(low <= high))
            raise ValueError(f"Property: needs lower <= upper, got lower[{j}]={low[j]!r} > upper[{j}]={high[j]!r}")
        if not self.wrong or not all(self.wrong):
            raise ValueError("Property: wrong must name at least one comparison in every part")
        for entry in (entry for part in self.wrong for entry in part):
            named = [entry.output, *([entry.other] if isinstance(entry.other, int) else [])]
            if not all(0 <= output < self.outputs for output in named):
                raise ValueError(f"Property: {entry} names an output outside 0 ... {self.outputs - 1}")
        object.__setattr__(self, "lower", low)
        object.__setattr__(self, "upper", high)

    def violated(self, x: Sequence[Any], values: Sequence[Any]) -> bool:
        """Return whether x lies in the box and the output values are wrong, all compared exactly, no tolerance."""
        inside = all(a <= v <= b for a, v, b in zip(self.lower.tolist(), x, self.upper.tolist(), strict=True))
        return inside and any(all(entry.holds(values) for entry in part) for part in self.wrong)


def robustness_property(network: Network, x: ArrayLike, label: Any, *, radius: float,
                        classes: Sequence[Any] | None = None, tolerance: float = 0.0,
                        rounding: Literal["outward", "inward"] = "outward") -> Property:
    """Return the property "some point of the closed l_inf ball round x (d,) does not get its label".

    Two classes (``classes`` None: labels -1 and +1): a score of 0 counts as wrong; K classes: some rival's score is at
    least the label's; without classes and with another number as label: the output is off by ``tolerance`` > 0 or
    more. Comparisons are not strict, as the standard has it. ``rounding`` "outward": the box holds every real point of
    the ball ("unsat" then proves the ball); "inward": every point of the box lies in the ball ("sat" then refutes it);
    ends, and thresholds of real labels, are numbers of the network's format, rounded so. Both boxes are the same where
    the ball ends at such numbers. Raises ValueError for labels that do not fit, an empty inward box, or real labels
    without tolerance.

    >>> f = Network.build([([[1.0, 1.0]], None)])
    >>> print(vnnlib_text(robustness_property(f, [0.5, 0.25], 1, radius=0.125)).splitlines()[-1])
    (assert (<= Y_0 0.0))
    """
    who = "robustness_property"
    center = as_points([x], who, "x", dimension=network.inputs)
    size = as_number(radius, who, "radius", at_least=0.0)
    slack = as_number(tolerance, who, "tolerance", at_least=0.0)
    lower, upper = box_of_ball(center, size, network.dtype, rounding)
    labels = clean_labels([label], 1, who=who, classes=classes)
    if labels.outputs != network.outputs:
        raise ValueError(f"{who}: the network has {network.outputs} outputs, {labels.words} need {labels.outputs}; "
                         "pass classes in the order of the outputs")
    wrong = _wrong(goal_of(labels), network, slack, rounding == "outward", who)
    return Property(lower[0], upper[0], network.outputs, wrong)


def box_of_ball(centers: Array, radius: float, dtype: Any, rounding: str) -> tuple[Array, Array]:
    """Return the l_inf balls (n, d) as boxes whose ends have the format, rounded "outward" or "inward"."""
    if rounding not in ("outward", "inward"):
        raise ValueError(f"robustness_property: rounding={rounding!r} must be 'outward' or 'inward'")
    outward = rounding == "outward"
    lower, upper = (outward_boxes if outward else inward_boxes)(centers, radius)
    if np.dtype(dtype) == np.float32:
        lower, upper = _float32(lower, up=not outward), _float32(upper, up=outward)
    if not (lower <= upper).all():
        raise ValueError(f"robustness_property: no number of the format lies within radius={radius!r} of x in every "
                         "coordinate; pass rounding='outward'")
    return lower, upper


def _float32(values: Array, *, up: bool) -> Array:
    near = values.astype(np.float32)
    short = near < values if up else near > values
    return np.where(short, np.nextafter(near, np.float32(np.inf if up else -np.inf)), near).astype(np.float64)


def _wrong(goal: Goal, network: Network, tolerance: float, outward: bool,
           who: str) -> tuple[tuple[Comparison, ...], ...]:
    value = float(goal.value[0])
    if goal.kind == "sign":
        return ((Comparison(0, "<=" if value > 0 else ">=", 0.0),),)
    if goal.kind == "score":
        own = int(value)
        return tuple((Comparison(own, "<=", rival),) for rival in range(network.outputs) if rival != own)
    if tolerance == 0.0:
        raise ValueError(f"{who}: a real label needs tolerance > 0, because comparisons are not strict")
    # outward, more counts as wrong: the thresholds move toward the label
    low, high = box_of_ball(np.array([[value]]), tolerance, network.dtype, "inward" if outward else "outward")
    return (Comparison(0, "<=", float(low[0, 0])),), (Comparison(0, ">=", float(high[0, 0])),)


# -- text ---------------------------------------------------------------------------------------------------


def to_vnnlib(asked: Property, path: str | os.PathLike[str], *, version: Literal[1, 2] = 1,
              datatype: Literal["real", "float32", "float64"] = "real",
              digits: Literal["shortest", "exact"] = "shortest", comment: str = "") -> None:
    """Write the property to a file; see :func:`vnnlib_text`."""
    text = vnnlib_text(asked, version=version, datatype=datatype, digits=digits, comment=comment)
    with open(path, "w", encoding="ascii", newline="\n") as file:
        file.write(text)


def vnnlib_text(asked: Property, *, version: Literal[1, 2] = 1,
                datatype: Literal["real", "float32", "float64"] = "real",
                digits: Literal["shortest", "exact"] = "shortest", comment: str = "") -> str:
    """Return the property in VNN-LIB, version 1 or 2.

    Version 1 names inputs X_0 ... and outputs Y_0 ..., all Real, one assertion for each end of the box and one for
    what is wrong. Version 2 declares a network "N" with input X of shape [1, d] and output Y of shape [1, m] of the
    datatype: whether real arithmetic is asked about, or what a machine computes. ``digits`` "shortest" reads back to
    the same double, "exact" (up to some 50 digits for everyday numbers) also to the same rational. ``comment`` lines
    come first. Raises ValueError for other versions, datatypes or digits, and for a comment that is not ASCII.
    """
    if version not in (1, 2):
        raise ValueError(f"vnnlib_text: version={version!r} must be 1 or 2")
    if datatype not in ("real", "float32", "float64"):
        raise ValueError(f"vnnlib_text: datatype={datatype!r} must be 'real', 'float32' or 'float64'")
    if digits not in ("shortest", "exact"):
        raise ValueError(f"vnnlib_text: digits={digits!r} must be 'shortest' or 'exact'")
    if not comment.isascii():
        raise ValueError(f"vnnlib_text: comment={comment!r} must be ASCII")
    lines = [f"; {line}".rstrip() for line in comment.splitlines()]
    d, m = asked.lower.size, asked.outputs
    if version == 1:
        lines += [f"(declare-const X_{j} Real)" for j in range(d)] + [f"(declare-const Y_{i} Real)" for i in range(m)]
    else:
        lines += ["(vnnlib-version <2.0>)", "(declare-network N", f"  (declare-input X {datatype} [1, {d}])",
                  f"  (declare-output Y {datatype} [1, {m}])", ")"]
    x, y = ("X_{}", "Y_{}") if version == 1 else ("X[0, {}]", "Y[0, {}]")
    short = digits == "shortest"
    for j, (low, high) in enumerate(zip(asked.lower, asked.upper, strict=True)):
        lines += [f"(assert (>= {x.format(j)} {_decimal(low, short)}))",
                  f"(assert (<= {x.format(j)} {_decimal(high, short)}))"]
    parts = [_joined("and", [_written(entry, y, short) for entry in part], always=len(asked.wrong) > 1 and version == 1)
             for part in asked.wrong]
    lines.append(f"(assert {_joined('or', parts)})")
    return "\n".join(lines) + "\n"


def _decimal(value: float, short: bool) -> str:
    """Return the shortest decimal that reads back to the same double, or all its digits; no exponent."""
    if short:
        return np.format_float_positional(np.float64(value) + 0.0, trim="0")  # + 0.0: -0.0 is written 0.0
    return f"{Decimal(float(value) + 0.0):f}" + (".0" if float(value).is_integer() else "")


def _written(entry: Comparison, name: str, short: bool) -> str:
    right = name.format(entry.other) if isinstance(entry.other, int) else _decimal(entry.other, short)
    return f"({entry.sign} {name.format(entry.output)} {right})"


def _joined(word: str, parts: Iterable[str], *, always: bool = False) -> str:
    """Return one part as it is, several joined; readers of version 1 expect "and" in every part of an "or"."""
    found = list(parts)
    return found[0] if len(found) == 1 and not always else f"({word} {' '.join(found)})"
