"""Slow and independent twins of what the library computes: rational, dense, and adversarial floating point.

Nothing here calls the library's kernels. Weights are read from the layers and everything else is done again.
"""

from __future__ import annotations

import ctypes
import ctypes.util
import math
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from functools import cache
from itertools import pairwise
from typing import Any

import mpmath
import numba
import numpy as np
from numpy.typing import NDArray

from constructive.network import Layer, Network

Rational = list[list[Fraction]]


# -- rational arithmetic ------------------------------------------------------------------------------------


def rational_layer(layer: Layer) -> tuple[Rational, list[Fraction]]:
    """Return weight and bias of a layer as dense lists of Fractions."""
    weight = [[Fraction(float(v)) for v in row] for row in layer.weight.toarray()]
    return weight, [Fraction(float(v)) for v in layer.bias]


def rational_values(network: Network, x: Sequence[Fraction | float]) -> list[Fraction]:
    """Return the real network's value at one point, by dense rational arithmetic."""
    values = [Fraction(v) for v in x]
    for k, layer in enumerate(network.layers):
        weight, bias = rational_layer(layer)
        values = [sum((w * v for w, v in zip(row, values, strict=True)), b)
                  for row, b in zip(weight, bias, strict=True)]
        if k + 1 < network.depth:
            values = [max(v, Fraction(0)) for v in values]
    return values


def rational_intervals(network: Network, lower: Sequence[float],
                       upper: Sequence[float]) -> tuple[list[Fraction], list[Fraction]]:
    """Return exact interval propagation over one box, term by term from the definition."""
    low, high = [Fraction(v) for v in lower], [Fraction(v) for v in upper]
    for k, layer in enumerate(network.layers):
        weight, bias = rational_layer(layer)
        ends = []
        for row, b in zip(weight, bias, strict=True):
            products = [(w * p, w * q) for w, p, q in zip(row, low, high, strict=True)]
            ends.append((b + sum(min(t) for t in products), b + sum(max(t) for t in products)))
        low, high = [a for a, _ in ends], [b for _, b in ends]
        if k + 1 < network.depth:
            low, high = [max(v, Fraction(0)) for v in low], [max(v, Fraction(0)) for v in high]
    return low, high


def rounded(value: Fraction, single: bool = False) -> float:
    """Return the number of the format nearest to a rational, ties to even, infinite beyond its range."""
    try:
        near = float(value)  # correctly rounded by the language
    except OverflowError:
        near = math.copysign(math.inf, value)
    if not single:
        return near
    with np.errstate(over="ignore"):
        guess = np.float32(near)
        if not np.isfinite(guess):
            return float(guess)
        ends = np.float32(-np.inf), np.float32(np.inf)
        candidates = [np.nextafter(guess, ends[0]), guess, np.nextafter(guess, ends[1])]
    finite = [c for c in candidates if np.isfinite(c)]
    # the last bit of the pattern is the last bit of the mantissa
    return float(min(finite, key=lambda c: (abs(Fraction(float(c)) - value), int(c.view(np.int32)) & 1)))


# -- every program at once ----------------------------------------------------------------------------------


def tree_values(products: Sequence[tuple[float, float]], single: bool = False) -> set[float]:
    """Return every value that some program returns for the sum of the products w x.

    A program is a binary tree of rounded additions over the products, in any order; a product next to an
    addition may be fused into it. Exponential: at most about 6 products.
    """
    exact = [Fraction(w) * Fraction(x) for w, x in products]

    @cache
    def values(subset: int) -> frozenset[float]:
        members = [i for i in range(len(exact)) if subset >> i & 1]
        if len(members) == 1:
            return frozenset({rounded(exact[members[0]], single)})
        found: set[float] = set()
        part = (subset - 1) & subset
        while part:
            for b in values(subset ^ part):
                found.update(_plus(a, b, single) for a in values(part))
                if part & (part - 1) == 0 and math.isfinite(b):
                    found.add(rounded(exact[part.bit_length() - 1] + Fraction(b), single))
            part = (part - 1) & subset
        return frozenset(found)

    return set(values((1 << len(exact)) - 1)) if exact else {0.0}


def _plus(a: float, b: float, single: bool) -> float:
    if math.isinf(a) or math.isinf(b):
        return a + b
    return rounded(Fraction(a) + Fraction(b), single)


# -- one random program -------------------------------------------------------------------------------------


def _library() -> Any:
    library = ctypes.CDLL(ctypes.util.find_library("m") or "libm.so.6")
    library.fma.restype, library.fma.argtypes = ctypes.c_double, [ctypes.c_double] * 3
    library.fmaf.restype, library.fmaf.argtypes = ctypes.c_float, [ctypes.c_float] * 3
    return library


