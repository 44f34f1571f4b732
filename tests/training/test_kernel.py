"""The training kernel against plain twins and complex steps; ascents that never leave their balls."""

from __future__ import annotations

import itertools
import math
from fractions import Fraction
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from training_cases import two_moons

from constructive import training
from constructive._kernels import training as kernels
from constructive.network import Network
from constructive.training.balls import Balls
from constructive.training.weights import flat, he_weights, unflat

SEEDS = st.integers(0, 10**6)


# -- slow twins ---------------------------------------------------------------------------------------------


def maps_of(theta: Any, widths: Any) -> list[tuple[Any, Any]]:
    """Return (weight, bias) of every layer as views of the vector."""
    out, at = [], 0
    for n_in, n_out in itertools.pairwise(widths):
        out.append((theta[at:at + n_in * n_out].reshape(n_out, n_in), theta[at + n_in * n_out:at + (n_in + 1) * n_out]))
        at += n_out * (n_in + 1)
    return out


def scores_of(theta: Any, widths: Any, points: Any) -> Any:
    """Return the scores (n, m); complex weights or points are taken through, a unit is on where its real part is."""
    values = points
    for k, (weight, bias) in enumerate(maps_of(theta, widths)):
        values = values @ weight.T + bias
        if k < len(widths) - 2:
            values = np.where(np.real(values) > 0, values, 0)
    return values


def losses(scores: Any, own: Any) -> Any:
    """Return the cross-entropies (n,) as written in a textbook."""
    if scores.shape[1] == 1:
        return np.log(1 + np.exp(-(2 * own - 1) * scores[:, 0]))
    return np.log(np.exp(scores).sum(axis=1)) - scores[np.arange(own.size), own]


def rivals(scores: Any, own: Any) -> Any:
    """Return log sum exp(other scores) - own score, or minus the signed score."""
    if scores.shape[1] == 1:
        return -(2 * own - 1) * scores[:, 0]
    others = np.where(np.arange(scores.shape[1]) == own[:, None], 0, np.exp(scores))
    return np.log(others.sum(axis=1)) - scores[np.arange(own.size), own]


def by_complex_steps(function: Any, at: Any) -> Any:
    """Return all partial derivatives: Im f(x + i h e) / h with h = 1e-200 has neither cancellation nor truncation."""
    out = np.empty(at.size)
    for k in range(at.size):
        moved = at.astype(complex)
        moved[k] += 1e-200j
        out[k] = function(moved).imag / 1e-200
    return out


def twin_epoch(theta: Any, widths: Any, points: Any, balls: Balls, own: Any, order: Any, batch: int, steps: int,
               step: float, rate: float, decay: float) -> tuple[Any, float]:
    """Return weights and mean loss after one epoch of Adam from rest, in plain numpy."""
    theta, moments, total = theta.copy(), np.zeros((2, theta.size)), 0.0
    for time, begin in enumerate(range(0, own.size, batch), start=1):
        rows = order[begin:begin + batch]
        x = points[rows].copy()
        for _ in range(steps):
            slope = np.array([by_complex_steps(
                lambda z, k=k, t=theta: rivals(scores_of(t, widths, z[None]), own[[k]])[0], x[row])
                for row, k in enumerate(rows)])
            if balls.norm == math.inf:
                x = np.clip(x + step * np.sign(slope), balls.low[rows], balls.high[rows])
            else:
                x += step * slope / np.maximum(np.linalg.norm(slope, axis=1, keepdims=True), 1e-300)
                offset = x - balls.centers[rows]
                length = np.linalg.norm(offset, axis=1)
                shrink = np.minimum(1.0, balls.reach[rows] / np.maximum(length, 1e-300))
                x = np.where(shrink[:, None] < 1, balls.centers[rows] + offset * shrink[:, None], x)
        total += losses(scores_of(theta, widths, x), own[rows]).sum()
        slope = by_complex_steps(lambda t, x=x, rows=rows: losses(scores_of(t, widths, x), own[rows]).mean(), theta)
        moments[0] = 0.9 * moments[0] + 0.1 * slope
        moments[1] = 0.999 * moments[1] + 0.001 * slope**2
        move = moments[0] / (1 - 0.9**time) / (np.sqrt(moments[1] / (1 - 0.999**time)) + 1e-8)
        theta -= rate * (move + decay * theta)
    return theta, total / own.size


