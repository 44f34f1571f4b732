"""A network near initialization and its linearization: apart by units that change side, and by no more."""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive.evidence import Bracket, Evidence, Source, exactly
from constructive.nearinit import NearNetwork, Scale, Units, draw_units, expected_coupling, measure_coupling
from constructive.network import Layer, Network
from constructive.theorems.record import Claim, Instance, Theorem

Array = NDArray[np.float64]
Pair = tuple[Network, Network]
Row = list[Fraction]

LEVEL = 1e-6
"""The mean is refuted only outside an interval that misses the truth this seldom."""


# -- in rational arithmetic, point by point -------------------------------------------------------------------------


def draw(rng: np.random.Generator, d: int | None = None, width: int = 8) -> Instance:
    """Return units, two moves, their scale, and points of the unit ball, all on a coarse grid: units are 0 at many."""
    dimension = int(rng.integers(1, 5)) if d is None else d
    product = 2.0 ** -int(rng.integers(0, 4))
    points = rng.integers(-4, 5, (400, dimension)) / 4
    points = points[(points**2).sum(axis=1) <= 1][:12]
    moves = width * product * rng.integers(-3, 4, (2, width, dimension)) / 2
    return {"weight": rng.integers(-2, 3, (width, dimension)) * 1.0, "bias": rng.integers(-4, 5, width) / 4,
            "sign": rng.choice((-1.0, 1.0), width), "product": product,
            "base": moves[0] * float(rng.integers(2)), "moved": moves[1], "points": points}


def construct(weight: Array, bias: Array, sign: Array, product: float, base: Array, moved: Array, **_: Any) -> Pair:
    """Return the networks of the two moves; nothing rounds."""
    units, scale = Units(weight, bias, sign), Scale(1.0, product)
    return NearNetwork(units, base, scale).to_network(), NearNetwork(units, moved, scale).to_network()


def gaps(networks: Pair, instance: Instance) -> list[tuple[Fraction, Fraction, Fraction]]:
    """Return at each point: network - base - linearization at the base, and what crossing units say, signed and not."""
    product, width = Fraction(instance["product"]), len(instance["sign"])
    found = []
    for x in _rows(instance["points"]):
        linear = signed = unsigned = Fraction(0)
        for w, b, s, old, new in zip(_rows(instance["weight"]), instance["bias"].tolist(), instance["sign"].tolist(),
                                     _rows(instance["base"]), _rows(instance["moved"]), strict=True):
            start = _dot(w, x) + Fraction(b)
            before, after = (start + Fraction(s) * _dot(t, x) / (width * product) for t in (old, new))
            linear += (_dot(new, x) - _dot(old, x)) / width if before >= 0 else 0
            over = max(-after if before >= 0 else after, Fraction(0))
            signed, unsigned = signed + product * Fraction(s) * over, unsigned + product * over
        left, right = networks[1].exact(x)[0], networks[0].exact(x)[0]
        found.append((left - right - linear, signed, unsigned))
    return found


def _rows(values: Array) -> list[Row]:
    return [[Fraction(v) for v in row] for row in values.tolist()]


def _dot(a: Row, b: Row) -> Fraction:
    return sum((u * v for u, v in zip(a, b, strict=True)), Fraction(0))


def mismatch(networks: Pair, instance: Instance) -> Bracket:
    """Return the largest |difference - signed sum over units that change side|."""
    return exactly(max(abs(gap - signed) for gap, signed, _ in gaps(networks, instance)))


def excess(networks: Pair, instance: Instance) -> Bracket:
    """Return the largest |difference| - unsigned sum."""
    return exactly(max(abs(gap) - unsigned for gap, _, unsigned in gaps(networks, instance)))


def misreported(networks: Pair, instance: Instance) -> Bracket:
    """Return how far the library's coupling is from the difference of the networks; nothing rounds on the grid."""
    units, scale = Units(instance["weight"], instance["bias"], instance["sign"]), Scale(1.0, instance["product"])
    told = measure_coupling(NearNetwork(units, instance["moved"], scale), instance["points"],
                            base=NearNetwork(units, instance["base"], scale))
    return exactly(max(abs(Fraction(value) - gap) for value, (gap, _, _)
                       in zip(told.signed.tolist(), gaps(networks, instance), strict=True)))


def beyond(networks: Pair, instance: Instance) -> Bracket:
    """Return the largest |difference| - (H + H') times the share of units with |u| <= max(H, H') / (m P)."""
    lengths = [_longest(instance[name]) for name in ("base", "moved")]
    width = len(instance["sign"])
    reach = max(lengths) / (width * Fraction(instance["product"]))
    rows = list(zip(_rows(instance["weight"]), instance["bias"].tolist(), strict=True))
    narrow = [sum(abs(_dot(w, x) + Fraction(b)) <= reach for w, b in rows) for x in _rows(instance["points"])]
    return exactly(max(abs(gap) - sum(lengths) * Fraction(count, width)
                       for count, (gap, _, _) in zip(narrow, gaps(networks, instance), strict=True)))


def _longest(theta: Array) -> Fraction:
    """Return a rational number a little above the largest |theta_r|."""
    return Fraction(float(np.sqrt((theta**2).sum(axis=1).max()))) * (1 + Fraction(1, 2**50))


def plant(networks: Pair, instance: Instance, rng: np.random.Generator) -> Pair:
    """Return the pair with one unit of the moved network carried along a point, further than its move says."""
    first, second = networks[1].layers
    weight, r = first.weight.toarray(), int(rng.integers(first.outputs))
    points = instance["points"]
    x = points[int(np.argmax((points**2).sum(axis=1)))]
    rest = np.abs(weight @ x + first.bias).sum() + 4 * float(_longest(instance["base"]) + _longest(instance["moved"]))
    weight[r] += np.ceil((2 + rest / instance["product"]) / (x @ x)) * x
    return networks[0], Network((Layer.build(weight, first.bias), second))


