"""Published tables, read and checked: a table's numbers, its protocol, and its trials.

They lie in `results/reported/*.yaml`, and in `reported/*.yaml` of installed packages and of the user's folder.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from unroll import DISTRIBUTION
from unroll.errors import UserError, suggest
from unroll.registry.groups import config_directories
from unroll.registry.yaml_files import yaml_file

PAPER, CPU = "paper", "cpu"
COUNTS = "counts.json"  # beside the tables: what their wirings count on our modules
BUDGETS = (PAPER, CPU)


class _CountedPart(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Tolerance(_CountedPart):
    """How far a mean may be from a published value to count as the same; one of the four."""

    relative: float | None = Field(default=None, gt=0, allow_inf_nan=False)  # a share of the published value
    absolute: float | None = Field(default=None, gt=0, allow_inf_nan=False)  # in the metric's unit
    decimals: int | None = Field(default=None, ge=0)  # equal when rounded to as many as were published
    exact: bool = False

    @model_validator(mode="after")
    def _is_one(self) -> "Tolerance":
        given = [name for name in ("relative", "absolute", "decimals") if getattr(self, name) is not None]
        if len(given) + self.exact != 1:
            raise ValueError("one of relative, absolute, decimals and exact: true")
        return self

    def __str__(self) -> str:
        if self.relative is not None:
            return f"{100 * self.relative:g} % of the published value"
        if self.absolute is not None:
            return f"{self.absolute:g} in the metric's unit"
        return "none" if self.exact else f"equal to {self.decimals} decimals"


class Metric(_CountedPart):
    """A column: which number of a record it is."""

    field: str  # dotted path in the record, or `parameters` of what is counted
    unit: str
    direction: Literal["higher", "lower", "equal"]  # equal: neither is better (a parameter count, a saturation)
    scale: float = 1.0  # of the record's number to the published unit
    decimals: int = 2  # as published
    tolerance: Tolerance | None = None  # in place of the table's
    incomparable: str = ""  # why its numbers only stand beside the published ones


class Value(_CountedPart):
    """A published number, with the spread that was published beside it and of how many numbers that is."""

    value: float = Field(allow_inf_nan=False)
    spread: float | None = Field(default=None, ge=0, allow_inf_nan=False)  # a standard deviation
    n: int | None = Field(default=None, ge=1)
    spread_of: Literal["runs", "evaluations"] = "runs"  # evaluations: the noise of a metric on one trained network

    @model_validator(mode="after")
    def _is_a_spread_of_something(self) -> "Value":
        if self.spread is not None and self.n == 1:
            raise ValueError("n: 1 has no spread")
        if self.spread is None and self.spread_of == "evaluations":
            raise ValueError("spread_of belongs to a spread")
        return self

    @property
    def variance_of_mean(self) -> float:
        """Of the published mean over training runs; 0 where the source does not give it, so that it is a constant."""
        if self.spread is None or self.n is None or self.spread_of != "runs":
            return 0.0
        return self.spread**2 / self.n


def _value(given: Any) -> Any:
    return {"value": given} if isinstance(given, int | float) and not isinstance(given, bool) else given


class Deviation(_CountedPart):
    """What differs from the paper, and why. One that makes numbers incomparable is the verdict's reason."""

    says: str
    because: str
    comparable: bool = True


class Choice(_CountedPart):
    """Hyper-parameters that the paper leaves open: `points` are trained with one seed, validation chooses one."""

    points: list[list[str]] = Field(min_length=2, max_length=4)
    overrides: list[str] = Field(default_factory=list)  # of the choosing alone, such as a shorter budget


class PublishedRow(_CountedPart):
    """A row of a table: published values, and the trials, the count or the reason that there are none."""

    says: str
    reported: dict[str, Annotated[Value, BeforeValidator(_value)]] = Field(default_factory=dict)
    overrides: list[str] | None = None  # of its trials
    budgets: dict[str, list[str]] = Field(default_factory=dict)  # more overrides under a budget
    seeds: list[int] | None = Field(default=None, min_length=1)  # in place of the table's
    choose: Choice | None = None
    count: list[dict[str, Any]] | None = None  # parts whose parameters are added up
    cannot: str | None = None  # why it is not run here
    deviations: list[Deviation] = Field(default_factory=list)
    tolerance: Tolerance | None = None  # in place of the metric's and the table's

    @model_validator(mode="after")
    def _is_of_one_kind(self) -> "PublishedRow":
        kinds = [name for name in ("overrides", "count", "cannot") if getattr(self, name) is not None]
        if len(kinds) != 1:
            raise ValueError(f"one of overrides, count and cannot, not {' and '.join(kinds) or 'none'}")
        if self.choose is not None and self.overrides is None:
            raise ValueError("choose belongs to overrides")
        if self.seeds is not None and self.overrides is None:
            raise ValueError("seeds belong to overrides")
        if self.cannot is not None and not self.reported:
            raise ValueError("a row that cannot run shows its published values")
        return self


class Ordering(_CountedPart):
    """The order of published values: rows from best to worst by a metric; `says` quotes the paper if it does."""

    says: str
    metric: str
    rows: list[str] = Field(min_length=2)


class PublishedBudget(_CountedPart):
    """How long its trials train: as published, or on one machine without a GPU."""

    says: str
    overrides: list[str] = Field(default_factory=list)
    fields: dict[str, str] = Field(default_factory=dict)  # metric -> its field, where this budget gives another name
    published: bool = True  # of `paper`: whether the source states it, so that a share of it means something


