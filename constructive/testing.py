"""Hypothesis strategies for your own property tests: separated data, dyadic networks, admissible radii.

Needs the extra ``testing``. All numbers drawn are dyadic with few bits, so that laws can be tested with equality.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from hypothesis import strategies as st
from numpy.typing import NDArray

from constructive.network import Network
from constructive.students import separation

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class SeparatedData:
    """Data with an admissible radius and ramp: X (n, d), y (n,), ``2 radius + ramp <= separation``."""

    X: Array
    y: NDArray[Any]
    radius: float
    ramp: float


def dyadic(low: float = -1.0, high: float = 1.0, bits: int = 8) -> st.SearchStrategy[float]:
    """Return a strategy for multiples of 2^-bits in [low, high]."""
    scale = 2.0**bits
    return st.integers(math.ceil(low * scale), math.floor(high * scale)).map(lambda k: k / scale)


@st.composite
def separated_data(draw: st.DrawFn, *, dimensions: tuple[int, int] = (1, 3), points: tuple[int, int] = (1, 8),
                   real_labels: bool = False) -> SeparatedData:
    """Return a strategy for data whose points all differ by at least 1/16 in some coordinate.

    Coordinates are multiples of 1/16 in [0, 4); labels -1 and +1, or dyadic real values; the radius is at most a
    quarter, the ramp half of what the separation of *all* pairs leaves, so supports are disjoint.
    """
    d = draw(st.integers(*dimensions))
    rows = st.tuples(*[st.integers(0, 63)] * d)
    X = np.array(draw(st.lists(rows, min_size=points[0], max_size=points[1], unique=True)), dtype=np.float64) / 16
    n = X.shape[0]
    label = dyadic(-2, 2, 6) if real_labels else st.sampled_from([-1.0, 1.0])
    y = np.array(draw(st.lists(label, min_size=n, max_size=n)))
    gap = separation(X).distance if n > 1 else 1.0
    share = draw(st.sampled_from([0.0, 0.125, 0.25]))
    radius = gap * share
    return SeparatedData(X, y, radius, 2.0 ** math.floor(math.log2((gap - 2 * radius) / 2)))


def admissible_radii(X: Array, y: Any) -> st.SearchStrategy[float]:
    """Return a strategy for radii in [0, separation / 2), the endpoint excluded; at most 1 without a conflict."""
    distance = separation(X, y).distance
    top = 1.0 if math.isinf(distance) else math.nextafter(distance / 2, 0.0)
    return st.floats(0.0, top, allow_subnormal=False)


@st.composite
def dyadic_networks(draw: st.DrawFn, *, inputs: int | None = None, outputs: int | None = None, depth: int = 3,
                    width: int = 4, bits: int = 3) -> Network:
    """Return a strategy for small networks whose weights are multiples of 2^-bits in [-2, 2]; some are zero."""
    sizes = [inputs or draw(st.integers(1, 3)), *[draw(st.integers(1, width)) for _ in range(depth - 1)],
             outputs or draw(st.integers(1, 2))]
    value = dyadic(-2, 2, bits)
    maps = []
    for n_in, n_out in zip(sizes, sizes[1:], strict=False):
        weight = draw(st.lists(value, min_size=n_in * n_out, max_size=n_in * n_out))
        maps.append((np.array(weight).reshape(n_out, n_in), draw(st.lists(value, min_size=n_out, max_size=n_out))))
    return Network.build(maps)
