"""A teacher that is close to the margin everywhere is robust wherever the margin is large; one with bands is not."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive.certificates.linear import affine_bounds
from constructive.domain import outward_boxes
from constructive.evidence import Bracket, Evidence, Source
from constructive.network import Network
from constructive.targets import Target, cosine_product
from constructive.teachers import taylor_cells, taylor_partition
from constructive.theorems.record import Claim, Instance, Theorem

Array = NDArray[np.float64]
Rows = NDArray[np.bool_]

_POINTS = 160
_ROUNDS, _PARTS = 9, 64
_BAND = 2.0**-20


def draw(rng: np.random.Generator, order: int | None = None, cells: int | None = None) -> Instance:
    """Return a margin on the unit square, labels of which a tenth are wrong, a teacher's size, and a perturbation."""
    margin = cosine_product(rng.uniform(3, 5, 2).tolist(), rng.uniform(-1, 1, 2).tolist())
    r = int(rng.integers(2, 4)) if order is None else int(order)
    k = int(rng.integers(6, 10)) if cells is None else int(cells)
    delta = float(rng.uniform(0.01, 0.02))
    points = rng.uniform(delta + 2.0**-40, 1 - delta - 2.0**-40, (_POINTS, 2))
    truth = np.where(margin(points) >= 0, 1.0, -1.0) * np.where(rng.random(_POINTS) < 0.1, -1.0, 1.0)
    return {"margin": margin, "order": r, "cells": k, "delta": delta, "points": points, "truth": truth}


def construct(margin: Target, order: int, cells: int, **_: Any) -> Network:
    """Return the network of glued local polynomials."""
    return taylor_partition(margin, order=order, cells=cells).to_network()


def stated_error(margin: Target, order: int, cells: int) -> float:
    """Return the uniform error that is proved for the teacher."""
    stated = taylor_partition(margin, order=order, cells=cells).error
    return np.inf if stated is None else stated.upper


def doubtful(margin: Target, order: int, cells: int, delta: float, points: Array, truth: Array, **_: Any) -> Rows:
    """Return which points have a wrong label or ``|h(x)| <= eps + Lambda delta``."""
    values = margin(points)
    reach = (stated_error(margin, order, cells) + margin.lipschitz * delta + margin.rounding) * (1 + 2.0**-40)
    return np.asarray((values * truth <= 0) | (np.abs(values) <= reach))


def share(**instance: Any) -> float:
    """Return the share of doubtful points: the sample's P(y != sign h) + P(|h| <= eps + Lambda delta)."""
    return float(doubtful(**instance).mean())


def verdicts(network: Network, instance: Instance) -> tuple[Rows, Rows]:
    """Return which points the network is certified right on their whole ball, and on which an error was found.

    Balls of points that are not doubtful are looked at on parts where first-order bounds on the whole do not decide.
    """
    points, truth, delta = instance["points"], instance["truth"], instance["delta"]
    wrong = np.zeros(len(points), bool)
    for candidates in _attacks(network, points, delta):
        wrong |= network(candidates)[:, 0] * truth <= -(2.0**-40)
    return _certified(network, *outward_boxes(points, delta), truth, ~wrong & ~doubtful(**instance)), wrong


def _certified(network: Network, low: Array, high: Array, truth: Array, worth: Rows) -> Rows:
    """Return on which boxes the network certainly has the sign; parts are cut in four only where it is worth it."""
    certified, active, owner = np.zeros(len(truth), bool), np.ones(len(truth), bool), np.arange(len(truth))
    for _ in range(_ROUNDS):
        bounds = affine_bounds(network, low, high)
        rest = ~np.where(truth[owner] > 0, bounds.lower[:, 0] > 0, bounds.upper[:, 0] < 0)
        parts = np.bincount(owner[rest], minlength=len(truth))
        certified |= active & (parts == 0)
        active &= worth & (parts > 0) & (parts <= _PARTS)  # a point that drops out here is never certified
        rest &= active[owner]
        if not rest.any():
            break
        low, high, owner = low[rest], high[rest], owner[rest]
        for j in range(low.shape[1]):
            middle = low[:, j] + (high[:, j] - low[:, j]) / 2
            below, above = high.copy(), low.copy()
            below[:, j], above[:, j] = middle, middle
            low, high, owner = np.concatenate([low, above]), np.concatenate([below, high]), np.concatenate([owner] * 2)
    return certified


def _attacks(network: Network, points: Array, delta: float) -> Any:
    """Yield points of the balls: centers, corners, and steps onto thresholds of the first layer and just below them."""
    inner = delta * (1 - 2.0**-30)
    yield points
    for signs in itertools.product((-1.0, 1.0), repeat=points.shape[1]):
        yield points + inner * np.array(signs)
    first = network.layers[0]
    rows = np.flatnonzero(np.diff(first.weight.indptr) == 1)
    entries = first.weight.indptr[rows]
    for j in range(points.shape[1]):
        mine = first.weight.indices[entries] == j
        knots = np.unique(-first.bias[rows[mine]] / first.weight.data[entries[mine]])
        nearest = knots[np.argmin(np.abs(points[:, j, None] - knots), axis=1)]
        for part in np.arange(16) / 16:
            stepped = points.copy()
            stepped[:, j] += np.clip(nearest - part * _BAND - points[:, j], -inner, inner)
            yield stepped


def broken(network: Network, instance: Instance) -> Bracket:
    """Return at how many points that are not doubtful the network errs in the ball: found, and not excluded."""
    certified, wrong = verdicts(network, instance)
    sure = ~doubtful(**instance)
    return Bracket(float((wrong & sure).sum()), float((~certified & sure).sum()), Evidence.ENCLOSED)


def robust_error(network: Network, instance: Instance) -> Bracket:
    """Return the robust error on the points: errors found, and points not certified."""
    certified, wrong = verdicts(network, instance)
    return Bracket(float(wrong.mean()), float((~certified).mean()), Evidence.ENCLOSED)


def plant(network: Network, instance: Instance, rng: np.random.Generator) -> Network:
    """Return a teacher that is as close off thin bands: two coordinates, so that a band shows values of far cells."""
    margin, goal = instance["margin"], stated_error(instance["margin"], instance["order"], instance["cells"])
    k = instance["cells"]
    while True:
        teacher = taylor_cells(margin, order=instance["order"], cells=k, width=_BAND)
        if teacher.error is not None and teacher.error.upper <= goal:
            return teacher.to_network()
        k += 1


THEOREM = Theorem(
    name="robust-risk-of-a-uniform-teacher",
    source=Source("2401.13624", "robust generalization of overfitted networks", "ours", "secondary"),
    statement="If |T - h| <= eps on the whole cube and h is Lambda-Lipschitz in l_inf, then R_delta(T) <= "
              "P(y != sign h) + P(|h(x)| <= eps + Lambda delta). It is false for teachers that are close off bands "
              "only: a step into a band flips points of large margin, however thin the bands are.",
    hypotheses=("a uniform bound eps, as glued local polynomials have", "balls inside the unit cube"),
    claims=(Claim("points of right label and large margin with an error in their ball", broken, lambda **_: 0.0, "0",
                  "=="),
            Claim("robust error on the sample", robust_error, share,
                  "share of points with y != sign h or |h| <= eps + Lambda delta")),
    draw=draw, construct=construct, plant=plant, repeats=3,
    proof=(("|T(x') - h(x)| <= eps + Lambda delta", "theorems.uniform_risk.doubtful"),
           ("the uniform bound", "teachers.partition.taylor_partition")),
)
