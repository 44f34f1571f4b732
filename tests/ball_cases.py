"""Data, bumps on balls and points of balls, drawn; shared by the tests of bumps and of their certificate."""

from __future__ import annotations

import numpy as np

from constructive.students import separation
from constructive.students.balls import make_ball_bumps
from constructive.students.layout import Part, network_of

DIMENSIONS = (1, 2, 3, 5, 8, 16)


def drawn_data(rng, d=None, n=None):
    """Return points (n, d) with about 10 bits, so that both formats hold them, and signs of both kinds."""
    dimension = int(rng.choice(DIMENSIONS)) if d is None else d
    count = int(rng.integers(3, 13)) if n is None else n
    X = np.unique(rng.integers(0, 1024, (count, dimension)), axis=0) / 256.0
    X = rng.permutation(np.vstack([X, X.max(axis=0) + 1]))
    y = rng.choice((-1.0, 1.0), X.shape[0])
    y[:2] = (-1.0, 1.0)
    return X, y


def drawn_bumps(rng, X, y, norm, share, precision="float64", **named):
    """Return the radius, a share of half the separation, and the bumps."""
    radius = share * separation(X, y, norm=norm).distance / 2
    return radius, make_ball_bumps(X, y, (y > 0).astype(np.int64), np.arange(y.size), radius, None, norm, who="test",
                                   precision=precision, rng=rng, **named)


def bumps_or_none(rng, X, y, norm, share, precision="float64", **named):
    """Return radius and bumps, or None where rounding, or the image, brings rivals too close together."""
    try:
        return drawn_bumps(rng, X, y, norm, share, precision, **named)
    except ValueError as refusal:
        if "too close for the rounding" not in str(refusal):
            raise
        return None


def bump_network(bumps, precision="float64"):
    """Return the network of the bumps before the last ReLU: (d) -> (m)."""
    return network_of(bumps.parts(), np.dtype(precision))


def label_network(bumps, precision="float64"):
    """Return the sum of scores times bumps."""
    return network_of([*bumps.parts(), Part(bumps.scores[None, :], np.zeros(1), bumps.count)], np.dtype(precision))


def ball_points(rng, X, y, radius, norm, each=4, dtype=np.float64):
    """Return points (p, d) well in the format and the rows (p,) of data in whose balls they are, boundary included.

    Random directions, axes, and straight towards every rival; whoever leaves the ball by rounding is dropped.
    """
    points, rows = [], []
    for i in range(len(X)):
        ways = [*rng.normal(size=(each, X.shape[1])), *np.eye(X.shape[1])[:4], *-np.eye(X.shape[1])[:4],
                *(X[y != y[i]] - X[i])]
        for way in ways:
            size = np.linalg.norm(way, ord=norm)
            for room in (1.0, 1 - 2.0**-50, 1 - 2.0**-22):
                points.append((X[i] + way / size * radius * room).astype(dtype).astype(np.float64))
                rows.append(i)
    points, rows = np.array(points), np.array(rows)
    inside = np.linalg.norm(points - X[rows], ord=norm, axis=1) <= radius * (1 - 2.0**-48)
    return points[inside], rows[inside]