_LIBM = _library()


def _random_layer(fused: Any) -> Callable[..., None]:
    """Compile the evaluation of one layer in which every row of every point is summed by its own program."""

    @numba.njit
    def layer(indptr: Any, indices: Any, data: Any, bias: Any, source: Any, target: Any, relu: bool,
              rng: Any) -> None:
        longest = 2
        for row in range(target.shape[1]):
            longest = max(longest, indptr[row + 1] - indptr[row] + 1)
        parts = np.empty(longest, source.dtype)
        order = np.empty(longest, np.int64)
        for point in range(target.shape[0]):
            for row in range(target.shape[1]):
                start = indptr[row]
                m = indptr[row + 1] - start
                for i in range(m):  # a random order
                    j = rng.integers(0, i + 1)
                    order[i] = order[j]
                    order[j] = i
                count = rng.integers(1, max(2, min(m, 9)))  # a random number of accumulators
                parts[:count] = 0
                parts[rng.integers(0, count)] = bias[row]
                style = rng.integers(0, 3)  # plain, fused, or mixed
                for i in range(m):
                    p = start + order[i]
                    w, x = data[p], source[point, indices[p]]
                    a = rng.integers(0, count)
                    if style == 1 or (style == 2 and rng.integers(0, 2) == 1):
                        parts[a] = fused(w, x, parts[a])
                    else:
                        parts[a] = parts[a] + w * x
                while count > 1:  # added up in a random tree
                    a, b = rng.integers(0, count), rng.integers(0, count - 1)
                    if b >= a:
                        b += 1
                    parts[a] = parts[a] + parts[b]
                    count -= 1
                    parts[b] = parts[count]
                value = parts[0]
                target[point, row] = value if value > 0 or not relu else 0

    return layer


@cache
def _layer_program(single: bool) -> Callable[..., None]:
    return _random_layer(_LIBM.fmaf if single else _LIBM.fma)


def machine_values(network: Network, x: Any, rng: np.random.Generator) -> NDArray[Any]:
    """Return the network's values at x (n, d), each row of each point summed by its own random program.

    Random order, random number of accumulators joined in a random tree, plain, fused or mixed multiply-adds,
    in the network's own number format.
    """
    values = np.ascontiguousarray(x, dtype=network.dtype)
    program = _layer_program(network.dtype == np.float32)
    for k, layer in enumerate(network.layers):
        target = np.empty((values.shape[0], layer.outputs), network.dtype)
        matrix = layer.weight
        program(matrix.indptr, matrix.indices, matrix.data, layer.bias, values, target,
                k + 1 < network.depth, rng)
        values = target
    return values


def dense_values(network: Network, x: Any) -> NDArray[Any]:
    """Return the network's values at x (n, d) by dense matrix products."""
    values = np.asarray(x, dtype=network.dtype)
    for k, layer in enumerate(network.layers):
        values = values @ layer.weight.toarray().T + layer.bias
        if k + 1 < network.depth:
            values = np.maximum(values, 0)
    return values


# -- networks to try ----------------------------------------------------------------------------------------


def random_network(rng: np.random.Generator, widths: Sequence[int], *, density: float = 0.7,
                   dtype: Any = np.float64, exponents: tuple[int, int] = (0, 0),
                   bias: float = 0.7) -> Network:
    """Return a network with Gaussian weights times random powers of two; the given shares are not zero."""
    maps = []
    for n_in, n_out in pairwise(widths):
        scale = 2.0 ** rng.integers(exponents[0], exponents[1] + 1, (n_out, n_in))
        weight = rng.normal(size=(n_out, n_in)) * scale * (rng.random((n_out, n_in)) < density)
        maps.append((weight, rng.normal(size=n_out) * (rng.random(n_out) < bias)))
    return Network.build(maps, dtype)


def dyadic_network(rng: np.random.Generator, widths: Sequence[int], bits: int = 3) -> Network:
    """Return a network with weights in {-8, ..., 8} / 2^bits: few bits, so that small sums are exact."""
    maps = []
    for n_in, n_out in pairwise(widths):
        maps.append((rng.integers(-8, 9, (n_out, n_in)) / 2.0**bits, rng.integers(-8, 9, n_out) / 2.0**bits))
    return Network.build(maps)


def nudged(network: Network, layer: int, entry: int, change: Callable[[float], float]) -> Network:
    """Return the network with one stored weight changed: the planted fault of negative controls."""
    layers = list(network.layers)
    matrix = layers[layer].weight.copy()
    matrix.data = matrix.data.copy()
    matrix.data[entry] = change(float(matrix.data[entry]))
    layers[layer] = Layer.build(matrix, layers[layer].bias, network.dtype)
    return Network(tuple(layers))


