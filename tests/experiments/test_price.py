"""The price of few parameters: every column recomputed, inclusions of supports, the formula for slopes."""

from __future__ import annotations

import functools
import math
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from constructive.certificates.lipschitz import lipschitz
from constructive.domain import Box
from constructive.evidence import Bracket
from constructive.experiments.price import (
    NEIGHBOR,
    TEACHER,
    PriceRow,
    data_dependent,
    law_of_robustness,
    price_of_parameters,
    price_table,
)
from constructive.experiments.steepness import slope_formula, steep_points, student_lipschitz, supports_meeting
from constructive.network import Network
from constructive.risk import verdicts
from constructive.students import NearestNeighbor, Recipe, memorize, separation, unavoidable
from constructive.students.contact import reaching, rivals_near

RECIPES = (Recipe("all faces"), Recipe("needed", faces="needed"), Recipe("shared", faces="needed", share=True),
           Recipe("merged", faces="needed", merge=True), Recipe("sums", gate="argmax"))
DELTA, RADIUS = 2.0**-6, 2.0**-7
SEEDS = st.integers(0, 2**32 - 1)
judged = functools.partial(verdicts, budget=4)


def sample(rng: np.random.Generator, n: int, d: int = 2, classes: int = 2) -> tuple[Any, Any]:
    """Return points of a lattice of cells, jittered, and noisy labels of a margin: far enough apart for RADIUS."""
    side = math.ceil(n ** (1 / d))
    X = np.stack(np.meshgrid(*[(np.arange(side) + 0.5) / side] * d), axis=-1).reshape(-1, d)[:n]
    X = np.round((X + rng.uniform(-0.2, 0.2, X.shape) / side) * 1024) / 1024
    y = np.minimum((X[:, 0] * classes).astype(int), classes - 1)
    flipped = rng.random(n) < 0.15
    return X, np.where(flipped, (y + 1) % classes, y)


def steps(d: int = 2) -> Network:
    """Return a teacher that rises along the first coordinate."""
    weight = np.zeros((1, d))
    weight[0, 0] = 4.0
    return Network.build([(weight, [-2.0])])


@pytest.fixture(scope="module")
def data() -> tuple[Any, Any, Any, Any]:
    rng = np.random.default_rng(3)
    X, y = sample(rng, 60)
    held = rng.integers(0, 1025, (256, 2)) / 1024  # 256: shares of them are doubles
    return X, y, held, (held[:, 0] >= 0.5).astype(int)


@pytest.fixture(scope="module")
def rows(data: tuple[Any, Any, Any, Any]) -> dict[str, PriceRow]:
    found = price_of_parameters(*data, radius=RADIUS, delta=DELTA, recipes=RECIPES, teacher=steps(), verdicts=judged,
                                ramp=2.0**-8, rng=1)
    return {row.name: row for row in found}


def test_there_is_a_row_for_teacher_neighbor_and_each_recipe(rows: dict[str, PriceRow]) -> None:
    assert list(rows) == [TEACHER, NEIGHBOR, *(recipe.name for recipe in RECIPES)]


def test_every_student_is_certified_on_its_balls(rows: dict[str, PriceRow]) -> None:
    for recipe in RECIPES:
        assert (rows[recipe.name].training.lower, rows[recipe.name].training.upper) == (0.0, 0.0)


def test_counted_nonzeros_equal_the_formula(rows: dict[str, PriceRow]) -> None:
    for recipe in RECIPES:
        assert rows[recipe.name].nonzeros == rows[recipe.name].formula


