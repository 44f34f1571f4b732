"""scikit-learn's multilayer perceptrons, and the scalings in front of them, as networks."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from constructive.network import Network

Array = NDArray[np.float64]


def network_of_estimator(model: Any) -> Network:
    """Return a fitted MLP, or a pipeline of scalings that ends in one, as a network of its raw scores.

    Raises TypeError for other estimators, ValueError for activations other than relu and identity, for classes that
    are not sorted, or for a model that is not fitted.
    """
    from sklearn.neural_network import MLPClassifier, MLPRegressor
    from sklearn.pipeline import Pipeline
    if isinstance(model, Pipeline):
        *before, last = [step for _, step in model.steps if step not in ("passthrough", None)]
        network = network_of_estimator(last)
        scale, shift = np.ones(network.inputs), np.zeros(network.inputs)
        for step in before:
            factor, offset = _scaling(step, network.inputs)
            scale, shift = scale * factor, shift * factor + offset
        return network @ Network.build([(np.diag(scale), shift)])
    if not isinstance(model, (MLPClassifier, MLPRegressor)):
        raise TypeError("as_network: of scikit-learn's estimators MLPClassifier, MLPRegressor and pipelines that end "
                        f"in one are read, got {type(model).__name__}")
    if not hasattr(model, "coefs_"):
        raise ValueError(f"as_network: this {type(model).__name__} is not fitted; call fit first")
    if model.activation not in ("relu", "identity"):
        raise ValueError(f"as_network: activation={model.activation!r} is not piecewise linear; train with "
                         "activation='relu'")
    if isinstance(model, MLPClassifier):
        _check_classes(model)
    elif getattr(model, "out_activation_", "identity") != "identity":
        raise ValueError(f"as_network: this MLPRegressor ends in {model.out_activation_!r}, which is not piecewise "
                         "linear; fit it with loss='squared_error'")
    maps = [Network.build([(weight.T, bias)]) for weight, bias in zip(model.coefs_, model.intercepts_, strict=True)]
    if model.activation == "relu":
        return Network(tuple(f.layers[0] for f in maps))
    network = maps[0]
    for outer in maps[1:]:
        network = outer @ network
    return network


def _check_classes(model: Any) -> None:
    if getattr(model, "out_activation_", "") == "logistic" and model.n_outputs_ > 1:
        raise ValueError("as_network: this MLPClassifier was fitted on several labels for each datum; fit it on one")
    classes = np.asarray(model.classes_)
    if not (classes[:-1] < classes[1:]).all():
        raise ValueError(f"as_network: classes_={classes.tolist()!r} must be sorted, as memorize sorts them")


def _scaling(step: Any, d: int) -> tuple[Array, Array]:
    """Return factor (d,) and offset (d,) of a fitted scaling x -> factor x + offset."""
    from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, StandardScaler
    if isinstance(step, (StandardScaler, MinMaxScaler, MaxAbsScaler)) and not hasattr(step, "scale_"):
        raise ValueError(f"as_network: the {type(step).__name__} of this pipeline is not fitted; call fit first")
    if isinstance(step, StandardScaler):
        factor = np.ones(d) if step.scale_ is None else 1.0 / step.scale_
        mean = np.zeros(d) if step.mean_ is None or not step.with_mean else step.mean_
        return factor, -mean * factor
    if isinstance(step, MinMaxScaler):
        if step.clip:
            raise ValueError("as_network: MinMaxScaler(clip=True) is not affine; use clip=False")
        return np.asarray(step.scale_), np.asarray(step.min_)
    if isinstance(step, MaxAbsScaler):
        return 1.0 / step.scale_, np.zeros(d)
    raise TypeError(f"as_network: of pipeline steps StandardScaler, MinMaxScaler and MaxAbsScaler are read, got "
                    f"{type(step).__name__}")
