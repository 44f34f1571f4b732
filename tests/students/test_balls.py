"""Bumps on l_1 and l_2 balls: exactly 1 on the own ball, exactly 0 on those of rivals, sizes by formula."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ball_cases import ball_points, bump_network, bumps_or_none, drawn_bumps, drawn_data
from oracles import machine_values

from constructive.students import separation
from constructive.students.balls import make_ball_bumps

NORMS = pytest.mark.parametrize("norm", [1.0, 2.0])
SHARES = (0.2, 0.6, 0.9, 0.98)


def _claimed(values, rows, y):
    """Return whether own bumps are 1 and rivals' at most 0."""
    own = values[np.arange(rows.size), rows]
    rival = values[y[rows][:, None] != y[None, :]]
    return bool((own == 1).all() and (rival <= 0).all())


@NORMS
@pytest.mark.parametrize("seed", range(6))
def test_the_program_is_exact_on_balls_in_any_order_of_sums(norm, seed):
    rng = np.random.default_rng(seed)
    for share in SHARES:
        X, y = drawn_data(rng)
        radius, bumps = drawn_bumps(rng, X, y, norm, share)
        points, rows = ball_points(rng, X, y, radius, norm)
        network = bump_network(bumps)
        assert _claimed(network(points), rows, y)
        assert _claimed(machine_values(network, points, rng), rows, y)


@NORMS
@pytest.mark.parametrize("seed", range(6))
def test_the_program_is_exact_in_single_precision(norm, seed):
    rng = np.random.default_rng(seed)
    done = 0
    for share in (0.2, 0.5, 0.7):
        X, y = drawn_data(rng, d=int(rng.choice((2, 3, 5, 8))))
        found = bumps_or_none(rng, X, y, norm, share, "float32")
        if found is None:
            continue
        done, (radius, bumps) = done + 1, found
        points, rows = ball_points(rng, X, y, radius, norm, dtype=np.float32)
        network = bump_network(bumps, "float32")
        assert _claimed(network(points), rows, y)
        assert _claimed(machine_values(network, points, rng), rows, y)
    assert done


@NORMS
def test_the_real_network_is_exact_on_balls(norm):
    rng = np.random.default_rng(5)
    for share in SHARES:
        X, y = drawn_data(rng, d=int(rng.choice((1, 2, 3))), n=5)
        radius, bumps = drawn_bumps(rng, X, y, norm, share)
        points, rows = ball_points(rng, X, y, radius, norm, each=1)
        network = bump_network(bumps)
        for at in rng.permutation(rows.size)[:8]:
            values = network.exact(points[at].tolist())
            assert values[rows[at]] == 1
            assert all(v <= 0 for v, label in zip(values, y, strict=True) if label != y[rows[at]])


