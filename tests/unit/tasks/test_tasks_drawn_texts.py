"""Texts drawn from a language model: from a prompt, from a seed, from codes of the prior."""

from collections.abc import Mapping
from typing import Any

import made_up
import pytest
import torch
from scipy import stats
from torch import Tensor

from unroll.data.tokenizers import BEGIN, END, UNKNOWN
from unroll.errors import UserError
from unroll.models.network import Network

SENTENCE = "task.unit=sentence"
RECURRENT_VAE = ["architecture.reconstructs=true", "bottleneck=variational", SENTENCE]


def draws(
    task: Any, network: Network, prompt: str = "", count: int = 3, length: int = 5, seed: int = 0, **limits: Any
) -> list[str]:
    return task.drawn(network, prompt, count, length, torch.Generator().manual_seed(seed), **limits)


def greedy(task: Any, network: Network, prompt: list[int], length: int) -> list[int]:
    """The likeliest token after each, <pad> and <bos> left out."""
    ids = [BEGIN, *prompt]
    for _ in range(length):
        state = network.encoder.start(1)
        for token in ids:
            state, features = network.encoder.step(state, network.adapter(torch.tensor([token])))
        scores = network.heads["vocabulary"](features)[0]
        scores[[0, BEGIN]] = float("-inf")
        ids.append(int(scores.argmax()))
    return ids[1:]


@pytest.mark.parametrize("kind", ["word", "character", "bpe"])
@pytest.mark.parametrize("prompt", ["", "the film", "the plot is d"])
def test_texts_go_on_from_a_prompt_and_the_likeliest_tokens_are_greedy(kind: str, prompt: str) -> None:
    task, network = made_up.frozen("language_modelling", "lstm", f"data.tokenizer.kind={kind}")
    network.heads["vocabulary"].bias[END] = -20.0
    found = draws(task, network, prompt, top_k=1)
    assert len(found) == 3
    assert len(set(found)) == 1
    assert found[0].startswith(prompt)
    read = task.tokenizer.encode([prompt])[0] if prompt else []
    if UNKNOWN not in read:
        assert found[0] == task.tokenizer.decode(greedy(task, network, read, 5))


def test_a_prompts_words_stay_as_they_are_written() -> None:
    task, network = made_up.frozen("language_modelling", "gru", "data.tokenizer.lowercase=true")
    network.heads["vocabulary"].bias[END] = -20.0
    (found,) = draws(task, network, "The Zebra is", count=1)
    assert found.startswith("The Zebra is ")
    assert len(found.split()) == 3 + 5


def test_draws_are_those_of_the_seed_and_differ_from_each_other() -> None:
    task, network = made_up.frozen("language_modelling", "gru")
    first, again, other = (draws(task, network, "the", 20, seed=seed) for seed in (0, 0, 1))
    assert first == again
    assert first != other
    assert len(set(first)) > 10


def test_a_stream_goes_on_over_line_ends_and_a_sentence_stops_there() -> None:
    for overrides, lines in (([], 4), ([SENTENCE], 0)):
        task, network = made_up.frozen("language_modelling", "gru", *overrides)
        network.heads["vocabulary"].bias[END] = 3.0
        found = draws(task, network, count=40, length=40)
        assert max(text.count("\n") for text in found) >= lines
        if not lines:
            assert all("\n" not in text for text in found)
            assert len({len(text.split()) for text in found}) > 1


@pytest.mark.parametrize("limits", [{"temperature": 0.0}, {"top_k": 0}, {"top_p": 2.0}])
@pytest.mark.parametrize("more", [[], [SENTENCE]])
def test_limits_out_of_range_are_told(limits: Mapping[str, Any], more: list[str]) -> None:
    task, network = made_up.frozen("language_modelling", "gru", *more)
    with pytest.raises(UserError, match="out of range"):
        draws(task, network, **limits)


@pytest.mark.parametrize(("architecture", "more"), [("ae_variational", [SENTENCE]), ("gru", RECURRENT_VAE)])
def test_sentences_from_codes_of_the_prior(architecture: str, more: list[str]) -> None:
    """By a parallel decoder and by one that works step by step; a prompt cannot begin them."""
    task, network = made_up.frozen("language_modelling", architecture, "bottleneck.size=4", *more)
    found, again, other = (draws(task, network, count=20, seed=seed) for seed in (0, 0, 1))
    assert found == again
    assert found != other
    assert all("\n" not in text for text in found)
    assert max(len(text.split()) for text in found) <= 5
    with pytest.raises(UserError, match="cannot go on from a prompt"):
        draws(task, network, "the")
    with pytest.raises(UserError, match="out of range"):
        draws(task, network, top_k=0)


def test_codes_of_the_prior_are_what_a_sentence_is_decoded_from() -> None:
    """Standard normal: what a decoder is given, over many draws."""
    task, network = made_up.frozen("language_modelling", "ae_variational", "bottleneck.size=4", SENTENCE)
    seen: list[Tensor] = []
    network.decoder.register_forward_pre_hook(lambda module, given: seen.append(given[0]))
    draws(task, network, count=500, length=2)
    assert stats.kstest(seen[-1].flatten().numpy(), "norm").pvalue > 0.01
