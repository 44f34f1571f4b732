"""The regret ledger balances on every run, against every comparator, and on nothing that is not a run."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_cases import drawn_run, golden_run

from constructive import nearinit

SEEDS = st.integers(0, 10**6)


def comparator(run, seed, size):
    return size * np.random.default_rng(seed).normal(size=run.theta.shape)


@settings(max_examples=50)
@given(SEEDS, SEEDS, st.sampled_from([0.0, 1.0, 30.0]))
def test_the_two_sides_differ_by_the_bregman_gaps_on_drawn_runs(seed, other, size):
    run = drawn_run(seed)
    ledger = nearinit.regret_ledger(run, comparator(run, other, size))
    assert ledger.left <= ledger.right + ledger.tolerance
    assert abs(ledger.imbalance) <= ledger.tolerance
    assert ledger.balanced


@settings(max_examples=20)
@given(SEEDS, SEEDS)
def test_every_bregman_gap_is_nonnegative(seed, other):
    run = drawn_run(seed)
    ledger = nearinit.regret_ledger(run, comparator(run, other, 1.0))
    assert (ledger.gaps >= -1e-15 * (1.0 + ledger.compared + ledger.losses)).all()


@settings(max_examples=20)
@given(SEEDS, SEEDS, st.sampled_from([0.0, 1.0, 30.0]))
def test_the_promise_bounds_the_mean_loss_of_the_run(seed, other, size):
    run = drawn_run(seed)
    ledger = nearinit.regret_ledger(run, comparator(run, other, size))
    assert run.rates @ run.losses / run.rates.sum() <= ledger.promise + ledger.tolerance


@settings(max_examples=20)
@given(SEEDS, SEEDS)
def test_the_sides_after_every_round_are_those_of_the_shorter_run(seed, other):
    run = drawn_run(seed)
    fixed = comparator(run, other, 1.0)
    ledger, short = nearinit.regret_ledger(run, fixed), 5
    cut = replace(run, theta=run.after(short).theta, points=run.points[:short], values=run.values[:short],
                  rates=run.rates[:short])
    left, right = ledger.sides()
    part = nearinit.regret_ledger(cut, fixed)
    assert (left <= right + ledger.tolerance).all()
    assert abs(left[short - 1] - part.left) <= ledger.tolerance
    assert abs(right[short - 1] - part.right) <= ledger.tolerance
    assert abs(right[-1] - ledger.right) <= ledger.tolerance


@settings(max_examples=20)
@given(SEEDS)
def test_a_gradient_is_bounded_by_the_kernel_of_the_open_gates_and_by_the_slopes(seed):
    """|grad|^2 <= largest eigenvalue of K_t / n * mean of slopes^2, K_t = <x_i, x_j> share of units open at both."""
    run = drawn_run(seed)
    ledger = nearinit.regret_ledger(run, run.start)
    for again, size in zip(run.replay(), ledger.gradients, strict=True):
        kernel = (again.points @ again.points.T) * (again.gates @ again.gates.T) / run.units.width
        squares = float(np.mean(again.slopes**2))
        top = float(np.linalg.eigvalsh(kernel)[-1]) / run.y.size
        assert size <= top * squares * (1 + 1e-12) + 1e-15
        assert size <= squares * (1 + 1e-12) <= 1 + 1e-12


@pytest.mark.parametrize("fault", ["theta", "points", "rates", "huber", "units"])
def test_what_is_not_a_run_does_not_balance(fault):
    run = drawn_run(2)
    assert run.y.size > 1
    weight = run.units.weight.copy()
    weight[:2] += 0.5
    wrong = {
        "theta": run.theta + np.where(np.arange(run.theta.size).reshape(run.theta.shape) == 0, 1e-3, 0.0),
        "points": np.where(np.arange(run.rounds)[:, None, None] == 3, run.points[:, ::-1], run.points),
        "rates": np.where(np.arange(run.rounds) == 3, 1.01, 1.0) * run.rates,
        "huber": 1.01 * run.huber,
        "units": nearinit.Units(weight, run.units.bias, run.units.sign),
    }
    broken = replace(run, **{fault: wrong[fault]})
    fixed = comparator(run, 0, 1.0)
    assert nearinit.regret_ledger(run, fixed).balanced
    assert not nearinit.regret_ledger(broken, fixed).balanced


def test_golden_values_of_six_units_and_ten_rounds():
    run, r = golden_run(), np.arange(1, 7)
    fixed = np.stack([np.cos(r), np.sin(2 * r)], axis=1)
    ledger = nearinit.regret_ledger(run, fixed)
    X = run.caps.X
    assert run.network.initial()(X) == pytest.approx([0.19988676, 0.28490391, 0.51829596], abs=5e-9)
    assert nearinit.NearNetwork(run.units, fixed, run.scale)(X) == pytest.approx(
        [0.07884400, 0.15937017, 0.49591582], abs=5e-9)
    assert run.losses[:4] == pytest.approx([0.57340587, 0.52622009, 0.38983598, 0.34336155], abs=5e-9)
    assert np.mean(np.sum(run.theta**2, axis=1)) == pytest.approx(4.9468490811, rel=1e-10)
    assert ledger.left == pytest.approx(-3.2790120976, rel=1e-10)
    assert ledger.right == pytest.approx(-2.0019001494, rel=1e-10)
    assert ledger.bregman == pytest.approx(1.2771119482, rel=1e-10)
    assert ledger.initial == pytest.approx(-2.2375302347, rel=1e-10)
    assert ledger.gradient == pytest.approx(0.3046566202, rel=1e-9)
    assert ledger.coupling == pytest.approx(0.0690265348, rel=1e-9)


def test_a_comparator_equal_to_the_start_costs_nothing_at_first():
    run = drawn_run(8)
    ledger = nearinit.regret_ledger(run, run.start)
    assert ledger.distances[0] == ledger.gaps[0] == ledger.couplings[0] == 0.0


def test_a_comparator_of_another_shape_is_refused():
    run = drawn_run(1)
    with pytest.raises(ValueError, match="theta must have shape"):
        nearinit.regret_ledger(run, np.zeros((3, 1)))


def test_a_run_without_rounds_is_refused():
    run = drawn_run(1)
    empty = replace(run, points=run.points[:0], values=run.values[:0], rates=run.rates[:0])
    with pytest.raises(ValueError, match="no finished round"):
        nearinit.regret_ledger(empty, run.theta)
