"""Infinitely wide networks as scikit-learn estimators, trained in one of four ways, three of them robust.

Data flow of ``fit``: X, y -> targets -1 and +1, a column for each of K >= 3 classes, or values -> a part held out,
where the way of training chooses something by attacks -> ``predictor_``, which everything else asks.
"""

from __future__ import annotations

import math
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
from sklearn.utils import check_random_state
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from constructive._checks import as_norm, as_number
from constructive.estimators.wide_kernel import kernel_named
from constructive.risk import verdicts
from constructive.tangent import (
    AdvNTK,
    KernelPredictor,
    TunedPredictor,
    choose_ridge,
    fit_interpolant,
    hold_out,
    stop_early,
)

Array = NDArray[np.float64]
Name = Literal["ntk", "nngp"]
WAYS = ("interpolant", "early stopping", "ridge", "adversarial")


class _WideNetwork(BaseEstimator):
    """What both estimators share: parameters, and the way from targets to a predictor."""

    predictor_: KernelPredictor
    outcome_: AdvNTK | TunedPredictor | None

    def __init__(self, training: str = "early stopping", *, radius: float = 0.1, norm: float | str = math.inf,
                 depth: int = 3, weight_std: float = 1.76, bias_std: float = 0.18, activation: str = "relu",
                 of: Name = "ntk", part: float = 0.25, steps: int = 60, rate: float = 0.1,
                 random_state: Any = None) -> None:
        self.training = training
        self.radius = radius
        self.norm = norm
        self.depth = depth
        self.weight_std = weight_std
        self.bias_std = bias_std
        self.activation = activation
        self.of = of
        self.part = part
        self.steps = steps
        self.rate = rate
        self.random_state = random_state

    def _train(self, points: Array, targets: Array) -> None:
        """Set ``predictor_`` and ``outcome_``."""
        who = type(self).__name__
        if self.training not in WAYS:
            raise ValueError(f"{who}: training={self.training!r} must be one of {', '.join(map(repr, WAYS))}")
        kernel = kernel_named(self.activation, self.depth, self.weight_std, self.bias_std, who)
        if self.training == "interpolant":
            self.outcome_, self.predictor_ = None, fit_interpolant(kernel, points, targets, of=self.of)
            return
        if points.shape[0] < 2:
            raise ValueError(f"{who}: training={self.training!r} needs one row of X to keep and one to hold out, got "
                             "n_samples=1; pass training='interpolant'")
        rng = np.random.default_rng(check_random_state(self.random_state).randint(2**31 - 1))
        data = hold_out(points, targets, self.part, rng=rng)
        if self.training == "adversarial":
            self.outcome_ = AdvNTK.train(kernel, *data, radius=self.radius, norm=self.norm, steps=self.steps,
                                         rate=self.rate, of=self.of, rng=rng)
        else:
            choose = stop_early if self.training == "early stopping" else choose_ridge
            self.outcome_ = choose(kernel, *data, radius=self.radius, norm=self.norm, of=self.of, rng=rng)
        self.predictor_ = self.outcome_.predictor

    def _values(self, X: ArrayLike) -> Array:
        check_is_fitted(self)
        return self.predictor_(validate_data(self, X, reset=False, dtype=np.float64))


