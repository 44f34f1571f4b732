"""Files for the independent checker: damaged, changed under a fresh digest, and large."""

from __future__ import annotations

import ast
import hashlib
import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from checker_cases import contradicted, opened, resealed, small_student, student_file, with_text
from numpy.typing import NDArray

from constructive.certificates import checker
from constructive.certificates.checker import check
from constructive.certificates.enclosure import interval_bounds
from constructive.certificates.exact import exact_interval_bounds
from constructive.certificates.filing import Subject, file_bytes, subject_of
from constructive.certificates.goals import Goal
from constructive.domain import inward_boxes, outward_boxes
from constructive.network import Network
from constructive.students import memorize, separation

Array = NDArray[np.float64]


# -- bytes that are no certificate ------------------------------------------------------------------------------


SMALL = Network.build([([[1.0], [-1.0]], None), ([[1.0, -1.0]], [0.25])])
SMALL_FILE = file_bytes(Subject(SMALL, np.array([[1.0], [-2.0]]), Goal("sign", np.array([1.0, -1.0]))), kind="real",
                        radius=0.5, norm=math.inf, about={"note": ""}, witness=(0, np.ones(1), np.ones(1)))


def test_the_small_file_is_confirmed() -> None:
    assert check(SMALL_FILE).verdict == "confirmed"
    assert resealed(*opened(SMALL_FILE)) == SMALL_FILE


@pytest.mark.parametrize("change", [
    {"n": 0}, {"n": -2}, {"n": 10**30}, {"n": 3}, {"n": True}, {"n": 2.0}, {"d": 2}, {"d": -1}, {"kind": "float32"},
    {"kind": "exact"}, {"format": "float16"}, {"goal": "score"}, {"goal": "none"}, {"norm": "3"}, {"radius": "0.5"},
    {"radius": "-0x1.0p+0"}, {"radius": "nan"}, {"radius": "inf"}, {"radius": "0x1p99999"}, {"radius": 0.5},
    {"layers": []}, {"layers": [[1, 1]]}, {"layers": [[2, 1, -1], [1, 2, 2]]}, {"layers": [[2, 1, 2], [1, 3, 2]]},
    {"layers": [[2**40, 1, 2], [1, 2**40, 2]]}, {"layers": [[0, 1, 2], [1, 0, 2]]}, {"layers": {"a": 1}},
    {"witnesses": -1}, {"witnesses": 10**12}, {"ordered": 1}, {"ordered": 2}, {"about": []}, {"extra": 1},
])
def test_a_header_that_does_not_fit_is_invalid(change: dict[str, Any]) -> None:
    head, arrays = opened(SMALL_FILE)
    found = check(resealed(head | change, arrays))
    assert found.verdict == "invalid"
    assert "\n" not in found.message


@pytest.mark.parametrize("text", [
    b"", b"{", b"[]", b"null", b"1", b"\xff\xfe", b"NaN", b'{"a":NaN}', b'{"a":1,"a":1}', b"[" * 100_000,
    b'{"a":' * 60_000, b"[" * 60 + b"]" * 60, b"9" * 5000, b'{"n":1e999}', b" {}", '{"\u00e9":1}'.encode(),
])
def test_a_header_that_is_no_canonical_json_is_invalid(text: bytes) -> None:
    assert check(with_text(text, b"\0" * 200)).verdict == "invalid"


@pytest.mark.parametrize(("name", "value"), [
    ("start0", [0, 2, 2, 2]), ("start0", [1, 1, 2]), ("start0", [0, 2, 1]), ("start0", [0, -1, 2]),
    ("start0", [0, 2**31 - 1, 2]), ("column1", [1, 0]), ("column1", [0, 0]), ("column1", [0, 2]), ("column1", [-1, 1]),
    ("weight1", [0.0, 1.0]), ("weight1", [math.nan, 1.0]), ("weight1", [math.inf, 1.0]), ("bias0", [math.nan, 0.0]),
    ("X", [math.nan, 1.0]), ("X", [-math.inf, 1.0]), ("y", [0.0, 1.0]), ("y", [math.nan, 1.0]), ("owner", [2]),
    ("owner", [-1]), ("points", [math.nan]),
])
def test_arrays_out_of_form_are_invalid(name: str, value: list[Any]) -> None:
    head, arrays = opened(SMALL_FILE)
    changed = [(k, np.array(value, a.dtype) if k == name else a) for k, a in arrays]
    assert check(resealed(head, changed)).verdict == "invalid"


