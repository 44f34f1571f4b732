"""Models of other libraries as networks; each library is touched only if one of its objects arrives."""

from __future__ import annotations

import os
from os import PathLike
from typing import Any

from constructive.interop.onnx import network_of_onnx, onnx_model, to_onnx
from constructive.interop.torch import network_of_torch, to_torch
from constructive.network import Network
from constructive.students import Student
from constructive.teachers.teacher import Teacher

__all__ = ["as_network", "to_onnx", "onnx_model", "to_torch", "network_of_onnx", "network_of_torch"]


def as_network(model: Any) -> Network:
    """Return the model as a network, so that it can teach, be certified, or be measured.

    A network is returned as it is, a student or a teacher written out. From scikit-learn: ``MLPClassifier`` (scores
    before the last activation: one logit for two classes, K scores otherwise, classes in sorted order) and
    ``MLPRegressor`` with activation "relu" or "identity", alone or at the end of a ``Pipeline`` of ``StandardScaler``,
    ``MinMaxScaler`` or ``MaxAbsScaler``, which are folded into the first layer. The path of an ``.onnx`` file or an
    ``onnx.ModelProto`` (:func:`network_of_onnx` says which), and ``torch.nn.Sequential`` (:func:`network_of_torch`);
    nothing in a file is executed. The result agrees with the model up to rounding, and keeps weights bit for bit where
    one affine map stands between two ReLUs. Raises TypeError for models that are not known, ValueError for what a ReLU
    network cannot express or for a model that is not fitted, ModuleNotFoundError without the library that reads them.
    """
    if isinstance(model, Network):
        return model
    if isinstance(model, (Student, Teacher)):
        return model.to_network()
    if isinstance(model, (str, PathLike)):
        return _of_file(model)
    homes = {kind.__module__.split(".")[0] for kind in type(model).__mro__}  # a user's subclass lives elsewhere
    if "sklearn" in homes:
        from constructive.interop.sklearn import network_of_estimator
        return network_of_estimator(model)
    if "torch" in homes:
        return network_of_torch(model)
    if "onnx" in homes:
        return network_of_onnx(model)
    raise TypeError("as_network: model must be a Network, Student, Teacher, a scikit-learn MLP, a torch Sequential, an "
                    f"ONNX model or the path of one, got {type(model).__name__}; pass the weights with "
                    "Network.build([(weight, bias), ...])")


def _of_file(path: str | PathLike[str]) -> Network:
    if os.fspath(path).endswith(".onnx"):
        return network_of_onnx(path)
    raise TypeError(f"as_network: {os.fspath(path)!r} does not end in .onnx; Network.load reads a saved network, of "
                    "other files pass the weights with Network.build([(weight, bias), ...])")
