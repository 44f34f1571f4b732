"""Adversarial training near initialization: each step is the gradient step, points stay on caps, records repeat."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from run_cases import descended, drawn_run

from constructive import nearinit
from constructive._kernels.nearinit import ascend, look

SEEDS = st.integers(0, 10**6)


def small(seed=0, **options):
    """A run on four points in three dimensions."""
    caps = nearinit.caps(nearinit.separated_sphere(4, 3, 0.8, rng=seed), 0.1)
    units = nearinit.draw_units(64, 3, paired=True, rng=seed)
    return nearinit.adversarial_training(caps, [1.0, -1.0, 1.0, -1.0], units, nearinit.unit_scale(),
                                         **{"rounds": 20, "rng": seed, **options})


@settings(max_examples=15)
@given(SEEDS)
def test_the_steps_are_those_of_the_slow_twin_at_the_recorded_points(seed):
    run = drawn_run(seed, rounds=5)
    theta, values = descended(run.units, run.scale, run.y, run.huber, run.start, run.points, run.rates)
    size = 1.0 + np.abs(theta).max()
    assert np.abs(run.theta - theta).max() <= 1e-12 * size
    assert np.abs(run.values - values).max() <= 1e-11 * size


@settings(max_examples=15)
@given(SEEDS)
def test_the_replay_ends_where_the_run_ended(seed):
    run = drawn_run(seed)
    *_, last = run.replay()
    ended = last.theta - last.rate / run.y.size * (last.gates.T @ (last.slopes[:, None] * last.points))
    assert np.abs(ended - run.theta).max() <= 1e-12 * (1.0 + np.abs(run.theta).max())
    assert np.abs(last.values - run.values[-1]).max() <= 1e-11 * (1.0 + np.abs(run.theta).max())


@settings(max_examples=20)
@given(SEEDS)
def test_all_points_lie_on_their_caps(seed):
    run = drawn_run(seed)
    assert np.abs(np.linalg.norm(run.points, axis=2) - 1.0).max() <= 1e-14
    assert np.linalg.norm(run.points - run.caps.X, axis=2).max() <= run.caps.radius + 1e-14


@settings(max_examples=20)
@given(SEEDS)
def test_no_unit_drifts_further_than_the_sum_of_the_rates(seed):
    run = drawn_run(seed)
    assert run.drift <= run.rates.sum() * (1.0 + 1e-14)


@settings(max_examples=20)
@given(SEEDS)
def test_a_step_in_theta_is_a_gradient_step_of_the_first_layer(seed):
    """W <- W - eta grad with eta = rate / (m output^2), on the written-out network."""
    run = drawn_run(seed, rounds=1)
    network, m = nearinit.NearNetwork(run.units, run.start, run.scale), run.units.width
    before, after = network.to_network().layers[0].weight.toarray(), run.network.to_network().layers[0].weight.toarray()
    gates = run.points[0] @ before.T + run.scale.first * run.units.bias >= 0.0
    slopes = nearinit.huber_slope(run.values[0] - run.y, run.huber)
    gradient = run.scale.output * run.units.sign[:, None] * (gates.T @ (slopes[:, None] * run.points[0])) / run.y.size
    rate = run.rates[0] / (m * run.scale.output**2)
    assert np.abs(after - (before - rate * gradient)).max() <= 1e-14 * (1.0 + np.abs(after).max())


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize(("k", "d", "m"), [(1, 2, 1), (3, 4, 70), (40, 64, 1000)])
def test_the_kernel_looks_as_the_formula_says(k, d, m, smoothing):
    rng = np.random.default_rng(d)
    gates, points = rng.normal(size=(m, d + 1)), rng.normal(size=(k, d + 1))
    points[:, d] = 1.0
    output = rng.choice([-1.0, 1.0], m)
    values, sums = np.empty(k), np.empty((k, d + 1))
    look(gates, output, points, smoothing, values, sums)
    before = points @ gates.T
    share = np.clip(0.5 + before / (2 * smoothing), 0, 1) if smoothing else before >= 0
    size = m * (d + 1) * 2.0**-50 * np.abs(gates).max() * np.abs(points).max()
    assert np.abs(values - np.maximum(before, 0) @ output).max() <= size
    assert np.abs(sums - (output * share) @ gates).max() <= size


def test_the_ascent_never_ends_below_its_start():
    rng = np.random.default_rng(0)
    caps = nearinit.caps(nearinit.separated_sphere(8, 5, 0.5, rng=rng), 0.2)
    gates, output = rng.normal(size=(200, 6)), rng.choice([-1.0, 1.0], 200)
    for signs in (np.ones(8), -np.ones(8)):
        points, values = np.hstack([caps.X, np.ones((8, 1))]), np.empty(8)
        first = np.maximum(points @ gates.T, 0) @ output
        ascend(gates, output, caps.X, signs, 0.2, np.full(5, 0.05), 0.0, points, values)
        assert (signs * values > signs * first).all()
        assert np.abs(np.maximum(points @ gates.T, 0) @ output - values).max() <= 1e-11


def test_a_move_past_the_rim_lands_where_the_caps_retraction_puts_it():
    rng = np.random.default_rng(1)
    caps = nearinit.caps(nearinit.separated_sphere(6, 4, 0.7, rng=rng), 0.1)
    toward = rng.normal(size=4)
    gates, output = np.append(toward, 10.0)[None, :], np.ones(1)  # open everywhere: the slope is the vector itself
    points, values = np.hstack([caps.X, np.ones((6, 1))]), np.empty(6)
    ascend(gates, output, caps.X, np.ones(6), 0.1, np.array([0.5]), 0.0, points, values)
    tangent = toward - (caps.X @ toward)[:, None] * caps.X
    wanted = caps.project(np.arange(6), caps.X + 0.5 * tangent / np.linalg.norm(tangent, axis=1)[:, None])
    assert np.abs(points[:, :4] - wanted).max() <= 1e-14


def test_paired_units_start_at_the_loss_of_the_zero_network():
    run = small(rounds=1)
    assert run.values[0] == pytest.approx(np.zeros(4), abs=1e-14)
    assert run.losses[0] == pytest.approx(0.85, abs=1e-14)


def test_training_lowers_the_loss_and_stronger_attacks_agree():
    run = small(rounds=300, smoothing=0.2)
    found = nearinit.robust_deviation(run.network.gated(), run.caps, run.y, rng=1)
    assert run.losses[-1] < 0.01
    assert nearinit.huber_loss(found.deviations, run.huber).mean() < 0.02


def on_the_circle(seed, rounds):
    """A run on four arcs of the circle."""
    caps = nearinit.caps(nearinit.separated_sphere(4, 2, 0.7, rng=seed), 0.1)
    units = nearinit.draw_units(256, 2, rng=seed)
    return nearinit.adversarial_training(caps, [1.0, -1.0, -1.0, 1.0], units, nearinit.paper_scale(256), rounds=rounds,
                                         rate=0.7, smoothing=0.1, rng=seed)


@pytest.mark.parametrize("seed", range(4))
def test_on_the_circle_the_attack_stays_below_the_exact_deviation(seed):
    run = on_the_circle(seed, 8)
    for number, (points, values) in enumerate(zip(run.points, run.values, strict=True)):
        function = run.after(number).gated()
        exact = nearinit.circle_range(function, run.caps)
        assert (np.abs(values - run.y) <= exact.deviation(run.y) + exact.rounding + 1e-12).all()
        assert np.abs(function(points) - values).max() <= exact.rounding + 1e-12


@pytest.mark.parametrize("seed", range(4))
def test_on_the_circle_training_lowers_the_exact_robust_loss(seed):
    run = on_the_circle(seed, 1500)
    before, after = (nearinit.circle_range(network.gated(), run.caps) for network in (run.after(0), run.network))
    first, last = (nearinit.huber_loss(found.deviation(run.y) + found.rounding, run.huber).mean()
                   for found in (before, after))
    assert last < 0.03 < 0.7 < first


def test_equal_arguments_give_equal_bits():
    assert np.array_equal(small(5).theta, small(5).theta)
    assert not np.array_equal(small(5).theta, small(6).theta)


def test_training_goes_on_from_where_a_run_ended():
    run = small(rounds=40)
    more = small(rounds=40, start=run.theta)
    assert more.losses[0] < 0.2 < run.losses[0]
    assert np.array_equal(more.start, run.theta)


def test_the_network_after_some_rounds_is_that_of_a_shorter_run():
    run, short = small(rounds=20), small(rounds=7)
    assert np.abs(run.after(7).theta - short.theta).max() <= 1e-13
    assert np.array_equal(run.after(0).theta, run.start)
    assert run.after(20).theta is run.theta or np.array_equal(run.after(20).theta, run.theta)


@pytest.mark.parametrize("last", [1, 4])
def test_an_interrupted_run_keeps_its_finished_rounds_and_still_balances(last):
    def stop(number, loss):
        if number == last:
            raise KeyboardInterrupt

    run = small(progress=stop)
    assert run.interrupted
    assert run.rounds == last
    assert np.array_equal(run.theta, small(rounds=last).theta)
    assert nearinit.regret_ledger(run, np.ones_like(run.theta)).balanced


def test_rates_are_a_number_a_list_or_a_function():
    wanted = [2.0, 1.0, 0.5]
    by_function = small(rounds=3, rate=lambda t: 2.0 ** (2 - t))
    by_list = small(rounds=3, rate=wanted)
    assert by_function.rates.tolist() == by_list.rates.tolist() == wanted
    assert np.array_equal(by_function.theta, by_list.theta)


def test_radius_zero_is_plain_training_at_the_centers():
    caps = nearinit.caps(np.eye(3), 0.0)
    units = nearinit.draw_units(32, 3, rng=0)
    run = nearinit.adversarial_training(caps, [1.0, 0.0, -1.0], units, nearinit.paper_scale(32), rounds=5, rng=0)
    assert np.array_equal(run.points, np.tile(np.eye(3), (5, 1, 1)))


def test_huber_joins_its_two_pieces_and_its_slope_is_their_derivative():
    knee = 0.25
    assert nearinit.huber_loss([-knee, knee], knee).tolist() == [knee / 2] * 2
    r = np.linspace(-1, 1, 65)
    step = 2.0**-20
    found = (nearinit.huber_loss(r + step, knee) - nearinit.huber_loss(r - step, knee)) / (2 * step)
    assert np.abs(found - nearinit.huber_slope(r, knee)).max() <= step / knee
    assert np.abs(nearinit.huber_slope(r, knee)).max() == 1.0


def test_the_kernels_say_the_same_without_compilation():
    code = """
