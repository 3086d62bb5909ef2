"""What a config may hold: a model a section, a field a key, with its type, its range, its choices and its default.

Every default stands here and nowhere else: YAML says what an option of a group changes of them. Components are checked
by their constructors.
"""

from typing import Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from unroll.registry.metric import Direction
from unroll.registry.options import Count, CountOrNone, NotNegative, Positive, Share

Text = Annotated[str, BeforeValidator(lambda value: str(value) if type(value) in (int, float) else value)]
ScheduleName = Literal["constant", "cosine", "linear", "exponential", "stairs"]
Milestones = Annotated[list[Annotated[float, Field(gt=0, lt=1)]], Field(max_length=100)]


def _names_a_target(node: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(node.get("_target_"), str):
        raise ValueError("it names no _target_")
    return node


Plugged = Annotated[dict[str, Any], AfterValidator(_names_a_target)]  # a component of one's own, with its options


class Section(BaseModel):
    """A mapping of a config. Other keys and other types are refused: a number is no text, 1.5 no whole number."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)
    further: ClassVar[tuple[str, ...] | None] = None  # the only other keys, where not any other is taken


class Primary(Section):
    """The one metric that a table shows first."""

    name: Text
    direction: Direction
    unit: Text


class Equivalence(Section):
    """The largest difference in a test metric that counts as none, and why: what pages call "no difference"."""

    metric: Text
    margin: Positive = Field(description="in the metric's unit")
    because: Text


class Selection(Section):
    """The validation metric that picks the best checkpoint while training."""

    name: Text
    direction: Direction


class Strengths(Section):
    """How much the terms that penalise codes weigh, where they do not say; see each term."""

    variational: NotNegative = 0.001
    sparse: NotNegative = 0.001
    contractive: NotNegative = 0.001


class TokenizerConfig(Section):
    """How text becomes tokens; built from train only. One's own: `_target_: module.Class`, and that class's options."""

    kind: Literal["word", "bpe", "character"] = "word"
    words: Literal["whitespace", "moses"] = Field("whitespace", description="of word: what a word is")
    lowercase: bool = True
    vocabulary_size: Count = 20000
    min_count: Count = Field(1, description="of a token that the vocabulary keeps")


class Origin(Section):
    """Where a data set comes from; not part of a trial's identity."""

    licence: Text | None = None
    citation: Text | None = None
    homepage: Text | None = None
    content_sha256: Any = Field(None, description="options -> SHA-256 of the examples")
    sources: list[Any] = Field([], description="where the files are, the first that has them")


class Data(Section):
    """The data set, and how it is read. A reader's own options stand below `options`."""

    name: Text
    kind: Text = Field(description="conf/kind/NAME.yaml")
    reader: Text | Plugged = Field(description="a name, or {_target_: module.function}")
    options: dict[str, Any] = {}
    fraction: float = Field(1.0, gt=0, le=1, description="of train, drawn by a fixed seed")
    tokenizer: TokenizerConfig | Plugged | None = None
    languages: list[Text] = Field([], description="codes: as many as the kind wants; source and target of pairs")
    max_length: Count | None = Field(None, description="tokens; null: the longest text of train")
    channels: Text | None = Field(None, description="of a series, where the task does not say: joint, independent")
    batch_size: Count = Field(64, description="over all ranks")
    epochs: Count = Field(10, description="of the default budget")
    origin: Origin = Origin()


class BottleneckConfig(Section):
    """The code between encoder and decoder. What regularises it stands in order below `terms`."""

    name: Text
    size: Count | None = Field(None, description="width of the code; null: by ratio")
    ratio: Positive | None = Field(None, description="of the task's reference size; null: the encoder's output's width")
    minimum: Count = Field(1, description="smallest width that ratio gives")
    states: bool = Field(False, description="it acts also on the states that a decoder attends to")
    terms: dict[str, Any] = {}


class BudgetConfig(Section):
    """How long training lasts: exactly one of epochs, steps, seconds and flops."""

    name: Text
    epochs: Positive | None = None
    steps: Count | None = Field(None, description="of the optimizer")
    seconds: Positive | None = Field(None, description="wall time of training; not reproducible bit by bit")
    flops: Positive | None = Field(None, description="operations of training: as many steps as they pay for")
    parameters: Count | None = Field(
        None, description="solves architecture.width: so many, embeddings and the projection to the vocabulary left out"
    )
    patience: Count | None = Field(None, description="stop after so many validations without improvement; null: never")
    validate_every: Positive | None = Field(1.0, description="epochs between validations; null: once, at the end")
    weights: Literal["best", "last", "both"] = Field(
        "best", description="evaluated: the best by validation, those of the last step, or the best and the last beside"
    )


class Supervised(Section):
    """What the second phase of task.protocol=pretrain changes of the optimizer; null: as in the first."""

    learning_rate: Positive | None = None
    final_learning_rate: NotNegative | None = None
    momentum: Share | None = None
    weight_decay: NotNegative | None = None
    schedule: ScheduleName | None = None
    warmup_steps: CountOrNone | None = None


class Optimizer(Section):
    """Gradients into steps. One that does not ship with Unroll names its class by `_target_`."""

    model_config = ConfigDict(extra="allow")
    further: ClassVar[tuple[str, ...]] = ("_target_", "_component_")
    shipped: ClassVar[tuple[str, ...]] = ("adam", "adamw", "sgd", "adagrad")

    name: Text
    learning_rate: Positive = 1e-3
    weight_decay: NotNegative = 0.0
    betas: Annotated[list[Share], Field(min_length=2, max_length=2)] = Field([0.9, 0.999], description="of adam, adamw")
    momentum: Share = Field(0.0, description="of sgd")
    schedule: ScheduleName = Field("cosine", description="of the learning rate over the budget's steps")
    final_learning_rate: NotNegative = Field(0.0, description="that cosine, linear and exponential end at")
    milestones: Milestones = Field([], description="of stairs: shares of the budget's steps")
    factor: Positive = Field(0.5, description="of stairs: what the learning rate is multiplied by at each milestone")
    warmup_steps: CountOrNone = 0
    embedding_learning_rate: Positive | None = Field(None, description="of word vectors; null: as the rest")
    embedding_weight_decay: NotNegative | None = Field(None, description="of word vectors; null: as the rest")
    clip_norm: Positive | None = Field(1.0, description="gradients' global norm; null: off")
    clip_value: Positive | None = Field(None, description="each gradient's absolute value; null: off")
    options: dict[str, Any] = Field({}, description="of the class that _target_ names")
    supervised: Supervised = Supervised()

    @property
    def node(self) -> dict[str, Any] | None:
        """The class and its own options as a component's node; None of those that ship with Unroll."""
        target = (self.model_extra or {}).get("_target_")
        return None if target is None else {"_target_": target, **self.options}

    def second_phase(self) -> "Optimizer":
        """Return what holds in the second phase of task.protocol=pretrain."""
        return self.model_copy(update=self.supervised.model_dump(exclude_none=True))


class Trainer(Section):
    """The machine that trains, and what is written on the way.

    Of these only precision, tf32 and cuda_graphs change a trial's id.
    """

    accelerator: Literal["auto", "cpu", "gpu"] = "auto"
    devices: Count = Field(1, description="processes on each node; more than 1: DDP")
    num_nodes: Count = 1
    precision: Literal["32-true", "bf16-mixed", "16-mixed"] = Field("32-true", description="Lightning's names")
    tf32: bool = Field(False, description="on NVIDIA GPUs single precision may round products to TF32's 10 bits")
    cuda_graphs: bool = Field(False, description="replay forward and backward as one launch each; docs/gpu.md")
    threads: Count = Field(1, description="CPU threads of each process, in every library")
    deterministic: bool = True
    data_on_device_mb: CountOrNone = Field(
        1024, description="megabytes of prepared data that a GPU may hold; more stays on the CPU, batches are sent"
    )
    checkpoint_minutes: Positive = Field(10.0, description="last.ckpt at least this often, also inside an epoch")
    keep_checkpoints: CountOrNone = Field(0, description="earlier checkpoints kept, as step-N.ckpt")
    keep_after: Literal["none", "best", "all"] = Field("best", description="checkpoints of a finished trial that stay")
    progress: Literal["auto", True, False] = Field("auto", description="a bar; auto: on a terminal")
    log_every: Count = Field(50, description="steps between training log lines")
    heartbeat_seconds: float = Field(
        10.0, gt=0, le=14_400, description="a trial's sign of life; six missed, and another process may take it over"
    )
    again: bool = Field(False, description="train also where a finished record lies, and replace it")
    reportable: bool = Field(True, description="false: the record says that it is not to stand in a table")
    diagnose: Literal["end", "validations", "never"] = Field("end", description="gradients, gates and codes")


Artifact = Literal["record", "predictions", "checkpoint"]


class Wandb(Section):
    """Weights & Biases. null or []: as the environment says (WANDB_PROJECT, ...)."""

    mode: Literal["disabled", "offline", "online"] = "disabled"
    project: Text | None = Field(None, description="else unroll")
    entity: Text | None = None
    group: Text | None = Field(None, description="else problem, architecture and what the seeds of a row share")
    tags: list[Text] = Field([], description="beside suite, task and family")
    artifacts: list[Artifact] = Field([], description="files that go along once the trial has ended")
    timeout_seconds: Positive = Field(60.0, description="what a trial waits for W&B in all; then it ends without it")


class Logger(Section):
    """Outputs beside metrics.jsonl, which is always written; they never stop or delay a trial."""

    csv: bool = False
    tensorboard: bool = False
    wandb: Wandb = Wandb()


class Paths(Section):
    """Folders of this machine."""

    runs: Text = Field("runs", description="one directory a trial, named by its id")
    cache: Text = Field(description="prepared data and fetched wheels")
    data: Text | None = Field(None, description="folder of local benchmark data")


class TaskConfig(Section):
    """A task: what describes it, and, as further keys, the arguments of its constructor."""

    model_config = ConfigDict(extra="allow")
    described: ClassVar[tuple[str, ...]]  # the keys that are no argument

    name: Text
    protocol_version: Count = 1
    kind: Text
    primary: Primary
    selection: Selection
    # What only composing reads; records of before it lack it.
    baselines: list[Text] = Field([], description="rows of its table beside the networks")
    problem: list[Text] = Field([], description="options that baselines read too")
    quickstart_steps: Count = Field(100, description="of budget=quickstart")
    width: Count = Field(128, description="hidden units of recurrent networks that do not say")
    learning_rate: Positive = Field(0.001, description="of optimizers that do not say")
    strengths: Strengths = Field(Strengths(), description="of the terms that penalise codes and do not say")
    equivalence: Equivalence | None = Field(None, description="which difference of two rows counts as none")
    metrics: dict[str, Any] = Field({}, description="of one's own, by name; see docs/metrics.md")

    @property
    def options(self) -> dict[str, Any]:
        """The arguments of its constructor."""
        return {key: value for key, value in (self.model_extra or {}).items() if not key.startswith("_")}


TaskConfig.described = tuple(TaskConfig.model_fields)


class Architecture(Section):
    """An encoder and a decoder, and, as further keys, the knobs that pass options on to them."""

    model_config = ConfigDict(extra="allow")

    name: Text
    reconstructs: bool = Field(description="the input is reconstructed from the code beside the task")
    encoder: dict[str, Any]
    decoder: dict[str, Any]

    @property
    def knobs(self) -> dict[str, Any]:
        """What the architecture passes on."""
        return dict(self.model_extra or {})


class Network(Section):
    """The method that is trained: what decides a network and its training."""

    architecture: Architecture
    bottleneck: BottleneckConfig
    optimizer: Optimizer
    budget: BudgetConfig


class Baseline(Section):
    """The method that has no training steps, and, as further keys, the arguments of its constructor."""

    model_config = ConfigDict(extra="allow")
    described: ClassVar[tuple[str, ...]]  # the keys that are no argument

    name: Text
    tasks: list[Text]
    seeded: bool = Field(description="a seed changes it")
    unranked: Text | None = Field(None, description="why it stands beside the ranks, where it does not compete")


Baseline.described = tuple(Baseline.model_fields)

_SHARED: dict[str, type[Section]] = {"trainer": Trainer, "logger": Logger, "paths": Paths}
NETWORK: dict[str, type[Section]] = {
    "architecture": Architecture,
    "bottleneck": BottleneckConfig,
    "optimizer": Optimizer,
    "budget": BudgetConfig,
}


class Config(Section):
    """A trial's config: a method on a task, on data, with a seed; and where it runs."""

    task: TaskConfig
    data: Data
    method: Network | Baseline
    seed: int
    trainer: Trainer
    logger: Logger
    paths: Paths

    @property
    def network(self) -> Network:
        """The method of a trial that is trained; AssertionError where it is a baseline."""
        assert isinstance(self.method, Network)
        return self.method

    @property
    def row(self) -> str:
        """The name of its row in a table: the architecture's, or else the baseline's."""
        return self.method.architecture.name if isinstance(self.method, Network) else self.method.name

    def plain(self) -> dict[str, Any]:
        """Return the config in plain containers, as a record keeps it: the method's sections beside the others."""
        found = {"seed": self.seed, "task": self.task.model_dump(exclude_unset=True), "data": self.data.model_dump()}
        if isinstance(self.method, Baseline):
            found["baseline"] = self.method.model_dump()
        else:
            found |= self.method.model_dump() | {"baseline": {"name": "none"}}
        return found | {section: getattr(self, section).model_dump() for section in _SHARED}


SECTIONS: dict[str, type[Section]] = {"data": Data, **NETWORK, **_SHARED}  # those that a mapping of a config becomes


def section_defaults() -> dict[str, Any]:
    """Return what each section holds where no YAML and no override says anything; ??? where one has to.

    Of a task only what composing reads: another task's YAML replaces it whole, but for what that leaves unsaid.
    """
    task = defaults_of(TaskConfig)
    return {name: defaults_of(section) for name, section in SECTIONS.items() if section is not Architecture} | {
        "architecture": {},
        "task": {key: value for key, value in task.items() if value != "???" and key != "metrics"},
    }


def defaults_of(section: type[Section]) -> dict[str, Any]:
    """Return a section's defaults, ??? for a field that has none."""
    found: dict[str, Any] = {}
    for key, field in section.model_fields.items():
        value = "???" if field.is_required() else field.get_default()
        found[key] = defaults_of(type(value)) if isinstance(value, Section) else value
    return found