@pytest.mark.parametrize("recipe", [r for r in RECIPES if not r.merge], ids=lambda recipe: recipe.name)
def test_rows_equal_a_recomputation(recipe: Recipe, rows: dict[str, PriceRow], data: tuple[Any, ...]) -> None:
    X, y, held, truth = data
    row, student = rows[recipe.name], memorize(X, y, radius=RADIUS, ramp=2.0**-8, recipe=recipe, teacher=steps())
    size, bumps = student.to_network().size, student.bumps
    assert (row.nonzeros, row.distinct, row.depth, row.magnitude) == (
        size.nonzeros, size.distinct, size.depth, size.magnitude)
    assert (row.bumps, row.faces, row.ramp) == (bumps.count, bumps.faces, 2.0**-8)
    found = judged(student, held, truth, radius=DELTA, classes=(0, 1))
    assert (row.robust.lower, row.robust.upper) == (float((found == 1).mean()), float((found != 0).mean()))
    assert row.accuracy == float((student.predict(held) == truth).mean())
    for share, part in ((row.interference, Fraction(1, 2)), (row.contact, Fraction(1))):
        assert share.lower == share.upper == exact_share(student, held, truth, part)


def exact_share(student: Any, points: Any, y: Any, part: Fraction) -> float:
    """Return the share of balls within part * ramp of a rival box, point by point in rational arithmetic."""
    bumps, size = student.bumps, Fraction(DELTA)
    signs = np.where(y == 1, 1.0, -1.0)
    near = 0
    for x, sign in zip(points.tolist(), signs, strict=True):
        for k in np.flatnonzero(bumps.scores * sign < 0):
            total = Fraction(0)
            for value, a, b in zip(x, bumps.lower[k].tolist(), bumps.upper[k].tolist(), strict=True):
                below = Fraction(a) - Fraction(value) - size if math.isfinite(a) else Fraction(0)
                above = Fraction(value) - size - Fraction(b) if math.isfinite(b) else Fraction(0)
                total += max(below, above, Fraction(0))
            if total <= part * Fraction(bumps.ramp):
                near += 1
                break
    return near / len(points)


def test_fewer_faces_never_have_less_mass_on_the_same_radius_and_ramp(rows: dict[str, PriceRow]) -> None:
    everything = rows["all faces"]
    for name in ("needed", "shared", "merged"):
        assert rows[name].interference.lower >= everything.interference.upper
        assert rows[name].contact.lower >= everything.contact.upper
    assert rows["needed"].interference.lower > everything.interference.upper
    assert rows["needed"].nonzeros < everything.nonzeros


@settings(max_examples=15)
@given(SEEDS, st.integers(1, 3), st.integers(2, 4))
def test_point_by_point_fewer_faces_reach_at_least_as_far(seed: int, d: int, classes: int) -> None:
    rng = np.random.default_rng(seed)
    X, y = sample(rng, 20, d, classes)
    radius = 0.3 * min(separation(X, y).distance, 0.1)
    points, truth = rng.random((50, d)), rng.choice(np.unique(y), 50)
    full = memorize(X, y, radius=radius, ramp=radius / 2)
    for options in ({"faces": "needed"}, {"faces": "needed", "merge": True}, {"merge": True}):
        fewer = memorize(X, y, radius=radius, ramp=radius / 2, recipe=Recipe(**options), rng=seed)
        for part in (Fraction(1, 2), Fraction(1)):
            assert (rivals_near(fewer, points, truth, radius, part)[0]
                    | ~rivals_near(full, points, truth, radius, part)[1]).all()


def test_the_robust_error_is_at_most_the_teachers_and_the_mass_of_contact(rows: dict[str, PriceRow]) -> None:
    for recipe in RECIPES:
        row = rows[recipe.name]
        assert row.robust.lower <= rows[TEACHER].robust.upper + row.contact.upper


def test_no_memorizer_errs_less_than_what_is_unavoidable(rows: dict[str, PriceRow], data: tuple[Any, ...]) -> None:
    X, y, held, truth = data
    share = float(unavoidable(X, y, RADIUS, held, truth, DELTA).mean())
    assert share > 0
    for row in rows.values():
        assert row.unavoidable.lower == row.unavoidable.upper == share
        if row.name != TEACHER:
            assert row.robust.upper >= share


