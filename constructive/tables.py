"""From a CSV table to a certified student and one report, or to all memorizers side by side."""

from __future__ import annotations

import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive._checks import as_number
from constructive.evidence import Report, Table, exactly, judge
from constructive.labels import Labels, clean_labels
from constructive.risk import robust_error
from constructive.students import NearestNeighbor, Student, memorize, separation
from constructive.students.student import decide
from constructive.teachers import Teacher, fit_affine
from constructive.zoos import BUDGET, zoo

Array = NDArray[np.float64]


@dataclass(frozen=True, slots=True, eq=False)
class TableData:
    """A table read: features (n, d) unscaled, labels (n,), column names, and the columns left out."""

    name: str
    features: Array
    labels: NDArray[Any]
    columns: tuple[str, ...]
    dropped: tuple[str, ...]
    label: str


def read_table(path: Path, label: str | None, *, who: str = "memorize") -> TableData:
    """Return the numeric columns and the label column, None for the last one, of a CSV file with a header row.

    Labels that all read as integers are classes, as other numbers real values, anything else are class names.
    Columns with an entry that is not a number are left out and named. Raises ValueError for a missing file,
    label column, rows of wrong length, empty or missing entries.
    """
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = [row for row in csv.reader(file) if row]
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise ValueError(f"{who}: cannot read {str(path)!r}: {problem}") from problem
    if len(rows) < 2:
        raise ValueError(f"{who}: {str(path)!r} has no data rows; it needs a header and at least one row")
    header = [name.strip() for name in rows[0]]
    label = header[-1] if label is None else label
    if label not in header:
        raise ValueError(f"{who}: no column {label!r} in {str(path)!r}; it has {', '.join(header)}")
    for k, row in enumerate(rows[1:], start=2):
        if len(row) != len(header):
            raise ValueError(f"{who}: line {k} of {str(path)!r} has {len(row)} entries, the header {len(header)}")
    columns = {name: [row[j].strip() for row in rows[1:]] for j, name in enumerate(header)}
    told = columns.pop(label)
    if "" in told:
        raise ValueError(f"{who}: line {told.index('') + 2} has no label in column {label!r}; remove that row")
    numeric = {name: values for name, found in columns.items() if (values := _numbers(found)) is not None}
    if not numeric:
        raise ValueError(f"{who}: no numeric feature column in {str(path)!r}; encode the others as numbers")
    dropped = tuple(name for name in columns if name not in numeric)
    return TableData(path.stem, np.stack(list(numeric.values()), axis=1), _labels(told), tuple(numeric), dropped, label)


def _numbers(entries: list[str]) -> Array | None:
    try:
        return np.array([float(v) for v in entries])
    except ValueError:
        return None


def _labels(entries: list[str]) -> NDArray[Any]:
    try:
        return np.array([int(v) for v in entries])
    except ValueError:
        found = _numbers(entries)
        return np.array(entries) if found is None else found


def memorize_table(table: TableData, *, radius: float | None, test_fraction: float, teacher: str, recipe: str,
                   seed: int, precision: str = "float64") -> tuple[Student, Report]:
    """Return the student of the training rows and the report; ``radius`` None is 95 % of the largest.

    Features are scaled to [0, 1] by the training rows' range; the split, and the order in which a recipe merges, are
    drawn from ``seed``. Raises
    ValueError as :func:`constructive.memorize` does, with row numbers of the training part.
    """
    if teacher not in ("affine", "none"):
        raise ValueError(f"memorize: teacher={teacher!r} must be 'affine' or 'none'")
    share = as_number(test_fraction, "memorize", "test_fraction", at_least=0.0, below=1.0)
    n = table.features.shape[0]
    if not np.isfinite(table.features).all():
        i, j = np.argwhere(~np.isfinite(table.features))[0]
        raise ValueError(f"memorize: line {i + 2}, column {table.columns[j]!r} is {table.features[i, j]!r}; "
                         "remove or impute that row")
    order = np.random.default_rng(seed).permutation(n)
    held = np.sort(order[: min(int(share * n), n - 1)])
    kept = np.sort(order[held.size:])
    everything = clean_labels(table.labels, n, who="memorize")
    task = "regression" if everything.classes is None else "classification"
    X, low, span = _scaled(table.features[kept])
    y = table.labels[kept]
    labels = clean_labels(y, kept.size, who="memorize", task=task)
    distance = separation(X, y) if task == "classification" else separation(X, labels.scores)
    size = _radius(distance.distance) if radius is None else radius
    guide = fit_affine(X, labels) if teacher == "affine" else None
    student = memorize(X, y, radius=size, teacher=guide, recipe=recipe, task=task,
                       precision=precision, rng=seed)
    certificate = student.certify()
    counted = student.to_network().size
    test = np.array((table.features[held] - low) / span)
    tables = [_about(table, task, labels, kept, held, distance.distance, size, student),
              _sizes(student)]
    if held.size:
        known = np.isin(table.labels[held], y) if task == "classification" else np.ones(held.size, bool)
        tables.append(_held_out(student, guide, test[known], table.labels[held][known], labels, X, y))
    checks = (judge("robust training error", certificate.robust_error, "==", 0.0),
              judge("nonzeros counted", exactly(counted.nonzeros), "==", student.size.nonzeros, "formula"))
    notes = [certificate.statement,
             f"features scaled to [0, 1] by the {kept.size} training rows; task: {task} (inferred from column "
             f"{table.label!r})"]
    if distance.pair is not None:
        i, k = (int(kept[p]) + 2 for p in distance.pair)
        notes.append(f"closest conflicting rows: lines {i} and {k}, {distance.distance:.6g} apart")
    if table.dropped:
        notes.append(f"columns left out, not numeric: {', '.join(table.dropped)}")
    if guide is None:
        notes.append("no teacher: off the supports the student has no opinion")
    return student, Report(f"Robust memorization of {table.name}", checks, tuple(tables), tuple(notes), seed=seed)


