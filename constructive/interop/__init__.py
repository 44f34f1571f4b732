"""Models of other libraries as networks; each library is touched only if one of its objects arrives."""

from __future__ import annotations

from os import PathLike
from typing import Any

from constructive.network import Network
from constructive.students import Student
from constructive.teachers.teacher import Teacher

__all__ = ["as_network"]


def as_network(model: Any) -> Network:
    """Return the model as a network, so that it can teach, be certified, or be measured.

    A network is returned as it is, a student or a teacher written out. From scikit-learn: ``MLPClassifier`` (scores
    before the last activation: one logit for two classes, K scores otherwise, classes in sorted order) and
    ``MLPRegressor`` with activation "relu" or "identity", alone or at the end of a ``Pipeline`` of ``StandardScaler``,
    ``MinMaxScaler`` or ``MaxAbsScaler``, which are folded into the first layer. The result agrees with the model up to
    rounding. Raises TypeError for models that are not known, ValueError for what a ReLU network cannot express or
    for a model that is not fitted.
    """
    if isinstance(model, Network):
        return model
    if isinstance(model, (Student, Teacher)):
        return model.to_network()
    homes = {kind.__module__.split(".")[0] for kind in type(model).__mro__}  # a user's subclass lives elsewhere
    if "sklearn" in homes:
        from constructive.interop.sklearn import network_of_estimator
        return network_of_estimator(model)
    if isinstance(model, (str, PathLike)):
        raise TypeError(f"as_network: model must be an object, got the path {str(model)!r}: Network.load reads a saved "
                        "network; of other files pass the weights with Network.build([(weight, bias), ...])")
    for home in sorted(homes & {"torch", "onnx"}):
        raise TypeError(f"as_network: {type(model).__name__} of {home} cannot be read in this version; pass its "
                        "weights with Network.build([(weight, bias), ...])")
    raise TypeError(f"as_network: model must be a Network, Student, Teacher, or a scikit-learn MLP, got "
                    f"{type(model).__name__}; pass the weights with Network.build([(weight, bias), ...])")
