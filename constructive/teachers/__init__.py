"""Teachers: explicit networks for smooth targets, and anything else that a student may follow."""

from constructive.teachers.affine import fit_affine
from constructive.teachers.cells import taylor_cells
from constructive.teachers.fitting import fit_cells
from constructive.teachers.partition import taylor_bound, taylor_partition
from constructive.teachers.ranges import range_on_boxes
from constructive.teachers.teacher import ErrorBudget, Teacher, as_teacher

__all__ = ["Teacher", "as_teacher", "taylor_cells", "taylor_partition", "taylor_bound", "fit_cells", "fit_affine",
           "range_on_boxes", "ErrorBudget"]
