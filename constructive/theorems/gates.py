"""Random features average over a half-space to powers, or to the agreement of directions: by quadrature, enclosed.

For unit x, x_i with t = <x_i, x>: u = <w, x_i> and b are independent standard normal, and given both <w, x> + b >= 0
has the chance Phi((t u + b) / sqrt(1 - t^2)). An expectation over w and b is an integral over the plane.

Quadrature: the trapezoid rule of step h on the line is off by at most 2 M / (exp(2 pi a / h) - 1) for an integrand
that is analytic for |Im| < a with integrals of its size on all parallel lines at most M (Trefethen and Weideman 2014).
Sizes off the line: |phi(x + i y)| = phi(x) exp(y^2 / 2), |Phi(x + i y)| <= A(y) = 1 + |y| exp(y^2 / 2) / sqrt(2 pi).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.polynomial import hermite_e, polynomial
from numpy.typing import NDArray
from scipy.special import ndtr

from constructive.evidence import Bracket, Source
from constructive.nearinit.hermite import normal_density
from constructive.nearinit.series import agreement, feature_norms
from constructive.theorems.record import Claim, Instance, Theorem

Array = NDArray[np.float64]

_STEP, _END, _STRIP = 1 / 8, 20.0, 4.0
_LINE = np.arange(-160, 161) * _STEP
_WEIGHT = normal_density(_LINE) * _STEP
_ROUNDING = 2.0**-42
"""Of the sum of sizes: two sums of 321 terms, and functions right within 100 last places."""
_LIMIT = 2.0**-30


def _half_space(t: float) -> Array:
    return np.asarray(ndtr((t * _LINE[:, None] + _LINE) / math.sqrt((1 - t) * (1 + t))))


def _off_line(steepness: float) -> float:
    """Return A(steepness a), how much larger than 1 the normal distribution function is in the strip."""
    y = abs(steepness) * _STRIP
    return 1.0 + y * math.exp(y * y / 2.0) / math.sqrt(2.0 * math.pi)


def _rule_error(size: float) -> float:
    return 2.0 * size * math.exp(_STRIP**2 / 2.0) / math.expm1(2.0 * math.pi * _STRIP / _STEP)


# -- the bounded gate -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class NormalGate:
    """The feature Phi(along u + across b) of u = <w, x_i> and the bias b."""

    along: float
    across: float

    def expectation(self, t: float) -> Bracket:
        """Return E[feature 1{<w, x> + b >= 0}] for <x_i, x> = t, |t| < 1, enclosed."""
        feature = ndtr(self.along * _LINE[:, None] + self.across * _LINE)
        value = float(_WEIGHT @ (feature * _half_space(t)) @ _WEIGHT)
        edge = 1.0 / math.sqrt((1 - t) * (1 + t))
        rule = _rule_error(_off_line(self.along) * _off_line(t * edge)) + 2.0 * _rule_error(
            _off_line(self.across) * _off_line(edge))
        radius = rule + _ROUNDING + 8.0 * float(normal_density(_END))
        return Bracket(value - radius, value + radius)


def draw_slope(rng: np.random.Generator, slope: float | None = None) -> Instance:
    """Return a slope and inner products, all of size at most 0.9."""
    return {"slope": float(rng.uniform(-0.9, 0.9)) if slope is None else slope, "cosines": rng.uniform(-0.9, 0.9, 5)}


def gate_of(slope: float, **_: Any) -> NormalGate:
    """Return Phi((slope u + b) / sqrt(1 - slope^2))."""
    root = math.sqrt((1 - slope) * (1 + slope))
    return NormalGate(slope / root, 1.0 / root)


def from_agreement(gate: NormalGate, instance: Instance) -> Bracket:
    """Return the largest distance of an expectation from kappa(slope t)."""
    return _farthest([(gate.expectation(t), float(agreement(instance["slope"] * t))) for t in instance["cosines"]])


def plant_gate(gate: NormalGate, instance: Instance, rng: np.random.Generator) -> NormalGate:
    """Return the gate without its normalization, or with the bias weighed a hundredth too much."""
    if rng.random() < 0.5 and abs(instance["slope"]) > 0.1:
        return NormalGate(instance["slope"], 1.0)
    return NormalGate(gate.along, gate.across * 1.01)


def _farthest(pairs: list[tuple[Bracket, float]]) -> Bracket:
    """Return the largest distance of enclosed numbers from the numbers promised, themselves right within 2^-48."""
    above = [max(found.upper - goal, goal - found.lower) + 2.0**-48 for found, goal in pairs]
    below = [max(0.0, found.lower - goal, goal - found.upper) - 2.0**-48 for found, goal in pairs]
    return Bracket(max(0.0, *below), max(above))


_ALSO = ("Trefethen and Weideman, SIAM Review 56 (2014)",)

AGREEMENT_GATE = Theorem(
    name="bounded-gates",
    source=Source("2002.06668", "random gates as features near initialization", "ours", "secondary", _ALSO),
    statement="E[Phi((s <w, x_i> + b) / sqrt(1 - s^2)) 1{<w, x> + b >= 0}] = kappa(s <x_i, x>), kappa(t) = 1/4 + "
              "asin((1 + t) / 2) / (2 pi), for unit x, x_i, |s| <= 1: all powers of one feature, between 0 and 1.",
    hypotheses=("w and b standard normal and independent", "|s| <= 0.9 and |t| <= 0.9 where checked"),
    claims=(Claim("largest distance of an expectation from the agreement", from_agreement, lambda **_: _LIMIT,
                  "0, within 2^-30"),),
    draw=draw_slope, construct=gate_of, plant=plant_gate, repeats=5,
    proof=(("the gate is the chance that V + b >= 0 for a V that correlates with <w, x> as s t",
            "nearinit.hermite.agreement_gate"),
           ("two standard normals with a common bias agree in sign with chance kappa", "nearinit.series.agreement"),
           ("trapezoid rule with its error bound", "theorems.gates.NormalGate")),
)


# -- Hermite features -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class HermiteFeature:
    """The feature P(u) (Q(b) phi(b) + tail Phi(b)), P and Q polynomials by their coefficients of rising powers."""

    direction: Array
    bias: Array
    tail: float

    def expectation(self, t: float) -> Bracket:
        """Return E[feature 1{<w, x> + b >= 0}] for <x_i, x> = t, |t| < 1, enclosed."""
        in_direction = polynomial.polyval(_LINE, self.direction)
        in_bias = polynomial.polyval(_LINE, self.bias) * normal_density(_LINE) + self.tail * ndtr(_LINE)
        value = float((_WEIGHT * in_direction) @ _half_space(t) @ (in_bias * _WEIGHT))
        sizes = np.abs(self.direction), np.abs(self.bias)
        along = float(_WEIGHT @ polynomial.polyval(np.abs(_LINE), sizes[0]))
        across = float(_WEIGHT @ (polynomial.polyval(np.abs(_LINE), sizes[1]) * normal_density(_LINE))) + abs(self.tail)
        edge = 1.0 / math.sqrt((1 - t) * (1 + t))
        rule = _rule_error(_moment(sizes[0]) * _off_line(t * edge)) * 2.0 * across + 2.0 * along * _rule_error(
            (_moment(sizes[1]) * math.exp(_STRIP**2 / 2.0) + abs(self.tail) * _off_line(1.0)) * _off_line(edge))
        tails = 8.0 * float(normal_density(_END)) * (
            float(polynomial.polyval(_END, sizes[0])) * across
            + along * (float(polynomial.polyval(_END, sizes[1])) + abs(self.tail)))
        radius = rule + tails + _ROUNDING * along * across
        return Bracket(value - radius, value + radius)


def _moment(sizes: Array) -> float:
    """Return a bound of E P(|U| + a), P of these coefficients: by Minkowski, (E|U|^j)^(1/j) + a to the j for each."""
    total = 0.0
    for j, size in enumerate(sizes):
        mean = 2.0 ** (j / 2.0) * math.gamma((j + 1) / 2.0) / math.sqrt(math.pi)
        total += float(size) * (mean ** (1.0 / max(j, 1)) + _STRIP) ** j
    return total


def _hermite(k: int) -> Array:
    """Return the coefficients of the Hermite polynomial of unit norm."""
    return np.asarray(hermite_e.herme2poly([0.0] * k + [1.0]) / math.sqrt(math.factorial(k)))


def draw_order(rng: np.random.Generator, order: int | None = None) -> Instance:
    """Return an order from 0 to 8 and inner products of size at most 0.9."""
    return {"order": int(rng.integers(0, 9)) if order is None else order, "cosines": rng.uniform(-0.9, 0.9, 5)}


def feature_of(order: int, **_: Any) -> HermiteFeature:
    """Return He_k(u) gate_k(b): gate_k = He_(k-1)(-b) phi(b) / (sqrt(k) sigma_k), gate_0 = Phi(b) / sigma_0."""
    sigma = float(feature_norms(order + 1)[order])
    if order == 0:
        return HermiteFeature(np.ones(1), np.zeros(1), 1.0 / sigma)
    mirrored = _hermite(order - 1) * (-1.0) ** np.arange(order)
    return HermiteFeature(_hermite(order), mirrored / (math.sqrt(order) * sigma), 0.0)


def from_power(feature: HermiteFeature, instance: Instance) -> Bracket:
    """Return the largest distance of an expectation from sigma_k t^k."""
    k = instance["order"]
    sigma = float(feature_norms(k + 1)[k])
    return _farthest([(feature.expectation(t), sigma * float(t) ** k) for t in instance["cosines"]])


def plant_feature(feature: HermiteFeature, instance: Instance, rng: np.random.Generator) -> HermiteFeature:
    """Return the feature with a gate that does not look at the bias, or with one coefficient a hundredth too large."""
    if rng.random() < 0.5 and instance["order"] > 1:
        return HermiteFeature(feature.direction, np.zeros(1), 2.0)
    direction = feature.direction.copy()
    direction[-1] *= 1.01
    return HermiteFeature(direction, feature.bias, feature.tail)


HERMITE_FEATURE = Theorem(
    name="hermite-features",
    source=Source("2002.06668", "random gates as features near initialization", "sharper", "secondary", _ALSO),
    statement="E[He_k(<w, x_i>) gate_k(b) 1{<w, x> + b >= 0}] = sigma_k <x_i, x>^k for unit x, x_i and every k, even "
              "ones too; sigma_k^2 are the coefficients of kappa, and no gate of unit norm gives more.",
    hypotheses=("w and b standard normal and independent", "k <= 8 and |t| <= 0.9 where checked"),
    claims=(Claim("largest distance of an expectation from sigma_k times the power", from_power, lambda **_: _LIMIT,
                  "0, within 2^-30"),),
    draw=draw_order, construct=feature_of, plant=plant_feature, repeats=5,
    proof=(("given b: Mehler's formula and the integral of He_k phi over a half-line", "nearinit.hermite"),
           ("the gate of the bias: Cauchy and Schwarz", "nearinit.hermite.hermite_gates"),
           ("sigma_k by a recurrence of positive terms", "nearinit.series.feature_norms")),
)
