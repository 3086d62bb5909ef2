"""Components: config nodes with `_target_` become objects, each option checked against the constructor."""

import importlib
import inspect
from collections.abc import Mapping, Sequence
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

from unroll.errors import UserError, suggest
from unroll.planning.schema import SOLVED


def locate(node: Mapping[str, Any], where: str) -> type:
    """Import the class that a node's `_target_` names.

    Raises:
        UserError: no `_target_`, or nothing can be imported under that name.
    """
    target = node.get("_target_")
    if not isinstance(target, str) or "." not in target:
        raise UserError(f"{where} names no component.", saw=target, allowed="_target_: package.module.Class")
    module_name, _, class_name = target.rpartition(".")
    try:
        module = importlib.import_module(module_name)
    except ImportError as error:
        raise UserError(
            f"{where}._target_ cannot be imported: {error}.",
            saw=target,
            allowed="a class of an installed package, or of a file in a folder on PYTHONPATH",
        ) from error
    if not hasattr(module, class_name):
        classes = [name for name, item in vars(module).items() if inspect.isclass(item)]
        raise UserError(f"{where}._target_ names nothing in {module_name}.{suggest(class_name, classes)}", saw=target)
    return getattr(module, class_name)


def check_options(kind: type, options: Mapping[str, Any], where: str, given: tuple[str, ...] = ()) -> None:
    """Check that options are arguments of a constructor, of the types that it states, and that none is missing.

    Raises:
        UserError: an option that the constructor does not have, one of another type, or one that it needs.
    """
    parameters = inspect.signature(kind).parameters
    allowed = [name for name in parameters if name not in given]
    for name in options:
        if name not in allowed:
            raise UserError(
                f"{where} has no option '{name}'.{suggest(name, allowed)}",
                saw=f"{where}.{name}",
                allowed=allowed,
            )
    hints = _hints(kind)
    for name, value in options.items():
        if value != SOLVED and not _fits(value, hints.get(name, Any)):
            saw = f"{where}.{name}={value!r} ({type(value).__name__})"
            raise UserError(f"'{where}.{name}' is of another type.", saw=saw, allowed=_named(hints[name]))
    for name in allowed:
        if name not in options and parameters[name].default is inspect.Parameter.empty:
            annotation = parameters[name].annotation
            raise UserError(f"{where}.{name} is missing.", allowed=getattr(annotation, "__name__", annotation))


def _hints(kind: type) -> dict[str, Any]:
    """The types of a constructor's arguments, as far as they can be told: users' own classes may state none."""
    try:
        return get_type_hints(kind.__init__)  # type: ignore[misc]
    except (NameError, TypeError):
        return {}


def _fits(value: Any, hint: Any) -> bool:
    """Whether a value of a config is of a stated type: a bool is no number, a text no bool; of containers the kind."""
    kind = get_origin(hint) or hint
    if kind in (Union, UnionType):
        return any(_fits(value, one) for one in get_args(hint))
    if kind is Literal:
        return value in get_args(hint)
    if hint is None or kind is NoneType:
        return value is None
    if kind in (bool, str):
        return isinstance(value, kind)
    if kind in (int, float):
        return isinstance(value, (int, float) if kind is float else int) and not isinstance(value, bool)
    if isinstance(kind, type) and issubclass(kind, Mapping):
        return isinstance(value, Mapping)
    if isinstance(kind, type) and issubclass(kind, Sequence):
        return isinstance(value, list | tuple)
    return True


def _named(hint: Any) -> str:
    words = {bool: "true or false", int: "a whole number", float: "a number", str: "text", NoneType: "null"}
    if get_origin(hint) in (Union, UnionType):
        return " or ".join(_named(one) for one in get_args(hint))
    return words.get(hint, str(hint))


def create(node: Mapping[str, Any], where: str, **given: Any) -> Any:
    """Make the object that a node describes; `given` are the arguments that come from the program."""
    kind = locate(node, where)
    options = {key: value for key, value in node.items() if key != "_target_"}
    check_options(kind, options, where, tuple(given))
    return kind(**given, **options)
