"""PyTorch: networks as ``torch.nn.Sequential``, dense or sparse, and sequences of linear maps and ReLUs read back."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from constructive._checks import as_count
from constructive.interop.chains import Chain
from constructive.network import Layer, Network


def to_torch(network: Network, *, sparse: bool = False, limit: int = 1_000_000) -> Any:
    """Return the network as ``torch.nn.Sequential`` of Linear and ReLU, in its own format, weights bit for bit.

    ``sparse=True`` stores every weight in compressed rows, which Linear multiplies as it is (PyTorch calls that
    format a beta and says so once, in a warning); evaluation then costs the nonzeros, gradients with respect to
    inputs work. Dense holds the sum of n_out (n_in + 1) numbers and is refused beyond ``limit``. Values agree with
    ``network(x)`` up to the order of summation, on a student's memorized boxes bit for bit. Raises ValueError beyond
    the limit, ModuleNotFoundError without the extra ``torch``.
    """
    import torch
    most = as_count(limit, "to_torch", "limit", at_least=1)
    count = sum(layer.outputs * (layer.inputs + 1) for layer in network.layers)
    if not sparse and count > most:
        raise ValueError(f"to_torch: the dense form has {count} weights and biases, more than limit={most}; raise the "
                         "limit or pass sparse=True")
    modules: list[Any] = []
    for layer in network.layers:
        # on the meta device no memory is taken for weights that are replaced at once
        linear = torch.nn.Linear(layer.inputs, layer.outputs, device="meta")
        weight = _rows(layer) if sparse else torch.from_numpy(layer.weight.toarray())
        linear.weight = torch.nn.Parameter(weight, requires_grad=not sparse)
        linear.bias = torch.nn.Parameter(torch.from_numpy(layer.bias.copy()), requires_grad=not sparse)
        modules += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*modules[:-1])


def _rows(layer: Layer) -> Any:
    import torch
    matrix = layer.weight
    parts = [torch.from_numpy(part.copy()) for part in (matrix.indptr, matrix.indices, matrix.data)]
    return torch.sparse_csr_tensor(*parts, size=matrix.shape, check_invariants=True)


def network_of_torch(model: Any) -> Network:
    """Return a ``torch.nn.Sequential``, or one of its parts, as a network in the format of its weights.

    Read are Linear (dense or in compressed rows), ReLU, ReLU6, Hardtanh, Flatten, Identity, Dropout (as in
    evaluation) and Sequential within Sequential. Weights are kept bit for bit where one Linear stands between two
    ReLUs. Raises ValueError naming what is not read: other modules, subclasses, hooks, replaced methods, and float16
    weights.
    """
    import torch
    if not isinstance(model, torch.nn.Module):
        raise TypeError(f"as_network: {type(model).__name__} of torch is no module; pass a torch.nn.Sequential")
    parts = _parts(model, "")
    linears = [module for _, module in parts if type(module) is torch.nn.Linear]
    if not linears:
        raise ValueError("as_network: the torch module holds no Linear, so its number of inputs is not known")
    formats = {tensor.dtype for module in linears for tensor in (module.weight, module.bias) if tensor is not None}
    known = {torch.float64: np.float64, torch.float32: np.float32}
    if len(formats) > 1 or not formats <= set(known):
        raise ValueError(f"as_network: the weights have the formats {sorted(map(str, formats))}; one of float64 and "
                         "float32 is read")
    chain = Chain.start(linears[0].in_features, known[formats.pop()])
    for name, module in parts:
        chain = _followed(chain, name, module)
    return chain.network()


def _parts(module: Any, name: str) -> list[tuple[str, Any]]:
    """Return the modules that are not sequences, in order, with their names."""
    import torch
    hooks = [kind for kind in ("_forward_hooks", "_forward_pre_hooks") if getattr(module, kind, None)]
    if hooks or "forward" in vars(module):
        raise ValueError(f"as_network: module {name or type(module).__name__!r} has hooks or its own forward, which "
                         "can change what it computes; remove them")
    if type(module) is not torch.nn.Sequential:
        return [(name or type(module).__name__, module)]
    children = module._modules.items()  # named_children leaves out a module that stands in two places
    return [part for key, child in children for part in _parts(child, f"{name}.{key}".lstrip("."))]


def _followed(chain: Chain, name: str, module: Any) -> Chain:
    from torch import nn
    kind = type(module)  # a subclass may compute anything
    if kind is nn.Linear:
        bias = None if module.bias is None else _numbers(module.bias)
        return chain.affine(_matrix(module.weight), bias)
    if kind is nn.ReLU:
        return chain.relu()
    if kind in (nn.Hardtanh, nn.ReLU6):
        return chain.clip(float(module.min_val), float(module.max_val))
    if kind is nn.Flatten and module.start_dim == 1 and module.end_dim == -1:
        return chain
    if kind in (nn.Identity, nn.Dropout):
        return chain
    raise ValueError(f"as_network: module {name!r}, {kind.__name__}, is not read; known are Linear, ReLU, ReLU6, "
                     "Hardtanh, Flatten, Identity, Dropout and Sequential")


def _matrix(weight: Any) -> Any:
    import torch
    if weight.layout not in (torch.strided, torch.sparse_csr) or weight.is_meta:
        raise ValueError(f"as_network: a weight has the layout {weight.layout} on device {weight.device}; dense "
                         "weights and compressed rows with numbers in them are read")
    if weight.layout == torch.strided:
        return _numbers(weight)
    data, columns, starts = (_numbers(part) for part in (weight.values(), weight.col_indices(), weight.crow_indices()))
    return sparse.csr_array((data, columns, starts), shape=tuple(weight.shape))


def _numbers(tensor: Any) -> NDArray[Any]:
    return np.asarray(tensor.detach().cpu().numpy())
