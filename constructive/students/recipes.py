"""Recipes: which bump and which gate a student is made of, and which combinations do not exist."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from constructive._checks import as_count, as_number
from constructive.labels import Labels

GATES = ("clip", "additive", "argmax", "cap", "height", "product")
BUMPS = ("auto", "box", "ball", "published")


@dataclass(frozen=True, slots=True, eq=False)
class Recipe:
    """How bumps and teacher become one network.

    ``gate``:

    * "clip" puts the teacher between two envelopes that meet on the boxes: exact bit for bit for classes and real
      labels, at any teacher;
    * "additive" adds the bumps to the teacher with a weight that outvotes it, and clips: scores exactly +-B, two
      gate units (classes only);
    * "argmax" only adds: the right class is ahead, no gate at all (classes only);
    * "cap" is one minus what is left of the bumps, -B + 2 B min(1, sum of bumps): scores exactly +-B with one gate
      unit; it needs ``one_sided=True``;
    * "height" codes real labels in the height of the bumps: one nonzero for each datum less, but on the ramps the
      student dips to -B (real labels only, all boxes apart from each other);
    * "product" multiplies the teacher by one minus the sum of bumps, as published, with error ``epsilon``, or with
      ``gate_depth`` levels, on and off the boxes.

    ``bump``: "box" (2 d + 1 units, the l_1 ramp round a box), "ball" (the ball of the norm 1 or 2 itself),
    "published" (trapezoids and a box indicator, 4 d + 1 units, the same function as "box"); "auto" takes boxes
    where they fit and balls where the radius needs them. ``faces="needed"`` keeps, for each bump, a few faces that
    hold off all data of other labels; ``merge`` gives several data of one label one box; ``share`` stores equal
    thresholds once; ``domain`` = (lower, upper) leaves out faces that no point of that box is beyond; ``patch``
    leaves out data on whose whole box the teacher is certified right; ``one_sided`` bumps only the upper of two
    classes, against the constant -1; ``amplitude`` in (0, 1] scales the scores told to two classes;
    ``projection`` = k memorizes l_2 data in a random k-dimensional image. Raises ValueError for combinations that
    do not exist.
    """

    name: str = "custom"
    gate: str = "clip"
    bump: str = "auto"
    faces: str = "all"
    merge: bool = False
    share: bool = False
    patch: bool = False
    one_sided: bool = False
    domain: tuple[Any, Any] | None = None
    amplitude: float = 1.0
    epsilon: float = 2.0**-10
    gate_depth: int | None = None
    projection: int | None = None

    def __post_init__(self) -> None:
        for field, value, known in (("gate", self.gate, GATES), ("bump", self.bump, BUMPS),
                                    ("faces", self.faces, ("all", "needed"))):
            if value not in known:
                raise ValueError(f"Recipe: {field}={value!r} must be one of {', '.join(map(repr, known))}")
        as_number(self.epsilon, "Recipe", "epsilon", above=0.0, at_most=1.0)
        as_number(self.amplitude, "Recipe", "amplitude", above=0.0, at_most=1.0)
        if self.gate_depth is not None:
            as_count(self.gate_depth, "Recipe", "gate_depth", at_least=1, at_most=500)
        if self.projection is not None:
            as_count(self.projection, "Recipe", "projection", at_least=1)
        if self.domain is not None:
            self._check_domain()
        for refused, why in self._conflicts():
            if refused:
                raise ValueError(f"Recipe: {why}")

    def _check_domain(self) -> None:
        low, high = (np.asarray(end, dtype=np.float64) for end in self.domain or ())
        if np.isnan(low).any() or np.isnan(high).any() or not (low < high).all():
            raise ValueError(f"Recipe: domain={self.domain!r} must be (lower, upper) with lower < upper, numbers or "
                             "arrays (d,)")

    def _conflicts(self) -> tuple[tuple[bool, str], ...]:
        published, product = self.bump == "published", self.gate == "product"
        plain = self.faces == "all" and not (self.merge or self.share) and self.domain is None
        return (
            (published != product, f"gate={self.gate!r} with bump={self.bump!r} is not built; choose gate='product' "
                                   "with bump='published', or another gate with another bump"),
            (product and self.patch, "patch=True needs a gate that copies the teacher exactly, not gate='product'"),
            (product and self.one_sided, "one_sided=True needs gate='clip', 'additive', 'argmax' or 'cap'"),
            (product and not plain, "gate='product' has all faces, nothing merged, shared or left out: drop faces, "
                                    "merge, share and domain, or choose gate='clip'"),
            (self.gate_depth is not None and not product, "gate_depth belongs to gate='product'"),
            (self.bump == "ball" and not plain, "bump='ball' has no faces to leave out, share or merge; "
                                                "choose bump='box'"),
            (self.bump == "ball" and self.gate == "height", "gate='height' needs bump='box'"),
            (self.gate == "height" and self.merge, "gate='height' tells every datum by its own bump; drop merge"),
            (self.gate == "height" and (self.patch or self.one_sided),
             "gate='height' is for real labels; patch and one_sided are for classes"),
            (self.gate == "cap" and not self.one_sided, "gate='cap' bumps one class alone; pass one_sided=True"),
            (self.patch and self.one_sided, "patch=True needs a teacher, one_sided=True brings its own; choose one"),
            (self.amplitude != 1.0 and self.gate != "clip", "amplitude belongs to gate='clip'"),
            (self.projection is not None and (self.bump in ("box", "published") or not plain),
             "projection needs bump='ball' (or 'auto') and all faces"),
        )

    def fits(self, labels: Labels, norm: float, who: str) -> None:
        """Raise ValueError if the recipe does not suit the labels or the norm; names both."""
        k = len(labels.classes or ())
        for refused, why in (
            (labels.classes is None and self.gate in ("additive", "argmax", "cap"),
             "needs classes, but y has real labels; use recipe='clip' or Recipe(gate='height'), with faces='needed' "
             "for fewer parameters"),
            (labels.classes is not None and self.gate == "height", "needs real labels, but y has classes"),
            (k > 2 and self.gate == "product", f"has one output, but y has {k} classes; use recipe='clip'"),
            (self.one_sided and k != 2, f"is one-sided and needs two classes; y has {labels.words}"),
            (self.amplitude != 1.0 and k != 2, f"scales the scores of two classes; y has {labels.words}"),
            (self.patch and labels.classes is None,
             "has patch=True, which needs classes; real labels must be met exactly on every box"),
            (self.bump == "ball" and norm == np.inf, "has bump='ball', which needs norm=1 or norm=2"),
            (self.projection is not None and norm != 2.0, "has a projection, which needs norm=2"),
        ):
            if refused:
                raise ValueError(f"{who}: recipe={self.name!r} {why}")


CLIP = Recipe("clip")
ADDITIVE = Recipe("additive", gate="additive")
ARGMAX = Recipe("argmax", gate="argmax")
LEAN = Recipe("lean", gate="argmax", faces="needed", merge=True)
ONE_SIDED = Recipe("one-sided", gate="cap", faces="needed", merge=True, one_sided=True)
PAPER = Recipe("paper", gate="product", bump="published")
KNOWN = (CLIP, ADDITIVE, ARGMAX, LEAN, ONE_SIDED, PAPER)


def as_recipe(recipe: str | Recipe, who: str) -> Recipe:
    """Return the recipe of a known name, or the recipe itself; TypeError or ValueError otherwise."""
    if isinstance(recipe, Recipe):
        return recipe
    if not isinstance(recipe, str):
        raise TypeError(f"{who}: recipe must be a name or a Recipe, got {recipe!r}")
    for known in KNOWN:
        if recipe == known.name:
            return known
    raise ValueError(f"{who}: recipe={recipe!r} must be one of {', '.join(repr(r.name) for r in KNOWN)}")