def _scaled(features: Array) -> tuple[Array, Array, Array]:
    low, high = features.min(axis=0), features.max(axis=0)
    span = np.where(high > low, high - low, 1.0)
    return (features - low) / span, low, span


def _radius(distance: float) -> float:
    """Return 95 % of the largest admissible radius; a quarter where no two labels differ."""
    return 0.25 if np.isinf(distance) else 0.95 * distance / 2


def _about(table: TableData, task: str, labels: Labels, kept: Any, held: Any, distance: float, radius: float,
           student: Student) -> Table:
    rows: list[tuple[object, ...]] = [
        ("training rows", kept.size), ("held-out rows", held.size), ("features", len(table.columns)),
        ("labels", labels.words), ("separation (l_inf, scaled)", distance), ("radius", radius), ("ramp", student.ramp)]
    if task == "regression":
        rows.append(("largest rounding of a label", labels.representation))
    return Table("Data", ("what", "value"), tuple(rows))


def _sizes(student: Student) -> Table:
    rows = [(name, size.nonzeros, size.units, size.depth, size.width, size.parameters, size.distinct, size.magnitude)
            for name, size in (("teacher", student.teacher.to_network().size), ("student", student.size))]
    columns = ("network", "nonzeros", "units", "depth", "width", "dense parameters", "distinct", "largest weight")
    return Table("Size, by formula", columns, tuple(rows))


def _held_out(student: Student, guide: Teacher | None, test: Array, truth: NDArray[Any], labels: Labels, X: Array,
              y: NDArray[Any]) -> Table:
    """Return held-out accuracy (or error) of teacher, student and nearest neighbor, brackets for two classes."""
    if labels.classes is None:
        nearest = y[np.argmin(np.abs(test[:, None, :] - X[None, :, :]).max(axis=2), axis=1)]
        values = {"student": student.predict(test), "1-nearest neighbor": nearest}
        if guide is not None:
            values = {"teacher": guide(test)[:, 0], **values}
        rows = tuple((name, float(np.sqrt(np.mean((v - truth) ** 2)))) for name, v in values.items())
        return Table("Held-out rows", ("model", "root mean square error"), rows)
    neighbor = NearestNeighbor(X, y)
    models: dict[str, Any] = {"student": student, "1-nearest neighbor": neighbor}
    if guide is not None:
        models = {"teacher": guide, **models}
    out = []
    for name, model in models.items():
        told = decide(model(test), labels) if name == "teacher" else model.predict(test)
        bracket = robust_error(model, test, truth, radius=student.radius, classes=labels.classes) \
            if name != "1-nearest neighbor" else robust_error(model, test, truth, radius=student.radius)
        out.append((name, float(np.mean(told == truth)), bracket.lower, bracket.upper))
    return Table(f"Held-out rows ({len(truth)}), perturbations up to the training radius",
                 ("model", "accuracy", "robust error at least", "at most"), tuple(out))


def zoo_table(table: TableData, *, radius: float | None, share: float, draws: int, budget: int | None, seed: int,
              scaled: bool = True, progress: Callable[[str], None] | None = None) -> Report:
    """Return the report of all memorizers of a table; features scaled to [0, 1] by their range unless told otherwise.

    Raises ValueError as :func:`constructive.zoo` does, with row numbers from 0.
    """
    if not np.isfinite(table.features).all():
        i, j = np.argwhere(~np.isfinite(table.features))[0]
        raise ValueError(f"zoo: line {i + 2}, column {table.columns[j]!r} is {table.features[i, j]!r}; "
                         "remove or impute that row")
    X = _scaled(table.features)[0] if scaled else table.features
    found = zoo(X, table.labels, radius=radius, share=share, draws=draws,
                budget=BUDGET if budget is None else budget, rng=seed, progress=progress)
    report = found.report()
    notes = [f"features {'scaled to [0, 1] by their range' if scaled else 'as they are'}; labels: column "
             f"{table.label!r}"]
    if table.dropped:
        notes.append(f"columns left out, not numeric: {', '.join(table.dropped)}")
    return Report(f"Memorizers of {table.name}", report.checks, report.tables, (*notes, *report.notes), seed=seed)
