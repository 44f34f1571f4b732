"""Which nearest-neighbor rule a network computes, read from its weights alone: a proof of its Lipschitz constant.

Data flow: units, layer by layer -> *forms*, combinations of units that are known functions of the input:
``|x_j - c_j|``, sums of them, ``max(f, g) = f + relu(g - f)`` and ``min(f, g) = f - relu(f - g)`` -> at the end two
classes of centers, a steepness c, and the identity ``f(x) = clip(c (D-(x) - D+(x)), -1, 1)``. A unit that fits none of
these patterns refuses the network. Nothing is asked of whoever built it, nor of the order of units.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from constructive.network import Layer, Network

Array = NDArray[np.float64]
Center = dict[int, float]
"""The coordinates c_j of a form ``max_j |x_j - c_j|`` or ``sum_j |x_j - c_j|``."""
_WHO = "read_nearest"


@dataclass(frozen=True, slots=True, eq=False)
class NearestRule:
    """``f(x) = clip(steepness (D-(x) - D+(x)), -1, 1)`` for all x in R^d, in real arithmetic on the stored weights.

    ``upper`` (k, d) and ``lower`` (l, d) are the centers to which D+ and D- are the distances in ``norm``.
    """

    upper: Array
    lower: Array
    norm: float
    steepness: float

    @property
    def slope(self) -> float:
        """An upper bound of the Lipschitz constant in the norm, 2 c: each distance is 1-Lipschitz."""
        return 2 * self.steepness

    def margins(self, points: Array) -> list[Fraction]:
        """Return ``D- - D+`` at points (n, d), exactly."""
        return [self._nearest(x, self.lower) - self._nearest(x, self.upper) for x in points]

    def right(self, points: Array, signs: Array, radius: float) -> NDArray[np.bool_]:
        """Return at which of the points (n, d) the network is exactly ``signs`` (n,) on the whole ball of that radius.

        ``D- - D+`` is 2-Lipschitz, so it keeps its sign and at least its size less 2 radius; the clip does the rest.
        """
        least = 1 / Fraction(self.steepness) + 2 * Fraction(radius)
        return np.array([int(s) * margin >= least for s, margin in zip(signs, self.margins(points), strict=True)])

    def _nearest(self, x: Array, centers: Array) -> Fraction:
        gaps = np.abs(centers - x)
        rough = gaps.max(axis=1) if self.norm == math.inf else gaps.sum(axis=1)
        near = np.flatnonzero(rough <= rough.min() * (1 + 2.0**-40) + 2.0**-40 * np.abs(x).max())
        return min(self._distance(x, centers[k]) for k in near)

    def _distance(self, x: Array, center: Array) -> Fraction:
        gaps = [abs(Fraction(a) - Fraction(b)) for a, b in zip(x.tolist(), center.tolist(), strict=True)]
        return max(gaps) if self.norm == math.inf else sum(gaps, Fraction(0))


@dataclass(frozen=True, slots=True, eq=False)
class _Form:
    """A nonnegative function of the input: the nearest of ``centers``, each a part of one until all d are there.

    ``kind``: "part" of a distance in the maximum, "sum" of one, "nearest" of several.
    """

    units: tuple[tuple[int, float], ...]
    kind: str
    centers: tuple[Center, ...]


def read_nearest(network: Network) -> NearestRule:
    """Return the nearest-neighbor rule that the network is, point for point; ValueError if it is not of that form.

    Cost: one pass over the nonzeros. Exact: a statement about the stored weights in real arithmetic.
    """
    if network.outputs != 1 or network.depth < 4:
        raise ValueError(f"{_WHO}: needs one output and depth >= 4, got {network.outputs} and {network.depth}")
    forms = _coordinates(network.layers[0])
    for k, layer in enumerate(network.layers[1:-3], 1):
        forms = _next(layer, forms, k, network.inputs)
    return _clipped(network, forms)


def _coordinates(layer: Layer) -> list[_Form]:
    """Return the forms ``|x_j - c| = relu(x_j - c) + relu(c - x_j)`` of the first layer."""
    waiting: dict[tuple[int, float, float], list[int]] = {}
    forms = []
    for unit, terms in enumerate(_rows(layer)):
        if len(terms) != 1 or abs(terms[0][1]) != 1.0:
            raise ValueError(f"{_WHO}: layer 0, unit {unit} is not relu(+-(x_j - c))")
        (j, sign), bias = terms[0], float(layer.bias[unit])
        partners = waiting.get((j, -sign, -bias))
        if partners:
            forms.append(_Form(((partners.pop(), 1.0), (unit, 1.0)), "part", ({j: -sign * bias + 0.0},)))
        else:
            waiting.setdefault((j, sign, bias), []).append(unit)
    if any(waiting.values()):
        raise ValueError(f"{_WHO}: layer 0 has units without their mirror image")
    return forms


def _next(layer: Layer, forms: list[_Form], k: int, d: int) -> list[_Form]:
    """Return the forms of the layer's units, from those of the layer before."""
    owner = {unit: (number, weight) for number, form in enumerate(forms) for unit, weight in form.units}
    carried: dict[int, int] = {}
    joined: list[tuple[int, int, int]] = []  # relu(f_a - f_b): unit, a, b
    fresh: list[_Form] = []
    for unit, terms in enumerate(_rows(layer)):
        signs = _signs(terms, forms, owner, f"layer {k}, unit {unit}")
        if layer.bias[unit] != 0:
            raise ValueError(f"{_WHO}: layer {k}, unit {unit} has a bias")
        plus, minus = [n for n, s in signs.items() if s > 0], [n for n, s in signs.items() if s < 0]
        if len(plus) == 1 and not minus and plus[0] not in carried:
            carried[plus[0]] = unit
        elif len(plus) == len(minus) == 1:
            joined.append((unit, plus[0], minus[0]))
        elif not minus and len(plus) == d:
            fresh.append(_Form(((unit, 1.0),), "sum", (_union([forms[n] for n in plus], f"layer {k}, unit {unit}"),)))
        else:
            raise ValueError(f"{_WHO}: layer {k}, unit {unit} is no form, difference or sum of {d} coordinates")
    for unit, a, b in joined:
        at = b if b in carried else a
        if at not in carried:
            raise ValueError(f"{_WHO}: layer {k}, unit {unit} is a difference of forms that are not carried")
        where = f"layer {k}, unit {unit}"
        pair = (carried.pop(at), 1.0), (unit, 1.0 if at == b else -1.0)
        fresh.append(_largest(pair, forms[a], forms[b], where) if at == b
                     else _smallest(pair, forms[a], forms[b], where, d))
    fresh += [_Form(((unit, 1.0),), forms[n].kind, forms[n].centers) for n, unit in carried.items()]
    return fresh


