"""CUDA graphs: where they are refused, and what stands around the recording; a made-up one stands for torch's.

The recording itself needs a GPU: tests/gpu/test_gpu_graphs.py.
"""

from collections.abc import Callable
from functools import partial
from typing import Any

import made_up
import pytest
import pytorch_lightning as lightning
import torch
from torch import Tensor, nn

from unroll.config.compose import compose
from unroll.config.schema import Optimizer
from unroll.data.batching import TrainingBatches
from unroll.errors import UserError
from unroll.models.network import Network
from unroll.seeds import derive
from unroll.tasks.task import Task
from unroll.training import graphs
from unroll.training.graphs import capture, check_graphs
from unroll.training.module import TrialModule, seed_noise

GRAPHS, BATCH, STEPS = "trainer.cuda_graphs=true", 8, 10


@pytest.fixture
def on_cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphs, "kind_of", lambda accelerator: "cpu" if accelerator == "cpu" else "cuda")
    monkeypatch.setattr(graphs, "trains_here", lambda: True)


@pytest.mark.usefixtures("on_cuda")
@pytest.mark.parametrize(
    ("overrides", "seen"),
    [
        (["task=forecasting", "architecture=gru"], None),
        (["task=compression", "architecture=ae_variational"], None),
        (["task=classification", "architecture=lstm", "task.order=pixels"], None),
        (["task=copying", "architecture=deep_lstm", "trainer.precision=bf16-mixed"], None),
        (["task=adding", "architecture=ae_contractive"], None),
        (["task=sentiment", "baseline=majority"], None),
        (["task=forecasting", "architecture=gru", "trainer=cpu"], "which is cpu here"),
        (["task=forecasting", "architecture=gru", "trainer.devices=2"], "ranks exchange gradients"),
        (["task=sentiment", "architecture=lstm"], "the lengths of labelled_text differ"),
        (["task=language_modelling", "architecture=lstm"], "the lengths of running_text differ"),
        (["task=adding", "architecture=tree_lstm"], "the levels of trees"),
        (["task=classification", "architecture=ae", "task.protocol=pretrain"], "its two phases"),
        (
            ["task=compression", "architecture=ae_ksparse", "bottleneck.terms.ksparse.first_k=30"],
            "bottleneck.terms.ksparse, which changes with the steps",
        ),
    ],
)
def test_where_there_is_none_it_is_refused(overrides: list[str], seen: str | None) -> None:
    check_graphs(compose(overrides))
    trial = compose([*overrides, GRAPHS])
    if seen is None:
        check_graphs(trial)
        return
    with pytest.raises(UserError, match="replays one step") as refused:
        check_graphs(trial)
    assert seen in str(refused.value.saw)
    assert "trainer.cuda_graphs=false" in str(refused.value.allowed)


def test_a_login_node_has_no_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(graphs, "kind_of", lambda _: "cpu")
    monkeypatch.setattr(graphs, "trains_here", lambda: False)
    check_graphs(compose(["task=forecasting", "architecture=gru", GRAPHS]))


Losses = Callable[..., tuple[Tensor, ...]]


class Recorded:
    """A made-up graph: it computes what was recorded, from copies of what it is given. `wrong` changes the copies."""

    def __init__(self, wrong: Callable[[list[Tensor]], Any] = lambda tensors: None):
        self.wrong, self.replays, self.warmed = wrong, 0, 0

    def __call__(self, step: nn.Module, given: tuple[Tensor, ...], allow_unused_input: bool) -> Losses:
        assert allow_unused_input
        self.given = [tensor.clone() for tensor in given]
        for _ in range(3):
            step(*given)
            self.warmed += 1
        return partial(self._replay, step)

    def _replay(self, step: nn.Module, *tensors: Tensor) -> tuple[Tensor, ...]:
        self.replays += 1
        for place, tensor in zip(self.given, tensors, strict=True):
            place.copy_(tensor)
        self.wrong(self.given)
        found: tuple[Tensor, ...] = step(*self.given)
        return found


def forecaster(*overrides: str, architecture: str = "gru") -> tuple[Task, Network]:
    given = [f"architecture={architecture}", *made_up.SMALL, *overrides]
    trial = made_up.trial("forecasting", *given)
    task = made_up.prepared(trial)
    torch.manual_seed(derive(3, "initialisation"))
    return task, made_up.network_of(trial, task).train()


def batches(task: Task) -> list[Any]:
    return [task.splits["train"].batch(torch.arange(BATCH) + start) for start in (0, 20)]


def seeds() -> list[Callable[[], Any]]:
    return [partial(seed_noise, seed, torch.device("cpu")) for seed in (1, 2)]


