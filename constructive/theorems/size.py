"""The size of the clip student, by formula, and the price of one more datum."""

from __future__ import annotations

from typing import Any

import numpy as np

from constructive.domain import outward_boxes
from constructive.evidence import Bracket, Source, exactly
from constructive.labels import clean_labels
from constructive.network import Layer, Network
from constructive.theorems import draws
from constructive.theorems.record import Claim, Instance, Theorem


def nonzeros(network: Network, instance: Instance) -> Bracket:
    """Return the counted nonzeros."""
    return exactly(network.size.nonzeros)


def per_datum(network: Network, instance: Instance) -> Bracket:
    """Return (counted nonzeros - teacher's nonzeros) / n."""
    extra = network.size.nonzeros - instance["teacher"].size.nonzeros
    return exactly(extra / len(instance["X"]))


def formula(X: Any, y: Any, radius: float, teacher: Network, **_: Any) -> float:
    """Return nnz(T) + 6 d m + m + #{y != -B} + #{y != B} + 15 + carried - thresholds that are 0, written out anew."""
    labels = clean_labels(y, len(X), who="formula")
    lower, upper = outward_boxes(X, radius)
    (n, d), bound, hidden = X.shape, labels.bound, teacher.depth - 1
    carried = max(2 - hidden, 0) + 2 * max(hidden - 2, 0)
    bias = float(teacher.layers[-1].bias[0])
    correction = int(bias + bound != 0) - int(bias != 0)
    zeros = int((lower == 0).sum() + (upper == 0).sum())
    told = int((labels.scores != -bound).sum() + (labels.scores != bound).sum())
    return float(teacher.size.nonzeros + 6 * d * n + n + told + 15 + carried + correction - zeros)


def ceiling(X: Any, teacher: Network, **_: Any) -> float:
    """Return 6 d + 3 + (16 + carried) / n."""
    hidden = teacher.depth - 1
    return 6 * X.shape[1] + 3 + (16 + max(2 - hidden, 0) + 2 * max(hidden - 2, 0)) / len(X)


def plant(network: Network, instance: Instance, rng: np.random.Generator) -> Network:
    """Return the network with one more unit in its first layer."""
    first, second = network.layers[0], network.layers[1]
    row = np.zeros((1, first.inputs))
    row[0, 0] = 1.0
    wider = Layer.build(np.vstack([first.weight.toarray(), row]), np.append(first.bias, 0.0))
    column = np.hstack([second.weight.toarray(), np.full((second.outputs, 1), 1e-9)])
    return Network((wider, Layer.build(column, second.bias), *network.layers[2:]))


THEOREM = Theorem(
    name="size-of-the-student",
    source=Source("2401.13624", "linear over-parameterization", "sharper", "secondary"),
    statement="The clip student has nnz(T) + 6 d n + n + #{y != -B} + #{y != B} + 15 nonzeros, and a few that depend "
              "on the teacher's depth: 6 d + 2 more for each datum with labels +-B, 6 d + 3 with real labels.",
    hypotheses=("n distinct data, equal real labels not overlapping", "thresholds that are exactly 0 do not count"),
    claims=(Claim("nonzeros counted", nonzeros, formula, "formula of the instance", "=="),
            Claim("nonzeros more than the teacher's, for each datum", per_datum, ceiling, "6 d + 3 + constant / n")),
    draw=draws.taught_data, construct=draws.student_network, plant=plant, repeats=12,
    proof=(("layer by layer", "students.gates.envelopes.gate"),),
)
