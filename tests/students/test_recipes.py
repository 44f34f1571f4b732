"""Recipes name what exists and refuse the rest."""

from __future__ import annotations

from typing import Any

import pytest

from constructive.students import Recipe
from constructive.students.recipes import as_recipe


@pytest.mark.parametrize(("options", "message"), [
    ({"gate": "sum"}, "gate='sum' must be one of"), ({"bump": "cone"}, "bump='cone' must be one of"),
    ({"gate": "clip", "bump": "published"}, "is not built"),
    ({"gate": "product", "bump": "box"}, "is not built"),
    ({"gate": "product", "bump": "published", "patch": True}, "patch=True needs a gate that copies"),
    ({"gate": "cap"}, "pass one_sided=True"),
    ({"gate": "product", "bump": "published", "one_sided": True}, "needs gate='clip', 'additive', 'argmax' or 'cap'"),
    ({"epsilon": 0.0}, "epsilon=0.0 must be > 0"), ({"epsilon": 2.0}, "epsilon=2.0 must be <= 1"),
])
def test_combinations_that_do_not_exist_are_refused_by_name(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Recipe(**options)


def test_names_and_recipes_are_understood() -> None:
    own = Recipe("mine", patch=True)
    assert as_recipe(own, "test") is own
    assert as_recipe("clip", "test").gate == "clip"
    assert as_recipe("paper", "test").bump == "published"
