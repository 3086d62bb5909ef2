"""A pretended accelerator: the CPU under a name of its own, `cpu:0`, with the rules of CUDA.

A storage is on the device or not, so views, gradients and parameters follow. An operation on tensors of both is an
error, as on CUDA; whatever makes the CPU wait for the device is counted, and so is each copy to it. Both are seen where
torch dispatches, below autograd: backward passes and optimizers are covered. What is not: kernels of CUDA's own.
"""

import sys
from collections import Counter
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

DEVICE, CPU = torch.device("cpu", 0), torch.device("cpu")
# The CPU needs a value, or a size that depends on values.
WAITS = {
    "_local_scalar_dense", "nonzero", "masked_select", "_unique2", "unique_dim", "unique_consecutive", "bincount",
    "equal", "is_nonzero",
}  # fmt: skip
MIXED = {"copy_", "set_", "_to_copy"}  # between devices by their nature
_ASKS_DEVICE = Tensor.device.__get__  # type: ignore[attr-defined]
INDEXING = {"index", "index_put", "index_put_", "_index_put_impl_", "_unsafe_index", "_unsafe_index_put"}


def on_device(tensor: Tensor) -> bool:
    """Whether a tensor lies on the pretended device."""
    return bool(getattr(tensor.untyped_storage(), "pretended", False))


def _put(tensor: Tensor, there: bool = True) -> Tensor:
    tensor.untyped_storage().pretended = there  # type: ignore[attr-defined]
    return tensor


def _is_pinned(tensor: Tensor, options: dict[str, Any]) -> bool:
    return bool(options.get("non_blocking") and getattr(tensor.untyped_storage(), "pinned", False))


def _tensors(value: Any) -> Iterator[Tensor]:
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _tensors(part)


class _Names(TorchFunctionMode):
    """What Python asks and says of devices, where torch would hear `the CPU` and do nothing."""

    def __init__(self, counts: "Pretended"):
        super().__init__()
        self.counts = counts

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name = getattr(func, "__name__", "")
        if name == "__get__" and func == _ASKS_DEVICE:
            return DEVICE if on_device(args[0]) else CPU
        if name == "tensor" and kwargs.get("device") == DEVICE:
            self.counts.copies[place()] += 1
            return _put(func(*args, **kwargs))
        if name in ("numpy", "__array__") and on_device(args[0]):
            raise AssertionError(f"NumPy reads a tensor on the device: {place()}")
        if name == "tolist" and on_device(args[0]):
            self.counts.waits[place()] += 1
        if name == "pin_memory":
            pinned = args[0].clone()
            pinned.untyped_storage().pinned = True
            return pinned
        leaves = name == "cpu" or (name == "to" and CPU in (*args[1:], kwargs.get("device")))
        # Where torch groups gradients to clip them, its C++ says `the CPU` of the device.
        grouped = "/torch/nn/utils/" in sys._getframe(1).f_code.co_filename
        if (leaves or (name == "to" and "cpu" in args[1:])) and on_device(args[0]) and not grouped:
            self.counts.waits[place()] += 1
            return func(_put(args[0].clone(), False), *args[1:], **kwargs)
        return func(*args, **kwargs)


class Pretended(TorchDispatchMode):
    """Counts, while it is active, by the line of Unroll from which torch was called.

    Attributes:
        waits: for the device: its queue runs empty.
        copies: to the device, of memory that is not pinned.
    """

    def __init__(self) -> None:
        super().__init__()
        self.waits: Counter[str] = Counter()
        self.copies: Counter[str] = Counter()
        self._names = _Names(self)

    def __enter__(self) -> "Pretended":
        super().__enter__()
        self._names.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        self._names.__exit__(*error)
        super().__exit__(*error)

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        name, wanted = func._schema.name.removeprefix("aten::"), kwargs.get("device")
        given = [*_tensors(args), *_tensors(list(kwargs.values()))]
        here = [tensor for tensor in given if on_device(tensor)]
        if here:
            self._check(name, args, given, here)
        found = func(*args, **kwargs)
        if name == "_to_copy" and wanted == DEVICE and not here and not _is_pinned(args[0], kwargs):
            self.copies[place()] += 1
        # Only torch itself names the plain CPU here: it means the device of what it computes on.
        backward = wanted == CPU and torch._C._current_graph_task_id() != -1
        goes = wanted == DEVICE or bool(here) or (backward and not given)
        if name == "copy_":  # its result is its target, which stays where it is
            goes = on_device(args[0])
            self.copies[place()] += goes and len(here) < len(given)
            self.waits[place()] += bool(here) and not goes
        if goes:
            for tensor in _tensors(found):
                _put(tensor)
        return found

    def _check(self, name: str, args: Any, given: list[Tensor], here: list[Tensor]) -> None:
        if name in WAITS or (name == "repeat_interleave" and len(here) == len(given) == 1):
            self.waits[place()] += 1
        elif name in INDEXING:
            indices = list(_tensors(args[1]))
            self.waits[place()] += sum(index.dtype in (torch.bool, torch.uint8) for index in indices)
            if on_device(args[0]):
                self.copies[place()] += sum(not on_device(index) for index in indices)
                given = [tensor for tensor in given if not any(tensor is index for index in indices)]
        elif name in MIXED:
            return
        strays = [tuple(tensor.shape) for tensor in given if tensor.dim() and not on_device(tensor)]
        assert not strays, f"{name} takes tensors {strays} from the CPU to others on the device: {place()}"


def place() -> str:
    """The line of Unroll from which torch was called, or of the backward pass."""
    frame = sys._getframe(1)
    while frame is not None:
        path = frame.f_code.co_filename
        if "/src/unroll/" in path:
            return f"{path.partition('/src/unroll/')[2]}:{frame.f_lineno}"
        frame = frame.f_back  # type: ignore[assignment]
    return "torch"