def test_the_neighbor_stores_its_data_and_memorizes_them(rows: dict[str, PriceRow], data: tuple[Any, ...]) -> None:
    X, y, held, truth = data
    row, model = rows[NEIGHBOR], NearestNeighbor(X, y)
    assert row.nonzeros == X.size + y.size
    assert row.training.upper == 0.0
    assert row.accuracy == float((model.predict(held) == truth).mean())
    found = judged(model, held, truth, radius=DELTA, classes=(0, 1))
    assert (row.robust.lower, row.robust.upper) == (float((found == 1).mean()), float((found != 0).mean()))
    assert row.lipschitz is row.contact is row.law is None


def test_the_teacher_does_not_memorize_wrong_labels(rows: dict[str, PriceRow], data: tuple[Any, ...]) -> None:
    X, y, _, _ = data
    wrong = float(((X[:, 0] >= 0.5) != (y == 1)).mean())
    assert rows[TEACHER].training.lower >= wrong > 0
    assert (rows[TEACHER].lipschitz.lower, rows[TEACHER].lipschitz.upper) == (4.0, 4.0)


def test_the_law_is_a_formula(rows: dict[str, PriceRow], data: tuple[Any, ...]) -> None:
    X = data[0]
    spread = math.sqrt(((X - X.mean(axis=0)) ** 2).sum(axis=1).mean())
    for row in rows.values():
        if row.law is not None:
            assert row.law == pytest.approx(math.sqrt(X.size / row.nonzeros) / spread, rel=1e-12)
    assert law_of_robustness(64, 4, 16, 2.0) == 2.0


def test_several_radii_follow_each_other_and_the_table_has_every_row(data: tuple[Any, ...]) -> None:
    found = price_of_parameters(*data, radius=[RADIUS, RADIUS / 2], delta=DELTA, recipes=["clip"], verdicts=judged)
    assert [(row.radius, row.name) for row in found] == [
        (RADIUS, NEIGHBOR), (RADIUS, "clip"), (RADIUS / 2, NEIGHBOR), (RADIUS / 2, "clip")]
    assert len(price_table(found).rows) == 4


def test_an_interrupted_run_is_taken_up_again(data: tuple[Any, ...], tmp_path: Any) -> None:
    asked: list[str] = []

    def counted(model: Any, X: Any, y: Any, **options: Any) -> Any:
        asked.append(type(model).__name__)
        return np.full(len(X), -1, np.int8)

    options = {"radius": RADIUS, "delta": DELTA, "verdicts": counted, "store": tmp_path, "budget": 1}
    first = price_of_parameters(*data, recipes=["clip"], **options)
    before = len(asked)
    again = price_of_parameters(*data, recipes=["clip"], **options)
    assert len(asked) == before
    assert [replace_brackets(row) for row in first] == [replace_brackets(row) for row in again]


def replace_brackets(row: PriceRow) -> list[Any]:
    values = [getattr(row, name) for name in PriceRow.__slots__]
    return [(v.lower, v.upper, v.evidence) if isinstance(v, Bracket) else v for v in values]


def test_real_labels_are_refused(data: tuple[Any, ...]) -> None:
    X, _, held, truth = data
    with pytest.raises(ValueError, match="needs classes"):
        price_of_parameters(X, np.linspace(0, 0.7, len(X)), held, truth, radius=RADIUS, delta=DELTA, recipes=["clip"],
                            verdicts=judged)


def test_two_recipes_of_one_name_are_refused(data: tuple[Any, ...]) -> None:
    with pytest.raises(ValueError, match="different names"):
        price_of_parameters(*data, radius=RADIUS, delta=DELTA, recipes=["clip", Recipe("clip", share=True)],
                            verdicts=judged)


# -- slopes ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("norm", "factor"), [(1.0, 1.0), (2.0, math.sqrt(3.0)), (math.inf, 3.0)])
def test_the_formula_is_attained_where_the_teacher_pushes(norm: float, factor: float) -> None:
    X, y = sample(np.random.default_rng(1), 20, 3)
    low = Network.build([(np.zeros((1, 3)), [-1.0])])
    student = memorize(X, y, radius=2.0**-6, ramp=2.0**-7, teacher=low)
    assert student.bumps.supports_disjoint
    found, stated = student_lipschitz(student, norm=norm), 2.0 * factor * 2.0**7
    assert found.lower * (1 - 1e-15) <= stated <= found.upper
    assert found.upper <= found.lower * (1 + 2.0**-38)


