"""The price of few parameters: what leaving out faces, boxes and coordinates saves, and what it costs elsewhere.

A bump with fewer faces, or one for several data, needs fewer parameters and speaks for more of the space than the
balls that must be memorized. With ``mu(delta + r, t) = P(the delta-ball of x comes within t, in l_1, of a box that is
told another label)``, whatever bumps the boxes belong to,

    R_delta(student) <= R_delta(teacher) + mu(delta + r, ramp)

for all gates that copy the teacher: where a ball meets no support of another label, the student is as right as its
teacher. Data flow: a recipe and a radius -> a student, certified on its own data -> its ledger, its mu on held-out
points, their verdicts, and its Lipschitz constant from both sides -> a row; teacher and 1-nearest neighbor likewise.
"""

from __future__ import annotations

import functools
import hashlib
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_norm, as_number, as_points
from constructive.certificates.lipschitz import lipschitz
from constructive.certificates.training import certify
from constructive.domain import Box
from constructive.evidence import Bracket, Evidence, Table, exactly
from constructive.experiments.running import run_cells, seed_of
from constructive.experiments.steepness import student_lipschitz
from constructive.experiments.storage import Cell, Result
from constructive.labels import Labels, clean_labels
from constructive.network import Network
from constructive.populations import sample_bracket
from constructive.students import NearestNeighbor, Recipe, Student, memorize, unavoidable
from constructive.students.boxes import Bumps
from constructive.students.contact import reaching
from constructive.students.recipes import as_recipe
from constructive.students.student import decide
from constructive.teachers.teacher import Teacher, as_teacher

Array = NDArray[np.float64]
Verdicts = Callable[..., NDArray[np.int8]]

TEACHER, NEIGHBOR = "teacher", "1-nearest neighbor"
_WORK = 1 << 22
"""Nonzeros times parts of the domain spent on a Lipschitz constant's upper end."""


@dataclass(frozen=True, slots=True, eq=False)
class PriceRow:
    """What one model costs and what it is worth; None where a number has no meaning for it.

    Ledger: ``nonzeros`` (for the nearest neighbor: the numbers it stores), ``formula`` the same by formula,
    ``distinct`` values, ``data_dependent`` of them, ``depth``, ``magnitude``, ``bumps``, ``faces``. ``training``: the
    robust error on the training balls, certified. On held-out points: ``interference`` and ``contact``, the shares
    whose ball comes within half a ramp, or a whole ramp, of a box told another label; ``unavoidable``, the
    share on which every memorizer errs; ``accuracy`` without perturbation; ``robust`` error within ``delta``.
    ``lipschitz``: in l_2, over the hull of all points; ``law``: sqrt(n d / p) / spread of the data, p = nonzeros.
    """

    name: str
    norm: float
    radius: float
    delta: float
    nonzeros: int
    formula: int | None
    distinct: int
    data_dependent: int
    depth: int | None
    magnitude: float
    bumps: int | None
    faces: int | None
    ramp: float | None
    training: Bracket
    interference: Bracket | None
    contact: Bracket | None
    unavoidable: Bracket | None
    accuracy: float
    robust: Bracket
    lipschitz: Bracket | None
    law: float | None


@dataclass(frozen=True, slots=True, eq=False)
class _Setting:
    """Data, teacher and rules that all rows have in common."""

    X: Array
    y: NDArray[Any]
    X_test: Array
    y_test: NDArray[Any]
    delta: float
    norm: float
    ramp: float | None
    teacher: Teacher | None
    recipes: tuple[Recipe, ...]
    classes: tuple[Any, ...]
    verdicts: Verdicts
    box: Box
    budget: int


