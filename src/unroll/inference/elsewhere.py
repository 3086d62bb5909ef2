"""Other data for a trained task: its own train, by which everything was fitted, and splits of another set."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from unroll.config.compose import compose
from unroll.config.trial import Trial
from unroll.data import kinds
from unroll.data.examples import Examples, load_examples
from unroll.errors import UserError, override_key
from unroll.tasks.classifier import names_of_classes
from unroll.tasks.task import Task
from unroll.training.prepared import build_task

BEFORE = {"test": "validation", "validation": "train"}


def with_other_data(trial: Trial, overrides: Sequence[str], split: str, config_dir: str | None) -> Task:
    """Return the trial's task with a split of other data as its `test`, prepared as the trial's own data were.

    Vocabularies, scales and the like come from the trial's own train, which has to be here. Of a series the windows
    reach back into the split before, of the other data; else validation is the trial's own.

    Raises:
        UserError: an override of something else than data, data of another kind or form, or data that are not here.
    """
    wrong = [text for text in overrides if override_key(text).partition(".")[0].partition("@")[0] != "data"]
    if wrong:
        raise UserError("Only the data can be others.", saw=wrong[0], allowed="data=NAME and data.KEY=VALUE")
    own, task = trial.plain["data"], build_task(trial)
    composed = compose([f"task={trial.plain['task']['name']}", *overrides], config_dir).plain
    other = composed["data"]
    if other["kind"] != own["kind"]:
        raise UserError(
            "The other data are of another kind.", saw=f"{other['name']}: {other['kind']}", allowed=own["kind"]
        )
    here, there = load_examples(own, trial.plain["paths"]), load_examples(other, composed["paths"])
    _refuse_unlike(own, here, there)
    names, others = names_of_classes(own), names_of_classes(other)
    if names and others and names != others:
        raise UserError(
            "The other data call their classes otherwise.", saw=others, allowed=f"data.options.labels={names}"
        )
    before = there.splits[BEFORE[split]] if kinds.get(own["kind"]).series else here.splits["validation"]
    splits = {"train": here.splits["train"], "validation": before, "test": there.splits[split]}
    task.prepare(replace(here, splits=splits), own)
    return task


def _refuse_unlike(own: dict[str, Any], here: Examples, there: Examples) -> None:
    """Raise UserError where columns, classes or the sizes of images are not those that the network was trained on."""
    kind, trained, given = kinds.get(own["kind"]), here.splits["train"], there.splits["test"]
    if trained.column_names != given.column_names:
        saw = ", ".join(name for name in given.column_names)
        raise UserError("The other data have other columns.", saw=saw, allowed=", ".join(trained.column_names))
    if kind.classes is not None and kind.columns[kind.classes] == "int":
        most = max(trained[kind.classes][:])
        found = max(max(there.splits[name][kind.classes][:]) for name in ("validation", "test"))
        if found > most:
            raise UserError(
                "The other data have classes that train lacks.", saw=f"class {found}", allowed=f"0 to {most}"
            )
    if "pixels" in kind.columns and len(trained["pixels"][0]) != len(given["pixels"][0]):
        sizes = (len(table["pixels"][0]) for table in (given, trained))
        saw, allowed = (f"images of {size} pixels" for size in sizes)
        raise UserError("The other images are of another size.", saw=saw, allowed=allowed)
