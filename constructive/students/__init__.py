"""Students: networks that memorize labelled data on whole balls and follow a teacher elsewhere."""

from constructive.students.contact import disturbed
from constructive.students.family import Difference, Family
from constructive.students.memorizer import Memorizer
from constructive.students.memorizing import memorize
from constructive.students.nearest import nearest_network
from constructive.students.neighbors import NearestNeighbor
from constructive.students.pairs import Separation, separation
from constructive.students.recipes import Recipe
from constructive.students.robustness import robust_verdicts, unavoidable
from constructive.students.sequential import sequential_boxes
from constructive.students.squares import square_bumps
from constructive.students.student import Student

__all__ = ["separation", "Separation", "memorize", "Recipe", "Student", "Family", "Difference",
           "Memorizer", "sequential_boxes", "nearest_network", "square_bumps", "NearestNeighbor",
           "robust_verdicts", "unavoidable", "disturbed"]
