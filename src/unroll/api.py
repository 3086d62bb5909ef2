"""The Python API behind the commands.

    from unroll import api

    trial = api.compose(["task=sentiment", "architecture=bilstm", "seed=1"])
    record = api.train(trial)
    network = api.load_model(trial)
    texts = api.sample(trial, "The history of", count=3, top_k=40)  # of a language model
    frame = api.records("runs")  # a Polars data frame: a row a trial, a column a field; `unroll export` writes it

Nothing heavy is imported before a function needs it: composing and reading records need no torch.
"""

import gc
import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unroll.config.trial import Trial
from unroll.errors import UserError

if TYPE_CHECKING:
    import polars as pl

    from unroll.models.network import Network

__all__ = ["Trial", "compose", "find_record", "load_model", "records", "sample", "train"]


def compose(overrides: Sequence[str] = (), config_dir: str | None = None) -> Trial:
    """Return the trial that Hydra overrides describe, resolved and checked.

    Args:
        overrides: what would follow `unroll train`, such as `task=translation` or `optimizer.learning_rate=0.01`.
        config_dir: a folder with more YAML in Hydra groups, or None.

    Raises:
        UserError: for the first thing that is wrong, with what is allowed instead.
    """
    from unroll.config.compose import compose

    if isinstance(overrides, str):
        raise UserError("Overrides are a list of texts.", saw=repr(overrides), allowed=f"[{overrides!r}]")
    try:
        return compose(overrides, config_dir)
    except UserError as error:
        error.mend(["train", *(["--config-dir", config_dir] if config_dir else []), *overrides])
        raise


def train(trial: Trial) -> dict[str, Any]:
    """Train and evaluate a trial, going on from its last checkpoint where there is one; return its record.

    The record is also in `trial.directory`, with the best checkpoint and the predictions.
    A finished one that still answers for the data is returned as it is, unless `trainer.again`.

    Raises:
        UserError: the trial cannot start; nothing was written.
        TrialFailed: it ended in an error, which its record holds.
    """
    from unroll.training.train import train

    try:
        return train(trial)
    finally:
        gc.collect()  # the network lies in reference cycles


def load_model(trial: Trial | str | Path, trust: bool = False) -> "Network":
    """Return the trained network of a finished trial, or of its directory, in evaluation mode.

    Args:
        trial: a trial that was composed here, or the directory of anyone's.
        trust: whether to import what a directory's config names beside Unroll and installed plugins; that runs it.

    Raises:
        UserError: the directory holds no config or no best checkpoint, they are damaged, the weights are not those
            that the record is of, or the config names code that is not trusted.
    """
    from unroll.training.load import load_network

    return load_network(trial, trust)


def sample(trial: Trial | str | Path, prompt: str = "", *, trust: bool = False, **how: Any) -> list[str]:
    """Return texts that a trained network draws: a language model goes on from a prompt, masked words fill its ___.

    Args:
        trial: a trial that was composed here, or the directory of anyone's.
        prompt: what the texts begin with.
        trust: as of `load_model`.
        how: count, length, seed, temperature, top_k, top_p: see `unroll.training.sampling.Drawing`.

    Raises:
        UserError: as `load_model` does; the task gives no texts; an option that there is not, or is out of range.
    """
    from dataclasses import fields

    from unroll.errors import suggest
    from unroll.training.sampling import Drawing, sample

    known = [field.name for field in fields(Drawing)]
    for name in how:
        if name not in known:
            raise UserError(f"Texts are not drawn by '{name}'.{suggest(name, known)}", saw=name, allowed=known)
    return sample(trial, prompt, Drawing(**how), trust)


def records(folder: str | Path | Sequence[str | Path] = "runs") -> "pl.DataFrame":
    """Return all records under a folder, or several, as a Polars data frame: one row a trial, one column a field.

    A column is named by the field's dotted path in the record (docs/record.md): `trial_id`, `status`, `config.seed`,
    `result.primary.value`, `run.seconds`. Failed trials are rows too, with nulls for what they have not got; lists are
    JSON text; curves and the sources of data are left out. `.to_pandas()` makes a pandas frame of it.

        frame.filter(pl.col("status") == "finished").group_by("config.architecture.name").agg(
            pl.col("result.primary.value").mean()
        )

    Of a trial that ran more than once, the record that counts is a row (docs/labs.md). Records that are damaged or not
    true to themselves are left out, each with a warning that says why.

    Raises:
        UserError: the folder is not there.
    """
    import warnings

    from unroll.records.audit import trusted
    from unroll.records.store import frame

    refused: list[UserError] = []
    found = frame(trusted(folder, refused))
    for error in refused:
        warnings.warn(str(error), stacklevel=2)
    return found


def find_record(trial: str | Path, runs: str | Path = "runs") -> dict[str, Any]:
    """Return the record that a trial's id (under `runs`), its directory, or the record's own path names.

    Raises:
        UserError: there is none, or it is damaged.
    """
    from unroll.records.record import read_record
    from unroll.records.store import locate

    place = locate(trial, runs)
    if place.is_file():
        return read_record(place)
    raise UserError(
        "The trial has no record yet.", saw=place, run=shlex.join(["unroll", "show", str(trial), "--runs", str(runs)])
    )
