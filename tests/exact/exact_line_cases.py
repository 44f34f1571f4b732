"""Small labeled data on integer and binary grids, with a direction that separates them: shared by the tests here."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import assume, settings
from hypothesis import strategies as st

from constructive.exact import LineMemorizer, Projection, along, certify_on_balls, wanted_outputs

few = settings(max_examples=30)
"""Enough where every example is many balls, and exact arithmetic takes its time."""

SHARES = [Fraction(0), Fraction(1, 3), Fraction(1, 2), Fraction(9, 10), Fraction(999, 1000)]
"""Of the largest possible radius."""


@st.composite
def lines(draw: st.DrawFn, most: int = 16, classes: int = 2, least_changes: int = 1) -> tuple[Any, Any, Projection]:
    """Draw data X (n, d), labels y and a projection without meetings; zeros in the direction are likely."""
    n, d = draw(st.integers(2, most)), draw(st.integers(1, 3))
    grid = draw(st.sampled_from([1, 8]))
    flat = draw(st.lists(st.integers(-20, 20), min_size=n * d, max_size=n * d))
    X = np.array(flat, float).reshape(n, d) / grid
    direction = draw(st.lists(st.integers(-5, 5), min_size=d, max_size=d))
    assume(any(direction))
    z = (X * grid) @ np.array(direction)
    # one label for each position, so that no direction has to be thrown away
    labels = draw(st.lists(st.integers(0, classes - 1), min_size=n, max_size=n))
    y = np.array([labels[int(np.flatnonzero(z == v)[0])] for v in z])
    assume(len(set(y.tolist())) == classes)
    projection = along(X, y, direction)
    assume(projection.changes >= least_changes)
    return X, y, projection


def proved(f: LineMemorizer, X: Any, radius: Fraction | None = None) -> bool:
    """Return whether the network's outputs are the wanted ones on every whole ball (by default of its radius)."""
    proof = certify_on_balls(f.network, X, wanted_outputs(f.projection), norm=f.projection.norm,
                             radius=f.radius if radius is None else radius)
    return not proof.wrong


def counted(f: LineMemorizer) -> tuple[int, int, int]:
    """Return nonzeros, depth and width as the network has them."""
    size = f.network.size
    return size.nonzeros, size.depth, size.width


def stated(f: LineMemorizer) -> tuple[int, int, int]:
    """Return nonzeros, depth and width as the formula has them."""
    return f.nonzeros, f.depth, f.width
