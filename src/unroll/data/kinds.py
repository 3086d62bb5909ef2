"""Kinds of data: what `conf/kind/NAME.yaml`, or `kind/NAME.yaml` of a user's folder, says of a data set's columns.

A reader gives the columns of one kind, a task reads them. All that checking, profiles and commands know of a kind
stands in its YAML. A record of a kind that is not here is read without it.
"""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from unroll.errors import UserError, suggest
from unroll.registry.code import folders
from unroll.registry.groups import config_directories
from unroll.registry.yaml_files import yaml_file

Type = Literal["str", "int", "float", "bool", "bytes", "floats"]


class Kind(BaseModel):
    """One kind of data.

    columns: name -> type of a value; each reader of the kind gives them. Others are allowed where `others` is a type.
        `floats` is a sequence of numbers [T], or of so many a step [T, D], of any length T.
    texts: columns that are text, made into tokens by a tokenizer. languages: an example of their codes, as many as
        `data.languages` names. separator: what stands between the words of a text; null: white space.
    input: the column of which a profile counts repeats. classes: the column of classes, numbers or words; of a text's
        items where it has a separator. unseen_classes: what happens where validation or test have one that train lacks.
    documents: the column that numbers documents. series: the rows are in order of time.
    train: overrides of a command that trains on such data, `data` aside; `unroll data add` prints it.
    """

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)

    columns: dict[str, Type]
    others: Type | None = None
    texts: list[str] = []
    languages: list[str] = []
    separator: str | None = None
    input: str | None = None
    classes: str | None = None
    unseen_classes: Literal["refused", "told"] = "told"
    documents: str | None = None
    series: bool = False
    train: list[str] = []

    @property
    def sequences(self) -> list[str]:
        """The columns whose values have a length: texts, and sequences of numbers."""
        return [*self.texts, *(column for column, type_ in self.columns.items() if type_ == "floats")]

    def length(self, value: Any) -> int:
        """The words of a text, or the steps of a sequence of numbers."""
        return len(self.items(value)) if isinstance(value, str) else len(value)

    def items(self, text: str) -> list[str]:
        """The words of a text, or the tags of a column beside it."""
        return text.split() if self.separator is None else text.split(self.separator) if text else []


def names() -> list[str]:
    """Return the kinds that there are, sorted."""
    return sorted({file.stem for folder in _folders() for file in (folder / "kind").glob("*.yaml")})


def get(name: str) -> Kind:
    """Return a kind by its name.

    Raises:
        UserError: there is none of this name, or its YAML describes none.
    """
    found = find(name)
    if found is None:
        known = names()
        raise UserError(
            f"There is no kind of data '{name}' (data.kind).{suggest(name, known)}",
            saw=name,
            allowed=[*known, f"and {name} where FOLDER/kind/{name}.yaml describes it: --config-dir FOLDER"],
        )
    return found


def find(name: str) -> Kind | None:
    """Return a kind by its name; None where nothing here describes it, as of somebody else's record."""
    if not isinstance(name, str) or not name.isidentifier():
        return None
    for folder in _folders():
        file = folder / "kind" / f"{name}.yaml"
        if file.is_file():
            return _kind(file)
    return None


def has_texts(name: str) -> bool:
    """Whether data of this kind are texts; false for a kind that is not here."""
    found = find(name)
    return found is not None and bool(found.texts)


def _folders() -> list[Path]:
    return [*config_directories(), *map(Path, folders())]


def _kind(file: Path) -> Kind:
    content: Any = yaml_file(file).content
    try:
        found = Kind.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(map(str, first["loc"]))
        raise UserError(
            f"{file} does not describe a kind of data: '{key}' {first['msg'].lower()}.",
            saw=repr(first["input"])[:80],
            allowed=", ".join(Kind.model_fields),
        ) from error
    named = {"input": found.input, "classes": found.classes, "documents": found.documents}
    stated = [*((key, column) for key, column in named.items() if column), *(("texts", each) for each in found.texts)]
    for key, column in stated:
        if column not in found.columns:
            raise UserError(
                f"{file}: '{key}' names no column.{suggest(column, found.columns)}", saw=column, allowed=found.columns
            )
    for column in found.texts:
        if found.columns[column] != "str":
            raise UserError(f"{file}: texts are columns of str.", saw=f"{column}: {found.columns[column]}")
    return found