def zero(**_: Any) -> float:
    """Return 0."""
    return 0.0


COUPLING = Theorem(
    name="coupling",
    source=Source("2002.06668", "a network near initialization and its pseudo-network", "sharper", "secondary"),
    statement="Network minus base minus linearization at the base is P sum s_r relu(-beta(u_r) u'_r), beta(u) = 1 if "
              "u >= 0 and else -1, also where units are 0; in the unit ball it is at most (H + H') times the share of "
              "units with |u_r| <= max(H, H') / (m P), for all moves of at most H and H' at once.",
    hypotheses=("two layers, one output, the first layer moved", "moves free of scale, |theta_r| <= H and H'",
                "|x| <= 1 for the bound over all moves"),
    claims=(Claim("difference off the signed sum over crossing units", mismatch, zero, "0", "=="),
            Claim("difference above the unsigned sum", excess, zero, "0"),
            Claim("coupling as the library measures it, off the difference", misreported, zero, "0", "=="),
            Claim("difference above the bound for all moves at once", beyond, zero, "0")),
    draw=draw, construct=construct, plant=plant, repeats=6,
    proof=(("relu(u') - relu(u) - 1{u >= 0}(u' - u) = relu(-beta(u) u')", "nearinit.coupling.measure_coupling"),
           ("crossing needs |u| <= |v| and overshoots by at most |u' - u|", "nearinit.coupling.uniform_coupling"),
           ("the same in rational arithmetic", "theorems.coupling.gaps")),
)


# -- in expectation -------------------------------------------------------------------------------------------------


def draw_expected(rng: np.random.Generator, d: int | None = None) -> Instance:
    """Return a width, a dimension, a scale, the size of <theta, x>, and whether moves look at the units."""
    width, dimension = int(rng.choice((2**14, 2**15))), int(rng.integers(1, 33)) if d is None else d
    product = float(10.0 ** rng.uniform(-5, 0))
    return {"width": width, "dimension": dimension, "product": product,
            "length": float(rng.uniform(0.3, 4.0)) * width * product, "dependent": bool(rng.integers(2)),
            "seed": int(rng.integers(2**31))}


def construct_expected(width: int, dimension: int, product: float, length: float, dependent: bool,
                       seed: int) -> NearNetwork:
    """Return random units, each moved by ``length`` along a point: with a random sign, or toward its other side."""
    rng = np.random.default_rng(seed)
    units = draw_units(width, dimension, rng=rng)
    side = np.where(units.preactivations(_point(dimension)) >= 0.0, -1.0, 1.0)
    signs = side * units.sign if dependent else rng.choice((-1.0, 1.0), width)
    return NearNetwork(units, length * signs[:, None] * _point(dimension), Scale(1.0, product))


def _point(dimension: int) -> Array:
    point = np.zeros(dimension)
    point[0] = 1.0
    return point


def mean_coupling(network: NearNetwork, instance: Instance) -> Bracket:
    """Return an interval for the expected bound, by Hoeffding's inequality at level 1e-6: m terms in [0, P v]."""
    width, product = network.units.width, network.scale.product
    found = float(measure_coupling(network, _point(network.units.dimension)).bound)
    longest = float(np.abs(network.theta @ _point(network.units.dimension)).max())
    half = longest * math.sqrt(math.log(2 / LEVEL) / (2 * width))  # m P v = longest
    rounding = width * 2.0**-52 * (found + product)
    return Bracket(found - half - rounding, found + half + rounding, Evidence.SAMPLED, 1 - LEVEL)


def stated(width: int, product: float, length: float, dependent: bool, **_: Any) -> float:
    """Return the closed form."""
    return expected_coupling(length, width, product, dependent=dependent)


def small_moves(width: int, product: float, length: float, dependent: bool, **_: Any) -> float:
    """Return R^2 / (4 sqrt(pi) m P), twice that for moves that look at the units."""
    return (2.0 if dependent else 1.0) * length**2 / (4.0 * math.sqrt(math.pi) * width * product)


def plant_expected(network: NearNetwork, instance: Instance, rng: np.random.Generator) -> NearNetwork:
    """Return moves that do look at the units where they must not, and the other way round."""
    return construct_expected(**{**instance, "dependent": not instance["dependent"]})


EXPECTED = Theorem(
    name="expected-coupling",
    source=Source("2002.06668", "a network near initialization and its pseudo-network", "ours", "secondary"),
    statement="At a unit point, with |<theta_r, x>| = R for all units and v = R / (m P), the unsigned coupling has the "
              "mean (m P / 2)(v erf(v / 2) - (2 / sqrt(pi))(1 - exp(-v^2 / 4))) <= R^2 / (4 sqrt(pi) m P) if moves do "
              "not look at the units, and at most twice that if they do; no dimension enters.",
    hypotheses=("standard normal weights and biases", "a unit point", "refuted only at level 1e-6"),
    claims=(Claim("mean of the unsigned coupling", mean_coupling, stated, "closed form", "==",
                  scope="sampled instances"),
            Claim("mean of the unsigned coupling, small moves", mean_coupling, small_moves,
                  "R^2 / (4 sqrt(pi) m P), twice that if moves look at the units", scope="sampled instances")),
    draw=draw_expected, construct=construct_expected, plant=plant_expected, repeats=4,
    proof=(("u is normal with variance 2; E (|v| - |u|)_+ in closed form", "nearinit.coupling.expected_coupling"),),
)
