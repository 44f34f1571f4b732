"""Recipes: which bump and which gate a student is made of."""

from __future__ import annotations

from dataclasses import dataclass

from constructive._checks import as_number

_LATER = ("additive", "argmax", "lean")


@dataclass(frozen=True, slots=True, eq=False)
class Recipe:
    """How bumps and teacher become one network.

    ``gate``: "clip" puts the teacher between two envelopes that meet on the boxes, exact bit for bit;
    "product" multiplies it by one minus the sum of bumps, as published, with error ``epsilon`` on and off the
    boxes. ``bump``: "ramp" (2d + 1 units) or "published" (trapezoids and a box indicator, 4d + 1 units), the
    same function. ``patch`` leaves out data on whose whole box the teacher is certified right (classes only).
    Raises ValueError for combinations that do not exist.
    """

    name: str = "custom"
    gate: str = "clip"
    bump: str = "ramp"
    patch: bool = False
    epsilon: float = 2.0**-10

    def __post_init__(self) -> None:
        if self.gate not in ("clip", "product"):
            raise ValueError(f"Recipe: gate={self.gate!r} must be 'clip' or 'product'")
        if self.bump not in ("ramp", "published"):
            raise ValueError(f"Recipe: bump={self.bump!r} must be 'ramp' or 'published'")
        if (self.gate, self.bump) in (("clip", "published"), ("product", "ramp")):
            raise ValueError(f"Recipe: gate={self.gate!r} with bump={self.bump!r} is not built; choose "
                             "gate='clip', bump='ramp' or gate='product', bump='published'")
        if self.patch and self.gate == "product":
            raise ValueError("Recipe: patch=True needs gate='clip'")
        as_number(self.epsilon, "Recipe", "epsilon", above=0.0, at_most=1.0)


CLIP = Recipe("clip")
PAPER = Recipe("paper", gate="product", bump="published")


def as_recipe(recipe: str | Recipe, who: str) -> Recipe:
    """Return the recipe named "clip" or "paper", or the recipe itself; TypeError or ValueError otherwise."""
    if isinstance(recipe, Recipe):
        return recipe
    if not isinstance(recipe, str):
        raise TypeError(f"{who}: recipe must be a name or a Recipe, got {recipe!r}")
    if recipe in _LATER:
        raise ValueError(f"{who}: recipe={recipe!r} is not available in this version; "
                         "choose 'clip' or 'paper'")
    for known in (CLIP, PAPER):
        if recipe == known.name:
            return known
    raise ValueError(f"{who}: recipe={recipe!r} must be 'clip' or 'paper'")