class WideNetworkClassifier(ClassifierMixin, _WideNetwork):
    """A classifier that is an infinitely wide network, trained on the squared loss through its kernel.

    ``training``:

    * "interpolant": gradient descent to its end, on all data; fits wrong labels too, and is the least robust;
    * "early stopping": gradient descent until the time with the least squared loss on attacked held-out data;
    * "ridge": the ridge chosen in the same way;
    * "adversarial": attack strengths learned on attacked held-out data (:class:`constructive.tangent.AdvNTK`) in
      ``steps`` steps of length ``rate``. It pays where the radius is large, at the price of some clean accuracy; each
      step decomposes an n x n matrix. Ctrl-C ends the training and keeps what there is.

    ``radius`` and ``norm``, 2 or inf: those of the attacks, in units of X. ``part`` of the data, drawn by
    ``random_state``, is held out, also from what the network is trained on. ``depth``, ``weight_std``, ``bias_std``,
    ``activation``, "relu" or "erf", and ``of``, "ntk" or "nngp": the network, as for :class:`WideNetworkKernel`.

    Fitted: ``predictor_`` (:class:`constructive.tangent.KernelPredictor`), ``outcome_`` (what the training returned,
    with the time, ridge or strengths; None for the interpolant), ``classes_``, ``n_features_in_``. Two classes have the
    targets -1 and +1; K >= 3 a column of 0 and 1 each. There is no ``predict_proba``: values of a least squares fit
    are no probabilities. ``fit`` raises ValueError for parameters out of range, TypeError for those of another kind.

    >>> model = WideNetworkClassifier("interpolant").fit([[0.0], [1.0], [2.0]], ["a", "a", "b"])
    >>> model.predict([[0.25], [1.9]]).tolist(), model.robust_score([[0.0], [2.0]], ["a", "b"], radius=0.01)
    (['a', 'b'], 1.0)
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Return the estimator, fitted to X (n, d) and classes y (n,)."""
        points, labels = validate_data(self, X, y, dtype=np.float64)
        check_classification_targets(labels)
        self.classes_, index = np.unique(labels, return_inverse=True)
        if self.classes_.size > 2:
            targets = np.eye(self.classes_.size)[index]
        else:
            targets = np.where(index == self.classes_.size - 1, 1.0, -1.0)
        self._train(points, targets)
        return self

    def decision_function(self, X: ArrayLike) -> Array:
        """Return the predictor's values: (n,), above 0 for ``classes_[1]``, or (n, K) for K >= 3 classes."""
        values = self._values(X)
        return values[:, 0] if values.shape[1] == 1 else values

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Return the classes (n,); ties go to the first."""
        scores = self.decision_function(X)
        if scores.ndim == 2:
            return self.classes_[np.argmax(scores, axis=1)]
        return self.classes_[(scores > 0.0).astype(int) if self.classes_.size == 2 else np.zeros(scores.size, int)]

    def robust_score(self, X: ArrayLike, y: ArrayLike, radius: float | None = None) -> float:
        """Return the proved fraction of points that are right on their whole closed ball: a lower bound.

        Balls of ``radius`` (None: the parameter) in the estimator's norm; :func:`constructive.robust_error` of the
        estimator gives both sides. The proof is loose for interpolants. A label that is not in ``classes_`` is never
        right. Raises TypeError for activation "erf", for which nothing is proved.
        """
        check_is_fitted(self)
        points = validate_data(self, X, reset=False, dtype=np.float64)
        labels, who = np.asarray(y), type(self).__name__
        if labels.shape != points.shape[:1]:
            raise ValueError(f"{who}: X has {points.shape[0]} rows, so y must have shape ({points.shape[0]},), got "
                             f"{labels.shape}")
        size = as_number(self.radius if radius is None else radius, who, "radius", at_least=0.0)
        right = np.isin(labels, self.classes_)
        if right.any():
            right[right] = verdicts(self, points[right], labels[right], radius=size, norm=as_norm(self.norm, who)) == 0
        return float(right.mean())


class WideNetworkRegressor(RegressorMixin, _WideNetwork):
    """A regressor that is an infinitely wide network, trained on the squared loss through its kernel.

    Parameters and fitted attributes as for :class:`WideNetworkClassifier`, but ``classes_``; targets are the values.
    The network is 0 where nothing was learned, so values should have mean 0. ``training="ridge"`` with ``radius=0``
    chooses the ridge by held-out data as they are.

    >>> WideNetworkRegressor("interpolant").fit([[0.0], [1.0]], [0.5, -0.5]).predict([[1.0]]).round(12)
    array([-0.5])
    """

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Return the estimator, fitted to X (n, d) and values y (n,)."""
        points, values = validate_data(self, X, y, dtype=np.float64, y_numeric=True)
        self._train(points, values.astype(np.float64))
        return self

    def predict(self, X: ArrayLike) -> Array:
        """Return the values (n,)."""
        return self._values(X)[:, 0]
