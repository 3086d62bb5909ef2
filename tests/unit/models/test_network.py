"""The network: the parts it is made of, and that batching and padding leave each example's output alone."""

from typing import Any

import made_up
import pytest
import torch
from torch import nn

from unroll.data.splits import Batch
from unroll.errors import UserError
from unroll.models.contracts import length_mask
from unroll.models.network import Network
from unroll.tasks.task import Task

CELL = {"rnn": nn.RNN, "birnn": nn.RNN, "lstm": nn.LSTM, "bilstm": nn.LSTM, "gru": nn.GRU, "bigru": nn.GRU}


def outputs(task: Task, network: Network, batch: Batch) -> dict[str, torch.Tensor]:
    torch.manual_seed(0)
    losses = task.losses(network, batch)
    return {name: loss for name, loss in vars(losses).items() if loss is not None}


@pytest.mark.parametrize("architecture", made_up.ARCHITECTURES)
@pytest.mark.parametrize("name", ["sentiment", "translation"])
def test_the_company_in_a_batch_changes_no_examples_loss(name: str, architecture: str) -> None:
    """Short sentences alone, and padded beside long ones."""
    torch.manual_seed(0)
    task, network = made_up.built(name, architecture)
    network.eval()
    split = task.splits["validation"]
    with torch.no_grad():
        together = outputs(task, network, split.batch(torch.arange(len(split))))
        for row in range(len(split)):
            alone = outputs(task, network, split.batch(torch.tensor([row])))
            for part, values in alone.items():
                assert values.item() == pytest.approx(together[part][row].item(), abs=1e-5, rel=1e-5)


@pytest.mark.parametrize("architecture", made_up.ARCHITECTURES)
def test_is_made_of_what_its_name_says(architecture: str) -> None:
    _, network = made_up.built("translation", architecture)
    kinds = {type(module) for part in (network.encoder, network.decoder) for module in part.modules()}
    recurrent = kinds & {nn.RNN, nn.LSTM, nn.GRU}
    assert recurrent == ({CELL[architecture]} if architecture in CELL else set())
    layer = network.encoder.layers[0] if recurrent else None
    assert (layer is not None and layer.back is not None) is architecture.startswith("bi")
    assert bool(len(network.bottleneck.terms)) is (architecture == "ae_variational")


@pytest.mark.parametrize(
    ("option", "architecture"),
    [
        ("architecture.depth=2", "lstm"),
        ("architecture.width=7", "gru"),
        ("architecture.merge=max", "bigru"),
        ("architecture.cell=rnn", "gru"),
        ("architecture.activation=tanh", "mlp"),
        ("architecture.depth=2", "mlp"),
        ("bottleneck.size=3", "lstm"),
        ("task.attention=additive", "lstm"),
        ("task.attention=multiplicative", "lstm"),
    ],
)
def test_each_option_changes_the_output(option: str, architecture: str) -> None:
    found = []
    for overrides in ([], [option]):
        torch.manual_seed(0)
        task, network = made_up.built("translation", architecture, *overrides)
        found.append(outputs(task, network, task.splits["train"].batch(torch.arange(4)))["task"])
    assert not torch.allclose(*found)


def test_an_output_head_is_left_out_where_the_decoder_ends_in_one() -> None:
    for architecture, kind in (("mlp", nn.Identity), ("lstm", nn.Linear)):
        _, network = made_up.built("forecasting", architecture)
        assert isinstance(network.heads["output"], kind)


def test_weight_matrices_leave_biases_embeddings_and_heads_out() -> None:
    _, network = made_up.built("sentiment", "ae")
    widths = sorted(tuple(weight.shape) for weight in network.weight_matrices())
    code, longest = network.bottleneck.size, 6
    assert widths == sorted([(6, 5 * longest), (code, 6), (6, code), (5 * longest, 6)])


def test_encode_hands_terms_what_the_encoder_saw() -> None:
    task, network = made_up.built("sentiment", "ae_variational")
    network.eval()
    batch = task.splits["train"].batch(torch.arange(5))
    code = network.encode(batch)
    torch.testing.assert_close(code.context.encode(code.context.x), code.context.projected)
    assert torch.equal(code.context.mask, length_mask(batch.lengths, batch.inputs.shape[1]))
    assert torch.equal(code.context.index, batch.index)
    assert torch.equal(code.code, code.context.posterior.mean)


@pytest.mark.parametrize(
    ("part", "changed", "message"),
    [
        ("encoder", {"widht": 3}, "Did you mean 'width'"),
        ("decoder", {"_target_": "unroll.models.recurrent.RecurrentDecode"}, "Did you mean 'RecurrentDecoder'"),
    ],
)
def test_a_wrong_node_is_a_users_error(part: str, changed: dict[str, Any], message: str) -> None:
    chosen = made_up.trial("translation", "architecture=gru", *made_up.SMALL)
    task = made_up.prepared(chosen)
    chosen.plain["architecture"][part].update(changed)
    with pytest.raises(UserError, match=message):
        made_up.network_of(chosen, task)


@pytest.mark.parametrize(("architecture", "bottleneck"), [("mlp", False), ("ae", True)])
def test_an_mlp_has_no_bottleneck_and_an_autoencoder_has_one(architecture: str, bottleneck: bool) -> None:
    _, network = made_up.built("compression", architecture, "architecture.width=50")
    assert isinstance(network.bottleneck.projection, nn.Linear) == bottleneck
    assert (network.bottleneck.size < network.encoder.summary_width == 50) == bottleneck
