"""First-order enclosures: on each box every unit is an affine function of the inputs, plus or minus a remainder.

Data flow: boxes ``x_j = c_j + rho_j t_j``, t in [-1, 1]^d -> for each unit a form ``center + slope . t +- remainder``
and an interval -> affine maps act on forms exactly up to rounding; a ReLU whose sign is not fixed is replaced by
the parallelogram between ``lambda v`` and ``lambda v + gap``, half of the gap going into the remainder. The width
shrinks with the square of the box, where plain intervals shrink linearly and lose all correlation.

Rounding: let |v| <= m. A program that adds k products and a bias in any order, fused or not, with unit roundoff u and
smallest positive number eta, errs by at most

    gamma (|W| m + |b|) + k eta,   gamma = (k + 6) u' / (1 - (k + 6) u'),   u' = u + 4 * 2^-53,

where u alone would do for the program, and the rest of u' pays for our own three sums (center, slopes, remainder) and
their concretization. Beyond the largest number of the format the error is infinite. All of it goes into the
remainder, so the forms hold for the real network on real points and for the program alike.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive.certificates.enclosure import cleaned_boxes
from constructive.network import Layer, Network

Array = NDArray[np.float64]

_UNIT = 2.0**-53
_TINY = 1e-300
_BLOCK_NUMBERS = 1 << 18


@dataclass(frozen=True, slots=True, eq=False)
class AffineBounds:
    """Forms ``center + sum_j slope_j t_j +- remainder`` over N boxes, and the bounds they give.

    ``middle`` (N, d) and ``reach`` (N, d): x_j = middle_j + reach_j t_j; ``center`` (N, m), ``slope`` (N, m, d),
    ``remainder`` (N, m) >= 0; ``lower``, ``upper`` (N, m) the best bounds found, at least as tight as the forms.
    """

    middle: Array
    reach: Array
    center: Array
    slope: Array
    remainder: Array
    lower: Array
    upper: Array


def affine_bounds(network: Network, lower: ArrayLike, upper: ArrayLike) -> AffineBounds:
    """Return first-order enclosures of the network over N boxes given by finite (N, d) ends.

    They contain the real network's values at real points of the box, and the values a correctly rounding machine
    returns at floating-point points, in any order of summation. Cost: (d + 5) passes over the nonzeros for each
    box. Raises ValueError for wrong shapes, NaN, crossed or infinite ends.

    >>> from constructive.network import Network
    >>> f = Network.build([([[1.0], [-1.0]], [0.0, 1.0]), ([[1.0, 1.0]], None)])
    >>> bounds = affine_bounds(f, [[0.25]], [[0.75]])
    >>> bool(bounds.upper[0, 0] - bounds.lower[0, 0] < 1e-13)
    True
    """
    low, high = cleaned_boxes("affine_bounds", network, lower, upper)
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise ValueError("affine_bounds: box ends must be finite")
    n, d = low.shape
    widest = max(network.inputs, *(layer.outputs for layer in network.layers))
    block = max(1, min(2048, _BLOCK_NUMBERS // (widest * (d + 6))))
    maps = [_Map.of(layer) for layer in network.layers]
    starts = range(0, max(n, 1), block)  # no box at all still gives arrays of the right shape
    with np.errstate(over="ignore", invalid="ignore"):  # what overflows becomes an infinite bound
        pieces = [_one_block(maps, low[a:a + block], high[a:a + block]) for a in starts]
    return AffineBounds(*[np.concatenate(column) for column in zip(*pieces, strict=True)])


def program_rounding(layer: Layer) -> tuple[Array, Array, float]:
    """Return gamma (n_out,), the absolute part k eta (n_out,), and the size beyond which nothing is promised.

    A program that evaluates the layer in its own format errs by at most ``gamma (|W| m + |b|) + lost``; see the module.
    """
    single = layer.weight.dtype == np.float32
    terms = np.diff(layer.weight.indptr).astype(np.float64)
    relative = (terms + 6) * ((2.0**-24 if single else _UNIT) + 4 * _UNIT)
    gamma = np.where(relative < 0.5, relative / np.maximum(1 - relative, 0.5) * (1 + 2.0**-20), np.inf)
    return gamma, _TINY + terms * (2.0**-149 if single else 0.0), float(np.finfo(layer.weight.dtype).max) * 0.99


@dataclass(frozen=True, slots=True, eq=False)
class _Map:
    """One affine map with what bounds its rounding: see the module's inequality."""

    weight: Any
    magnitude: Any
    bias: Array
    gamma: Array
    lost: Array
    largest: float

    @staticmethod
    def of(layer: Layer) -> _Map:
        weight = layer.weight.astype(np.float64)
        gamma, lost, largest = program_rounding(layer)
        return _Map(weight, abs(weight), layer.bias.astype(np.float64)[:, None], gamma[:, None], lost[:, None], largest)

    def error(self, sizes: Array) -> Array:
        """Return the bound on all rounding, where ``sizes`` is |W| m."""
        total = sizes + np.abs(self.bias)
        bound = self.gamma * total * (1 + 2.0**-20) + self.lost
        return np.where(total <= self.largest, bound, np.inf)


