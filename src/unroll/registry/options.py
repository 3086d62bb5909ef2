"""What options a class takes: the arguments of its constructor, each with its type as a JSON Schema.

A constructor states types, ranges and choices once, as annotations (`Count`, `Share`, `Literal["tanh", "relu"]`). The
committed list of components holds their schemas, so that a config is checked without importing torch. A constructor's
argument that is an `OptionGroup` stands for the fields of that group.
"""

import dataclasses
import inspect
import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, NamedTuple, TypeVar, get_args, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter
from pydantic.errors import PydanticUserError

Positive = Annotated[float, Field(gt=0)]
NotNegative = Annotated[float, Field(ge=0)]
Fraction = Annotated[float, Field(gt=0, lt=1)]
Share = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(ge=1)]
CountOrNone = Annotated[int, Field(ge=0)]
Item = TypeVar("Item")
Some = Annotated[Sequence[Item], Field(min_length=1)]  # a list that is not empty

Schema = Mapping[str, Any]
MISSING = inspect.Parameter.empty
_ANY_TYPE = ConfigDict(arbitrary_types_allowed=True)
_LIMITS = {
    "exclusiveMinimum": "more than",
    "minimum": "at least",
    "exclusiveMaximum": "less than",
    "maximum": "at most",
}
_TYPES: dict[str, Any] = {
    "boolean": bool,
    "integer": int,
    "string": str,
    "null": type(None),
    "array": list | tuple,
    "object": Mapping,
}
_WORDS = {
    "boolean": "true or false",
    "integer": "a whole number",
    "number": "a number",
    "string": "text",
    "null": "null",
    "array": "a list",
    "object": "a mapping",
}


class OptionGroup:
    """Base of frozen dataclasses of options that several constructors share."""


class Option(NamedTuple):
    """One option: its stated type and its default, `MISSING` where it has none."""

    hint: Any
    default: Any


def options_of(kind: Any) -> dict[str, Option]:
    """Return the options of a class or a function; those of its groups in the group's place."""
    hints = _hints(kind if inspect.isfunction(kind) else kind.__init__)
    found: dict[str, Option] = {}
    for name, parameter in inspect.signature(kind).parameters.items():
        if parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
            continue
        hint = hints.get(name, Any)
        group = group_of(hint)
        if group is None:
            found[name] = Option(hint, parameter.default)
        else:
            found |= {
                field.name: Option(_hints(group)[field.name], _default(field)) for field in dataclasses.fields(group)
            }
    return found


def grouped(kind: Any, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return options as a constructor takes them: those of a group as the group."""
    found = dict(options)
    for name, hint in _hints(kind.__init__).items():
        group: Any = group_of(hint)
        if group is not None:
            own = [field.name for field in dataclasses.fields(group) if field.name in found]
            found[name] = group(**{key: found.pop(key) for key in own})
    return found


def group_of(hint: Any) -> Any:
    """The group that a type is, or that a union of types holds; None without one."""
    kinds = [one for one in (hint, *get_args(hint)) if isinstance(one, type) and issubclass(one, OptionGroup)]
    return kinds[0] if kinds else None


def schema_of(hint: Any) -> dict[str, Any]:
    """Return a stated type as a JSON Schema; an empty one, which holds anything, for what no config can hold."""
    config = None if isinstance(hint, type) and issubclass(hint, BaseModel) else _ANY_TYPE
    try:
        found = TypeAdapter(hint, config=config).json_schema()
    except (PydanticUserError, NameError, TypeError):
        return {}
    return {key: value for key, value in found.items() if key not in ("description", "title")}


def conforms(value: Any, schema: Schema) -> bool:
    """Whether a value of a config is of a type: a bool is no number, a number no text, 1.5 no whole number."""
    if "anyOf" in schema:
        return any(conforms(value, one) for one in schema["anyOf"])
    choices = choices_of(schema)
    if choices:
        return any(value == choice and type(value) is type(choice) for choice in choices)
    kind: Any = schema.get("type")
    if kind == "number":
        return isinstance(value, int | float) and not isinstance(value, bool) and in_range(value, schema)
    if kind is None:
        return True
    if isinstance(value, bool) and kind != "boolean":
        return False
    if not isinstance(value, _TYPES[str(kind)]):
        return False
    if kind == "array":
        fits = schema.get("minItems", 0) <= len(value) <= schema.get("maxItems", len(value))
        return fits and all(conforms(item, schema.get("items", {})) for item in value)
    return kind != "integer" or in_range(value, schema)


def in_range(value: float, schema: Schema) -> bool:
    """Whether a number is in the interval that a schema states; infinity and NaN are in none."""
    return (
        value - value == 0
        and not value < schema.get("minimum", value)
        and not value > schema.get("maximum", value)
        and ("exclusiveMinimum" not in schema or value > schema["exclusiveMinimum"])
        and ("exclusiveMaximum" not in schema or value < schema["exclusiveMaximum"])
    )


def out_of_range(value: Any, schema: Schema) -> bool:
    """Whether a number is refused for its size alone."""
    free = [{key: limit for key, limit in one.items() if key not in _LIMITS} for one in schema.get("anyOf", [schema])]
    return any(conforms(value, one) for one in free) and not conforms(value, schema)


def choices_of(schema: Schema) -> list[Any]:
    """Return the values that a schema leaves where they are few; empty where they are not."""
    if "const" in schema:
        return [schema["const"]]
    if "anyOf" in schema:
        found = [choices_of(one) or ([None] if one.get("type") == "null" else []) for one in schema["anyOf"]]
        return [choice for part in found for choice in part] if all(found) else []
    return list(schema.get("enum", []))


def named_choices(schema: Schema) -> list[Any]:
    """Return the values that a schema names, even where it leaves others of another type as well."""
    return choices_of(schema) or [choice for one in schema.get("anyOf", ()) for choice in choices_of(one)]


def in_words(schema: Schema) -> str:
    """Return a type as a user would say it, such as "a number more than 0, or null"."""
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(in_words(one) for one in schema["anyOf"]))
    choices = choices_of(schema)
    if choices:
        return ", ".join(json.dumps(one) if one is None or isinstance(one, bool) else str(one) for one in choices)
    words = "a mapping" if "$ref" in schema else _WORDS.get(schema.get("type", ""), "any value")
    if schema.get("type") == "array" and schema.get("items"):
        least, most = schema.get("minItems"), schema.get("maxItems")
        many = f"{least} of " if least == most and least else f"at least {least} of " if least else ""
        words += f" of {many}{in_words(schema['items'])}"
    if isinstance(schema.get("additionalProperties"), Mapping):
        words += f" to {in_words(schema['additionalProperties'])}"
    limits = [f"{said} {schema[key]:g}" for key, said in _LIMITS.items() if key in schema]
    return " ".join(filter(None, [words, " and ".join(limits)]))


def _hints(function: Any) -> dict[str, Any]:
    """The types of a constructor's arguments, as far as they can be told: users' own classes may state none."""
    try:
        return get_type_hints(function, include_extras=True)
    except (NameError, TypeError):
        return {}


def _default(field: Any) -> Any:
    return MISSING if field.default is dataclasses.MISSING else field.default