def price_of_parameters(X: ArrayLike, y: Any, X_test: ArrayLike, y_test: Any, *, radius: float | Sequence[float],
                        delta: float, recipes: Sequence[str | Recipe], verdicts: Verdicts,
                        teacher: Teacher | Network | None = None, norm: float = math.inf, ramp: float | None = None,
                        budget: int = 256, rng: np.random.Generator | int = 0, n_jobs: int | None = None,
                        store: str | Path | None = None, progress: bool = False) -> list[PriceRow]:
    """Return a row for each radius and each of: the teacher, 1-nearest neighbor, a student by each recipe.

    X (n, d), y (n,) classes are memorized on balls of the radius in ``norm``; X_test, y_test are held out and
    perturbed by at most ``delta`` in the same norm. ``verdicts``: what decides about a held-out ball, such as
    :func:`constructive.risk.verdicts` (0 right, 1 wrong, -1 unknown). ``ramp``: the same for all students, by default
    each recipe's own. ``budget``: parts of the domain on which Lipschitz constants are bounded. Every student is
    certified on its own data. The law of robustness is a statement about all smooth families under isoperimetry and
    label noise with constants that are not known here: sqrt(n d / p) stands beside the measurement, it is not a bound.
    ``n_jobs``, ``store``, ``progress`` as in :func:`run_cells`. Raises ValueError for real labels, for two recipes
    of one name, or where a recipe cannot memorize at a radius.
    Source: arXiv:2401.13624 for the students; arXiv:2105.12806 for the law.

    >>> def unknown(model, X, y, **_):
    ...     return np.full(len(X), -1, np.int8)
    >>> rows = price_of_parameters([[0.0], [1.0]], [0, 1], [[0.25]], [0], radius=0.25, delta=0.125,
    ...                            recipes=["clip"], verdicts=unknown)
    >>> [(row.name, row.nonzeros, row.training.upper) for row in rows]
    [('1-nearest neighbor', 4, 0.0), ('clip', 34, 0.0)]
    """
    who = "price_of_parameters"
    points = as_points(X, who)
    held = as_points(X_test, who, "X_test", dimension=points.shape[1])
    labels = clean_labels(y, points.shape[0], who=who)
    if labels.classes is None:
        raise ValueError(f"{who}: needs classes, got real labels; pass integer or string labels")
    truth = clean_labels(y_test, held.shape[0], who=who, classes=labels.classes)
    sizes = [as_number(r, who, "radius", at_least=0.0) for r in np.atleast_1d(np.asarray(radius)).tolist()]
    chosen = tuple(as_recipe(recipe, who) for recipe in recipes)
    names = [recipe.name for recipe in chosen]
    repeated = sorted({name for name in names if names.count(name) > 1 or name in (TEACHER, NEIGHBOR)})
    if repeated:
        raise ValueError(f"{who}: recipes need different names, got {repeated[0]!r} again; pass "
                         "Recipe('another name', ...)")
    everything = np.concatenate([points, held])
    setting = _Setting(points, _named(labels), held, _named(truth),
                       as_number(delta, who, "delta", at_least=0.0), as_norm(norm, who), ramp,
                       None if teacher is None else as_teacher(teacher), chosen, labels.classes, verdicts,
                       Box(everything.min(axis=0), everything.max(axis=0)), budget)
    models = [*([] if teacher is None else [TEACHER]), NEIGHBOR, *names]
    cells = [{"radius": r, "model": model} for r in sizes for model in models]
    found = run_cells(functools.partial(_priced, setting), cells, name=who, parameters=_parameters(setting),
                      seed=seed_of(rng, who), n_jobs=n_jobs, store=store, progress=progress)
    return [_row(result) for result in found]


def _named(labels: Labels) -> NDArray[Any]:
    return np.array(labels.classes)[labels.index]


def _parameters(setting: _Setting) -> dict[str, Any]:
    """Return all that a row depends on beside its cell, as plain data: arrays by their hash."""
    arrays = [setting.X, setting.y, setting.X_test, setting.y_test]
    if setting.teacher is not None:
        for layer in setting.teacher.to_network().layers:
            arrays += [layer.weight.data, layer.weight.indices, layer.weight.indptr, layer.bias]
    digest = hashlib.sha256()
    for array in arrays:
        digest.update(f"{array.dtype}{array.shape}".encode() + np.ascontiguousarray(array).tobytes())
    rule = getattr(setting.verdicts, "func", setting.verdicts)  # of a partial function
    return {"data": digest.hexdigest(), "recipes": [repr(recipe) for recipe in setting.recipes],
            "delta": setting.delta, "norm": str(setting.norm), "ramp": setting.ramp, "budget": setting.budget,
            "verdicts": f"{getattr(rule, '__module__', '')}.{getattr(rule, '__qualname__', repr(rule))} "
                        f"{getattr(setting.verdicts, 'keywords', '')}"}


