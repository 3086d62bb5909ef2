"""What the peers are handed: a case's data as Unroll prepared it, as NumPy files and lines of text."""

from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.peers.cases import CASES
from benchmarks.peers.unroll_side import trial_of
from unroll.data.batching import epoch_order, evaluation_order
from unroll.training.prepared import prepared_task

PEERS_SPECIALS = ["<unk>", "<pad>", "<s>", "</s>"]  # joeynmt's, for Unroll's four


def hand(case: str, folder: Path) -> None:
    """Write a case's data into a folder.

    `ae` and `vae`: pixels [N, 784], 0 to 1. `lstm`: token ids [N, T], lengths [N], labels [N], and the batches.
    `forecast`: the standardised series [rows, 7] of train and validation. `translate`: tokens with spaces between
    them, a sentence a line, and both vocabularies.
    """
    task: Any = prepared_task(trial_of(case, folder))[0]
    if case == "forecast":
        (first, windows), horizon = task.spans["validation"], task.horizon
        np.save(folder / "series.npy", task.series[: first + task.window + windows + horizon - 1])
        return
    if case == "translate":
        for language, side, tokenizer in zip(
            ("de", "en"), (0, 1), (task.source_tokenizer, task.target_tokenizer), strict=True
        ):
            write_lines(folder / f"vocabulary.{language}", [*PEERS_SPECIALS, *tokenizer.words[len(PEERS_SPECIALS) :]])
            for split in ("train", "validation"):
                lines = [" ".join(tokenizer.split(text)) for text in task.texts[split][side]]
                write_lines(folder / f"{split}.{language}", lines)
        return
    for split in ("train", "validation"):
        part = task.splits[split]
        values, lengths = part.inputs.take(torch.arange(len(part)))
        if case in ("ae", "vae"):
            np.save(folder / f"{split}.npy", values.flatten(1).float().numpy())
            continue
        order = epoch_order(part, CASES[case].batch_size, 0, 0) if split == "train" else evaluation_order(part)
        np.savez(
            folder / f"{split}.npz",
            ids=values.numpy(),
            lengths=lengths.numpy(),
            labels=part.all_targets().numpy(),
            order=torch.cat(order).numpy(),
            sizes=[len(batch) for batch in order],
            vocabulary=len(task.tokenizer),
        )


def write_lines(path: Path, lines: list[str]) -> None:
    """Write lines of text."""
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")