def test_the_formula_counts_labels_inside_the_range() -> None:
    low = Network.build([(np.zeros((1, 2)), [-1.0])])
    student = memorize([[0.25, 0.25], [0.75, 0.75]], [0.5, 0.125], radius=0.0625, ramp=0.125, teacher=low)
    # B = 1/2 above the labels: B + y = 1 at the first datum, B - y below that
    assert student.amplitude == 0.5
    found = student_lipschitz(student, norm=1.0)
    assert found.lower == (0.5 + 0.5) / 0.125
    assert found.lower <= found.upper <= found.lower * (1 + 2.0**-38)


def test_coordinates_in_which_the_box_has_no_width_do_not_count() -> None:
    X, y = sample(np.random.default_rng(7), 16, 2)
    flat = np.column_stack([X, np.full(len(X), 0.5)])
    student = memorize(flat, y, radius=2.0**-6, ramp=2.0**-7, teacher=Network.build([(np.zeros((1, 3)), [-1.0])]))
    inside = student_lipschitz(student, norm=math.inf, box=Box([0.0, 0.0, 0.5], [1.0, 1.0, 0.5]))
    assert inside.lower == 2 * 2 * 2.0**7
    assert inside.upper <= inside.lower * (1 + 2.0**-38)
    assert student_lipschitz(student, norm=math.inf).lower == 3 * 2 * 2.0**7


def test_a_formula_for_twice_the_ramp_is_contradicted_by_the_weights() -> None:
    X, y = sample(np.random.default_rng(2), 20, 2)
    student = memorize(X, y, radius=2.0**-6, ramp=2.0**-7, teacher=steps())
    wrong = replace(student, bumps=replace(student.bumps, ramp=2.0**-6))
    proved = lipschitz(student.to_network(), norm=1.0, budget=1, points=steep_points(
        student, Box.cube(2), np.random.default_rng(0))).lower
    assert slope_formula(wrong, norm=1.0) < proved <= slope_formula(student, norm=1.0)


@pytest.mark.parametrize("norm", [math.inf, 2.0, 1.0])
@pytest.mark.parametrize("recipe", [
    Recipe("clip"), Recipe("needed", faces="needed"), Recipe("merged", faces="needed", merge=True),
    Recipe("boxes", merge=True), Recipe("additive", gate="additive"), Recipe("argmax", gate="argmax"),
    Recipe("lean", gate="argmax", faces="needed", merge=True), Recipe("half", amplitude=0.5),
    Recipe("inside", domain=(0.0, 1.0)), Recipe("one-sided", gate="argmax", one_sided=True)],
    ids=lambda recipe: recipe.name)
def test_no_quotient_exceeds_the_formula(recipe: Recipe, norm: float) -> None:
    rng = np.random.default_rng(5)
    for classes in (2, 3):
        if classes == 3 and (recipe.one_sided or recipe.amplitude != 1.0):
            continue
        X, y = sample(rng, 25, 2, classes)
        teacher = None if recipe.one_sided else Network.build([(rng.normal(size=(6, 2)), rng.normal(size=6)),
                                                               (rng.normal(size=(1 if classes == 2 else 3, 6)), None)])
        student = memorize(X, y, radius=2.0**-6, recipe=recipe, teacher=teacher, rng=0)
        found = student_lipschitz(student, norm=norm, budget=64)
        stated = slope_formula(student, norm=norm)
        assert found.upper <= stated
        near = X[rng.integers(len(X), size=4000)] + rng.uniform(-1, 1, (4000, 2)) * (2.0**-6 + student.ramp)
        moved = near + rng.uniform(-1, 1, near.shape) * student.ramp / 8
        rise = np.abs(student(near) - student(moved)).max(axis=1)
        length = np.linalg.norm(near - moved, ord=norm, axis=1)
        # scores are rounded to their size, up to kappa: 16 units in the last place of it
        assert (rise <= found.upper * length + 2.0**-48 * max(1.0, student.push)).all()
        assert rise.max() > 0


