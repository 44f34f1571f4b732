"""Records about smooth targets: each measure against an independent computation, each kind of fault by name."""

import importlib
import math
from fractions import Fraction

import numpy as np
import pytest

from constructive import theorems
from constructive.calculus import affine
from constructive.evidence import Verdict
from constructive.students import memorize
from constructive.targets import cosine_product, polynomial
from constructive.teachers import taylor_cells, taylor_partition
from constructive.theorems import cells, gap, least_squares, rate, regression, uniform_risk
from constructive.verification import generator


def resolves(path):
    """Return whether a dotted path below the package names a module or something in one."""
    parts = path.split(".")
    for end in range(len(parts), 0, -1):
        try:
            found = importlib.import_module(".".join(["constructive", *parts[:end]]))
        except ModuleNotFoundError:
            continue
        for name in parts[end:]:
            found = getattr(found, name, None)
        return found is not None
    return False


@pytest.mark.parametrize("record", theorems.ALL, ids=lambda record: record.name)
def test_the_code_that_a_proof_names_exists(record):
    assert all(resolves(code) for _, code in record.proof if code != "this record")


class Chosen:
    """A generator whose first integer is given: it chooses the kind of fault."""

    def __init__(self, kind):
        self.kind, self.rng = kind, np.random.default_rng(7)

    def integers(self, *arguments):
        kind, self.kind = self.kind, None
        return self.rng.integers(*arguments) if kind is None else kind


KINDS = ("hat", "step", "coefficient", "tooth")
FAULTS = [(order, d, kind) for order, d in ((1, 1), (1, 2), (2, 1), (3, 2)) for kind in KINDS[:3 + (order > 1)]]


@pytest.mark.parametrize(("order", "d", "kind"), FAULTS)
def test_every_kind_of_fault_in_a_cell_network_is_refuted(order, d, kind):
    instance = cells.draw(np.random.default_rng(3), d=d, order=order, cells=4)
    network = cells.construct(**instance)
    faulty = cells.plant(network, instance, Chosen(KINDS.index(kind)))
    assert cells.THEOREM.check(network, instance).verdict is Verdict.CONFIRMED
    assert cells.THEOREM.check(faulty, instance).verdict is Verdict.REFUTED


@pytest.mark.parametrize("d", [1, 2, 3])
@pytest.mark.parametrize("order", [1, 2, 3, 4])
def test_the_closed_form_of_the_size_agrees_with_the_count(order, d):
    target = cosine_product([3.0] * d, [0.3] * d)
    network = taylor_cells(target, order=order, cells=3).to_network()
    assert cells.formula(network.depth, target, order, 3) == network.size.nonzeros
    if order == 1:
        assert network.size.nonzeros == 10 * d + 6 * 3**d - 7


def test_few_cells_are_refused_by_name():
    with pytest.raises(ValueError, match="cells"):
        cells.draw(np.random.default_rng(0), cells=2)


def test_the_least_training_error_agrees_with_lapack():
    instance = least_squares.draw(np.random.default_rng(5), d=2, order=3)
    X, y, k = instance["X"], instance["y"], instance["cells"]
    total = 0.0
    for cell in np.unique(np.floor(X * k), axis=0):
        rows = (np.floor(X * k) == cell).all(axis=1)
        s = X[rows] - (cell + 0.5) / k
        design = np.stack([s[:, 0] ** a * s[:, 1] ** b for a in range(3) for b in range(3 - a)], axis=1)
        rest = y[rows] - design @ np.linalg.lstsq(design, y[rows], rcond=None)[0]
        total += float(rest @ rest)
    exact = least_squares.least_error(X, y, 3, k)
    assert isinstance(exact, Fraction)
    assert abs(total / len(y) - float(exact)) <= 2.0**-40 * float(exact)


def test_a_fit_of_other_labels_is_refuted():
    instance = least_squares.draw(np.random.default_rng(6), d=1, order=2)
    other = least_squares.construct(**{**instance, "y": instance["y"][::-1]})
    assert least_squares.THEOREM.check(other, instance).verdict is Verdict.REFUTED


def test_the_squared_error_of_a_line_against_a_parabola():
    line, parabola = affine([[1.0]], [0.0]), polynomial({(2,): 1.0})
    exact = 1 / 3 - 2 / 4 + 1 / 5  # the integral of (x - x^2)^2
    assert abs(rate.squared_error(line, parabola, 2, 3) - exact) <= 2.0**-50


