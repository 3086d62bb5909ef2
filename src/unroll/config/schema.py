"""What a config may hold: one dataclass a group, one line a key. Components are checked by their constructors."""

from dataclasses import dataclass, field
from typing import Any

from omegaconf import MISSING


@dataclass
class Primary:
    """The one metric that a table shows first."""

    name: str = MISSING
    direction: str = MISSING  # higher | lower
    unit: str = MISSING


@dataclass
class Selection:
    """The validation metric that picks the best checkpoint while training."""

    name: str = MISSING
    direction: str = MISSING  # higher | lower


@dataclass
class Strengths:
    """How much the terms that penalise codes weigh, where they do not say; see each term."""

    variational: float = MISSING
    sparse: float = MISSING
    contractive: float = MISSING


@dataclass
class TokenizerConfig:
    """How text becomes tokens; built from train only."""

    kind: str = "word"  # word | bpe
    words: str = "whitespace"  # what a word is: whitespace | moses
    lowercase: bool = True
    vocabulary_size: int = 20000
    min_count: int = 1


@dataclass
class Origin:
    """Where a data set comes from; not part of a trial's identity."""

    licence: str | None = None
    citation: str | None = None
    homepage: str | None = None
    content_sha256: Any = None
    sources: list[Any] = field(default_factory=list)


@dataclass
class Data:
    name: str = MISSING
    kind: str = MISSING  # labelled_text | pairs | series | images | adding | copying
    reader: str = MISSING
    options: dict[str, Any] = field(default_factory=dict)
    fraction: float = 1.0
    tokenizer: TokenizerConfig | None = None
    languages: list[str] = field(default_factory=list)
    max_length: int | None = None
    channels: str | None = None  # of a series, where the task does not say: joint | independent
    batch_size: int = 64
    epochs: int = 10
    origin: Origin = field(default_factory=Origin)


@dataclass
class BottleneckConfig:
    name: str = MISSING
    size: int | None = None
    ratio: float | None = None
    minimum: int = 1
    terms: dict[str, Any] = field(default_factory=dict)


@dataclass
class BudgetConfig:
    name: str = MISSING
    epochs: float | None = None
    steps: int | None = None
    seconds: float | None = None
    flops: float | None = None
    parameters: int | None = None
    patience: int | None = None
    validate_every: float | None = 1.0


@dataclass
class Supervised:
    """What the second phase of task.protocol=pretrain changes of the optimizer; null = as in the first."""

    learning_rate: float | None = None
    final_learning_rate: float | None = None
    momentum: float | None = None
    weight_decay: float | None = None
    schedule: str | None = None
    warmup_steps: int | None = None


@dataclass
class Optimizer:
    name: str = "adam"
    learning_rate: float = 1e-3
    weight_decay: float = 0.0
    betas: list[float] = field(default_factory=lambda: [0.9, 0.999])
    momentum: float = 0.0
    schedule: str = "cosine"
    final_learning_rate: float = 0.0
    warmup_steps: int = 0
    embedding_learning_rate: float | None = None
    embedding_weight_decay: float | None = None
    clip_norm: float | None = 1.0
    clip_value: float | None = None
    supervised: Supervised = field(default_factory=Supervised)


@dataclass
class Trainer:
    accelerator: str = "auto"
    devices: int = 1
    num_nodes: int = 1
    precision: str = "32-true"
    tf32: bool = False
    threads: int = 1
    deterministic: bool = True
    checkpoint_minutes: float = 10.0
    keep_checkpoints: int = 0
    keep_after: str = "best"
    progress: Any = "auto"
    log_every: int = 50
    heartbeat_seconds: float = 10.0
    again: bool = False
    diagnose: str = "end"


@dataclass
class Wandb:
    mode: str = "disabled"
    project: str | None = None
    entity: str | None = None
    group: str | None = None
    tags: list[str] = field(default_factory=list)
    timeout_seconds: float = 60.0


@dataclass
class Logger:
    csv: bool = False
    tensorboard: bool = False
    wandb: Wandb = field(default_factory=Wandb)


@dataclass
class Paths:
    runs: str = "runs"
    cache: str = MISSING
    data: str | None = None


SECTIONS = {
    "data": Data,
    "bottleneck": BottleneckConfig,
    "budget": BudgetConfig,
    "optimizer": Optimizer,
    "trainer": Trainer,
    "logger": Logger,
    "paths": Paths,
}

# Keys of a task that describe it; every other key is an argument of its constructor.
TASK_METADATA = {
    "name": str,
    "protocol_version": int,
    "kind": str,
    "primary": Primary,
    "selection": Selection,
    "baselines": list,
    "problem": list,
    "quickstart_steps": int,
    "width": int,
    "learning_rate": float,
    "strengths": Strengths,
}
OPTIONAL_METADATA = ("strengths",)  # read by the terms that penalise codes, where they are used

SCHEDULES = ("constant", "cosine", "linear", "exponential")
CHOICES = {
    "task.primary.direction": ("higher", "lower"),
    "task.selection.direction": ("higher", "lower"),
    "data.kind": ("labelled_text", "pairs", "series", "images", "adding", "copying"),
    "data.tokenizer.kind": ("word", "bpe"),
    "data.tokenizer.words": ("whitespace", "moses"),
    "optimizer.name": ("adam", "adamw", "sgd", "adagrad"),
    "optimizer.schedule": SCHEDULES,
    "optimizer.supervised.schedule": (None, *SCHEDULES),
    "trainer.accelerator": ("auto", "cpu", "gpu"),
    "trainer.precision": ("32-true", "bf16-mixed", "16-mixed"),
    "trainer.keep_after": ("none", "best", "all"),
    "trainer.diagnose": ("end", "validations", "never"),
    "logger.wandb.mode": ("disabled", "offline", "online"),
}