@pytest.mark.parametrize("options", [{"norm": 1.0}, {"norm": 2.0}, {"norm": 2.0, "projection": 3}], ids=str)
@pytest.mark.parametrize("norm", [math.inf, 2.0, 1.0])
def test_no_quotient_exceeds_the_formula_for_balls(options: dict[str, Any], norm: float) -> None:
    rng = np.random.default_rng(6)
    X, y = rng.random((12, 4)), rng.choice([0, 1], 12)
    recipe = Recipe("balls", bump="ball", projection=options.get("projection"))
    radius = (0.05 if "projection" in options else 0.3) * separation(X, y, norm=options["norm"]).distance
    student = memorize(X, y, radius=radius, norm=options["norm"], recipe=recipe, teacher=steps(4), rng=0)
    upper = slope_formula(student, norm=norm)
    near = X[rng.integers(12, size=4000)] + rng.uniform(-1, 1, (4000, 4)) * (radius + student.ramp) / 2
    moved = near + rng.uniform(-1, 1, near.shape) * student.ramp / 8
    rise = np.abs(student(near) - student(moved)).max(axis=1)
    assert (rise <= upper * np.linalg.norm(near - moved, ord=norm, axis=1) + 2.0**-44).all()
    assert rise.max() > 0


def test_every_two_supports_that_meet_are_counted() -> None:
    rng = np.random.default_rng(8)
    X, y = sample(rng, 30, 2)
    student = memorize(X, y, radius=2.0**-6, recipe=Recipe(faces="needed"))
    meeting = supports_meeting(student.bumps)
    starts, bump, _ = student.bumps.active(rng.random((5000, 2)))
    for a, b in zip(starts, starts[1:], strict=False):
        assert meeting[np.ix_(bump[a:b], bump[a:b])].all()
    assert meeting.diagonal().all()
    assert not meeting.all()


def test_faces_left_out_at_the_domain_count_where_the_box_leaves_it() -> None:
    # beyond 1 the bump of 1.05 has no face left, so that it goes on below the bump of 1.5
    student = memorize([[0.2], [1.05], [1.5]], [1, 0, 0], radius=0.125, ramp=0.0625, recipe=Recipe(domain=(0.0, 1.0)))
    inside, everywhere = (slope_formula(student, norm=1.0, box=box) for box in (Box.cube(1), None))
    assert inside == 32.0 * (1 + 2.0**-40)
    assert everywhere == 2 * inside


# -- what balls reach ---------------------------------------------------------------------------------------------


def test_projected_balls_reach_what_their_images_reach() -> None:
    rng = np.random.default_rng(9)
    X, y = rng.random((10, 6)), rng.choice([0, 1], 10)
    radius = 0.02 * separation(X, y, norm=2).distance
    student = memorize(X, y, radius=radius, norm=2, recipe=Recipe("few", bump="ball", projection=3), rng=0)
    points, truth = rng.random((300, 6)), rng.choice([0, 1], 300)
    found = reaching(student, points, truth, 0.05, 1)
    image = student.bumps.projection @ (points[:, None] - X[student.bumps.members]).transpose(0, 2, 1)
    away = np.linalg.norm(image, axis=1)
    rival = y[student.bumps.members] != truth[:, None]
    share = float(((away <= radius + student.ramp + 0.05) & rival).any(axis=1).mean())
    assert found.lower <= share <= found.upper <= found.lower + 0.02
    assert 0 < share < 1


def test_data_dependent_values_are_those_that_move_with_the_data() -> None:
    X, y = sample(np.random.default_rng(4), 16, 2)
    student = memorize(X, y, radius=RADIUS)
    thresholds = {v for v in (*student.bumps.lower.ravel(), *(-student.bumps.upper).ravel()) if v}
    assert data_dependent(student) == len(thresholds | {-1.0 / student.ramp})
    assert data_dependent(student) <= student.to_network().size.distinct
