"""Existence bounds: pattern counts against brute force, deviations below bounds on every run, the m^(-1/2) law."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constructive.evidence import Verdict
from constructive.nearinit import (
    atomic_step,
    caps,
    circle_range,
    draw_units,
    lifted,
    paper_scale,
    robust_deviation,
    separated_sphere,
    separated_task,
    step_task,
    unit_scale,
)
from constructive.nearinit.closed_form import bounded_weights, hermite_weights
from constructive.nearinit.existence import existence_width, log_patterns, predict_existence
from constructive.nearinit.goal import Difference, RobustTarget, on_slice, robust_target
from constructive.nearinit.measured import existence_report
from constructive.nearinit.minimal import minimal_step
from constructive.nearinit.units import Units

TASK = separated_task(1.0, 0.1, own_error=0.05, foreign_error=0.05 / 7)
BOUNDED, HERMITE = atomic_step(TASK), minimal_step(TASK, degree=40)


def instance(n, d, rng, distance=1.0, radius=0.1):
    return caps(separated_sphere(n, d, distance, rng=rng), radius), rng.choice((-1.0, 1.0), n)


# -- patterns -------------------------------------------------------------------------------------------------------


def test_logs_of_pattern_counts():
    assert [round(math.exp(log_patterns(m, d))) for m, d in ((9, 2), (7, 3), (1, 1), (1, 5), (3, 3), (5, 9))] == [
        18, 44, 2, 2, 8, 32]
    assert log_patterns(4096, 8) == pytest.approx(50.3872218294, abs=1e-9)
    # The count on the whole of a plane, sum_(j <= 6) C(4096, j), is half of that of one unit and dimension more.
    assert log_patterns(4097, 7) - math.log(2) == pytest.approx(43.3251493895, abs=1e-9)


@given(m=st.integers(1, 60), d=st.integers(1, 60))
def test_the_count_is_that_of_exact_integers(m, d):
    exact = 2 * sum(math.comb(m - 1, j) for j in range(d))
    assert log_patterns(m, d) == pytest.approx(math.log(exact), abs=1e-10)


def patterns_on_the_circle(units):
    """Return how many gate patterns show on the circle: at every edge and between every two of them."""
    size = np.linalg.norm(units.weight, axis=1)
    cut = np.abs(units.bias) < size
    middle = np.arctan2(units.weight[cut, 1], units.weight[cut, 0])
    half = np.arccos(-units.bias[cut] / size[cut])
    edges = np.sort(np.concatenate([middle - half, middle + half]) % (2 * math.pi))
    between = (edges + np.append(edges[1:], edges[:1] + 2 * math.pi)) / 2 if edges.size else np.zeros(1)
    points = np.stack([np.cos(between), np.sin(between)], axis=1)
    return len(np.unique(units.preactivations(points) >= 0, axis=0))


@given(m=st.integers(1, 12), seed=st.integers(0, 2**32), shift=st.sampled_from([0.0, 0.3, 1.0, 3.0]))
def test_no_more_patterns_than_counted_show_on_the_circle(m, seed, shift):
    units = draw_units(m, 2, rng=seed)
    shown = patterns_on_the_circle(Units(units.weight, shift * units.bias, units.sign))
    assert shown <= round(math.exp(log_patterns(m, 2)))
    if shift == 0.0:
        assert shown == round(math.exp(log_patterns(m, 2)))  # great circles reach the count


@pytest.mark.parametrize("shift", [0.0, 0.3, 1.0])
def test_no_more_patterns_than_counted_show_on_the_sphere(shift):
    for seed in range(20):
        units = draw_units(6, 3, rng=seed)
        points = np.random.default_rng(seed).normal(size=(20_000, 3))
        points /= np.linalg.norm(points, axis=1, keepdims=True)
        found = len(np.unique(points @ units.weight.T + shift * units.bias >= 0, axis=0))
        assert found <= round(math.exp(log_patterns(6, 3))) == 32


# -- bounds and draws -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("d", [2, 8, 32])
@pytest.mark.parametrize("width", [2**6, 2**9, 2**12])
def test_the_deviation_from_the_target_is_below_its_bound_on_every_draw(d, width):
    rng = np.random.default_rng([d, width])
    data, y = instance(4, d, rng)
    for step, made in ((BOUNDED, bounded_weights), (HERMITE, hermite_weights)):
        network = made(data, y, step, draw_units(width, d, rng=rng)).gated()
        gap = Difference(network, robust_target(data, y, step))
        found = robust_deviation(gap, data, np.zeros(4), steps=4, starts=1, rng=rng).worst
        bound = predict_existence(data, y, step, width, failure=None)
        assert found <= bound.deviation  # even below the bound of its mean over draws
        assert found >= bound.deviation / 200  # and not out of all proportion


def test_along_a_constant_coordinate_the_deviation_is_below_its_bound_on_the_slice():
    flat, height = caps(separated_sphere(4, 5, 1.1, rng=0), 0.1), 0.5
    data, y = caps(lifted(flat.X), 0.1 * math.sqrt(0.75)), [1.0, -1.0, 1.0, -1.0]
    for step, made in ((atomic_step(step_task(data, 0.2), direction="constant"), bounded_weights),
                       (minimal_step(step_task(data, 0.2), direction="constant"), hermite_weights)):
        # The target on the slice: inner products t of points become height^2 + (1 - height^2) t.
        target = RobustTarget(flat.X, np.array(y), lambda t, p=step: p(0.25 + 0.75 * t))
        for width in (2**6, 2**9, 2**12):
            network = on_slice(made(data, y, step, draw_units(width, 6, rng=width)).gated(), height)
            found = robust_deviation(Difference(network, target), flat, np.zeros(4), steps=4, starts=1).worst
            bound = predict_existence(data, y, step, width, failure=None).deviation
            assert bound / 200 <= found <= bound


@given(seed=st.integers(0, 2**32), width=st.integers(1, 400))
@settings(max_examples=40)
def test_on_the_circle_the_exact_distance_from_the_labels_is_below_its_bound(seed, width):
    rng = np.random.default_rng(seed)
    data, y = instance(3, 2, rng)
    network = bounded_weights(data, y, BOUNDED, draw_units(width, 2, rng=rng))
    assert circle_range(network.gated(), data).deviation(y).max() <= predict_existence(data, y, BOUNDED, width,
                                                                             failure=1e-6).total


def test_bounds_fall_with_width_and_rise_with_certainty_and_dimension():
    rng = np.random.default_rng(0)
    data, y = instance(4, 8, rng)
    widths = [predict_existence(data, y, BOUNDED, 2**k).deviation for k in range(6, 30)]
    assert widths == sorted(widths, reverse=True)
    levels = [predict_existence(data, y, BOUNDED, 2**12, failure=p).deviation for p in (0.5, 0.1, 0.01, 1e-6)]
    assert [predict_existence(data, y, BOUNDED, 2**12, failure=None).deviation, *levels] == sorted(
        [*levels, predict_existence(data, y, BOUNDED, 2**12, failure=None).deviation])
    wide = caps(np.hstack([data.X, np.zeros((4, 24))]), 0.1)  # the same Gram matrix in 32 dimensions
    high, low = (predict_existence(one, y, BOUNDED, 2**12) for one in (wide, data))
    assert high.deviation > low.deviation
    assert high.frobenius == pytest.approx(low.frobenius)


def test_hermite_moves_have_no_bound_and_markovs_deviation():
    data, y = instance(4, 8, np.random.default_rng(0))
    likely, mean = (predict_existence(data, y, HERMITE, 1000, failure=p) for p in (0.05, None))
    assert likely.largest == math.inf
    assert likely.deviation == pytest.approx(20 * mean.deviation)


def test_paired_units_count_once():
    data, y = instance(4, 8, np.random.default_rng(0))
    twice, once = predict_existence(data, y, BOUNDED, 1000, paired=True), predict_existence(data, y, BOUNDED, 500)
    assert twice.deviation == once.deviation


def test_the_width_asked_for_suffices_and_one_unit_less_does_not():
    data, y = instance(4, 8, np.random.default_rng(0))
    for failure in (None, 0.01):
        width = existence_width(data, y, BOUNDED, 0.4, failure=failure)
        assert predict_existence(data, y, BOUNDED, width, failure=failure).total <= 0.4
        assert predict_existence(data, y, BOUNDED, width - 1, failure=failure).total > 0.4


def test_the_width_asked_for_grows_linearly_with_the_dimension_at_a_fixed_gram_matrix():
    data, y = instance(4, 8, np.random.default_rng(0))
    widths = [existence_width(caps(np.hstack([data.X, np.zeros((4, d - 8))]), 0.1), y, BOUNDED, 0.4)
              for d in (32, 128, 512)]
    slopes = np.diff(np.log(widths)) / math.log(4)
    assert ((slopes > 0.8) & (slopes < 1.1)).all()


def test_a_target_that_is_already_too_far_is_refused():
    data, y = instance(4, 8, np.random.default_rng(0))
    with pytest.raises(ValueError, match=r"must exceed 0\.07"):
        existence_width(data, y, BOUNDED, 0.05)


def test_a_step_for_smaller_caps_is_refused():
    data, y = instance(4, 8, np.random.default_rng(0), radius=0.2)
    with pytest.raises(ValueError, match=r"make the step for step_task\(caps, error\)"):
        predict_existence(data, y, BOUNDED, 100)


# -- the law of the square root -------------------------------------------------------------------------------------


def fitted_slope(widths, deviations):
    """Return the slope of the mean log deviation against the log width."""
    return float(np.polyfit(np.log(widths), np.log(deviations).mean(axis=0), 1)[0])


WIDTHS = 2 ** np.arange(10, 18)


@pytest.mark.parametrize(("step", "made"), [(BOUNDED, bounded_weights), (HERMITE, hermite_weights)],
                         ids=["bounded", "hermite"])
def test_the_deviation_at_points_of_the_caps_falls_like_the_root_of_the_width(step, made):
    found = []
    for seed in (1, 2, 3):
        rng = np.random.default_rng(seed)
        data, y = instance(8, 8, rng)
        points = np.concatenate([data.X, *(data.draw(np.arange(8), rng) for _ in range(3))])
        goal = robust_target(data, y, step)(points)
        found.append([np.abs(made(data, y, step, draw_units(m, 8, rng=rng))(points) - goal).max() for m in WIDTHS])
    assert -0.65 <= fitted_slope(WIDTHS, found) <= -0.35


@pytest.mark.slow
@pytest.mark.parametrize(("step", "made"), [(BOUNDED, bounded_weights), (HERMITE, hermite_weights)],
                         ids=["bounded", "hermite"])
def test_the_deviation_under_attack_falls_like_the_root_of_the_width_and_stays_below_its_bound(step, made):
    found = []
    for seed in (1, 2):
        rng = np.random.default_rng(seed)
        data, y = instance(8, 8, rng)
        target = robust_target(data, y, step)
        found.append([])
        for m in WIDTHS:
            gap = Difference(made(data, y, step, draw_units(m, 8, rng=rng)).gated(), target)
            found[-1].append(robust_deviation(gap, data, np.zeros(8), steps=3, starts=1, smoothing=(0.2, 0.03)).worst)
            assert found[-1][-1] <= predict_existence(data, y, step, m, failure=None).deviation
    assert -0.65 <= fitted_slope(WIDTHS, found) <= -0.35


# -- the report -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("step", [BOUNDED, HERMITE], ids=["bounded", "hermite"])
def test_the_report_holds_predictions_beside_measurements(step):
    data, y = instance(4, 5, np.random.default_rng(3))
    units = draw_units(600, 5, paired=True, rng=4)
    report = existence_report(data, y, step, units, scale=unit_scale(), steps=3, starts=1)
    assert report.verdict is Verdict.CONSISTENT
    claims = {check.claim: check for check in report.checks}
    assert ("largest move of a unit" in claims) == (step is BOUNDED)
    if step is BOUNDED:
        assert claims["largest move of a unit"].verdict is Verdict.CONFIRMED
    rows = {str(row[0]): row[1:] for row in report.tables[0].rows}
    assert rows["network at initialization, typical and largest"] == (0.0, 0.0)
    predicted, measured = rows["move of the first layer, Frobenius norm"]
    assert measured == pytest.approx(predicted, rel=1.0)


def test_moves_at_the_scale_of_the_source_are_the_free_ones_times_powers_of_the_width():
    data, y = instance(4, 5, np.random.default_rng(3))
    units = draw_units(512, 5, rng=4)
    table = existence_report(data, y, BOUNDED, units, scale=paper_scale(512), steps=2, starts=1).tables[0]
    rows = {str(row[0]): row[2] for row in table.rows}
    free = bounded_weights(data, y, BOUNDED, units)
    assert rows["move of the first layer, Frobenius norm"] == pytest.approx(free.frobenius * 512 ** (-1 / 6))
    assert rows["move of the first layer, largest row"] == pytest.approx(free.largest * 512 ** (-2 / 3))


def test_the_report_takes_suprema_on_the_slice_for_constant_directions():
    data = caps(lifted(separated_sphere(3, 3, 1.2, rng=0)), 0.08)
    y = [1.0, -1.0, 1.0]
    step = atomic_step(step_task(data, 0.2), direction="constant")
    report = existence_report(data, y, step, draw_units(500, 4, rng=1), scale=unit_scale(), steps=3, starts=2)
    assert report.verdict is Verdict.CONSISTENT
    assert report.checks[0].observed.upper <= 0.2


def test_the_report_refutes_a_bound_that_a_draw_breaks(monkeypatch):
    from constructive.nearinit import measured

    data, y = instance(3, 4, np.random.default_rng(3))
    monkeypatch.setattr(measured, "bounded_weights", lambda *args: bounded_weights(data, 1e4 * y, *args[2:]))
    report = existence_report(data, y, BOUNDED, draw_units(300, 4, rng=1), steps=2, starts=1)
    refuted = [check.claim for check in report.checks if check.verdict is Verdict.REFUTED]
    assert refuted == ["pseudo-network's distance from the target", "pseudo-network's distance from the labels",
                       "largest move of a unit"]
