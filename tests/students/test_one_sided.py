"""One-sided students: what they cost, what they say off the bumps, other norms, slopes."""

from __future__ import annotations

import math

import numpy as np
import pytest

from constructive.domain import Box
from constructive.evidence import Verdict
from constructive.experiments.steepness import student_lipschitz
from constructive.students import Recipe, memorize, separation


def some_data(seed: int, n: int = 40, d: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 2**12, (n, d)) / 2**12, rng.choice([-1, 1], n)


def test_a_one_sided_student_costs_three_for_each_face_two_for_each_bump_and_three() -> None:
    for seed in range(20):
        X, y = some_data(seed)
        student = memorize(X, y, radius=separation(X, y).distance / 4, recipe="one-sided")
        assert student.bumps is not None
        zeros = int((student.bumps.lower == 0).sum() + (student.bumps.upper == 0).sum())
        size = student.to_network().size
        assert size.nonzeros == 3 * student.bumps.faces + 2 * student.bumps.count + 3 - zeros
        assert size.depth == 4


def test_it_is_smaller_than_every_other_recipe_with_exact_scores() -> None:
    X, y = some_data(3, n=60)
    radius = separation(X, y).distance / 4
    sizes = {gate: memorize(X, y, radius=radius, recipe=Recipe(gate=gate, faces="needed", merge=True)).size.nonzeros
             for gate in ("clip", "additive")}
    assert memorize(X, y, radius=radius, recipe="one-sided").size.nonzeros < min(sizes.values()) / 1.5


def test_off_its_bumps_it_says_minus_one() -> None:
    X, y = some_data(5)
    student = memorize(X, y, radius=separation(X, y).distance / 4, recipe=Recipe(gate="cap", one_sided=True))
    far = np.random.default_rng(0).uniform(5, 9, (200, 3))
    assert (student.to_network()(far) == -1.0).all()


@pytest.mark.parametrize("norm", [1, 2])
def test_balls_of_other_norms_are_certified(norm: float) -> None:
    X, y = some_data(7, n=24, d=2)
    radius = 0.48 * separation(X, y, norm=norm).distance
    student = memorize(X, y, radius=radius, norm=norm, recipe=Recipe(gate="cap", bump="ball", one_sided=True))
    assert student.certify().verdict is Verdict.CONFIRMED


def test_two_overlapping_bumps_of_the_upper_class_still_score_exactly_one() -> None:
    X, y = np.array([[0.25], [0.375], [1.0]]), [1, 1, -1]
    student = memorize(X, y, radius=0.1875, recipe=Recipe(gate="cap", one_sided=True))
    inside = np.linspace(0.0625, 0.5625, 41)[:, None]
    assert (student.to_network()(inside) == 1.0).all()


def test_its_slope_is_bounded_by_its_formula_and_attained_outside_a_corner() -> None:
    X, y = np.array([[0.25, 0.25], [0.75, 0.75]]), [1, -1]
    student = memorize(X, y, radius=0.125, ramp=0.125, recipe=Recipe(gate="cap", one_sided=True))
    steep = student_lipschitz(student, norm=math.inf, box=Box.cube(2, -1.0, 2.0))
    # f = 1 - 2 relu(1 - G), and G falls by 1/ramp for each of two coordinates
    assert steep.lower == pytest.approx(2 * 2 / 0.125, rel=2**-40)
    assert steep.upper == pytest.approx(2 * 2 / 0.125, rel=2**-30)
