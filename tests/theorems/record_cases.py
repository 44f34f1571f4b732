"""Instances of records, and which claims a wrong object breaks, for tests of records of wide networks."""

from __future__ import annotations

from typing import Any

from constructive.evidence import Verdict
from constructive.verification import generator


def case(record: Any, k: int = 0, **arguments: Any) -> tuple[Any, Any]:
    instance = record.draw(generator(record.name, 3, k), **arguments)
    return record.build(**instance), instance


def refuted(record: Any, found: Any, instance: Any) -> list[str]:
    return [check.claim for check in record.check(found, instance).checks if check.verdict is Verdict.REFUTED]