@pytest.mark.parametrize("options", [[], ["task.dropout=0.3"]])
def test_a_replay_gives_the_losses_of_its_batch(options: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    task, network = forecaster(*options, architecture="ae_variational")
    monkeypatch.setattr(torch.cuda, "make_graphed_callables", Recorded())
    _, second = given = batches(task)
    found = capture(task, network, given, seeds())
    assert found.takes(second)
    assert not found.takes(task.splits["train"].batch(torch.arange(BATCH - 1)))
    losses = []
    for of in (partial(task.losses, network), found.losses):
        seed_noise(7, torch.device("cpu"))
        losses.append(of(second))
    expected, replayed = losses
    assert torch.equal(replayed.task, expected.task)
    assert replayed.penalty is not None
    assert expected.penalty is not None
    assert torch.equal(replayed.penalty, expected.penalty)
    assert (replayed.reconstruction is None) == (expected.reconstruction is None)
    replayed.task.sum().backward()
    assert any(parameter.grad is not None for parameter in network.parameters())


def _draws_the_same(tensors: list[Tensor]) -> None:
    torch.manual_seed(0)


def _keeps_the_first(tensors: list[Tensor]) -> None:
    for tensor in tensors:
        if tensor.is_floating_point():
            tensor.fill_(1.0)


@pytest.mark.parametrize(("wrong", "options"), [(_draws_the_same, ["task.dropout=0.3"]), (_keeps_the_first, [])])
def test_a_replay_that_gives_others_is_found(
    wrong: Callable[[list[Tensor]], Any], options: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    task, network = forecaster(*options)
    monkeypatch.setattr(torch.cuda, "make_graphed_callables", Recorded(wrong))
    with pytest.raises(UserError) as refused:
        capture(task, network, batches(task), seeds())
    assert "a task loss that no replay gives" in str(refused.value.saw)


def test_what_torch_cannot_record_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*given: Any, **options: Any) -> Any:
        raise RuntimeError("CUDA error: operation not permitted when stream is capturing\nCUDA kernel errors might be")

    task, network = forecaster()
    monkeypatch.setattr(torch.cuda, "make_graphed_callables", fails)
    with pytest.raises(UserError) as refused:
        capture(task, network, batches(task), seeds())
    assert str(refused.value.saw).endswith("CUDA error: operation not permitted when stream is capturing")


def test_other_shapes_are_refused() -> None:
    task, network = forecaster()
    first, _ = batches(task)
    with pytest.raises(UserError, match="replays one step"):
        capture(task, network, [first, task.splits["train"].batch(torch.arange(2))], seeds())


def test_buffers_are_left_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    """What warming up and the two checked steps did to a running mean is undone."""
    task, network = forecaster()
    network.heads["norm"] = norm = nn.BatchNorm1d(3)

    def counted(*_: Any) -> None:
        norm(torch.ones(2, 3))

    network.adapter.register_forward_pre_hook(counted)
    monkeypatch.setattr(torch.cuda, "make_graphed_callables", graph := Recorded())
    capture(task, network, batches(task), seeds())
    assert graph.warmed == 3
    assert norm.num_batches_tracked == 0
    assert torch.equal(norm.running_mean, torch.zeros(3))  # type: ignore[arg-type]


class Seen(lightning.Callback):
    """The loss of each step."""

    def __init__(self) -> None:
        self.values: list[float] = []

    def on_train_batch_end(self, trainer: Any, module: Any, outputs: Any, *rest: Any) -> None:
        self.values.append(float(outputs["loss"].detach()))


@pytest.mark.filterwarnings("ignore")
def test_training_by_replays_is_the_same_training(monkeypatch: pytest.MonkeyPatch) -> None:
    """The epoch's last batch has fewer examples, and no replay."""
    losses, graph = [], Recorded()
    monkeypatch.setattr(torch.cuda, "make_graphed_callables", graph)
    for graphed in (None, BATCH):
        task, network = forecaster("task.dropout=0.3")
        module = TrialModule(task, network, Optimizer(name="adam"), 3, 0, STEPS, graphed=graphed)
        seen, off = Seen(), {"logger": False, "enable_checkpointing": False, "enable_model_summary": False}
        trainer = lightning.Trainer(accelerator="cpu", max_epochs=1, callbacks=[seen], enable_progress_bar=False, **off)
        trainer.fit(module, TrainingBatches(task.splits["train"], BATCH, 3, 0, STEPS))
        assert module.captured is None
        losses.append(seen.values)
    per_epoch, last = divmod(len(task.splits["train"]), BATCH)
    assert last
    assert losses[0] == losses[1]
    assert len(losses[0]) == STEPS
    assert graph.replays == 2 + STEPS - STEPS // (per_epoch + 1)
