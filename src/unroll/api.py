"""The Python API behind the commands; docs/api.md shows it.

    import unroll

    trial = unroll.compose(["task=sentiment", "architecture=bilstm", "seed=1"])
    record = unroll.train(trial)
    report = unroll.sweep(["suite=quickstart"])  # tables, figures and numbers
    curves = unroll.curves(trial)  # a Polars data frame

Nothing heavy is imported before a function needs it: composing and reading records need no torch.
"""

import gc
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from unroll.config.trial import Trial
from unroll.errors import UserError
from unroll.records.shown import Record

if TYPE_CHECKING:
    import polars as pl

    from unroll.analysis.notebook import PaperFigure, Report
    from unroll.models.network import Network

__all__ = [
    *("Record", "Trial", "compose", "curves", "diff", "figure", "find_record", "load_model", "records", "report"),
    *("sample", "sweep", "train"),
]


def compose(overrides: Sequence[str] = (), config_dir: str | None = None) -> Trial:
    """Return the trial that Hydra overrides describe, resolved and checked.

    Args:
        overrides: what would follow `unroll train`, such as `task=translation` or `optimizer.learning_rate=0.01`.
        config_dir: a folder with more YAML in Hydra groups, or None.

    Raises:
        UserError: for the first thing that is wrong, with what is allowed instead.
    """
    from unroll.config.compose import compose

    _several(overrides)
    try:
        return compose(overrides, config_dir)
    except UserError as error:
        error.mend(["train", *(["--config-dir", config_dir] if config_dir else []), *overrides])
        raise


def train(trial: Trial) -> Record:
    """Train and evaluate a trial, going on from its last checkpoint where there is one; return its record.

    The record is also in `trial.directory`, with the best checkpoint and the predictions.
    A finished one that still answers for the data is returned as it is, unless `trainer.again`.

    Raises:
        UserError: the trial cannot start; nothing was written.
        TrialFailed: it ended in an error, which its record holds.
    """
    from unroll.training.train import train

    try:
        return Record(train(trial))
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


def find_record(trial: str | Path, runs: str | Path = "runs") -> Record:
    """Return the record that a trial's id (under `runs`), its directory, or the record's own path names.

    Raises:
        UserError: there is none, or it is damaged.
    """
    from unroll.records.record import read_record
    from unroll.records.store import locate

    place = locate(trial, runs)
    if place.is_file():
        return Record(read_record(place))
    raise UserError(
        "The trial has no record yet.", saw=place, run=shlex.join(["unroll", "show", str(trial), "--runs", str(runs)])
    )


def sweep(
    overrides: Sequence[str],
    config_dir: str | None = None,
    *,
    runs: str | Path | None = None,
    filters: Sequence[str] = (),
    retry_failed: bool = False,
) -> "Report":
    """Train every trial of a suite that has no record yet, as `unroll sweep` does; return the suite's report.

    Args:
        overrides: `suite=NAME`, `workers=N`, and others that go to each trial.
        config_dir: a folder with more YAML in Hydra groups, or None.
        runs: the folder of trials; None: what the config says.
        filters: which trials, as of `unroll sweep --filter`.
        retry_failed: also train those that failed before. Trials that fail stand in the report as failed.

    Raises:
        UserError: something about the suite or its trials is wrong; nothing was trained.
    """
    from unroll.config.runs_folder import with_runs
    from unroll.sweeps.suite import plan
    from unroll.sweeps.sweep import run_sweep

    words = with_runs(_several(overrides), runs)
    run_sweep(words, config_dir, retry_failed=retry_failed, filters=filters)
    folder = plan(words, config_dir).trials[0].trial.plain["paths"]["runs"]
    return report(words, runs=folder, filters=filters, config_dir=config_dir)


