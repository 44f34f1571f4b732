"""Least squares on cells is an empirical risk minimizer: no other polynomials on the cells fit the data better."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive.certificates.linear import affine_bounds
from constructive.evidence import Bracket, Evidence, Source
from constructive.network import Layer, Network
from constructive.populations import jittered_lattice
from constructive.teachers import fit_cells
from constructive.theorems.draws import replaced
from constructive.theorems.record import Claim, Instance, Theorem

Array = NDArray[np.float64]
Rational = list[Fraction]

_COEFFICIENTS = 5
"""Place of the coefficients among the layers."""


def draw(rng: np.random.Generator, d: int | None = None, order: int | None = None) -> Instance:
    """Return dyadic data that determine the fit on every cell, an order 1 to 3 and the gates' tolerance.

    Points: a jittered lattice, r + 1 to a side of each cell. The amplitude is far beyond the
    labels, so that nothing is cut off.
    """
    dimension = int(rng.integers(1, 3)) if d is None else int(d)
    r = int(rng.integers(1, 4)) if order is None else int(order)
    cells = int(rng.integers(2, 6)) if dimension == 1 else 2
    X = jittered_lattice(cells * (r + 1), dimension, 0.5, rng)
    X = np.rint(X * 2.0**12) / 2.0**12
    y = np.rint(2.0**10 * rng.normal(size=len(X))) / 2.0**10
    return {"X": X, "y": y, "order": r, "cells": cells, "tolerance": 2.0 ** -int(rng.integers(16, 28))}


def construct(X: Array, y: Array, order: int, cells: int, tolerance: float) -> Network:
    """Return the network of least squares on cells."""
    return fit_cells(X, y, order=order, cells=cells, amplitude=_amplitude(y), tolerance=tolerance).to_network()


def _amplitude(y: Array) -> float:
    return 64.0 * 2.0 ** math.ceil(math.log2(max(1.0, float(np.abs(y).max()))))


def _cells(X: Array, order: int, cells: int) -> list[tuple[NDArray[np.intp], list[Rational]]]:
    """Return for each cell its points and the monomials of s = 2 K x - 2 kappa - 1 at them, exactly."""
    kappa = np.floor(X * cells).astype(int)
    alphas = [a for a in itertools.product(range(order), repeat=X.shape[1]) if sum(a) < order]
    out = []
    for which in np.unique(kappa, axis=0):
        rows = np.flatnonzero((kappa == which).all(axis=1))
        s = [[2 * cells * Fraction(x) - 2 * int(k) - 1 for x, k in zip(point, which, strict=True)]
             for point in X[rows].tolist()]
        out.append((rows, [[math.prod((t**a for t, a in zip(p, alpha, strict=True)), start=Fraction(1))
                            for alpha in alphas] for p in s]))
    return out


def least_error(X: Array, y: Array, order: int, cells: int, **_: Any) -> Fraction:
    """Return the least mean squared error of all polynomials on the cells, in rational arithmetic.

    On each cell sum y^2 less the squared projections on monomials made orthogonal (Gram and Schmidt).
    """
    total = sum((Fraction(v) ** 2 for v in y.tolist()), Fraction(0))
    for rows, design in _cells(X, order, cells):
        basis: list[Rational] = []
        values = [Fraction(v) for v in y[rows].tolist()]
        for column in zip(*design, strict=True):
            rest = list(column)
            for b in basis:
                share = _dot(rest, b) / _dot(b, b)
                rest = [v - share * w for v, w in zip(rest, b, strict=True)]
            if any(rest):
                basis.append(rest)
                total -= _dot(values, rest) ** 2 / _dot(rest, rest)
    return total / len(y)


def _dot(a: Rational, b: Rational) -> Fraction:
    return sum((v * w for v, w in zip(a, b, strict=True)), Fraction(0))


def training_error(network: Network, instance: Instance) -> Bracket:
    """Return an enclosure of the mean squared training error of the real network."""
    low, high = _residuals(network, instance)
    least = np.where((low <= 0) & (high >= 0), 0.0, np.minimum(low * low, high * high))
    most = np.maximum(low * low, high * high)
    n = len(least)
    return Bracket(math.fsum(least) / n * (1 - 2.0**-48), math.fsum(most) / n * (1 + 2.0**-48), Evidence.ENCLOSED)


def _residuals(network: Network, instance: Instance) -> tuple[Array, Array]:
    """Return bounds (n,) on y - T(x) at the data, rounded outward."""
    X, y = instance["X"], instance["y"]
    bounds = affine_bounds(network, X, X)
    return np.nextafter(y - bounds.upper[:, 0], -np.inf), np.nextafter(y - bounds.lower[:, 0], np.inf)


def error_limit(tolerance: float, **instance: Any) -> float:
    """Return ``R + 2 sqrt(R) g + g^2`` for the least error R and what gates and stored numbers change, g."""
    least, g = float(least_error(**instance)) * (1 + 2.0**-50), _change(tolerance)
    return least + 2 * math.sqrt(least) * g + g * g


def _change(tolerance: float) -> float:
    return tolerance + 2.0**-36


def correlation(network: Network, instance: Instance) -> Bracket:
    """Return the largest |mean over a cell of residual times monomial|: 0 for an exact minimizer."""
    low, high = _residuals(network, instance)
    least, most = 0.0, 0.0
    for rows, design in _cells(instance["X"], instance["order"], instance["cells"]):
        for column in zip(*design, strict=True):
            phi = np.array([float(v) for v in column])
            ends = np.stack([low[rows] * phi, high[rows] * phi])
            slack = 2.0**-48 * float(np.abs(ends).max(axis=0).sum())
            a, b = math.fsum(ends.min(axis=0)) - slack, math.fsum(ends.max(axis=0)) + slack
            least = max(least, a / rows.size, -b / rows.size)
            most = max(most, abs(a) / rows.size, abs(b) / rows.size)
    return Bracket(min(least, most), most, Evidence.ENCLOSED)


def correlation_limit(tolerance: float, **_: Any) -> float:
    """Return what gates and stored numbers can change: monomials are at most 1 in size."""
    return _change(tolerance)


def plant(network: Network, instance: Instance, rng: np.random.Generator) -> Network:
    """Return the network with the constant coefficient of one cell moved by 1/8."""
    waiting = network.inputs if instance["order"] > 1 else 0
    layer, size = network.layers[_COEFFICIENTS], 1.0
    if instance["order"] > 1:  # stored as 1 + c / C, and C is the first weight of the last stage
        size = float(network.layers[-3].weight.toarray()[0, 0])
    weight = layer.weight.copy()
    weight.data = weight.data.copy()
    weight.data[int(rng.integers(weight.indptr[waiting], weight.indptr[waiting + 1]))] += 0.125 / size
    return replaced(network, _COEFFICIENTS, Layer.build(weight, layer.bias))


THEOREM = Theorem(
    name="least-squares-on-cells",
    source=Source("2401.13624", "an empirical risk minimizer as teacher", "ours", "secondary"),
    statement="The least squares teacher on K^d cells solves the normal equations of every cell: no polynomials of "
              "degree r - 1 on the cells have a smaller training error, up to the stated share of gates and rounding.",
    hypotheses=("the points of each cell determine its polynomial", "no value cut off",
                "gates within the tolerance at the data"),
    claims=(Claim("training error", training_error, error_limit, "R + 2 sqrt(R) g + g^2, R the least error (rational), "
                  "g = tolerance + 2^-36"),
            Claim("largest |mean of residual times monomial| of a cell", correlation, correlation_limit,
                  "tolerance + 2^-36")),
    draw=draw, construct=construct, plant=plant, repeats=6,
    proof=(("orthonormal Legendre polynomials on each cell", "teachers.fitting.fit_cells"),
           ("Gram and Schmidt in rational arithmetic", "theorems.least_squares.least_error")),
)