def test_an_order_that_is_no_permutation_is_invalid() -> None:
    head, arrays = opened(student_file(small_student(11)))
    for value in (-1, 0, 10**9):
        changed = [(k, np.full_like(a, value) if k == "order" else a) for k, a in arrays]
        assert check(resealed(head, changed)).verdict == "invalid"


def test_every_cut_of_a_file_is_invalid() -> None:
    assert all(check(SMALL_FILE[:k]).verdict == "invalid" for k in range(len(SMALL_FILE)))
    body = SMALL_FILE[:-32]
    for k in range(0, len(body), 3):
        assert check(body[:k] + hashlib.sha256(body[:k]).digest()).verdict == "invalid"


def test_huge_and_tiny_numbers_do_not_make_it_fall() -> None:
    head, arrays = opened(SMALL_FILE)
    for kind, names in (("real", ("weight0", "weight1", "bias0", "bias1", "X")), ("float64", ("weight0", "X"))):
        for name in names:
            for value in (1.7e308, -1.7e308, 5e-324, 1e-300):
                changed = [(k, np.full_like(a, value) if k == name else a) for k, a in arrays]
                assert check(resealed(head | {"kind": kind}, changed)).verdict != "invalid"


@pytest.mark.parametrize("count", [1000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_no_flipped_bit_is_confirmed(count: int) -> None:
    files = [SMALL_FILE, student_file(small_student(12, n=10)), student_file(small_student(13, "lean", k=3, n=10))]
    rng = np.random.default_rng(14)
    for case in range(count):
        data = bytearray(files[case % 3])
        bit = int(rng.integers(8 * len(data)))
        data[bit // 8] ^= 1 << bit % 8
        assert check(bytes(data)).verdict == "invalid"
    print(f"{count} files with a flipped bit: all invalid")


# -- changed content under a fresh digest ---------------------------------------------------------------------


def mutated(rng: np.random.Generator, data: bytes) -> bytes:
    """Return a file with some numbers, a size or a word changed, sealed again."""
    head, arrays = opened(data)
    for _ in range(int(rng.integers(1, 4))):
        k = int(rng.integers(len(arrays) + 1))
        if k == len(arrays):
            field = str(rng.choice(["kind", "radius", "norm", "goal", "n", "d", "witnesses", "ordered", "layers"]))
            head[field] = {"kind": "real", "radius": float(head_radius(head) * rng.choice([0.5, 1.5, 4.0])).hex(),
                           "norm": str(rng.choice(["1", "2"])), "goal": "value", "n": head["n"] + 1, "d": head["d"] + 1,
                           "witnesses": 1, "ordered": 0, "layers": head["layers"][:-1]}[field]
        elif arrays[k][1].size:
            array, place = arrays[k][1], int(rng.integers(arrays[k][1].size))
            if array.dtype.kind == "i":
                array[place] = int(rng.choice([array[place] + 1, array[place] - 1, 0, array[rng.integers(array.size)]]))
            else:
                old = float(array[place])
                array[place] = rng.choice([-old, 2 * old, old + rng.standard_normal(), np.nextafter(old, 9), old * 1.25,
                                           0.0, math.nan, float(array[rng.integers(array.size)])])
    return resealed(head, arrays)


def head_radius(head: dict[str, Any]) -> float:
    return float.fromhex(head["radius"])


def truly_right(data: bytes) -> bool:
    """Return whether the library's own bounds and evaluation, which share no code with the checker, show it true.

    Real claims: rational interval bounds, and points evaluated in rational arithmetic. Claims about programs: bounds
    of the executed network, and the network run at points of the balls.
    """
    subject, head, _ = subject_of(data)
    radius, rng = head_radius(head), np.random.default_rng(0)
    network, X, goal = subject.network, subject.X, subject.goal
    low, high = outward_boxes(X, radius)
    if head["kind"] != "real":
        inner_low, inner_high = inward_boxes(X, radius if head["norm"] == "inf" else 0.0)
        for _ in range(20):
            points = (inner_low + (inner_high - inner_low) * rng.integers(0, 9, X.shape) / 8).astype(network.dtype)
            points = points.astype(np.float64)
            values = network(points).astype(np.float64)
            if not (goal.right(values, values) | ~((low <= points) & (points <= high)).all(axis=1)).all():
                return False
        return bool(goal.right(*interval_bounds(network, low, high)).all())
    if contradicted(network, X, goal, radius if head["norm"] == "inf" else 0.0, rng):
        return False
    ends = [np.array(end, object) for end in exact_interval_bounds(network, low, high)]
    want = goal.value
    if head["goal"] == "sign":
        return bool(np.where(want > 0, ends[0][:, 0] > 0, ends[1][:, 0] < 0).all())
    if head["goal"] == "value":
        return bool((ends[0][:, 0] == want).all() and (ends[1][:, 0] == want).all())
    return all(ends[0][i, int(c)] > v for i, c in enumerate(want) for k, v in enumerate(ends[1][i]) if k != int(c))


@pytest.mark.parametrize("count", [150, pytest.param(10_000, marks=pytest.mark.slow)])
def test_no_resealed_mutation_is_confirmed_unless_it_is_true(count: int) -> None:
    rng = np.random.default_rng(15)
    files = [SMALL_FILE, student_file(small_student(16, n=6)), student_file(small_student(17, "lean", k=3, n=8)),
             student_file(small_student(18, "clip", k=0, n=5), "real"),
             student_file(small_student(19, "additive", "float32", n=6), "float32")]
    verdicts = {"confirmed": 0, "refuted": 0, "undecided": 0, "invalid": 0}
    for case in range(count):
        data = mutated(rng, files[case % len(files)])
        found = check(data)
        verdicts[found.verdict] += 1
        if found.verdict == "confirmed":
            assert truly_right(data)
    print(f"{count} mutations: {verdicts}, {1 - verdicts['invalid'] / count:.0%} reached the mathematics")
    assert verdicts["invalid"] <= 0.7 * count, verdicts
    assert verdicts["refuted"] > 0


# -- size -------------------------------------------------------------------------------------------------------


ALONE = """
import pathlib, runpy, sys, time
begin = time.perf_counter()
check = runpy.run_path(sys.argv[1])["check"]
data = open(sys.argv[2], "rb").read()
found = check(data)
seconds, status = time.perf_counter() - begin, pathlib.Path("/proc/self/status")  # its peak is this program's alone
lines = status.read_text().splitlines() if status.exists() else []
peak = next((line.split()[1] for line in lines if line.startswith("VmHWM")), "?")
print(found.verdict, found.proved)
print(f"{len(data) / found.balls:.0f} bytes per datum, checked in {seconds:.1f} s ({time.process_time():.1f} s of the "
      f"processor), peak memory {peak} KiB")
"""


def checked_alone(data: bytes, folder: Path) -> str:
    """Return what the checker, run as a single file in a fresh interpreter, says of a file; time and memory printed."""
    path = folder / "data.certificate"
    path.write_bytes(data)
    run = subprocess.run([sys.executable, "-I", "-c", ALONE, checker.__file__, str(path)], capture_output=True,
                         text=True, check=True)
    verdict, figures = run.stdout.splitlines()
    print(f"{verdict}: {figures}")
    return verdict


@pytest.mark.slow
@pytest.mark.parametrize("recipe", ["clip", "lean"])
def test_digits_are_confirmed(recipe: str, tmp_path: Path) -> None:
    datasets = pytest.importorskip("sklearn.datasets")
    X, y = datasets.load_digits(return_X_y=True)
    student = memorize(X / 16, y, radius=0.2, recipe=recipe)
    for kind in ("float64", "real"):
        assert checked_alone(student_file(student, kind), tmp_path) == "confirmed 1797"


@pytest.mark.slow
def test_a_hundred_thousand_points_are_confirmed(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    X, y = rng.random((100_000, 10)), rng.integers(0, 2, 100_000)
    student = memorize(X, y, radius=0.45 * separation(X, y).distance)
    assert checked_alone(student_file(student), tmp_path) == "confirmed 100000"


def test_the_checker_has_at_most_400_lines_and_imports_only_numpy() -> None:
    text = Path(checker.__file__).read_text(encoding="utf-8")
    assert text.count("\n") <= 400
    assert max(map(len, text.splitlines())) <= 120
    for node in ast.walk(ast.parse(text)):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        names += [str(node.module)] if isinstance(node, ast.ImportFrom) else []
        assert all(name.split(".")[0] in sys.stdlib_module_names | {"numpy"} for name in names)