class Source(_CountedPart):
    """Where the published numbers were read."""

    read: str
    primary: bool  # in the paper itself, or its own code; false: quoted by another source


class Reported(_CountedPart):
    """One published table."""

    name: str
    title: str
    citation: str
    link: str
    source: Source
    data: str
    split: str
    protocol: str
    metrics: dict[str, Metric]
    tolerance: Tolerance
    seeds: list[int] = Field(default_factory=lambda: [0, 1, 2], min_length=1)
    overrides: list[str] = Field(default_factory=list)  # of every row
    budgets: dict[str, PublishedBudget] = Field(default_factory=dict)  # of BUDGETS
    deviations: list[Deviation] = Field(default_factory=list)  # of every row
    rows: dict[str, PublishedRow] = Field(min_length=1)
    left_out: list[str] = Field(default_factory=list)  # what else is published there and has no row, and why
    orderings: list[Ordering] = Field(default_factory=list)

    @model_validator(mode="after")
    def _agrees_with_itself(self) -> "Reported":
        for name, row in self.rows.items():
            if unknown := set(row.budgets) - set(self.budgets):
                raise ValueError(f"rows.{name}.budgets: the table has no {', '.join(sorted(unknown))}")
            if unknown := set(row.reported) - set(self.metrics):
                raise ValueError(f"rows.{name}.reported: no such metric {', '.join(sorted(unknown))}")
        for number, ordering in enumerate(self.orderings):
            if unknown := set(ordering.rows) - set(self.rows):
                raise ValueError(f"orderings.{number}: no such row {', '.join(sorted(unknown))}")
            if ordering.metric not in self.metrics or self.metrics[ordering.metric].direction == "equal":
                raise ValueError(f"orderings.{number}: no metric {ordering.metric} with a direction")
        if unknown := set(self.budgets) - set(BUDGETS):
            raise ValueError(f"budgets: {', '.join(sorted(unknown))} is none of {', '.join(BUDGETS)}")
        for name, budget in self.budgets.items():
            if unknown := set(budget.fields) - set(self.metrics):
                raise ValueError(f"budgets.{name}.fields: no such metric {', '.join(sorted(unknown))}")
        if any(row.overrides is not None for row in self.rows.values()) and CPU not in self.budgets:
            raise ValueError("a table with trials has budgets.cpu")
        return self

    def tolerance_of(self, row: PublishedRow, metric: str) -> Tolerance:
        """The narrowest statement counts: the row's, else the metric's, else the table's."""
        return row.tolerance or self.metrics[metric].tolerance or self.tolerance

    def under(self, budget: str) -> "Reported":
        """The table whose metrics have the fields that records made under a budget have."""
        fields = self.budgets[budget].fields if budget in self.budgets else {}
        renamed = {name: self.metrics[name].model_copy(update={"field": field}) for name, field in fields.items()}
        return self.model_copy(update={"metrics": {**self.metrics, **renamed}})


def reported_directory() -> Path:
    """Return the folder of published tables: inside an installed package, else the checkout's."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "reported", package.parents[1] / "results" / "reported"):
        if folder.is_dir():
            return folder
    raise UserError(
        "The published tables that Unroll ships with are not there: the installation is damaged.",
        saw=str(package / "reported"),
        run=f"pip install --force-reinstall {DISTRIBUTION}",
    )


def table_files(config_dir: str | None = None) -> dict[str, Path]:
    """Return the published tables by name, sorted: shipped ones, and those in `reported/` of packages and the user.

    Raises:
        UserError: two folders have a table of one name.
    """
    others = [folder / "reported" for folder in config_directories(config_dir)[1:]]
    found: dict[str, Path] = {}
    for path in (path for folder in (reported_directory(), *others) for path in folder.glob("*.yaml")):
        first = found.setdefault(path.stem, path)
        if first != path:
            raise UserError("Two published tables have one name.", saw=f"{first}, {path}", allowed="another file name")
    return dict(sorted(found.items()))


def table_names(config_dir: str | None = None) -> list[str]:
    """Return the names of all published tables, sorted; UserError as `table_files` raises it."""
    return list(table_files(config_dir))


def read_table(name: str, config_dir: str | None = None) -> Reported:
    """Return a published table.

    Raises:
        UserError: there is no such table, or its file does not follow the schema.
    """
    files = table_files(config_dir)
    if name not in files:
        raise UserError(f"There is no published table '{name}'.{suggest(name, files)}", saw=name, allowed=files)
    return read_file(files[name])


def read_file(path: Path) -> Reported:
    """Return the published table of a file; UserError where it does not follow the schema."""
    try:
        found = Reported.model_validate(yaml_file(path).content)
    except (ValidationError, yaml.YAMLError) as error:
        raise UserError(f"{path.name} is not a published table.", saw=_described(error)) from None
    if found.name != path.stem:
        raise UserError(f"{path.name} has another name inside.", saw=found.name, allowed=path.stem)
    return found


def _described(error: Exception) -> str:
    if not isinstance(error, ValidationError):
        return str(error)
    problems = error.errors(include_url=False)
    return "\n           ".join(f"{'.'.join(map(str, item['loc'])) or 'the table'}: {item['msg']}" for item in problems)
