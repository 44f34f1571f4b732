"""Students as scikit-learn estimators: for pipelines, grids over parameters, and cross-validation.

Data flow of ``fit``: X, y -> equal points settled -> a radius below half the separation -> a teacher, fitted on the
same data -> :func:`constructive.memorize` -> ``student_``. Everything else asks the student.
"""

from __future__ import annotations

import math
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from constructive._checks import as_norm, as_number
from constructive.certificates.training import Certificate, certify
from constructive.interop import as_network
from constructive.labels import Labels, clean_labels
from constructive.network import Network
from constructive.risk import verdicts
from constructive.students import Recipe, Student, memorize, separation
from constructive.students.recipes import as_recipe
from constructive.teachers import Teacher, fit_affine

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin, clone
    from sklearn.utils import check_random_state
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_is_fitted, validate_data
except ImportError as error:
    raise ImportError("constructive.estimators needs scikit-learn >= 1.6: pip install 'constructive[sklearn]'"
                      ) from error

Array = NDArray[np.float64]


class _RobustInterpolator(BaseEstimator):
    """What both estimators share: parameters, the way from data to a student, the certificate."""

    _task: str
    _remedy: str
    student_: Student

    def __init__(self, radius: float | str = "auto", *, fraction: float = 0.9, recipe: str | Recipe = "clip",
                 norm: float | str = math.inf, teacher: Any = "affine", ramp: float | None = None,
                 precision: str = "float64", duplicates: str = "error", random_state: Any = None) -> None:
        self.radius = radius
        self.fraction = fraction
        self.recipe = recipe
        self.norm = norm
        self.teacher = teacher
        self.ramp = ramp
        self.precision = precision
        self.duplicates = duplicates
        self.random_state = random_state

    def certify(self, method: str = "auto") -> Certificate:
        """Return the certificate that the student's network is right on the whole ball round each datum of the fit.

        It is :meth:`constructive.Student.certify` of ``student_``: about the labels after settling equal points.
        Raises NotFittedError before ``fit``.
        """
        check_is_fitted(self)
        return self.student_.certify(method)

    def _memorize(self, points: Array, y: NDArray[Any]) -> NDArray[Any]:
        """Set ``student_``, ``radius_`` and ``separation_``; return the labels with equal points settled."""
        who = type(self).__name__
        how, p = as_recipe(self.recipe, who), as_norm(self.norm, who)
        y = self._settled(points, y, who)
        labels = clean_labels(y, points.shape[0], who=who, task=self._task)
        distance = separation(points, _groups(labels), norm=p).distance
        radius = self._radius(points, labels, how, p, distance, who)
        random = None if self.random_state is None else check_random_state(self.random_state)
        guide = self._teacher(points, y, labels, random, who)
        self.student_ = memorize(points, y, radius=radius, teacher=guide, recipe=how, norm=p, ramp=self.ramp,
                                 task=self._task, precision=self.precision, rng=_draws(random, how))
        self.radius_, self.separation_ = self.student_.radius, distance
        return y

    def _settled(self, points: Array, y: NDArray[Any], who: str) -> NDArray[Any]:
        """Return labels that are equal at equal points; ValueError naming two rows where none may be changed."""
        if self.duplicates not in ("error", self._remedy):
            raise ValueError(f"{who}: duplicates={self.duplicates!r} must be 'error' or {self._remedy!r}")
        scores = clean_labels(y, points.shape[0], who=who, task=self._task).scores
        # adding 0 turns -0.0 into 0.0, the same point
        _, first, place = np.unique(points + 0.0, axis=0, return_index=True, return_inverse=True)
        place = place.reshape(-1)
        clash = np.flatnonzero(scores != scores[first[place]])
        if clash.size == 0:
            return y
        if self.duplicates == "error":
            k = int(clash[0])
            i = int(first[place[k]])
            raise ValueError(f"{who}: X[{i}] and X[{k}] are the same point with labels {y[i]!r} and {y[k]!r}; remove "
                             f"one of them or pass duplicates={self._remedy!r}")
        return _majorities(place, y) if self._task == "classification" else _means(place, y)

    def _radius(self, points: Array, labels: Labels, how: Recipe, norm: float, distance: float, who: str) -> float:
        """Return the radius asked for, or the fraction of the half distance that the recipe can use."""
        if not isinstance(self.radius, str):
            return self.radius
        if self.radius != "auto":
            raise ValueError(f"{who}: radius={self.radius!r} must be 'auto' or a number >= 0")
        share = as_number(self.fraction, who, "fraction", above=0.0, below=1.0)
        usable = norm if _may_take_balls(how) else math.inf
        if how.gate in ("height", "product") or distance == math.inf:
            # these two gates need all boxes apart, equal labels included; with a single label any radius will do
            distance = _smallest_distance(points, usable)
        elif usable != norm:
            distance = separation(points, _groups(labels), norm=usable).distance
        return share * distance / 2

    def _teacher(self, points: Array, y: NDArray[Any], labels: Labels, random: Any,
                 who: str) -> Teacher | Network | None:
        """Return what the student follows off its balls, fitted on the data where it can be fitted."""
        given = self.teacher
        if given is None or isinstance(given, (Teacher, Network)):
            return given
        if isinstance(given, str):
            if given != "affine":
                raise ValueError(f"{who}: teacher={given!r} must be 'affine', None, a network, an estimator or a "
                                 "function of X and scores")
            return fit_affine(points, labels)
        if hasattr(given, "fit"):
            return as_network(_seeded(clone(given), random).fit(points, y))
        if callable(given):
            made = given(points, _wanted(labels))
            return made if isinstance(made, Teacher) else as_network(made)
        return as_network(given)