def case(seed: int, widths: list[int], n: int) -> tuple[Any, Any, Any, Any]:
    """Return weights, widths, points and own classes drawn at random."""
    rng = np.random.default_rng(seed)
    sizes = np.array(widths, np.int64)
    theta = he_weights(sizes, rng)
    theta += 0.1 * rng.normal(size=theta.size)  # biases too
    return theta, sizes, rng.normal(size=(n, widths[0])), rng.integers(0, max(widths[-1], 2), n)


def kernel_gradient(theta: Any, sizes: Any, points: Any, own: Any, spare: int = 0) -> tuple[Any, float]:
    """Return the kernel's gradient of the mean loss, and the mean loss; ``spare`` columns of the batch stay unused."""
    n, m, units = len(points), sizes[-1], sizes.sum()
    values, slopes = np.full((units, n + spare), np.nan), np.full((units, n + spare), np.nan)
    values[:sizes[0], :n] = points.T
    kernels.forward(theta, sizes, values, n)
    loss = kernels.loss_slopes(values[units - m:], own, slopes[units - m:], n)
    kernels.backward(theta, sizes, values, slopes, n, 1)
    out = np.empty(theta.size)
    kernels.gradient(sizes, values, slopes, np.empty((n + spare, sizes.max())), n, out)
    return out, loss / n


WIDTHS = st.lists(st.integers(1, 7), min_size=2, max_size=4)


def close(found: Any, wanted: Any) -> bool:
    """Return whether two results of a few hundred operations agree up to rounding."""
    return bool(np.allclose(found, wanted, rtol=1e-11, atol=1e-12))


# -- the kernel ---------------------------------------------------------------------------------------------


@given(SEEDS, WIDTHS, st.integers(1, 9), st.integers(0, 3))
def test_the_gradient_is_that_of_complex_steps(seed: int, widths: list[int], n: int, spare: int) -> None:
    theta, sizes, points, own = case(seed, widths, n)
    found, loss = kernel_gradient(theta, sizes, points, own, spare)
    assert close(loss, losses(scores_of(theta, sizes, points), own).mean())
    assert close(found, by_complex_steps(lambda t: losses(scores_of(t, sizes, points), own).mean(), theta))


@given(SEEDS, WIDTHS)
def test_a_wrong_sign_or_one_wrong_entry_of_the_gradient_is_noticed(seed: int, widths: list[int]) -> None:
    theta, sizes, points, own = case(seed, widths, 6)
    found = kernel_gradient(theta, sizes, points, own)[0]
    wanted = by_complex_steps(lambda t: losses(scores_of(t, sizes, points), own).mean(), theta)
    largest = int(np.argmax(np.abs(wanted)))
    if wanted[largest] == 0.0:  # one class among one, or only dead units and balanced labels
        return
    found[largest] *= 1.0 + 1e-6
    assert not close(found, wanted)
    assert not close(-found, wanted)


@given(SEEDS, WIDTHS.filter(lambda w: w[-1] != 2))
def test_slopes_at_the_inputs_are_those_of_the_rival_scores(seed: int, widths: list[int]) -> None:
    theta, sizes, points, own = case(seed, widths, 5)
    units, m = sizes.sum(), sizes[-1]
    values, slopes, margins = np.empty((units, 5)), np.empty((units, 5)), np.empty(5)
    values[:widths[0]] = points.T
    kernels.forward(theta, sizes, values, 5)
    kernels.rival_slopes(values[units - m:], own, slopes[units - m:], margins, 5)
    kernels.backward(theta, sizes, values, slopes, 5, 0)
    for i, x in enumerate(points):
        wanted = by_complex_steps(lambda z, i=i: rivals(scores_of(theta, sizes, z[None]), own[[i]])[0], x)
        assert close(slopes[:widths[0], i], wanted)


