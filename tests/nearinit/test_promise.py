"""What is promised before units are drawn holds for the units that are drawn, and grows no faster than it says."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_cases import drawn_run

from constructive import nearinit

SEEDS = st.integers(0, 10**6)


def share_on_the_circle(units, reach):
    """The largest share of units with |u_r| <= reach over all points of the circle, exactly: ends of arcs decide."""
    size, phase = np.linalg.norm(units.weight, axis=1), np.arctan2(units.weight[:, 1], units.weight[:, 0])
    ends = [np.arccos(np.clip((side * reach - units.bias) / size, -1, 1)) for side in (-1.0, 1.0)]
    angles = np.concatenate([phase + sign * end for end in ends for sign in (-1, 1)])
    at = np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return nearinit.narrow_share(units, at, reach * (1 + 1e-12) + 1e-12).max()


@pytest.mark.parametrize("width", [64, 512])
@pytest.mark.parametrize("reach", [0.0, 0.01, 0.3])
def test_the_largest_share_on_the_circle_is_within_its_bound(width, reach):
    bound = nearinit.largest_share(width, 2, reach, failure=0.05)
    for seed in range(8):
        found = share_on_the_circle(nearinit.draw_units(width, 2, rng=seed), reach)
        assert math.floor(reach / math.sqrt(math.pi) * width / 2) / width <= found <= bound


def test_the_bound_of_the_share_can_fail_if_its_deviations_are_left_out():
    shares = [share_on_the_circle(nearinit.draw_units(512, 2, rng=seed), 0.01) for seed in range(8)]
    assert min(shares) > 0.01 / math.sqrt(math.pi)


@settings(max_examples=30)
@given(SEEDS, SEEDS)
def test_the_coupling_of_a_run_is_within_the_share_of_units_near_zero(seed, other):
    """|C_t| <= (H + H') max over the points of share(max(H, H') / (m P)): what the promise rests on."""
    run = drawn_run(seed)
    fixed = np.random.default_rng(other).normal(size=run.theta.shape)
    ledger = nearinit.regret_ledger(run, fixed)
    top = float(np.linalg.norm(fixed, axis=1).max())
    moved = float(np.linalg.norm(run.start, axis=1).max() + run.rates.sum())
    bound = nearinit.uniform_coupling(run.units, run.points, run.scale.product, top, moved)
    assert (np.abs(ledger.couplings) <= bound.max(axis=1) * (1 + 1e-12) + 1e-12).all()


@settings(max_examples=20)
@given(SEEDS, st.integers(2, 6))
def test_the_ledger_alone_keeps_a_run_of_promised_length_within_half_the_excess(seed, d):
    """With the promised rounds and rate, mean loss <= comparator's + excess / 2 + mean |C_t|, at any width."""
    rng = np.random.default_rng(seed)
    caps = nearinit.caps(nearinit.separated_sphere(3, d, 0.3, rng=rng), 0.1)
    units = nearinit.draw_units(32, d, paired=True, rng=rng)
    fixed = rng.normal(size=(32, d))
    size = math.sqrt(float(np.mean(np.sum(fixed**2, axis=1))))
    promise = nearinit.training_promise(d, size, float(np.linalg.norm(fixed, axis=1).max()), 1.0)
    run = nearinit.adversarial_training(caps, rng.choice([-1.0, 1.0], 3), units, nearinit.unit_scale(),
                                        rounds=promise.rounds, rate=promise.rate, rng=rng)
    ledger = nearinit.regret_ledger(run, fixed)
    assert run.drift <= promise.drift
    assert run.losses.mean() <= ledger.compared.mean() + 0.5 + np.abs(ledger.couplings).mean() + 1e-9


@pytest.mark.parametrize("seed", range(3))
def test_a_run_of_promised_width_length_and_rate_keeps_the_whole_promise(seed):
    rng = np.random.default_rng(seed)
    promise = nearinit.training_promise(3, 1.0, 2.0, 1.0)
    caps = nearinit.caps(nearinit.separated_sphere(3, 3, 0.5, rng=rng), 0.2)
    units = nearinit.draw_units(promise.width, 3, paired=True, rng=rng)
    fixed = np.tile(rng.normal(size=3), (promise.width, 1)) * (units.weight @ rng.normal(size=3) > 0)[:, None]
    fixed *= min(1.0 / math.sqrt(float(np.mean(np.sum(fixed**2, axis=1)))), 2.0 / np.linalg.norm(fixed, axis=1).max())
    run = nearinit.adversarial_training(caps, rng.choice([-1.0, 1.0], 3), units, nearinit.unit_scale(),
                                        rounds=promise.rounds, rate=promise.rate, rng=rng)
    ledger = nearinit.regret_ledger(run, fixed)
    assert ledger.balanced
    assert np.abs(ledger.couplings).max() <= promise.coupling
    assert run.losses.mean() <= ledger.compared.mean() + promise.excess


@settings(max_examples=25)
@given(st.integers(1, 300), st.floats(0.0, 40.0), st.floats(0.0, 90.0), st.floats(0.02, 2.0), st.booleans())
def test_the_width_is_the_least_whose_coupling_fits_and_the_parts_add_up(d, size, top, excess, paired):
    found = nearinit.training_promise(d, size, top, excess, paired=paired)
    regret = size**2 / (2 * found.rate * found.rounds) + found.rate / 2
    assert regret <= excess / 2 * (1 + 1e-12)
    assert found.excess == regret + found.coupling <= excess * (1 + 1e-12)
    copies = found.width // 2 if paired else found.width
    if copies > 1:
        fewer = copies - 1
        reach = max(top, found.drift) / (2 * fewer if paired else fewer)
        assert (top + found.drift) * nearinit.largest_share(fewer, d, reach) > excess - regret


def test_the_width_grows_at_most_linearly_with_the_dimension():
    widths = [nearinit.training_promise(d, 12.0, 30.0, 0.1).width for d in (16, 64, 256, 1024)]
    assert all(1 < after / before <= 4.0 for before, after in zip(widths, widths[1:], strict=False))


def test_the_paper_scale_asks_for_an_astronomical_width():
    ours = nearinit.training_promise(16, 12.0, 30.0, 0.1)
    paper = nearinit.training_promise(16, 12.0, 30.0, 0.1, scale=nearinit.paper_scale, paired=False)
    assert ours.width < 10**9 < 10**40 < paper.width


@pytest.mark.parametrize(("arguments", "message"), [
    ((0, 1.0, 1.0, 0.1), "dimension"),
    ((2, -1.0, 1.0, 0.1), "frobenius"),
    ((2, 1.0, -1.0, 0.1), "largest"),
    ((2, 1.0, 1.0, 0.0), "excess"),
])
def test_arguments_that_do_not_fit_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        nearinit.training_promise(*arguments)
