"""scikit-learn models as networks: the same decisions, scores equal up to rounding, clear refusals."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

from constructive.calculus import affine
from constructive.interop import as_network
from constructive.students import memorize, separation

pytest.importorskip("sklearn")
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MaxAbsScaler, MinMaxScaler, QuantileTransformer, StandardScaler


def fitted(model: Any, kind: str, seed: int = 0) -> tuple[Any, Any, Any]:
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(80, 3)) * [1.0, 10.0, 0.1] + [0.0, 5.0, -2.0]
    signal = X[:, 0] + X[:, 1] / 10
    y = {"two": signal > 0.5, "names": np.array(["a", "b", "c"])[np.digitize(signal, [0.0, 1.0])],
         "real": signal}[kind]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        return model.fit(X, y), X, y


@pytest.mark.parametrize("layers", [(), (5,), (6, 4), (4, 4, 4, 4)])
@pytest.mark.parametrize("kind", ["two", "names"])
@pytest.mark.parametrize("activation", ["relu", "identity"])
def test_classifiers_decide_alike(layers: tuple[int, ...], kind: str, activation: str) -> None:
    model, X, _ = fitted(MLPClassifier(layers, activation=activation, max_iter=40, random_state=1), kind)
    network = as_network(model)
    scores = network(X)
    if kind == "two":
        assert network.outputs == 1
        clear = np.abs(scores[:, 0]) > 1e-9
        assert ((scores[:, 0] > 0) == model.predict(X))[clear].all()
        chance = 1 / (1 + np.exp(-scores[:, 0]))
        assert np.allclose(chance, model.predict_proba(X)[:, 1], rtol=1e-9, atol=1e-12)
    else:
        assert (model.classes_[np.argmax(scores, axis=1)] == model.predict(X)).all()
        soft = np.exp(scores - scores.max(axis=1, keepdims=True))
        assert np.allclose(soft / soft.sum(axis=1, keepdims=True), model.predict_proba(X), rtol=1e-9, atol=1e-12)
    assert network.depth == (len(layers) + 1 if activation == "relu" else 1)


@pytest.mark.parametrize("scaler", [StandardScaler(), StandardScaler(with_mean=False), StandardScaler(with_std=False),
                                    MinMaxScaler((-1, 1)), MaxAbsScaler()], ids=str)
def test_scalings_are_folded_into_the_first_layer(scaler: Any) -> None:
    regressor = MLPRegressor(hidden_layer_sizes=(6,), max_iter=60, random_state=2)
    model, X, _ = fitted(make_pipeline(scaler, MinMaxScaler(), regressor), "real")
    network = as_network(model)
    assert network.depth == 2
    assert np.allclose(network(X)[:, 0], model.predict(X), rtol=1e-9, atol=1e-9)


def test_a_trained_model_teaches_a_student() -> None:
    model, X, y = fitted(make_pipeline(StandardScaler(), MLPClassifier((8,), max_iter=60, random_state=3)), "names")
    student = memorize(X, y, radius=0.3 * separation(X, y).distance, teacher=as_network(model))
    assert student.certify().robust_error.upper == 0.0
    away = np.random.default_rng(5).normal(size=(300, 3)) * [1.0, 10.0, 0.1] + [0.0, 5.0, -2.0]
    untouched = np.diff(student.bumps.active(away)[0]) == 0
    assert untouched.any()
    assert (student.predict(away) == model.predict(away))[untouched].all()


def test_our_own_models_pass_through() -> None:
    network = affine([[1.0, 0.0]])
    assert as_network(network) is network
    student = memorize([[0.0], [1.0]], [0, 1], radius=0.2)
    assert as_network(student)([[0.0], [1.0]]).ravel().tolist() == [-1.0, 1.0]


@pytest.mark.parametrize(("model", "kind", "message"), [
    (MLPClassifier((4,), activation="tanh", max_iter=5), "two", "activation='tanh' is not piecewise linear"),
    (make_pipeline(MinMaxScaler(clip=True), MLPClassifier((4,), max_iter=5)), "two", "is not affine"),
])
def test_what_a_network_cannot_express_is_refused(model: Any, kind: str, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        as_network(fitted(model, kind)[0])


def test_other_models_are_refused_by_name() -> None:
    with pytest.raises(TypeError, match="got LogisticRegression"):
        as_network(LogisticRegression())
    with pytest.raises(ValueError, match="is not fitted"):
        as_network(MLPClassifier())
    ranked, _, _ = fitted(make_pipeline(QuantileTransformer(n_quantiles=10), MLPClassifier((3,), max_iter=3)), "two")
    with pytest.raises(TypeError, match="got QuantileTransformer"):
        as_network(ranked)
    with pytest.raises(TypeError, match="got dict"):
        as_network({})
    with pytest.raises(TypeError, match=r"Network\.build"):
        as_network("model.pt")


def test_a_subclass_is_read_like_its_parent() -> None:
    class Mine(MLPClassifier):
        pass

    model, X, _ = fitted(Mine((4,), max_iter=20, random_state=0), "names")
    assert (model.classes_[np.argmax(as_network(model)(X), axis=1)] == model.predict(X)).all()


def test_a_scaler_that_is_not_fitted_is_named() -> None:
    model, _, _ = fitted(MLPRegressor(hidden_layer_sizes=(3,), max_iter=5), "real")
    with pytest.raises(ValueError, match="StandardScaler of this pipeline is not fitted"):
        as_network(make_pipeline(StandardScaler(), model))