def _priced(setting: _Setting, cell: Cell, rng: np.random.Generator) -> Result:
    """Return the fields of one row as plain data."""
    radius, name = cell["radius"], cell["model"]
    if name == NEIGHBOR:
        model: Any = NearestNeighbor(setting.X, setting.y, norm=setting.norm)
        row = _neighbor(setting, model, radius)
    elif name == TEACHER and setting.teacher is not None:
        model = setting.teacher
        row = _taught(setting, model, radius, rng)
    else:
        recipe = next(recipe for recipe in setting.recipes if recipe.name == name)
        model = memorize(setting.X, setting.y, radius=radius, ramp=setting.ramp, recipe=recipe, norm=setting.norm,
                         teacher=None if recipe.one_sided else setting.teacher, rng=rng)
        row = _studied(setting, model, rng)
    held = setting.verdicts(model, setting.X_test, setting.y_test, radius=setting.delta, norm=setting.norm,
                            classes=setting.classes)
    told = model.predict(setting.X_test) if hasattr(model, "predict") else decide(
        model(setting.X_test), clean_labels(setting.y, len(setting.y), who="price_of_parameters"))
    forced: Bracket | None = None
    if setting.norm == math.inf:
        met = unavoidable(setting.X, setting.y, radius, setting.X_test, setting.y_test, setting.delta)
        forced = exactly(Fraction(int(met.sum()), met.size))
    return {"name": name, "norm": str(setting.norm), "radius": radius, "delta": setting.delta, **row,
            "unavoidable": _plain(forced), "accuracy": float((told == setting.y_test).mean()),
            "robust": _plain(sample_bracket(held))}


def _neighbor(setting: _Setting, model: NearestNeighbor, radius: float) -> Result:
    values = np.unique(model.X)
    verdicts = model.robust_verdicts(setting.X, setting.y, radius)
    return {"nonzeros": int(model.X.size + len(setting.y)), "formula": None,
            "distinct": int(values.size), "data_dependent": int(values.size), "depth": None,
            "magnitude": float(np.abs(values).max()), "bumps": None, "faces": None, "ramp": None,
            "training": _plain(sample_bracket(verdicts)), "interference": None, "contact": None, "lipschitz": None,
            "law": None}


def _taught(setting: _Setting, teacher: Teacher, radius: float, rng: np.random.Generator) -> Result:
    network = teacher.to_network()
    size = network.size
    proof = certify(network, setting.X, setting.y, radius=radius, norm=setting.norm, classes=setting.classes)
    slope = lipschitz(network, setting.box, norm=2.0, budget=setting.budget, rng=rng)
    return {"nonzeros": size.nonzeros, "formula": teacher.nonzeros, "distinct": size.distinct,
            "data_dependent": size.distinct, "depth": size.depth, "magnitude": size.magnitude, "bumps": None,
            "faces": None, "ramp": None, "training": _plain(proof.robust_error), "interference": None,
            "contact": None, "lipschitz": _plain(slope), "law": _law(setting, size.nonzeros)}


