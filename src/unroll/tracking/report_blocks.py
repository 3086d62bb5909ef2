"""What a report in W&B is made of, from top to bottom. No wandb here: `workspace` makes W&B's own blocks of these."""

from dataclasses import dataclass

from unroll.tracking.suite_view import Part


@dataclass(frozen=True)
class Heading:
    """A heading; level 1 or 2."""

    text: str
    level: int


@dataclass(frozen=True)
class Markdown:
    """Text and tables."""

    text: str


@dataclass(frozen=True)
class Latex:
    """A formula or a table as KaTeX shows it, which knows no `tabular`."""

    text: str


@dataclass(frozen=True)
class Panels:
    """Live panels of the runs that a part's filters pick."""

    part: Part


Block = Heading | Markdown | Latex | Panels


@dataclass(frozen=True)
class Report:
    """A report; the title is the same for the same suite, by which an earlier one is found."""

    title: str
    description: str
    blocks: tuple[Block, ...]