def report(
    suite: str | Sequence[str] = (),
    *,
    runs: str | Path | Sequence[str | Path] = "runs",
    filters: Sequence[str] = (),
    labels: Mapping[str, str] | None = None,
    config_dir: str | None = None,
) -> "Report":
    """Return what records say: tables, figures, numbers, LaTeX.

        found = unroll.report("quickstart", filters=["row=lstm,gru", "task=sentiment"])
        found.table("sentiment")  # shows itself in a notebook
        found.write("table.tex")

    Args:
        suite: a suite's name, or overrides with `suite=NAME`, whose trials alone are shown; empty: all records.
        runs: folders of trials or of records; LAB=FOLDER names a lab's.
        filters: as of `unroll report --filter`.
        labels: what tables, figures and LaTeX call rows, data and metrics: `{"lstm": "Ours"}`.
        config_dir: a folder with more YAML in Hydra groups, or None.

    Records that are damaged or not true to themselves are left out, each with a warning that says why.

    Raises:
        UserError: there is no such suite or folder, or a filter keeps nothing.
    """
    import warnings

    from unroll.analysis.chosen import choose
    from unroll.analysis.labels import Labels
    from unroll.analysis.notebook import Report
    from unroll.sweeps.suite import plan

    called, refused = Labels(labels), list[UserError]()
    words = [f"suite={suite}" if "=" not in suite else suite] if isinstance(suite, str) and suite else list(suite)
    chosen = choose(runs, plan(words, config_dir) if words else None, filters, refused)
    for error in refused:
        warnings.warn(str(error), stacklevel=2)
    return Report(chosen, called, tuple(refused))


def figure(name: str, suite: str | Sequence[str] = (), *, style: str | Path | None = None, **how: Any) -> "PaperFigure":
    """Return one figure by its name, such as sentiment-sst2-learning; it shows itself in a notebook, and has `save`.

    Args:
        name: one of `report(...).figures`, or a part of it that no other has.
        suite: as of `report`.
        style: a matplotlib style sheet: size, fonts, lines.
        how: runs, filters, labels, config_dir: as of `report`.

    Raises:
        UserError: as `report` does; there is no such figure, or it cannot be drawn; the style sheet is none.
    """
    return report(suite, **how).figure(name, style)


def curves(
    trial: Trial | str | Path | Sequence[Trial | str | Path],
    *,
    runs: str | Path = "runs",
    config_dir: str | None = None,
) -> "pl.DataFrame":
    """Return what trials logged while they trained, as a Polars data frame: trial_id, curve, step, value.

    A curve is `validation METRIC`, of the metric that selects, or `train LOSS`; a value that is not finite is null. Of
    a record without its trial's directory there is the first alone.

    Raises:
        UserError: there is no such trial, or its record is damaged or not true to itself.
    """
    import polars as pl

    from unroll.sweeps.show import show

    several = [trial] if isinstance(trial, Trial | str | Path) else trial
    rows = []
    for one in several:
        found = show(one.directory if isinstance(one, Trial) else one, runs, config_dir)
        rows += [(found["trial_id"], name, *point) for name, points in found["curves"].items() for point in points]
    schema = {"trial_id": pl.String, "curve": pl.String, "step": pl.Int64, "value": pl.Float64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def diff(
    first: Trial | str | Path, second: Trial | str | Path, *, runs: str | Path = "runs", config_dir: str | None = None
) -> dict[str, Any]:
    """Return in what two trials differ, in plain values: see `unroll.sweeps.diff.difference`.

    Raises:
        UserError: there is no such trial, its record is damaged or not true to itself, or both are one.
    """
    from unroll.sweeps.diff import difference

    one, other = (each.directory if isinstance(each, Trial) else each for each in (first, second))
    return difference(one, other, runs, config_dir)


def _several(overrides: Sequence[str]) -> list[str]:
    if isinstance(overrides, str):
        raise UserError("Overrides are a list of texts.", saw=repr(overrides), allowed=f"[{overrides!r}]")
    return list(overrides)
