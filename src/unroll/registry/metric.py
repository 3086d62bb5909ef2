"""What is known of a metric: its unit, its direction, the score of one example, and how far two runs may lie apart.

A task declares its metrics once, as `Metric`s; a metric of one's own is an `ExtraMetric`. Records, tables and verify
read the same facts without running any of that code (`registry.facts`).
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from unroll.errors import UserError
from unroll.registry.options import NotNegative

if TYPE_CHECKING:
    import numpy as np

FLIPS = 3  # examples
Direction = Literal["higher", "lower"]
Statistic = Literal["bleu", "chrf", "exponential", "proportional"]  # of a whole set; see `records.corpus`


class Fact(BaseModel):
    """Facts of other types, and unknown ones, are refused: some come from somebody else's record."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Tolerance(Fact):
    """How far two results of one trial may lie apart where ranks, threads, packages or CPU differ.

    Other ranks, threads and CPUs sum in another order. Training carries that on, so that the weights differ and with
    them, a little, each loss: CONTINUOUS allows 0.1 %. A discrete outcome does not move a little: an example near the
    boundary flips, or a word of a sentence, and the metric moves by that example's worth: 1 %, or three examples' worth
    where there are few. Calibration error sorts examples into bins, and a Fréchet distance hangs on a mixture fitted to
    the codes, which may settle elsewhere: 5 %, or three examples' worth. Precision and recall of generated images count
    samples drawn from that mixture: if it settles elsewhere, they are other samples, and 0.05 is allowed.
    """

    share: NotNegative = 0.0  # of the value
    worth: NotNegative = 0.0  # of all examples together: FLIPS of them may change sides
    absolute: NotNegative = 0.0

    def allowed(self, value: float, examples: int) -> float:
        """Return the largest absolute difference from a reported value that counts as rounding: of a split's size."""
        return max(self.share * abs(value), self.absolute, FLIPS * self.worth / examples)


CONTINUOUS = Tolerance(share=0.001)
DISCRETE = Tolerance(share=0.01, worth=100)  # a percentage of examples
BINNED = Tolerance(share=0.05, worth=100)
FITTED = Tolerance(share=0.05)
SAMPLED = Tolerance(absolute=0.05, worth=1)


class Score(Fact):
    """The score of one example by which rows are compared: an array of the predictions, `name` [N]."""

    name: str
    factor: float = 1.0  # these two bring it into the metric's unit
    offset: float = 0.0
    mean: bool = True  # the metric is the mean of the scores
    corpus: Statistic | None = None  # or else this of their sums: scores may be several counts of an example [N, K]
    least: float | None = None
    most: float | None = None

    @property
    def compares(self) -> bool:
        """Whether it gives each example a number whose mean over the examples is the metric."""
        return self.mean or self.corpus is not None


CORRECT = Score(name="correct", factor=100, least=0, most=1)  # right or wrong


class Former(Fact):
    """What a metric was up to and with a protocol of its task; None: as it is today."""

    until: int
    name: str | None = None
    score: Score | None = None


class Metric(Fact):
    """One metric of a task.

    A variant of it has its facts, but for the score: `counted` ones end in a number (frechet_mnist_classifier_2000),
    and each of `suffixes` may stand behind that (precision_prior).
    """

    name: str
    unit: str
    direction: Direction
    score: Score | None = None
    tolerance: Tolerance = CONTINUOUS
    least: float | None = None  # of its value
    most: float | None = None
    exact: float | None = None  # its value for the right answers, where the input alone decides them
    counted: bool = False
    suffixes: tuple[str, ...] = Field((), strict=False)
    signature: str | None = None  # the record's label without which the number compares with no other
    former: tuple[Former, ...] = Field((), strict=False)  # the earliest protocol first

    def under(self, protocol: int) -> "Metric":
        """Return the metric as it was under a protocol of its task."""
        then = next((each for each in self.former if protocol <= each.until), None)
        if then is None:
            return self
        return self.model_copy(update={"name": then.name or self.name, "score": then.score or self.score})

    def covers(self, name: str) -> bool:
        """Whether a name is the metric's own or that of a variant."""
        count = r"(_\d+)?" if self.counted else ""
        suffixes = "|".join(map(re.escape, ("", *self.suffixes)))
        return re.fullmatch(f"{re.escape(self.name)}{count}({suffixes})", name) is not None


def percentage(name: str, direction: Direction = "higher", **facts: Any) -> Metric:
    """Return a metric in per cent of examples."""
    return Metric(**{"tolerance": DISCRETE, "least": 0, "most": 100, **facts}, name=name, unit="%", direction=direction)


class Measured:
    """What a task declares of its numbers, for all who read its records."""

    known_metrics: ClassVar[tuple[Metric, ...]] = ()
    poses: ClassVar[
        tuple[str, ...]
    ] = ()  # options that pose another problem, whose numbers do not compare: a table each
    ways: ClassVar[tuple[str, ...]] = ()  # how the input is read and the network trained: a table each, too
    overlap: ClassVar[tuple[str, ...]] = ()  # options whose sum is how many neighbouring examples depend on each other


class ExtraMetric(ABC):
    """A metric of one's own: `task.metrics.NAME` in a config. The constructor takes the YAML's options.

    Its value stands under NAME beside the task's metrics, of validation and of test, of networks and of baselines.
    """

    unit: ClassVar[str]
    direction: ClassVar[Direction]
    tolerance: ClassVar[Tolerance] = CONTINUOUS
    mean: ClassVar[bool] = (
        True  # the metric is the mean of its scores; else they are kept, and rows not compared by them
    )
    least: ClassVar[float | None] = None
    most: ClassVar[float | None] = None

    @abstractmethod
    def __call__(self, outputs: Mapping[str, Any], truth: Any) -> float:
        """Return the metric of a whole split.

        Args:
            outputs: of every example, as the task's own `metrics` takes them, first axis in the split's order.
            truth: what the task's `truth` gives of the split, in the same order.
        """

    def scores(self, outputs: Mapping[str, Any], truth: Any) -> "np.ndarray | None":
        """Return the score of each example [N] in the metric's unit, for paired statistics; None where it has none.

        Of a metric that is no mean over examples: `records.corpus.pseudo_values` of their counts.
        """
        return None

    @classmethod
    def fact(cls, name: str) -> Metric:
        """Return what is known of the metric under a name.

        Raises:
            UserError: the class states no unit or direction, or a fact of another type.
        """
        scored = cls.scores is not ExtraMetric.scores
        stated = {key: getattr(cls, key, None) for key in ("unit", "direction", "tolerance", "least", "most")}
        score = {"name": score_of(name), "mean": cls.mean} if scored else None
        try:
            return Metric.model_validate({"name": name, **stated, "score": score})
        except ValidationError as error:
            wrong = error.errors()[0]
            key = ".".join(map(str, wrong["loc"]))
            raise UserError(
                f"The metric {cls.__name__} does not say what it is: '{key}'. {wrong['msg']}.",
                saw=f"{key} = {wrong['input']!r}",
                allowed='in the class: unit = "%", direction = "higher" or "lower"; tolerance = Tolerance(share=0.01)',
            ) from error


def score_of(name: str) -> str:
    """Return the name of the array of predictions that holds an extra metric's scores."""
    return f"score_{name}"