@NORMS
def test_nonzeros_and_units_by_formula_are_counted(norm):
    rng = np.random.default_rng(3)
    for k in range(12):
        X, y = drawn_data(rng)
        X[0, 0] = 0.0
        image = None if norm == 1.0 or k % 2 else max(1, X.shape[1] // 2)
        found = bumps_or_none(rng, X, y, norm, 0.05, projection=image)
        if found is None:
            assert image is not None
            continue
        bumps = found[1]
        network, parts = bump_network(bumps), bumps.parts()
        assert sum(part.nonzeros for part in parts) == network.size.nonzeros
        assert [part.units for part in parts] == [layer.outputs for layer in network.layers]
        assert len(parts) == bumps.depth


@NORMS
def test_structured_evaluation_agrees_with_the_network(norm):
    rng = np.random.default_rng(4)
    for image in (None, 3):
        X, y = drawn_data(rng, d=5, n=12)
        if norm == 1.0 and image:
            continue
        radius, bumps = drawn_bumps(rng, X, y, norm, 0.3, projection=image)
        points = np.vstack([ball_points(rng, X, y, 1.5 * radius, norm)[0], rng.uniform(-1, 5, (50, 5))])
        starts, which, height = bumps.active(points)
        told = np.zeros((len(points), bumps.count))
        told[np.repeat(np.arange(len(points)), np.diff(starts)), which] = height
        assert np.abs(told - np.maximum(bump_network(bumps)(points), 0)).max() <= 2.0**-40 / bumps.fall


@NORMS
def test_disjoint_supports_are_disjoint(norm):
    rng = np.random.default_rng(6)
    seen = 0
    for _ in range(12):
        X, y = drawn_data(rng, d=2, n=8)
        _, bumps = drawn_bumps(rng, X, y, norm, 0.8)
        a, b = rng.integers(len(X), size=(2, 400))
        points = X[a] + rng.random((400, 1)) * (X[b] - X[a])  # between two centers
        positive = bump_network(bumps)(points) > 0
        assert all(len(set(y[row])) <= 1 for row in positive) or not bumps.rivals_disjoint
        assert (positive.sum(axis=1) <= 1).all() or not bumps.supports_disjoint
        seen += bumps.supports_disjoint
    assert seen


@NORMS
def test_every_radius_below_half_the_separation_is_reached(norm):
    X, y = np.array([[0.0, 0.0, 0.0], [1.0, 1.0, 0.5]]), np.array([-1.0, 1.0])
    for share in (0.9, 0.99, 0.9999, 1 - 1e-6):
        radius, bumps = drawn_bumps(np.random.default_rng(0), X, y, norm, share)
        points, rows = ball_points(np.random.default_rng(0), X, y, radius, norm)
        assert _claimed(bump_network(bumps)(points), rows, y)
    with pytest.raises(ValueError, match=r"X\[0\] and X\[1\]"):
        drawn_bumps(np.random.default_rng(0), X, y, norm, 1.0)


@NORMS
def test_a_ramp_too_wide_names_the_pair_and_the_remedy(norm):
    X, y = np.array([[0.0], [1.0], [4.0]]), np.array([-1.0, 1.0, 1.0])
    with pytest.raises(ValueError, match=r"ramp=0.75 is too wide.*X\[0\] and X\[1\].*pass ramp <="):
        make_ball_bumps(X, y, np.zeros(3, np.int64), np.arange(3), 0.25, 0.75, norm, who="test")


@NORMS
def test_a_plateau_at_the_radius_itself_would_be_caught(norm):
    """Without room for rounding, and with a smaller ball, some bump is no longer exactly 1: the tests above see it."""
    rng = np.random.default_rng(8)
    X, y = drawn_data(rng, d=8, n=12)
    radius, bumps = drawn_bumps(rng, X, y, norm, 0.9)
    points, rows = ball_points(rng, X, y, radius, norm)
    assert not _claimed(bump_network(replace(bumps, plateau=radius * (1 - 2.0**-8)))(points), rows, y)


def test_the_image_keeps_rivals_apart_or_is_refused():
    rng = np.random.default_rng(9)
    X, y = rng.random((20, 40)), rng.choice((-1.0, 1.0), 20)
    limit = separation(X, y, norm=2.0).distance / 2
    radius, bumps = drawn_bumps(rng, X, y, 2.0, 0.15, projection=16)
    assert bumps.projection.shape == (16, 40)
    points, rows = ball_points(rng, X, y, radius, 2.0)
    assert _claimed(bump_network(bumps)(points), rows, y)
    with pytest.raises(ValueError, match="X"):
        make_ball_bumps(X, y, (y > 0).astype(np.int64), np.arange(20), 0.95 * limit, None, 2.0, who="test",
                        projection=4, rng=np.random.default_rng(1))


def test_parameters_per_datum_do_not_depend_on_the_dimension_of_the_data():
    sizes = []
    for d in (32, 64, 256):
        rng = np.random.default_rng(2)
        X, y = rng.random((8, d)), np.array([-1.0, 1.0] * 4)
        bumps = make_ball_bumps(X, y, (y > 0).astype(np.int64), np.arange(8), 0.01, 2.0**-5, 2.0, who="test",
                                projection=8, rng=rng)
        sizes.append((bumps.levels, sum(part.nonzeros for part in bumps.parts()[1:])))
    assert len(set(sizes)) == 1


@NORMS
@pytest.mark.parametrize("precision", ["float64", "float32"])
def test_a_box_that_no_support_comes_near_has_only_zeros(norm, precision):
    rng, spared, touched = np.random.default_rng(9), 0, 0
    for image in (None, 2) if norm == 2.0 else (None,):
        for _ in range(6):
            X, y = drawn_data(rng, d=4, n=8)
            found = bumps_or_none(rng, X, y, norm, 0.6, precision, projection=image)
            if found is None:
                continue
            bumps = found[1]
            half = 0.5 * bumps.ramp * rng.random((300, 4))
            # middles at random and round the edges of supports, where a narrower rule would go wrong
            far = bumps.radius + bumps.ramp + np.linalg.norm(half, ord=norm, axis=1)[:150]
            way = rng.normal(size=(150, 4))
            way *= (far * rng.uniform(0.98, 1.02, 150) / np.linalg.norm(way, ord=norm, axis=1))[:, None]
            middle = np.vstack([X[rng.integers(len(X), size=150)] + way, rng.uniform(-1, 5, (150, 4))])
            near = bumps.near(middle - half, middle + half)
            network, positive = bump_network(bumps, precision), np.zeros(300, bool)
            for corner in (*rng.choice((-1.0, 1.0), (12, 4)), *rng.uniform(-1, 1, (4, 4))):
                positive |= (network(middle + corner * half) > 0).any(axis=1)
            assert near[positive].all()
            spared, touched = spared + int((~near).sum()), touched + int(positive.sum())
    assert spared > 100
    assert touched > 20
