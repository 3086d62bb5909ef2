"""Operations and parameters against counts by hand; a multiply-add is two operations."""

from types import SimpleNamespace

import made_up
import pytest
import torch
from torch import nn

from unroll.errors import UserError
from unroll.models.sizing import count_parameters
from unroll.training.flops import _cudnn_rnn, forward_flops, phase_flops, steps_for

B, T, D, H = 4, 6, 3, 8  # examples, steps, input width, hidden width
ROWS = torch.arange(B)


class Only:
    """A task whose loss is one module on one input."""

    def __init__(self, x: torch.Tensor):
        self.x = x

    def losses(self, network: nn.Module, batch: object) -> None:
        network(self.x)


def counted(module: nn.Module) -> int:
    return forward_flops(Only(torch.randn(B, T, D)), module, SimpleNamespace(index=ROWS))


@pytest.mark.parametrize(("kind", "gates"), [(nn.RNN, 1), (nn.LSTM, 4), (nn.GRU, 3)])
@pytest.mark.parametrize("batch_first", [True, False])
def test_one_recurrent_layer(kind: type, gates: int, batch_first: bool) -> None:
    x = torch.randn(B, T, D) if batch_first else torch.randn(T, B, D)
    found = forward_flops(Only(x), kind(D, H, batch_first=batch_first), SimpleNamespace(index=ROWS))
    assert found == 2 * T * gates * H * (D + H)


def test_deep_and_bidirectional_layers_add() -> None:
    assert counted(nn.LSTM(D, H, 2, batch_first=True, bidirectional=True)) == 2 * T * 4 * H * 2 * (D + H + 2 * H + H)


def test_a_multilayer_perceptron() -> None:
    assert counted(nn.Sequential(nn.Linear(D, H), nn.ReLU(), nn.Linear(H, 5))) == 2 * T * (D * H + H * 5)


def test_cudnns_formula_equals_onednns() -> None:
    """A layer's weights as cuDNN gets them: two matrices and two biases, twice for two layers."""
    weights = [[4 * H, D], [4 * H, H], [4 * H], [4 * H], [4 * H, H], [4 * H, H], [4 * H], [4 * H]]
    assert _cudnn_rnn([T, B, D], weights) == B * 2 * T * 4 * H * (D + H + H + H)


@pytest.mark.parametrize("architecture", made_up.ARCHITECTURES)
@pytest.mark.parametrize("name", made_up.TASKS)
def test_no_cell_costs_nothing_and_counting_changes_no_gradient(name: str, architecture: str) -> None:
    task, network = made_up.built(name, architecture)
    assert forward_flops(task, network, task.splits["train"].batch(ROWS)) > 0
    assert all(parameter.grad is None for parameter in network.parameters())


@pytest.mark.parametrize("name", made_up.TASKS)
def test_jacobians_are_counted_whatever_the_input_is(name: str) -> None:
    jacobian = "bottleneck.terms.contractive.jacobian=hutchinson"
    task, network = made_up.built(name, "ae", "bottleneck=contractive", jacobian)
    assert forward_flops(task, network, task.splits["train"].batch(ROWS)) > 0


def test_a_forecasting_lstm_by_hand() -> None:
    """Window 6, 2 channels, horizon 3: encoder, first state, decoder on the code, a head on state and code."""
    task, network = made_up.built("forecasting", "lstm")
    width, channels, window, horizon = 6, 2, 6, 3
    encoder = 2 * window * 4 * width * (channels + width)
    start = 2 * width * 2 * width
    decoder = 2 * horizon * 4 * width * (width + width)
    head = 2 * horizon * 2 * width * channels
    assert forward_flops(task, network, task.splits["train"].batch(ROWS)) == encoder + start + decoder + head


def test_parameters_of_a_sentiment_lstm_by_hand() -> None:
    """Word vectors, an LSTM with two biases, a classifier of two classes."""
    task, network = made_up.built("sentiment", "lstm")
    words = len(task.tokenizer)
    lstm, classifier = 4 * 6 * (5 + 6 + 2), 6 * 2 + 2
    assert count_parameters(network) == {
        "total": words * 5 + lstm + classifier,
        "counted": lstm + classifier,
        "embeddings": words * 5,
    }


def test_parameters_of_a_translation_mlp_leave_the_vocabulary_out() -> None:
    task, network = made_up.built("translation", "mlp")
    sources, targets = len(task.source_tokenizer), len(task.target_tokenizer)
    encoder = 5 * task.max_source * 6 + 6
    decoder = (6 * 6 + 6) + (6 + 1) * 5 * task.max_target
    found = count_parameters(network)
    assert found["embeddings"] == sources * 5
    assert found["counted"] == encoder + decoder
    assert found["total"] == found["counted"] + found["embeddings"] + (5 + 1) * targets


def test_parameters_of_a_translation_gru_count_both_languages_word_vectors() -> None:
    task, network = made_up.built("translation", "gru")
    assert count_parameters(network)["embeddings"] == 5 * (len(task.source_tokenizer) + len(task.target_tokenizer))


def test_a_convolution_by_hand() -> None:
    """5 kernels of 3 positions over 7 channels, at each of 6 positions."""
    x = torch.randn(B, 7, T)
    found = forward_flops(Only(x), nn.Conv1d(7, 5, 3, padding=1), SimpleNamespace(index=ROWS))
    assert found == 2 * 5 * 3 * 7 * T


def test_an_image_convolution_by_hand() -> None:
    """5 kernels of 3 x 3 over one channel, at every second of 6 x 4 positions both ways."""
    x = torch.randn(B, 1, 6, 4)
    found = forward_flops(Only(x), nn.Conv2d(1, 5, 3, stride=2, padding=1), SimpleNamespace(index=ROWS))
    assert found == 2 * 5 * 3 * 3 * (3 * 2)


def test_a_budget_of_operations_pays_for_whole_steps() -> None:
    """A step: 3 x 100 operations of each of 8 examples."""
    assert [steps_for(operations, 100, 8) for operations in (2400, 4799, 4800, 1e6)] == [1, 1, 2, 416]
    with pytest.raises(UserError, match="one step"):
        steps_for(2399, 100, 8)


@pytest.mark.parametrize(("frozen", "encoded"), [("true", 1), ("false", 3)])
def test_each_of_two_phases_by_hand(frozen: str, encoded: int) -> None:
    """784 pixels, 6 units and back again; then 10 classes, on a code whose gradient is needed or not."""
    options = ["task.protocol=pretrain", f"task.frozen={frozen}", "architecture.tied=true", "bottleneck=none"]
    task, network = made_up.built("classification", "ae", *options)
    found = phase_flops(task, network, task.splits["train"].batch(ROWS))
    assert found == (3 * (2 * 784 * 6 + 2 * 6 * 784), encoded * 2 * 784 * 6 + 3 * 2 * 6 * 10)