import numpy as np
from constructive import nearinit
units = nearinit.draw_units(40, 3, rng=0)
caps = nearinit.caps(np.eye(3), 0.2)
for smoothing in (0.0, 0.3):
    run = nearinit.adversarial_training(caps, [1.0, -1.0, 0.5], units, nearinit.paper_scale(40), rounds=4,
                                        steps=2, smoothing=smoothing, rng=0)
    print(np.round(run.theta, 9).tolist(), np.round(run.losses, 9).tolist())
"""
    printed = set()
    for disabled in ("0", "1"):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True,
                              env={"NUMBA_DISABLE_JIT": disabled, "PATH": "", "HOME": str(Path.home())},
                              cwd=Path(__file__).parent)
        printed.add(done.stdout)
    assert len(printed) == 1


def test_a_run_is_a_record_that_cannot_be_written_over():
    run = small(rounds=2)
    for part in (run.y, run.start, run.theta, run.points, run.values, run.rates):
        with pytest.raises(ValueError, match="read-only"):
            part[...] = 0.0


@pytest.mark.parametrize(("options", "message"), [
    ({"rounds": 0}, "rounds"),
    ({"rate": 0.0}, "rate"),
    ({"rate": [1.0, 1.0]}, "rate holds 2 numbers for rounds=20"),
    ({"huber": -1.0}, "huber"),
    ({"steps": -1}, "steps"),
    ({"smoothing": -0.1}, "smoothing"),
    ({"start": np.zeros((2, 3))}, "theta must have shape"),
])
def test_arguments_that_do_not_fit_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        small(**options)


def test_data_that_do_not_fit_are_refused():
    caps, scale = nearinit.caps(np.eye(3), 0.1), nearinit.unit_scale()
    with pytest.raises(ValueError, match="one finite value for each of the 3 caps"):
        nearinit.adversarial_training(caps, [1.0, 2.0], nearinit.draw_units(4, 3, rng=0), scale)
    with pytest.raises(ValueError, match="units have 2 inputs"):
        nearinit.adversarial_training(caps, [1.0, 2.0, 3.0], nearinit.draw_units(4, 2, rng=0), scale)
