"""The box of a target: the unit cube unless another bounded box is given."""

from __future__ import annotations

import numpy as np

from constructive.domain import Box


def bounded_box(box: Box | None, dimension: int, who: str) -> Box:
    """Return the box, or the unit cube for None; ValueError for another dimension or an end at infinity."""
    if box is None:
        return Box.cube(dimension)
    if not isinstance(box, Box):
        raise TypeError(f"{who}: box must be a Box, got {type(box).__name__}; write Box(lower, upper)")
    if box.dimension != dimension:
        raise ValueError(f"{who}: box has {box.dimension} coordinates, the function {dimension}; pass a box of the "
                         "same dimension")
    ends = np.concatenate([box.lower, box.upper])
    if not np.isfinite(ends).all():
        raise ValueError(f"{who}: box has the end {ends[~np.isfinite(ends)][0]}; pass finite ends")
    return box
