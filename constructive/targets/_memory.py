"""Functions that remember their results and, unlike functools.cache, can be sent to other processes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, eq=False)
class Remembered(Generic[Value]):
    """A function of a derivative's order, computed once for each.

    >>> square = Remembered(lambda r: r * r)
    >>> square(3), square(3)
    (9, 9)
    """

    function: Callable[[int], Value]
    known: dict[int, Value] = field(default_factory=dict)

    def __call__(self, order: int) -> Value:
        """Return the value of that order."""
        if order not in self.known:
            self.known[order] = self.function(order)
        return self.known[order]