class RobustInterpolatorClassifier(ClassifierMixin, _RobustInterpolator):
    """A classifier that gives every training label on a whole ball round its datum and follows a teacher elsewhere.

    ``radius``: that of the balls, below half the separation of differently labeled data, or "auto": ``fraction``,
    in (0, 1), of the largest one. ``recipe``, ``norm``, ``ramp``, ``precision`` as for :func:`constructive.memorize`.

    ``teacher``, which decides what happens away from the data:

    * "affine": least squares on the training data;
    * None: no opinion, the first class;
    * an estimator that :func:`constructive.as_network` can read, such as ``MLPClassifier``, alone or behind a scaler
      in a pipeline; a copy of it is fitted on the training data;
    * a Network or Teacher (see as_network for models already fitted), used as it is;
    * a function ``(X, scores) -> Teacher`` or network; scores (n,) are -1 and +1, or (n, K) for K >= 3 classes.

    ``duplicates``: equal points with different labels are an "error", or get the label of the "majority" (the first
    class in sorted order where votes are equal). ``random_state`` draws the order of merging and projections and
    seeds parameters ``random_state`` of the teacher that are None; without it merging goes in the order of the data.

    Fitted: ``student_`` (:class:`constructive.Student`), ``classes_`` (sorted; a class that lost every vote is gone),
    ``radius_``, ``separation_`` (smallest distance of data with different labels, in the norm), ``n_features_in_``.
    There is no ``predict_proba``: scores on the balls are the labels and say nothing of probability. Dense data
    only; sample weights are refused, since every datum is met exactly. ``fit`` raises TypeError or ValueError as
    memorize does.

    >>> model = RobustInterpolatorClassifier(fraction=0.5).fit([[0.0], [0.25], [1.0]], ["a", "a", "b"])
    >>> model.predict([[0.1875], [0.8125]]).tolist(), model.radius_
    (['a', 'b'], 0.1875)
    >>> model.certify().robust_error.upper
    0.0
    """

    _task = "classification"
    _remedy = "majority"

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Return the estimator, fitted: all labels of X (n, d) memorized on balls."""
        points, labels = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(labels)
        self.classes_ = np.unique(self._memorize(points, labels))
        return self

    def decision_function(self, X: ArrayLike) -> Array:
        """Return the student's scores: (n,), above 0 for ``classes_[1]``, or (n, K) for K >= 3 classes."""
        check_is_fitted(self)
        scores: Array = self.student_(validate_data(self, X, reset=False, dtype=np.float64))
        return scores[:, 0] if scores.shape[1] == 1 else scores

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the classes (n,); ties go to the first."""
        scores = self.decision_function(X)
        if scores.ndim == 2:
            return self.classes_[np.argmax(scores, axis=1)]
        return self.classes_[(scores > 0).astype(int) if self.classes_.size == 2 else np.zeros(scores.size, int)]

    def robust_score(self, X: ArrayLike, y: ArrayLike, radius: float | None = None) -> float:
        """Return the proved fraction of points that are right on their whole closed ball: a lower bound.

        Balls of ``radius`` (None: ``radius_``) in the estimator's norm. It may serve as ``scoring`` of a
        cross-validation. A point counts if the structure of the bumps decides its ball
        (:func:`constructive.certify`) or the rules of :func:`constructive.robust_error` do; the latter take seconds
        for hundreds of points near bumps that are balls. A label that is not in ``classes_`` is never right.
        """
        check_is_fitted(self)
        points = validate_data(self, X, reset=False, dtype=np.float64)
        labels = np.asarray(y)
        if labels.shape != points.shape[:1]:
            raise ValueError(f"{type(self).__name__}: X has {points.shape[0]} rows, so y must have shape "
                             f"({points.shape[0]},), got {labels.shape}")
        size = self.radius_ if radius is None else as_number(radius, type(self).__name__, "radius", at_least=0.0)
        right = self.predict(points) == labels
        if self.classes_.size > 1:
            right[right] = _proved(self.student_, points[right], labels[right], size)
        return float(right.mean())


class RobustInterpolatorRegressor(RegressorMixin, _RobustInterpolator):
    """A regressor that returns every training value on a whole ball round its datum and follows a teacher elsewhere.

    Parameters as for :class:`RobustInterpolatorClassifier`, with these differences. Any two different values conflict,
    so the radius is below half the smallest distance of data with different values. The teacher is clipped to
    [-B, B], B the smallest power of two >= max|y|; None is the constant 0; a function gets the values as scores.
    ``duplicates="mean"`` gives equal points the mean of their values. Values are rounded to the grid B 2^-52
    (float32: 2^-23), where the network returns them exactly; labels -1 and +1 are real values like any others.

    Fitted: ``student_``, ``radius_``, ``separation_``, ``n_features_in_``.

    >>> model = RobustInterpolatorRegressor(radius=0.125).fit([[0.0], [0.5], [1.0]], [0.0, 0.75, 1.0])
    >>> model.predict([[0.375], [0.625]]).tolist()
    [0.75, 0.75]
    """

    _task = "regression"
    _remedy = "mean"

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Return the estimator, fitted: all values of X (n, d) memorized on balls."""
        points, values = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        self._memorize(points, values.astype(np.float64))
        return self

    def predict(self, X: ArrayLike) -> Array:
        """Return the student's values (n,)."""
        check_is_fitted(self)
        values: Array = self.student_(validate_data(self, X, reset=False, dtype=np.float64))[:, 0]
        return values