def _largest(units: tuple[tuple[int, float], ...], f: _Form, g: _Form, where: str) -> _Form:
    if not f.kind == g.kind == "part":
        raise ValueError(f"{_WHO}: {where} is the larger of two forms that are not coordinates")
    return _Form(units, "part", (_union([f, g], where),))


def _smallest(units: tuple[tuple[int, float], ...], f: _Form, g: _Form, where: str, d: int) -> _Form:
    kinds = {_whole(form, where, d) for form in (f, g)}
    if len(kinds) > 1:
        raise ValueError(f"{_WHO}: {where} mixes distances of two norms")
    return _Form(units, kinds.pop(), f.centers + g.centers)


def _whole(form: _Form, where: str, d: int) -> str:
    """Return "sum" or "part" for a form whose centers have all d coordinates; ValueError otherwise."""
    if any(len(center) != d for center in form.centers):
        raise ValueError(f"{_WHO}: {where} reads a distance before all {d} coordinates are in it")
    return form.kind


def _union(forms: list[_Form], where: str) -> Center:
    center: Center = {}
    for form in forms:
        if form.kind != "part" or len(form.centers) != 1 or center.keys() & form.centers[0].keys():
            raise ValueError(f"{_WHO}: {where} joins forms that are not different coordinates of one center")
        center |= form.centers[0]
    return center


def _signs(terms: list[tuple[int, float]], forms: list[_Form], owner: dict[int, tuple[int, float]],
           where: str) -> dict[int, float]:
    """Return the factor of each form in a row, all of whose units must enter with it."""
    factors: dict[int, float] = {}
    seen = 0
    for unit, weight in terms:
        if unit not in owner:
            raise ValueError(f"{_WHO}: {where} reads a unit that is part of no form")
        number, own = owner[unit]
        if factors.setdefault(number, weight * own) != weight * own:  # own is +-1
            raise ValueError(f"{_WHO}: {where} reads the units of a form with different factors")
        seen += 1
    if seen != sum(len(forms[n].units) for n in factors) or {abs(s) for s in factors.values()} - {1.0}:
        raise ValueError(f"{_WHO}: {where} does not read whole forms with factors +-1")
    return factors


def _clipped(network: Network, forms: list[_Form]) -> NearestRule:
    """Return the rule whose last three layers are ``1 - relu(2 - relu(1 + c (D- - D+)))``."""
    first, second, last = network.layers[-3:]
    where, d = f"layer {network.depth - 3}", network.inputs
    simple = all(_rows(layer) == [[(0, -1.0)]] for layer in (second, last))
    if not (first.outputs == 1 and first.bias[0] == 1 and simple and second.bias[0] == 2 and last.bias[0] == 1):
        raise ValueError(f"{_WHO}: the last three layers are not 1 - relu(2 - relu(1 + c (D- - D+)))")
    row = _rows(first)[0]
    steepness = max(weight for _, weight in row)
    owner = {unit: (number, weight) for number, form in enumerate(forms) for unit, weight in form.units}
    factors = _signs([(unit, weight / steepness) for unit, weight in row], forms, owner, where)
    if sorted(factors.values()) != [-1.0, 1.0] or steepness <= 0:
        raise ValueError(f"{_WHO}: {where} is not 1 + c (D- - D+)")
    lower, upper = (forms[n] for n in sorted(factors, key=lambda n: -factors[n]))
    kinds = {_whole(form, where, d) for form in (lower, upper)}
    if len(kinds) > 1:
        raise ValueError(f"{_WHO}: {where} mixes distances of two norms")
    tables = [np.array([[center[j] for j in range(d)] for center in form.centers]) for form in (upper, lower)]
    return NearestRule(tables[0], tables[1], 1.0 if kinds == {"sum"} else math.inf, steepness)


def _rows(layer: Layer) -> list[list[tuple[int, float]]]:
    matrix = layer.weight
    columns, values = matrix.indices.tolist(), matrix.data.tolist()
    ends = matrix.indptr.tolist()
    return [list(zip(columns[a:b], values[a:b], strict=True)) for a, b in zip(ends, ends[1:], strict=False)]