def box_points(lower: NDArray[Any], upper: NDArray[Any], n: int,
               rng: np.random.Generator) -> NDArray[np.float64]:
    """Return n points of a box: uniform ones, corners, and points with some coordinates at an end."""
    share = rng.random((n, lower.size))
    kind = rng.integers(0, 3, (n, 1))
    share = np.choose(kind, [share, np.rint(share), np.clip(2 * share - 0.5, 0.0, 1.0)])
    return np.clip(lower + share * (upper - lower), lower, upper)


def grid_points(thresholds: Iterable[Sequence[float]]) -> list[tuple[float, ...]]:
    """Return the product grid of the given coordinates."""
    points: list[tuple[float, ...]] = [()]
    for values in thresholds:
        points = [(*point, v) for point in points for v in values]
    return points


# -- infinitely wide networks -------------------------------------------------------------------------------


def wide_relu(x: Sequence[Any], z: Sequence[Any], depth: int, weight_std: float, bias_std: float) -> tuple[Any, Any]:
    """Return (nngp, ntk) of two points by the recursion with arccos, in as many digits as mpmath is set to."""
    gain, shift = mpmath.mpf(weight_std) ** 2, mpmath.mpf(bias_std) ** 2
    x, z = [mpmath.mpf(v) for v in x], [mpmath.mpf(v) for v in z]
    s, p, q = (gain * sum(a * b for a, b in zip(u, v, strict=True)) / len(x) + shift
               for u, v in ((x, z), (x, x), (z, z)))
    t = s
    for _ in range(depth - 1):
        size = mpmath.sqrt(p * q)
        c = max(min(s / size, mpmath.mpf(1)), mpmath.mpf(-1)) if size else mpmath.mpf(0)
        angle = mpmath.pi - mpmath.acos(c)
        s = gain * size * (mpmath.sqrt(1 - c * c) + c * angle) / (2 * mpmath.pi) + shift
        t = s + gain * angle / (2 * mpmath.pi) * t
        p, q = gain * p / 2 + shift, gain * q / 2 + shift
    return s, t


def wide_erf(x: Sequence[Any], z: Sequence[Any], depth: int, weight_std: float, bias_std: float) -> tuple[Any, Any]:
    """Return (nngp, ntk) of two points for the activation erf, as :func:`wide_relu`."""
    gain, shift = mpmath.mpf(weight_std) ** 2, mpmath.mpf(bias_std) ** 2
    x, z = [mpmath.mpf(v) for v in x], [mpmath.mpf(v) for v in z]
    s, p, q = (gain * sum(a * b for a, b in zip(u, v, strict=True)) / len(x) + shift
               for u, v in ((x, z), (x, x), (z, z)))
    t = s
    for _ in range(depth - 1):
        both = (1 + 2 * p) * (1 + 2 * q)
        t = gain * 4 / mpmath.pi / mpmath.sqrt(both - 4 * s * s) * t
        s, p, q = (gain * 2 / mpmath.pi * mpmath.asin(2 * u / mpmath.sqrt(v)) + shift
                   for u, v in ((s, both), (p, (1 + 2 * p) ** 2), (q, (1 + 2 * q) ** 2)))
        t += s
    return s, t


def wide_gradient(kernel: Callable[..., tuple[Any, Any]], x: Sequence[float], z: Sequence[float], *args: Any) -> Any:
    """Return (gradient of nngp, of ntk) in x, lists of d numbers, by central differences in 80 digits."""
    with mpmath.workdps(80):
        step, found = mpmath.mpf(10) ** -30, []
        for a in range(len(x)):
            ahead, behind = ([mpmath.mpf(v) + (sign * step if b == a else 0) for b, v in enumerate(x)]
                             for sign in (1, -1))
            found.append([(u - v) / (2 * step)
                          for u, v in zip(kernel(ahead, z, *args), kernel(behind, z, *args), strict=True)])
        return [float(v[0]) for v in found], [float(v[1]) for v in found]


def wide_squared_gradient(kernel: Callable[..., tuple[Any, Any]], x: Sequence[float], *args: Any) -> float:
    """Return E|grad_x f|^2, the trace of the mixed second derivatives of nngp at (x, x), in 100 digits."""
    with mpmath.workdps(100):
        step, total = mpmath.mpf(10) ** -30, mpmath.mpf(0)
        for a in range(len(x)):
            ahead, behind = ([mpmath.mpf(v) + (sign * step if b == a else 0) for b, v in enumerate(x)]
                             for sign in (1, -1))
            total += sum(kernel(u, v, *args)[0] * (1 if u is v else -1)
                         for u in (ahead, behind) for v in (ahead, behind)) / (4 * step * step)
        return float(total)