def _studied(setting: _Setting, student: Student, rng: np.random.Generator) -> Result:
    network = student.to_network()
    size, bumps = network.size, student.bumps
    parts = max(1, min(setting.budget, _WORK // size.nonzeros))
    slope = student_lipschitz(student, norm=2.0, box=setting.box, budget=parts, rng=rng)
    near, touched = (reaching(student, setting.X_test, setting.y_test, setting.delta, part)
                     for part in (Fraction(1, 2), Fraction(1)))
    return {"nonzeros": size.nonzeros, "formula": student.size.nonzeros, "distinct": size.distinct,
            "data_dependent": data_dependent(student), "depth": size.depth, "magnitude": size.magnitude,
            "bumps": 0 if bumps is None else bumps.count,
            "faces": bumps.faces if isinstance(bumps, Bumps) else None,
            "ramp": None if bumps is None else bumps.ramp, "training": _plain(student.certify().robust_error),
            "interference": _plain(near), "contact": _plain(touched), "lipschitz": _plain(slope),
            "law": _law(setting, size.nonzeros)}


def data_dependent(student: Student) -> int:
    """Return how many of a student's distinct values change with the data: thresholds, ramp, labels, the teacher's.

    >>> data_dependent(memorize([[0.0], [1.0]], [0, 1], radius=0.25))
    4
    """
    values = [np.concatenate([layer.weight.data, layer.bias]) for layer in student.teacher.to_network().layers]
    bumps = student.bumps
    if isinstance(bumps, Bumps):
        ends = np.concatenate([bumps.lower.ravel(), -bumps.upper.ravel()])
        values += [ends[np.isfinite(ends)], np.array([-1.0 / bumps.ramp])]
    elif bumps is not None:
        values += [bumps.centers.ravel(), -bumps.centers.ravel(), np.array([-bumps.plateau, -1.0 / bumps.fall])]
    if student.classes is None:
        values.append(student.labels.scores)
    found = np.unique(np.concatenate(values))
    return int((found != 0).sum())


def law_of_robustness(n: int, dimension: int, parameters: int, spread: float = 1.0) -> float:
    """Return ``sqrt(n d / p) / spread``: the order of the least slope at which p parameters fit n noisy labels.

    ``spread``: the root mean square distance of the data from their mean, 1 where the law is stated. Constants,
    isoperimetry and noise are the law's own; it bounds nothing here. Source: arXiv:2105.12806.

    >>> law_of_robustness(100, 4, 100)
    2.0
    """
    return math.sqrt(n * dimension / parameters) / spread


def _law(setting: _Setting, parameters: int) -> float:
    spread = float(np.sqrt(((setting.X - setting.X.mean(axis=0)) ** 2).sum(axis=1).mean()))
    n, d = setting.X.shape
    return law_of_robustness(n, d, parameters, spread or 1.0)


def price_table(rows: Sequence[PriceRow]) -> Table:
    """Return the rows as a table: ledger, interference, held-out errors, Lipschitz constants."""
    columns = ("model", "norm", "radius", "nonzeros", "data-dependent", "largest weight", "depth", "bumps",
               "interference", "contact", "accuracy", "robust error at least", "at most",
               "Lipschitz (l_2) at least", "at most ", "law")
    lines = [(row.name, row.norm, row.radius, row.nonzeros, row.data_dependent, row.magnitude, row.depth, row.bumps,
              row.interference and row.interference.upper, row.contact and row.contact.upper, row.accuracy,
              row.robust.lower, row.robust.upper, row.lipschitz and row.lipschitz.lower,
              row.lipschitz and row.lipschitz.upper, row.law) for row in rows]
    return Table("The price of few parameters", columns, tuple(lines),
                 "interference, contact: held-out points whose ball comes within half a ramp, a whole ramp, of a box "
                 "told another label; law: sqrt(n d / p) / spread, no bound")


def _plain(bracket: Bracket | None) -> list[Any] | None:
    return None if bracket is None else [bracket.lower, bracket.upper, bracket.evidence.value]


def _row(result: Result) -> PriceRow:
    values = {**result, "norm": float(result["norm"])}
    for name in ("training", "interference", "contact", "unavoidable", "robust", "lipschitz"):
        if values[name] is not None:
            lower, upper, evidence = values[name]
            values[name] = Bracket(lower, upper, Evidence(evidence))
    return PriceRow(**{field.name: values[field.name] for field in fields(PriceRow)})
