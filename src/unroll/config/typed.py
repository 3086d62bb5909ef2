"""Sections of a config as their models; what pydantic complains about becomes one clear message."""

from collections.abc import Mapping, Sequence
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from unroll.config.identity import is_baseline
from unroll.config.schema import NETWORK, SECTIONS, Baseline, Config, Network, TaskConfig
from unroll.config.written import written
from unroll.errors import UserError, suggest
from unroll.registry.options import choices_of, in_words, schema_of

Model = TypeVar("Model", bound=BaseModel)
_LARGEST_SEED = 2**32 - 1
_OUT_OF_RANGE = (
    "greater_than",
    "greater_than_equal",
    "less_than",
    "less_than_equal",
    "too_short",
    "too_long",
    "finite_number",
)


def read(kind: type[Model], values: Any, where: str) -> Model:
    """Return a mapping of a config as its model.

    Args:
        kind: the model.
        values: the mapping, resolved.
        where: its dotted key; "" for a whole config.

    Raises:
        UserError: for the first key that there is not, that is missing, or that cannot hold its value.
    """
    try:
        found = kind.model_validate(values)
    except ValidationError as error:
        raise _told(error, kind, values, where) from error
    further = getattr(kind, "further", None)
    others = [key for key in found.model_extra or () if further is not None and key not in further]
    if others:
        raise _no_such_key([others[0]], kind, where)
    return found


def config_of(plain: Mapping[str, Any]) -> Config:
    """Return a resolved config as its model: of today, or a recorded one, whose later options have their defaults.

    Raises:
        UserError: for the first key that there is not, that is missing, or that cannot hold its value.
    """
    part = {key: read(SECTIONS[key], plain[key], key) for key in ("data", "trainer", "logger", "paths")}
    method: Network | Baseline
    if is_baseline(plain):
        method = read(Baseline, plain["baseline"], "baseline")
    else:
        method = Network.model_validate({key: read(kind, plain[key], key) for key, kind in NETWORK.items()})
    task, seed = read(TaskConfig, plain["task"], "task"), plain["seed"]
    return Config.model_validate({**part, "task": task, "method": method, "seed": seed})


def completed(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a recorded config with the options that came after it, at their defaults.

    Options of components need none of this: their constructors have the defaults. Paths are the machine's.
    """
    kinds = {key: kind for key, kind in SECTIONS.items() if key not in ("architecture", "paths")}
    return {key: read(kinds[key], value, key).model_dump() if key in kinds else value for key, value in config.items()}


def check_seed(seed: Any) -> None:
    """Raise UserError where a value is no seed."""
    if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed <= _LARGEST_SEED:
        raise UserError("'seed' is not a seed.", saw=written(seed), allowed=f"a whole number from 0 to {_LARGEST_SEED}")


def _told(error: ValidationError, kind: type[BaseModel], values: Any, where: str) -> UserError:
    first = error.errors()[0]
    path, kinds = [str(part) for part in first["loc"]], first["type"]
    keys, hint, model = _followed(kind, path)
    place = ".".join(filter(None, [where, *keys]))
    if kinds == "extra_forbidden":
        return _no_such_key(keys, model, where)
    if kinds == "missing" or first["input"] == "???":
        return UserError(f"'{place}' has no value yet.", saw="???", allowed=f"{place}=VALUE")
    value = first["input"]
    if kinds == "literal_error":
        words = [written(choice) for choice in choices_of(schema_of(hint))]
        return UserError(
            f"'{place}' has no such option.{suggest(str(value), words)}", saw=written(value), allowed=words
        )
    says = "is out of range" if kinds in _OUT_OF_RANGE else "has a value that it cannot hold"
    return UserError(
        f"'{place}' {says}.",
        saw=repr(value) if isinstance(value, str) else written(value),
        allowed=in_words(schema_of(hint)),
    )


def _no_such_key(keys: Sequence[str], model: type[BaseModel], where: str) -> UserError:
    known = sorted(model.model_fields)
    parent = ".".join(filter(None, [where, *keys[:-1]])) or "the config"
    what = f"There is no key '{keys[-1]}' in '{parent}'.{suggest(keys[-1], known)}"
    return UserError(what, saw=".".join(filter(None, [where, *keys])), allowed=known)


def _followed(kind: type[BaseModel], path: Sequence[str]) -> tuple[list[str], Any, type[BaseModel]]:
    """The keys of an error's place (pydantic adds those of a union's members), the last one's type, and its model."""
    hint: Any = kind
    model, keys = kind, list[str]()
    for part in path:
        mapping = next((one for one in (hint, *get_args(hint)) if _is_mapping(one)), None)
        inner = next((one for one in (hint, *get_args(hint)) if _is_model(one)), None)
        if inner is not None and part == inner.__name__:  # a union's member
            continue
        if mapping is not None:
            keys.append(part)
            hint = get_args(mapping)[-1]
        elif inner is not None and (part in inner.model_fields or part == path[-1]):
            model, field = inner, inner.model_fields.get(part)
            keys.append(part)
            hint = None if field is None else field.rebuild_annotation()
        elif part.isdigit():
            keys[-1] += f"[{part}]"
            hint = next(iter(get_args(hint)), None)
    return keys, hint, model


def _is_model(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, BaseModel)


def _is_mapping(hint: Any) -> bool:
    return getattr(hint, "__origin__", None) is dict