def test_a_rate_is_consistent_and_never_confirmed():
    report = rate.THEOREM.check(*_built(rate.THEOREM, d=1, order=1))
    assert report.verdict is Verdict.CONSISTENT


def test_samples_beyond_memory_are_refused():
    with pytest.raises(ValueError, match="order=4"):
        rate.draw(np.random.default_rng(0), d=4, order=4)


@pytest.mark.parametrize("seed", range(3))
def test_a_band_attack_refutes_the_uniform_bound_for_cells_and_spares_the_partition(seed):
    instance = uniform_risk.draw(generator("robust-risk-of-a-uniform-teacher", seed, 0), order=2)
    cut = {**instance, "points": instance["points"][:60], "truth": instance["truth"][:60]}
    bands = uniform_risk.plant(None, cut, np.random.default_rng(0))
    claim = uniform_risk.THEOREM.claims[0]
    assert claim.check(uniform_risk.construct(**cut), cut).verdict is Verdict.CONFIRMED
    assert claim.check(bands, cut).verdict is Verdict.REFUTED
    centers = np.abs(bands(cut["points"])[:, 0] - cut["margin"](cut["points"]))
    assert centers.max() <= uniform_risk.stated_error(cut["margin"], cut["order"], cut["cells"])


@pytest.mark.parametrize("d", [1, 2])
def test_the_harm_of_memorizing_contains_a_riemann_sum(d):
    instance = regression.draw(np.random.default_rng(8), n=6, d=d)
    network = regression.construct(**instance)
    bracket = regression.harm(network, instance)
    side = {1: 1 << 16, 2: 1 << 10}[d]
    axis = (np.arange(side) + 0.5) / side
    points = np.stack(np.meshgrid(*[axis] * d, indexing="ij"), axis=-1).reshape(-1, d)
    h, student = instance["target"](points), memorize(instance["X"], instance["y"], radius=instance["radius"],
                                                      ramp=instance["ramp"], teacher=instance["teacher"])
    value = float(((student(points)[:, 0] - h) ** 2 - (instance["teacher"](points)[:, 0] - h) ** 2).mean())
    assert bracket.lower < value < bracket.upper <= regression.limit(**instance)
    assert bracket.upper > 0


def test_a_network_that_ignores_the_labels_escapes_the_gap():
    network, instance = _built(gap.THEOREM, n=8, d=2)
    assert gap.THEOREM.check(network, instance).verdict is Verdict.CONFIRMED
    assert gap.THEOREM.check(0.0 * network, instance).verdict is Verdict.REFUTED


def test_the_gap_is_attained_by_a_memorizer_that_is_right_elsewhere():
    """g = y off the ball of one wrong label: the largest error in the delta-ball is exactly what that label forces."""
    X, y = np.array([[0.0]]), np.array([3.0])
    instance = {"X": X, "y": y, "radius": 0.25, "delta": 0.5, "points": np.array([[0.7], [2.0]]),
                "values": np.zeros(2)}
    network = memorize(X, y, radius=0.25, ramp=0.125, task="regression").to_network()
    assert gap.forced(**instance).tolist() == [9.0, 0.0]
    assert math.isclose(gap.mean_found(network, instance).lower, 4.5, rel_tol=0.0)


def test_orders_to_five_and_both_kinds_of_pieces_are_drawn():
    drawn = [theorems.find("local-polynomials").draw(generator("local-polynomials", 0, k)) for k in range(40)]
    assert {i["order"] for i in drawn} == {1, 2, 3, 4, 5}
    assert {i["pieces"] for i in drawn} == {"modified", "full"}
    assert {i["target"].dimension for i in drawn} == {1, 2, 3}


def test_the_limit_of_local_polynomials_is_near_the_error_that_the_teacher_states():
    record = theorems.find("local-polynomials")
    for order, pieces in ((1, "full"), (3, "modified"), (4, "full")):
        instance = {"target": cosine_product([4.0]), "order": order, "cells": 8, "pieces": pieces}
        stated = taylor_partition(instance["target"], order=order, cells=8, pieces=pieces).error.upper
        assert 0.9 <= stated / record.limit("largest distance from the target", **instance) <= 1


def _built(record, **arguments):
    instance = record.draw(np.random.default_rng(4), **arguments)
    return record.build(**instance), instance
