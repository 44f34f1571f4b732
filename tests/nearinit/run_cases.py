"""Runs of adversarial training for tests, and the slow twin of its kernel: one unit and one point at a time."""

import math

import numpy as np

from constructive import nearinit
from constructive.nearinit.training import TrainingRun


def drawn_run(seed, rounds=12):
    """A short run whose data, width, scale, rates and attack are drawn."""
    rng = np.random.default_rng(seed)
    n, d, m = int(rng.integers(1, 6)), int(rng.integers(2, 7)), 2 * int(rng.integers(1, 40))
    X = nearinit.separated_sphere(n, d, 0.3, rng=rng)
    caps = nearinit.caps(X, float(rng.choice([0.0, 0.05, 0.12])))
    paired = bool(rng.integers(2))
    scale = (nearinit.paper_scale(m), nearinit.tangent_scale(m), nearinit.unit_scale())[int(rng.integers(3))]
    units = nearinit.draw_units(m, d, paired=paired, rng=rng)
    return nearinit.adversarial_training(
        caps, rng.uniform(-1, 1, n), units, scale, rounds=rounds, rate=list(rng.uniform(0.1, 3.0, rounds)),
        huber=float(rng.choice([0.05, 0.3, 1.0])), steps=int(rng.integers(0, 4)), starts=int(rng.integers(0, 3)),
        smoothing=float(rng.choice([0.0, 0.2])), start=rng.normal(size=(m, d)) * rng.integers(2), rng=rng)


def golden_run():
    """Six units, three points that turn to and fro, ten unit steps: all terms of the ledger are known to ten digits."""
    r = np.arange(1, 7)
    units = nearinit.Units(np.stack([np.sin(r), np.cos(2 * r)], axis=1), 0.5 * np.sin(3 * r), np.where(r % 2, 1.0, -1))
    X, y = np.array([[1.0, 0.0], [0.0, 1.0], [-0.6, -0.8]]), np.array([1.0, -1.0, 0.5])
    points = []
    for t in range(10):
        angle = 0.1 * (-1) ** t
        turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
        points.append(X @ turn.T)
    scale = nearinit.Scale(1.0, 6**-0.5)
    theta, values = descended(units, scale, y, 0.3, np.zeros((6, 2)), points, np.ones(10))
    return TrainingRun(nearinit.caps(X, 0.2), y, units, scale, 0.3, np.zeros((6, 2)), theta, np.array(points), values,
                       np.ones(10), False)


def descended(units, scale, y, knee, start, points, rates):
    """Return theta after steps against the given points, and the values (T, n) met on the way, loop by loop."""
    m, P = units.width, scale.product
    theta, values = start.copy(), []
    for at, rate in zip(points, rates, strict=True):
        moved = theta.copy()
        found = []
        for x, wanted in zip(at, y, strict=True):
            before = [float((units.weight[r] + units.sign[r] * theta[r] / (m * P)) @ x + units.bias[r])
                      for r in range(m)]
            found.append(sum(P * units.sign[r] * max(before[r], 0.0) for r in range(m)))
            slope = min(1.0, max(-1.0, (found[-1] - wanted) / knee))
            for r in range(m):
                if before[r] >= 0.0:
                    moved[r] -= rate * slope / len(y) * x
        theta = moved
        values.append(found)
    return theta, np.array(values)
