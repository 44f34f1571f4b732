"""Every record: confirmed on drawn instances, its planted error caught, and silent about nothing."""

import numpy as np
import pytest

from constructive import theorems
from constructive.certificates.structural import find_bumps
from constructive.evidence import Verdict
from constructive.network import Layer, Network
from constructive.ridge import Spectrum
from constructive.tangent import ReluKernel
from constructive.theorems import draws
from constructive.verification import generator, verify

RECORDS = pytest.mark.parametrize("record", theorems.ALL, ids=lambda record: record.name)


@RECORDS
def test_confirmed_on_drawn_instances_with_every_planted_error_caught(record):
    statistical = any(claim.scope == "sampled instances" for claim in record.claims)
    report = verify(record, seed=11, instances=2)
    assert report.verdict is (Verdict.CONSISTENT if statistical else Verdict.CONFIRMED)
    assert (report.planted, report.caught) == (2, 2)
    assert [check.claim for check in report.checks][:-1] == [claim.name for claim in record.claims]


@RECORDS
def test_another_seed_draws_another_instance(record):
    first, second, again = (record.draw(generator(record.name, seed, 0)) for seed in (1, 2, 1))
    assert _text(first) == _text(again)
    assert any(_text(record.draw(generator(record.name, 1, k))) != _text(record.draw(generator(record.name, 2, k)))
               for k in range(4)), (first, second)


@RECORDS
def test_statement_hypotheses_and_source_are_said(record):
    assert record.statement.endswith(".")
    assert record.hypotheses
    assert record.source.arxiv in {"2401.13624", "2002.06668", "2310.06112", "2401.12236", "2201.05149"}
    assert record.source.arxiv in record.cite()


def test_there_are_at_least_fourteen_records_with_distinct_names():
    assert len({record.name for record in theorems.ALL}) == len(theorems.ALL) >= 14


def test_dimensions_five_and_more_are_among_the_instances():
    drawn = {theorems.find("robust-memorization").draw(generator("robust-memorization", 0, k))["X"].shape[1]
             for k in range(12)}
    assert max(drawn) >= 5


def test_any_network_can_be_checked_and_a_wrong_one_is_refuted():
    record = theorems.find("robust memorization")
    X, y = np.array([[0.0], [1.0]]), np.array([-1, 1])
    right, wrong = (Network.build([([[slope]], [-0.5 * slope])]) for slope in (2.0, -2.0))
    assert record.check(right, X=X, y=y, radius=0.25).verdict is Verdict.CONFIRMED
    assert record.check(wrong, {"X": X, "y": y, "radius": 0.25}).verdict is Verdict.REFUTED


def test_a_random_weight_moved_never_leaves_a_broken_claim_confirmed():
    """Weights of all layers are moved; where the check still confirms, dense sampling must find no error."""
    record, rng = theorems.find("robust-memorization"), np.random.default_rng(5)
    instance = record.draw(rng, n=8, d=2, real=False)
    network, refuted = record.build(**instance), 0
    X, y, radius = instance["X"], instance["y"], instance["radius"]
    for _ in range(150):
        k = int(rng.integers(network.depth))
        weight = network.layers[k].weight.copy()
        data = weight.data.copy()
        data[rng.integers(data.size)] *= rng.choice([0.5, 0.9, 1.1, 2.0, -1.0])
        weight.data = data
        moved = draws.replaced(network, k, Layer.build(weight, network.layers[k].bias))
        verdict = record.check(moved, instance).verdict
        refuted += verdict is Verdict.REFUTED
        if verdict is Verdict.CONFIRMED:
            points = X[:, None, :] + radius * (1 - 2.0**-30) * rng.uniform(-1, 1, (1, 400, 2))
            assert (moved(points)[..., 0] * y[:, None] > 0).all()
    assert refuted > 0


def test_the_planted_error_is_read_from_weights():
    rng = np.random.default_rng(0)
    instance = draws.taught_data(rng, n=10, d=2, real=True)
    network = draws.student_network(**instance)
    faulty = draws.without_a_bump(network, instance, rng)
    assert find_bumps(network).rows.size == find_bumps(faulty).rows.size == 10
    assert not np.array_equal(network(instance["X"]), faulty(instance["X"]))


def test_unknown_names_are_refused_with_the_list():
    with pytest.raises(ValueError, match="square-gate"):
        theorems.find("cube-gate")


def test_limits_by_name():
    record = theorems.find("square-gate")
    assert record.limit("largest error on [0, 1]", levels=2) == 4.0**-3
    with pytest.raises(KeyError):
        record.limit("smallest error", levels=2)


def _text(instance):
    """Return an instance as plain values that compare with ==."""
    return {key: _plain(value) for key, value in instance.items()}


def _plain(value):
    if isinstance(value, np.ndarray):
        return value.tolist()
    if isinstance(value, Network):
        return [layer.bias.tolist() for layer in value.layers]
    if hasattr(value, "derivative"):  # a target, told apart by its values
        return value(np.full((1, value.dimension), 0.3)).tolist()
    if isinstance(value, ReluKernel):
        return repr(value)  # all its numbers
    if isinstance(value, Spectrum):
        return [value.eigenvalues.tolist(), value.multiplicities.tolist(), value.signal.tolist()]
    return value