@given(SEEDS, WIDTHS, st.integers(1, 70))
def test_scores_are_the_networks_bit_for_bit_on_dyadic_numbers(seed: int, widths: list[int], n: int) -> None:
    rng = np.random.default_rng(seed)
    sizes = np.array(widths, np.int64)
    theta = rng.integers(-8, 9, he_weights(sizes, rng).size) / 4.0
    points = rng.integers(-8, 9, (n, widths[0])) / 8.0
    values = np.empty((sizes.sum(), n))
    values[:widths[0]] = points.T
    kernels.forward(theta, sizes, values, n)
    assert (unflat(theta, sizes)(points) == values[-widths[-1]:].T).all()


@settings(max_examples=15)
@given(SEEDS, st.sampled_from([[2, 5, 3], [3, 4, 1], [2, 4, 3, 4], [3, 3]]), st.sampled_from([2.0, math.inf]),
       st.sampled_from([0.0, 0.125]), st.integers(0, 3), st.integers(1, 7))
def test_an_epoch_is_that_of_the_plain_twin(seed: int, widths: list[int], norm: float, decay: float, steps: int,
                                            batch: int) -> None:
    theta, sizes, points, own = case(seed, widths, 6)
    balls = Balls.round(points, 0.25, norm, "test")
    rng = np.random.default_rng(seed)
    starts, order = balls.draw(rng), rng.permutation(6)
    wanted, wanted_loss = twin_epoch(theta, sizes, starts, balls, own, order, batch, steps, 0.125, 0.01, decay)
    time, loss = run_epoch(theta, sizes, starts, balls, own, order, batch, steps, 0.125, 0.01, decay)
    assert time == -(-6 // batch)
    assert np.allclose(loss, wanted_loss, rtol=1e-9)
    # Adam divides slopes by their size: rounding of a slope counts against 1e-8
    assert np.allclose(theta, wanted, rtol=0, atol=0.01 * 1e-6)


def run_epoch(theta: Any, sizes: Any, starts: Any, balls: Balls, own: Any, order: Any, batch: int, steps: int,
              step: float, rate: float, decay: float = 0.0, moments: Any = None, time: int = 0) -> tuple[int, float]:
    """Run the kernel's epoch, changing theta."""
    moments = np.zeros((2, theta.size)) if moments is None else moments
    return kernels.train_epoch(theta, sizes, moments, time, starts, balls.centers, balls.low, balls.high, balls.reach,
                               own, order, batch, steps, step, balls.norm == 2.0, rate, decay)


def test_in_balls_of_radius_zero_ascents_change_no_bit() -> None:
    for norm in (2.0, math.inf):
        results = set()
        for steps in (0, 7):
            theta, sizes, points, own = case(3, [4, 9, 3], 23)
            balls = Balls.round(points, 0.0, norm, "test")
            run_epoch(theta, sizes, points, balls, own, np.arange(23), 5, steps, 0.1, 0.01)
            results.add(theta.tobytes())
        assert len(results) == 1


def test_with_the_sign_of_the_step_flipped_the_training_error_does_not_fall() -> None:
    X, y = two_moons()
    left = []
    for sign in (1.0, -1.0):
        sizes, rng = np.array([2, 16, 1], np.int64), np.random.default_rng(0)
        theta, balls, moments, time = he_weights(sizes, rng), Balls.round(X, 0.02, math.inf, "test"), None, 0
        moments, first = np.zeros((2, theta.size)), None
        for _ in range(150):
            time, loss = run_epoch(theta, sizes, X, balls, y, rng.permutation(len(y)), 20, 3, 0.02, sign * 0.02, 0.0,
                                   moments, time)
            first = loss if first is None else first
        left.append((loss < first / 10, float(((unflat(theta, sizes)(X)[:, 0] > 0) == y).mean())))
    assert left[0] == (True, 1.0)
    assert not left[1][0]
    assert left[1][1] < 0.6


def test_weights_survive_the_way_into_a_vector_and_back() -> None:
    theta, sizes, points, _ = case(1, [3, 5, 4, 2], 7)
    again, widths = flat(unflat(theta, sizes))
    assert again.tobytes() == theta.tobytes()
    assert widths.tolist() == sizes.tolist()
    assert np.allclose(unflat(theta, sizes)(points), scores_of(theta, sizes, points), rtol=1e-13, atol=1e-13)


# -- balls --------------------------------------------------------------------------------------------------


def outside(point: Any, center: Any, radius: float, norm: float) -> bool:
    """Return whether a point lies outside the closed real ball, in rational arithmetic."""
    offset = [abs(Fraction(float(a)) - Fraction(float(b))) for a, b in zip(point, center, strict=True)]
    if norm == math.inf:
        return max(offset) > Fraction(radius)
    return sum(v * v for v in offset) > Fraction(radius) ** 2


@settings(max_examples=30)
@given(SEEDS, st.sampled_from([2.0, math.inf]), st.sampled_from([0.1, 0.3, 1e-3, 1e-15, 7.0]),
       st.sampled_from([1e-3, 1.0, 1e6]), st.integers(0, 6))
def test_no_attacked_or_drawn_point_leaves_its_real_ball(seed: int, norm: float, radius: float, scale: float,
                                                         steps: int) -> None:
    rng = np.random.default_rng(seed)
    X, y = rng.normal(size=(12, 5)) * scale, rng.integers(0, 3, 12)
    network = unflat(he_weights(np.array([5, 8, 3]), rng), [5, 8, 3])
    found = training.adversarial_points(network, X, y, radius=radius, norm=norm, steps=steps, classes=range(3))
    drawn = Balls.round(X, radius, norm, "test").draw(rng)
    for points in (found, drawn):
        assert not any(outside(p, c, radius, norm) for p, c in zip(points, X, strict=True))


def test_a_point_just_outside_is_noticed() -> None:
    assert outside([np.nextafter(0.5, 1)], [0.25], 0.25, math.inf)
    assert not outside([0.5], [0.25], 0.25, math.inf)
    assert outside([0.6, 0.8 + 1e-15], [0.0, 0.0], 1.0, 2.0)


@given(SEEDS)
def test_for_an_affine_score_the_ascent_ends_at_the_worst_corner(seed: int) -> None:
    rng = np.random.default_rng(seed)
    weight = rng.integers(1, 9, 4) * rng.choice([-1.0, 1.0], 4)
    X, y = rng.integers(-8, 9, (6, 4)) / 8.0, rng.integers(0, 2, 6)
    found = training.adversarial_points(Network.build([(weight[None], [0.5])]), X, y, radius=0.25, classes=(0, 1))
    assert (found == X - 0.25 * np.sign(weight) * (2 * y - 1)[:, None]).all()


def test_the_ascent_sees_where_the_cross_entropy_is_flat() -> None:
    # the right class leads by 1e6 at the center: its probability is 1 and the cross-entropy's slope exactly 0
    network = Network.build([(np.array([[4e6], [0.0], [-4e6]]), [0.0, 0.0, 0.0])])
    found = training.adversarial_points(network, [[0.25]], [0], radius=0.5, classes=range(3))
    assert found.tolist() == [[-0.25]]
    scores, slopes = network([[0.25]]).T.copy(), np.empty((3, 1))
    kernels.loss_slopes(scores, np.zeros(1, np.int64), slopes, 1)
    assert (slopes == 0).all()


def test_the_attack_never_returns_more_than_the_margin_at_the_center() -> None:
    rng = np.random.default_rng(0)
    network = unflat(rng.integers(-4, 5, he_weights(np.array([3, 20, 1]), rng).size) / 4.0, [3, 20, 1])
    X, y = rng.integers(-8, 9, (50, 3)) / 8.0, rng.integers(0, 2, 50)
    for norm in (2, math.inf):
        found = training.adversarial_points(network, X, y, radius=0.5, norm=norm, steps=3, step=0.5)
        margins = [(2 * y - 1) * network(points)[:, 0] for points in (found, X)]
        assert (margins[0] <= margins[1]).all()
        assert (margins[0] < margins[1]).any()