def _proved(student: Student, points: Array, labels: NDArray[Any], radius: float) -> NDArray[np.bool_]:
    """Return which points are proved right on their whole ball: cheap rules first, points they leave to the others."""
    network = student.to_network()
    proved = np.zeros(points.shape[0], bool)
    for method in ("structural",) if student.norm == math.inf else ("structural", "ball"):
        rows = np.flatnonzero(~proved)
        if rows.size:
            proved[rows] = certify(network, points[rows], labels[rows], radius=radius, norm=student.norm,
                                   classes=student.classes, method=method).right
    rows = np.flatnonzero(~proved)
    if rows.size:
        proved[rows] = verdicts(student, points[rows], labels[rows], radius=radius, norm=student.norm, budget=1) == 0
    return proved


def _groups(labels: Labels) -> NDArray[np.int64]:
    """Return (n,) numbers that are equal exactly where the labels are."""
    return np.unique(labels.scores, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _may_take_balls(how: Recipe) -> bool:
    """Return whether the recipe has balls of the norm itself to offer; others cover them by l_inf boxes."""
    if how.bump in ("box", "published") or how.gate == "height":
        return False
    plain = how.faces == "all" and not (how.merge or how.share) and how.domain is None
    return plain or how.bump == "ball" or how.projection is not None


def _smallest_distance(points: Array, norm: float) -> float:
    """Return the smallest distance of two distinct points; 0 for a single point."""
    found = separation(np.unique(points + 0.0, axis=0), norm=norm).distance
    return 0.0 if found == math.inf else found


def _draws(random: Any, how: Recipe) -> np.random.Generator | None:
    """Return the source of the student's draws; None where nothing was asked for and nothing must be drawn."""
    if random is None:
        return None if how.projection is None else np.random.default_rng()
    return np.random.default_rng(random.randint(2**31 - 1))


def _seeded(model: Any, random: Any) -> Any:
    """Return the estimator with each ``random_state`` that is None drawn; nothing is drawn without a source."""
    if random is None:
        return model
    free = [name for name, value in sorted(model.get_params().items())
            if value is None and (name == "random_state" or name.endswith("__random_state"))]
    return model.set_params(**{name: random.randint(2**31 - 1) for name in free})


def _wanted(labels: Labels) -> Array:
    """Return what a fitted teacher should output: (n,) scores, or (n, K) of -1 and +1 for K >= 3 classes."""
    if labels.outputs == 1:
        return labels.scores
    return np.where(np.arange(labels.outputs) == labels.index[:, None], 1.0, -1.0)


def _majorities(place: NDArray[Any], y: NDArray[Any]) -> NDArray[Any]:
    """Return for each row the most frequent label at its place, the first in sorted order among equals."""
    classes, index = np.unique(y, return_inverse=True)
    votes, counts = np.unique(place * classes.size + index, return_counts=True)
    where, label = votes // classes.size, votes % classes.size
    ranked = np.lexsort((label, -counts, where))
    winners = ranked[np.unique(where[ranked], return_index=True)[1]]
    return classes[label[winners]][place]


def _means(place: NDArray[Any], y: Array) -> Array:
    """Return for each row the mean of the values at its place, bit for bit the value where all are equal."""
    low, high = np.full(place.max() + 1, np.inf), np.full(place.max() + 1, -np.inf)
    np.minimum.at(low, place, y)
    np.maximum.at(high, place, y)
    mean = np.bincount(place, weights=y) / np.bincount(place)
    return np.where(low == high, low, np.clip(mean, low, high))[place]