def _one_block(maps: list[_Map], low: Array, high: Array) -> tuple[Array, ...]:
    n, d = low.shape
    middle = low + (high - low) / 2
    middle = np.where(np.isfinite(middle), middle, low / 2 + high / 2)
    reach = np.maximum(high - middle, middle - low)
    reach = np.where(reach > 0, np.nextafter(reach, np.inf), 0.0)
    center = middle.T.copy()
    slope = np.zeros((d, d, n))
    slope[np.arange(d), np.arange(d)] = reach.T  # slope[j] holds the coefficients of t_j, shape (units, n)
    remainder = np.zeros((d, n))
    bottom, top = low.T.copy(), high.T.copy()
    for k, affine in enumerate(maps):
        center, slope, remainder, bottom, top = _affine(affine, center, slope, remainder, bottom, top)
        if k + 1 < len(maps):
            center, slope, remainder, bottom, top = _relu(center, slope, remainder, bottom, top)
    lower = np.where(np.isnan(bottom), -np.inf, bottom)
    upper = np.where(np.isnan(top), np.inf, top)
    return (middle, reach, center.T, slope.transpose(2, 1, 0), remainder.T, lower.T, upper.T)


def _affine(affine: _Map, center: Array, slope: Array, remainder: Array, bottom: Array,
            top: Array) -> tuple[Array, ...]:
    d, _, n = slope.shape
    spread = np.abs(slope).sum(axis=0)
    largest = np.maximum(np.abs(center) + spread + remainder, np.maximum(np.abs(bottom), np.abs(top)))
    half = (top - bottom) / 2
    mean = bottom + half
    signed = np.concatenate([center, *slope, mean], axis=1)
    sizes = np.concatenate([remainder, largest, half], axis=1)
    moved, scaled = affine.weight @ signed, affine.magnitude @ sizes
    error = affine.error(scaled[:, n:2 * n])
    center = moved[:, :n] + affine.bias
    slope = moved[:, n:(d + 1) * n].reshape(moved.shape[0], d, n).transpose(1, 0, 2)
    remainder = scaled[:, :n] + error
    mean, half = moved[:, (d + 1) * n:] + affine.bias, scaled[:, 2 * n:] + error
    spread = np.abs(slope).sum(axis=0) + remainder
    slack = (d + 8) * 2 * _UNIT * (np.abs(center) + spread)
    bottom = np.maximum(center - spread - slack, mean - half - 4 * _UNIT * (np.abs(mean) + half))
    top = np.minimum(center + spread + slack, mean + half + 4 * _UNIT * (np.abs(mean) + half))
    return center, slope, remainder, bottom, top


def _relu(center: Array, slope: Array, remainder: Array, bottom: Array, top: Array) -> tuple[Array, ...]:
    crossing = (bottom < 0) & (top > 0)
    with np.errstate(divide="ignore"):
        chord = np.where(crossing, top / (top - bottom), np.where(bottom >= 0, 1.0, 0.0))
    chord = np.where(np.isfinite(chord), np.clip(chord, 0.0, 1.0), 1.0)
    # relu(v) - chord v lies between 0 and its larger value at the two ends
    gap = np.where(crossing, np.maximum(-chord * bottom, (1 - chord) * top), 0.0)
    size = np.abs(center) + np.abs(slope).sum(axis=0) + remainder
    center = chord * center + gap / 2
    remainder = chord * remainder + gap / 2 + np.where(crossing, 8 * _UNIT * (size + gap) + _TINY, 0.0)
    return center, chord * slope, remainder, np.maximum(bottom, 0.0), np.maximum(top, 0.0)


def refined_bounds(network: Network, lower: Array, upper: Array, pieces: int) -> tuple[Array, Array]:
    """Return bounds (low, high), each (N, m): the hull of first-order bounds over pieces^d equal parts of each box.

    The width falls with the square of the part's size where the network is nearly affine on it. Neighboring parts
    share their ends exactly, so nothing between them is left out. Cost: pieces^d times that of one box.
    """
    if pieces == 1:  # in any dimension
        whole = affine_bounds(network, lower, upper)
        return whole.lower, whole.upper
    d = lower.shape[1]
    steps = np.stack(np.meshgrid(*[np.arange(pieces)] * d, indexing="ij"), axis=-1).reshape(-1, d)
    cuts = lower[..., None] + (upper - lower)[..., None] * (np.arange(pieces + 1) / pieces)
    cuts = np.clip(cuts, lower[..., None], upper[..., None])
    cuts[..., 0], cuts[..., -1] = lower, upper
    low, high = np.full((lower.shape[0], network.outputs), np.inf), np.full(
        (lower.shape[0], network.outputs), -np.inf)
    axes = np.arange(d)
    for step in steps:
        part = affine_bounds(network, cuts[:, axes, step], cuts[:, axes, step + 1])
        low, high = np.minimum(low, part.lower), np.maximum(high, part.upper)
    return low, high
