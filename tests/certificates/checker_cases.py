"""Files of small students and random networks, opened, changed and judged exactly, for tests of the checker."""

from __future__ import annotations

import hashlib
import json
import math
from fractions import Fraction
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive.certificates import checker
from constructive.certificates.filing import Subject, file_bytes
from constructive.certificates.goals import Goal, goal_of
from constructive.network import Network
from constructive.students import Student, memorize, separation

Array = NDArray[np.float64]


def random_network(rng: np.random.Generator, d: int, outputs: int, dtype: type = np.float64) -> Network:
    sizes = [d, *rng.integers(1, 6, rng.integers(0, 4)), outputs]
    return Network.build([(rng.standard_normal((b, a)), rng.standard_normal(b)) for a, b in pairwise(sizes)], dtype)


def student_file(student: Student, kind: str = "float64", **changes: Any) -> bytes:
    subject = Subject(student.to_network(), student.X, goal_of(student.labels))
    return file_bytes(subject, kind=kind, radius=changes.get("radius", student.radius), norm=student.norm, about={})


def claim_file(network: Network, X: Array, goal: Goal, radius: float, kind: str = "real",
               norm: float = math.inf) -> bytes:
    return file_bytes(Subject(network, X, goal), kind=kind, radius=radius, norm=norm, about={})


def small_student(seed: int, recipe: Any = "clip", precision: str = "float64", n: int = 30, k: int = 2) -> Student:
    rng = np.random.default_rng(seed)
    X, y = rng.random((n, 3)), rng.integers(0, k, n) if k else rng.random(n)
    radius = 0.4 * separation(X, y).distance
    return memorize(X, y, radius=radius, recipe=recipe, precision=precision)


def judged(network: Network, point: tuple[float, ...], goal: Goal, i: int) -> bool:
    """Return whether the real network is right at a point, in rational arithmetic."""
    out = network.exact(point)
    want = goal.value[i]
    if goal.kind == "sign":
        return bool(out[0] * int(want) > 0)
    if goal.kind == "value":
        return bool(out[0] == Fraction(float(want)))
    return all(out[int(want)] > v for c, v in enumerate(out) if c != int(want))


def contradicted(network: Network, X: Array, goal: Goal, radius: float, rng: np.random.Generator) -> bool:
    """Return whether an exact evaluation at corners or inner points of the balls shows a wrong answer."""
    for i, x in enumerate(X):
        for _ in range(20):
            steps = [Fraction(int(v), 8) for v in rng.integers(-8, 9, x.size)]
            point = tuple(Fraction(float(a)) + Fraction(radius) * s for a, s in zip(x, steps, strict=True))
            if not judged(network, point, goal, i):
                return True
    return False


def opened(data: bytes) -> tuple[dict[str, Any], list[tuple[str, Any]]]:
    """Return header and arrays by name, read without the checker: the layout of the documentation, step by step."""
    start = len(b"constructive certificate 1\n") + 9
    at = start + int(data[start - 9:start])
    head = json.loads(data[start:at])
    number = "<f4" if head["format"] == "float32" else "<f8"
    plan: list[tuple[str, str, int]] = []
    for k, (rows, _, nonzeros) in enumerate(head["layers"]):
        plan += [(f"start{k}", "<i4", rows + 1), (f"column{k}", "<i4", nonzeros), (f"weight{k}", number, nonzeros),
                 (f"bias{k}", number, rows)]
    ordered = head["layers"][1][0] if head["ordered"] else 0
    plan += [("X", "<f8", head["n"] * head["d"]), ("y", "<f8", head["n"]), ("order", "<i4", ordered),
             ("owner", "<i4", head["witnesses"]), ("points", "<f8", head["witnesses"] * head["d"])]
    arrays = []
    for name, form, count in plan:
        arrays.append((name, np.frombuffer(data, form, count, at).copy()))
        at += arrays[-1][1].nbytes
    assert at + 32 == len(data)
    return head, arrays


def with_text(text: bytes, body: bytes, length: int | None = None) -> bytes:
    whole = checker.MAGIC + b"%08d\n" % (len(text) if length is None else length) + text + body
    return whole + hashlib.sha256(whole).digest()


def resealed(head: dict[str, Any], arrays: list[tuple[str, Any]]) -> bytes:
    text = json.dumps(head, sort_keys=True, separators=(",", ":")).encode()
    return with_text(text, b"".join(array.tobytes() for _, array in arrays))
