"""bfloat16, float16 and TF32 train as single precision does, by cuDNN's own kernels."""

import json
from typing import Any

import pytest
import torch
from cell import Cells
from on_a_device import batch_on, prepared
from tiny_data import Tiny
from torch.utils._python_dispatch import TorchDispatchMode

from unroll.errors import UserError
from unroll.training.devices import TF32_SINCE, set_tf32
from unroll.training.train import train

STEPS, APART = 60, 0.03  # relative, between mean losses of all steps
NETWORKS = {
    "lstm": ["architecture=lstm"],
    "gru": ["architecture=gru"],
    "ae": ["architecture=ae"],
    "ae_conv": ["architecture=ae_conv"],
    "bilstm of two layers": ["architecture=bilstm", "architecture.depth=2"],
}
NUMBERS = {"bf16": "trainer.precision=bf16-mixed", "16": "trainer.precision=16-mixed", "tf32": "trainer.tf32=true"}


@pytest.fixture(scope="module")
def mean_loss(tiny: Tiny, tmp_path_factory: pytest.TempPathFactory, on_device: str) -> Any:
    """(network, *overrides) -> the task's mean loss over all steps of a trial."""
    known: dict[tuple[str, ...], float] = {}

    def found(name: str, *numbers: str) -> float:
        if (name, *numbers) not in known:
            length = ["budget.epochs=null", f"budget.steps={STEPS}", f"trainer.log_every={STEPS}"]
            given = [on_device, *length, *NETWORKS[name], *numbers, "trainer.diagnose=never"]
            trial = tiny.trial("classification", tmp_path_factory.mktemp("runs"), *given)
            train(trial)
            lines = (trial.directory / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
            (value,) = [line["train/task"] for line in map(json.loads, lines) if "train/task" in line]
            known[name, *numbers] = value
        return known[name, *numbers]

    return found


@pytest.mark.parametrize("numbers", NUMBERS)
@pytest.mark.parametrize("name", NETWORKS)
def test_fewer_bits_train_alike(name: str, numbers: str, mean_loss: Any) -> None:
    try:
        value = mean_loss(name, NUMBERS[numbers])
    except UserError as refused:  # of a device without them: that is tested elsewhere
        pytest.skip(refused.what)
    assert value == pytest.approx(mean_loss(name), rel=APART)


class Recurrent(TorchDispatchMode):
    """The types that fused recurrent kernels are given."""

    def __init__(self) -> None:
        super().__init__()
        self.types: list[torch.dtype] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if "_cudnn_rnn" in func._schema.name and "backward" not in func._schema.name:
            self.types.append(args[0].dtype)
        return func(*args, **(kwargs or {}))


@pytest.mark.usefixtures("cuda_itself")
@pytest.mark.parametrize("precision", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize("task", ["classification", "sentiment"])
def test_layers_of_mixed_precision_are_cudnns(
    task: str, precision: torch.dtype, make_cell: Cells, device: torch.device
) -> None:
    """Both layers, the first on values or word vectors, the second on what the first gives."""
    cell = make_cell(task, "lstm", "architecture.depth=2")
    network = prepared(cell).to(device).train()
    with Recurrent() as seen, torch.autocast("cuda", precision, cache_enabled=False):
        loss = cell.task.losses(network, batch_on(cell, device, torch.float32)).task.sum()
    loss.backward()
    assert seen.types == [precision] * 2


@pytest.mark.usefixtures("cuda_itself")
def test_tf32_rounds_products_and_recurrent_layers_alike(device: torch.device) -> None:
    """Off, both are as exact as single precision is; on, both round to ten bits. 1 + 2^-12 is not among those."""
    if torch.cuda.get_device_capability() < TF32_SINCE:
        pytest.skip("this GPU has no TF32")
    torch.manual_seed(0)
    x, layer = torch.full((64, 64, 64), 1 + 2**-12), torch.nn.LSTM(64, 64, batch_first=True)
    expected = layer.double()(x.double())[0], x[0].double() @ x[0].double()
    errors = {}
    for allowed in (False, True):
        set_tf32(allowed)
        found = layer.float().to(device)(x.to(device))[0], x[0].to(device) @ x[0].to(device)
        layer.cpu()
        errors[allowed] = [
            float((one.double().cpu() - other).abs().max()) for one, other in zip(found, expected, strict=True)
        ]
    assert all(rounded > 10 * exact for exact, rounded in zip(errors[False], errors[True], strict=True)), errors
