"""`Model`: a trained network with its preprocessing, from raw inputs to what they mean."""

import copy
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import torch

from unroll.config.trial import Trial
from unroll.errors import UserError, suggest
from unroll.inference.elsewhere import with_other_data
from unroll.inference.summary import Summary, summary_of
from unroll.models.network import Network
from unroll.tasks.generation import Generation
from unroll.tasks.task import Collect, Task, gather_outputs
from unroll.training.evaluation import evaluate_split
from unroll.training.prepared import prepared_task
from unroll.training.sampling import Drawing, Draws, drawn_texts

SPLITS = ("validation", "test")


@dataclass
class Model:
    """A trained model; `unroll.load` makes one.

    trial: its config, and its name.
    task: fitted on train; of an exported model without splits.
    network: with the best weights, in evaluation mode, on `device`.
    record: of the trial; None where it has not ended, or the model was exported.
    """

    trial: Trial
    task: Task
    network: Network
    record: dict[str, Any] | None = None
    device: str = "cpu"
    settled: bool = False

    def predict(self, inputs: Any) -> dict[str, Any]:
        """Return what raw inputs come to: name -> a list or an array, in their order.

        docs/models.md lists inputs and outputs by task: texts give `label` and `probabilities`, sentences a
        `translation`, windows in original units a `forecast` [N, horizon, C] in these units, images [N, side, side] a
        `reconstruction` or a `label`.

        Raises:
            UserError: inputs that the task does not read, or a task that does not say how it reads any.
        """
        self._settle()
        raw = self.task.raw(inputs)
        score = raw.score or self.task.evaluate
        seed = self.trial.plain["seed"]
        parts = [evaluate_split(score, self.network, split, seed, torch.device(self.device)) for split in raw.splits]
        ends = np.cumsum([0, *map(len, raw.splits)])
        index = np.arange(ends[-1])
        return raw.told(self.network, gather_outputs(parts, index) if len(parts) > 1 else parts[0])

    def samples(self, count: int = 1, prompt: str = "", **how: Any) -> Any:
        """Return what the network draws: images [count, side, side] in [0, 1], or texts that go on from a prompt.

        Args:
            count: how many.
            prompt: of texts; of masked words a sentence with ___.
            how: of texts length, seed, temperature, top_k, top_p, see `Drawing`; of images seed (default: the trial's).

        Raises:
            UserError: the task draws nothing, or an option that there is not or is out of range.
        """
        images = isinstance(self.task, Generation)
        known = ["seed"] if images else [field.name for field in fields(Drawing) if field.name != "count"]
        for name in how:
            if name not in known:
                raise UserError(f"Nothing is drawn by '{name}'.{suggest(name, known)}", saw=name, allowed=known)
        if isinstance(self.task, Generation):
            if prompt or not (isinstance(count, int) and count >= 1):
                saw = f"count={count!r}, prompt={prompt!r}"
                raise UserError("Images are drawn by number.", saw=saw, allowed="count of 1 or more, no prompt")
            self._settle()
            return self.task.sampled(self.network, count, how.get("seed", self.trial.plain["seed"]))
        if not isinstance(self.task, Draws):
            raise UserError(
                "The networks of this task draw nothing.",
                saw=type(self.task).__name__,
                allowed="a trial of generation, language_modelling, sentence_modelling or masked_words",
            )
        return drawn_texts(self.task, self.network, prompt, Drawing(count=count, **how))

    def evaluate(
        self, split: str = "test", data: Sequence[str] = (), config_dir: str | None = None
    ) -> dict[str, float]:
        """Return the metrics of a split, by name: of the trial's own data, or of others with the trained preprocessing.

        Args:
            split: validation, test, or a further test set of the trial's own data.
            data: overrides that name other data, such as ["data=sst2"]; empty: the trial's own.
            config_dir: a folder with more YAML in Hydra groups, where that data may be described.

        Raises:
            UserError: another split, data that are not here, of another kind, or with other channels or classes.
        """
        allowed = SPLITS if data else (*SPLITS, *self.task.further)
        if split not in allowed:
            raise UserError(f"There is no such split.{suggest(split, allowed)}", saw=split, allowed=allowed)
        if isinstance(data, str):
            raise UserError("Overrides are a list of texts.", saw=repr(data), allowed=f"[{data!r}]")
        if data:
            task, found = with_other_data(self.trial, list(data), split, config_dir), "test"
        else:
            task, found = prepared_task(self.trial)[0], split
        with torch.inference_mode():
            final = task.finish(self.network, self._collect(task), self.trial.plain["seed"])
        return final.metrics[found]

    def summary(self) -> Summary:
        """Return layers with shapes and parameters, all parameters, and operations of an example; it prints itself."""
        return summary_of(self.trial, self.task, self.network, self.record)

    def export(self, folder: str | Path) -> Path:
        """Write a folder that `unroll.load` reads without the data, on any machine; return its path.

        Raises:
            UserError: the folder is there and not empty, or a task or tokenizer that does not say what it has learned.
        """
        from unroll.inference.exported import write

        self._settle()
        return write(self, Path(folder))

    def _collect(self, task: Task) -> Collect:
        score, seed, device = task.evaluate, self.trial.plain["seed"], torch.device(self.device)
        return lambda split: evaluate_split(score, self.network, task.splits[split], seed, device)

    def _settle(self) -> None:
        """Fit once what the task needs beside the network; a prepared task is shared, and stays as it is."""
        if not self.settled:
            self.task = copy.copy(self.task)
            self.task.settle(self.network, self._collect(self.task), self.trial.plain["seed"])
            self.settled = True

    def __repr__(self) -> str:
        return f"Model({self.trial.trial_id}, {type(self.task).__name__}, {self.device})"
