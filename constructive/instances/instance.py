"""One instance: a network, what is asked about it, and the answer with everything that is known about it."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from constructive.certificates.backward import backward_bounds
from constructive.certificates.enclosure import interval_bounds, layer_bounds
from constructive.interop.vnnlib import Comparison, Property
from constructive.network import Network

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class Instance:
    """A property of a network whose answer follows from how the network was built.

    ``asked`` of the float32 ``network`` asks about the l_inf ball of ``radius`` round ``center`` (d,). ``answer``
    "sat": ``witness`` is a counterexample, wrong by ``margin`` >= 0 exactly; "unsat": the right answer is ahead by at
    least ``margin`` > 0 on the whole ball (equality where ``tight``). ``robust_radius``: the least radius of a closed
    ball round the center with a counterexample. ``semantics``: the arithmetics for which the answer is proved.
    ``interval`` and ``backward``: lower bounds of the right answer's lead by interval propagation and by backward
    linear bounds; positive proves "unsat".
    """

    family: str
    model: str
    network: Network
    asked: Property
    center: Array
    radius: Fraction
    label: str
    answer: Literal["sat", "unsat"]
    margin: Fraction
    tight: bool
    robust_radius: Fraction
    witness: Array | None
    theorem: str
    semantics: tuple[str, ...]
    interval: float
    backward: float


def instance(family: str, model: str, network: Network, center: Array, radius: Fraction, label: str,
             wrong: tuple[tuple[Comparison, ...], ...], *, margin: Fraction, robust_radius: Fraction, theorem: str,
             witness: Array | None = None, tight: bool = True) -> Instance:
    """Return the instance, checked: ends and witness are float32 numbers, a witness is wrong by exactly the margin, and
    the answer is "sat" from the robust radius on.

    Raises ValueError if something does not hold: then a builder's formula is false.
    """
    ends = [[Fraction(float(c)) + sign * radius for c in center] for sign in (-1, 1)]
    lower, upper = (np.array([_float32(v, model) for v in end]) for end in ends)
    asked = Property(lower, upper, network.outputs, wrong)
    if witness is not None:
        values = network.exact(witness.tolist())
        found = _lead(wrong, values)
        if not asked.violated([_float32(Fraction(v), model) for v in witness.tolist()], values) or found != -margin:
            raise ValueError(f"instance: the witness of {model} leads by {found}, not by {-margin}")
    elif margin <= 0:
        raise ValueError(f"instance: {model} has no witness and margin={margin}, which must be > 0")
    if (witness is not None) != (radius >= robust_radius):
        raise ValueError(f"instance: {model} asks about radius {radius}; robust_radius={robust_radius} contradicts the "
                         "answer")
    wide = network.astype(np.float64)
    rows = np.array([_row(part, network.outputs) for part in wrong])
    backward = float(backward_bounds(wide, lower[None], upper[None], rows[None])[0].min())
    low, high = interval_bounds(wide, lower[None], upper[None])
    interval = float((np.where(rows > 0, rows * low, rows * high)).sum(axis=1).min())
    return Instance(family, model, network, asked, center, radius, label, "unsat" if witness is None else "sat", margin,
                    tight, robust_radius, witness, theorem, _semantics(wide, lower, upper, margin), interval, backward)


def _lead(wrong: tuple[tuple[Comparison, ...], ...], values: tuple[Fraction, ...]) -> Fraction:
    """Return by how much the right answer is ahead of the nearest wrong one; <= 0 if some part of ``wrong`` holds."""
    leads = []
    for (entry,) in wrong:
        other = values[entry.other] if isinstance(entry.other, int) else Fraction(entry.other)
        leads.append(values[entry.output] - other if entry.sign == "<=" else other - values[entry.output])
    return min(leads)


def _row(part: tuple[Comparison, ...], outputs: int) -> Array:
    """Return the row whose product with the outputs is positive where this part of ``wrong`` does not hold."""
    (entry,) = part
    row = np.zeros(outputs)
    row[entry.output] = 1.0 if entry.sign == "<=" else -1.0
    if isinstance(entry.other, int):
        row[entry.other] = -row[entry.output]
    return row


def _float32(value: Fraction, model: str) -> float:
    number = float(np.float32(float(value)))
    if Fraction(number) != value:
        raise ValueError(f"instance: {model} needs {value}, which is no float32 number")
    return number


def _semantics(network: Network, lower: Array, upper: Array, margin: Fraction) -> tuple[str, ...]:
    """Return the arithmetics in which the answer holds: the margin must exceed what rounding can move."""
    formats = (("float64", 2.0**-53), ("float32", 2.0**-24))
    factor = 2 if network.outputs > 1 else 1  # a lead is the difference of two scores
    return ("real", *[name for name, unit in formats
                      if margin > factor * Fraction(evaluation_error(network, lower, upper, unit))])


def evaluation_error(network: Network, lower: Array, upper: Array, unit: float) -> float:
    """Return a bound on what rounding with unit roundoff ``unit`` can move any output by, for inputs of the box.

    For every order of summation, with or without fused multiply-adds, inputs and weights being numbers of the format;
    a sum of k products is off by at most ``k unit / (1 - k unit)`` times the sum of their sizes (k counts the bias).
    The sums here are of nonnegative numbers and inflated by 2^-20, far more than their own rounding.
    """
    size, error = np.maximum(np.abs(lower), np.abs(upper)), np.zeros(lower.size)
    ends = layer_bounds(network, lower[None], upper[None])
    for layer, (_, top) in zip(network.layers, ends, strict=True):
        weight = abs(layer.weight).astype(np.float64)
        terms = int(np.diff(weight.indptr).max()) + 2
        gamma = terms * unit / (1.0 - terms * unit)
        sums = weight @ (size + error) + np.abs(layer.bias)
        error = (weight @ error + gamma * sums) * (1.0 + 2.0**-20) + 2.0**-120
        # what a double program returns after the ReLU, and how far the real value may be from that
        size = np.minimum(sums * (1.0 + 2.0**-20), np.maximum(top[:, 0], 0.0) + error)
    return float(error.max())
