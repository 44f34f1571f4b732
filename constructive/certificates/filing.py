"""Certificate files: what was claimed, with everything needed to check it, in bytes that never run.

Data flow: certificate, network, data, goals -> JSON header and little-endian arrays -> SHA-256 of all before at the
end. The same certificate gives the same bytes. A file is read through the checker's own strict reader.
"""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from constructive.certificates.checker import Invalid, read
from constructive.certificates.goals import Goal
from constructive.certificates.structural import find_bumps
from constructive.evidence import Bracket, Evidence
from constructive.network import Network

Array = NDArray[np.float64]

_LARGEST = 1 << 20
"""Bytes that a header may have."""
_DEEPEST = 256
"""Layers that a file may hold."""
_LEAF = 4
"""Bumps that are no longer ranked among themselves."""


@dataclass(frozen=True, slots=True, eq=False)
class Subject:
    """What a certificate is about: the network, the data (n, d), and what counts as right at each."""

    network: Network
    X: Array
    goal: Goal


def file_bytes(subject: Subject, *, kind: str, radius: float, norm: float, about: dict[str, Any],
               witness: tuple[int, Array, Array] | None = None) -> bytes:
    """Return the file of the claim that the network is right on all balls; see docs/certificates.md for the layout.

    ``kind`` is the network's format or "real", ``norm`` 1, 2 or infinity, ``witness`` (datum, point, output) or None.
    ``about`` is for people: a dictionary of what JSON can hold, read by no checker. ValueError if it does not fit into
    a header of 1 MiB, or if the network has more than 256 layers or is too large for 32-bit indices.

    >>> from constructive.certificates.checker import check
    >>> f = Network.build([([[1.0]], None)])
    >>> subject = Subject(f, np.array([[1.0], [-1.0]]), Goal("sign", np.array([1.0, -1.0])))
    >>> check(file_bytes(subject, kind="real", radius=0.5, norm=math.inf, about={})).verdict
    'confirmed'
    """
    network, goal = subject.network, subject.goal
    if network.depth > _DEEPEST:
        raise ValueError(f"Certificate.save: the network has {network.depth} layers; files hold at most {_DEEPEST}")
    largest = max(max(la.outputs, la.inputs, la.weight.nnz) for la in network.layers)
    if largest >= 2**31 - 1:
        raise ValueError(f"Certificate.save: a layer has {largest} units or weights; files hold less than 2^31")
    order = _grouped(network)
    points = np.zeros((0, network.inputs)) if witness is None else np.atleast_2d(witness[1])
    header = {
        "about": about, "d": network.inputs, "format": str(network.dtype), "goal": goal.kind, "kind": kind,
        "layers": [[la.outputs, la.inputs, int(la.weight.nnz)] for la in network.layers], "n": int(subject.X.shape[0]),
        "norm": {1.0: "1", 2.0: "2", math.inf: "inf"}[norm], "ordered": int(order.size > 0),
        "radius": float(radius).hex(), "witnesses": int(points.shape[0]),
    }
    text = json.dumps(header, sort_keys=True, separators=(",", ":"), allow_nan=False).encode("ascii")
    if len(text) > _LARGEST:
        raise ValueError(f"Certificate.save: the header has {len(text)} bytes, at most {_LARGEST} are allowed; name "
                         "fewer or shorter classes")
    number = "<f4" if network.dtype == np.float32 else "<f8"
    parts = [b"constructive certificate 1\n", b"%08d\n" % len(text), text]
    for layer in network.layers:
        for array, form in ((layer.weight.indptr, "<i4"), (layer.weight.indices, "<i4"), (layer.weight.data, number),
                            (layer.bias, number)):
            parts.append(_raw(array, form))
    owners = np.zeros(0) if witness is None else np.array([witness[0]])
    parts += [_raw(subject.X, "<f8"), _raw(goal.value, "<f8"), _raw(order, "<i4"), _raw(owners, "<i4"),
              _raw(points, "<f8")]
    body = b"".join(parts)
    return body + hashlib.sha256(body).digest()


def _raw(array: Any, form: str) -> bytes:
    return np.ascontiguousarray(array).astype(form).tobytes()


def _grouped(network: Network) -> NDArray[np.int64]:
    """Return the second layer's rows in an order that keeps bumps near each other together; empty without bumps.

    The bumps are cut in halves again and again, by the middles of their boxes along the axis where these spread most;
    the other rows follow. The checker builds its tree by pairing neighbors in this order.
    """
    pattern = find_bumps(network)
    if pattern is None:
        return np.zeros(0, np.int64)
    with np.errstate(invalid="ignore"):
        middle = (np.clip(pattern.support_lower, -1e300, 1e300) + np.clip(pattern.support_upper, -1e300, 1e300)) / 2
    bounded = np.isfinite(pattern.support_lower) & np.isfinite(pattern.support_upper)
    axes = np.flatnonzero(bounded.mean(axis=0) >= 0.5)
    middle = middle[:, axes]
    groups = [np.arange(pattern.rows.size)]
    while axes.size and max(group.size for group in groups) > _LEAF:
        groups = [half for group in groups for half in _halves(group, middle)]
    rest = np.setdiff1d(np.arange(network.layers[1].outputs), pattern.rows)
    return np.concatenate([pattern.rows[np.concatenate(groups)], rest])


def _halves(group: NDArray[np.int64], middle: Array) -> list[NDArray[np.int64]]:
    """Return a group cut in two; a small group stays. The first part has a power of two, for neighbors to pair in."""
    if group.size <= _LEAF:
        return [group]
    points = middle[group]
    axis = int(np.argmax(points.max(axis=0) - points.min(axis=0)))
    cut = 1 << ((group.size - 1).bit_length() - 1)
    ranked = group[np.argsort(points[:, axis], kind="stable")]
    return [ranked[:cut], ranked[cut:]]


# -- what a certificate says about itself -------------------------------------------------------------------


def written(bracket: Bracket) -> dict[str, Any]:
    """Return a bracket as JSON: ends as hexadecimal doubles, and the evidence."""
    lower, upper = float(bracket.lower).hex(), float(bracket.upper).hex()
    return {"lower": lower, "upper": upper, "evidence": bracket.evidence.value}


def bracket_of(part: dict[str, Any]) -> Bracket:
    """Return the bracket that :func:`written` wrote."""
    return Bracket(float.fromhex(part["lower"]), float.fromhex(part["upper"]), Evidence(part["evidence"]))


def subject_of(data: bytes) -> tuple[Subject, dict[str, Any], tuple[int, Array] | None]:
    """Return network, data and goals of a file's bytes, its header, and its witness (datum, point) if it has one.

    Everything is as it was written, bit for bit. ValueError, in one line, if the bytes are not a certificate.
    """
    try:
        header, layers, (X, y, _, owners, points) = read(data)
    except Invalid as error:
        raise ValueError(f"Certificate.load: {error}") from error
    dtype = np.dtype(header["format"])
    maps = []
    for layer, (rows, columns, _) in zip(layers, header["layers"], strict=True):
        maps.append((sparse.csr_array((layer.weight, (layer.row, layer.column)), shape=(rows, columns)), layer.bias))
    goal = Goal(header["goal"], np.array(y, dtype=np.float64))
    witness = (int(owners[0]), np.array(points[0])) if owners.size else None
    return Subject(Network.build(maps, dtype), np.array(X, dtype=np.float64), goal), header, witness
