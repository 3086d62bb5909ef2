"""Components: config nodes with `_target_` become objects, each option checked against the constructor."""

import importlib
import inspect
from collections.abc import Mapping
from typing import Any

from unroll.errors import UserError, suggest


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
    """Check that options are arguments of a constructor, and that none without a default is missing.

    Raises:
        UserError: an option that the constructor does not have, or one that it needs.
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
    for name in allowed:
        if name not in options and parameters[name].default is inspect.Parameter.empty:
            annotation = parameters[name].annotation
            raise UserError(f"{where}.{name} is missing.", allowed=getattr(annotation, "__name__", annotation))


def create(node: Mapping[str, Any], where: str, **given: Any) -> Any:
    """Make the object that a node describes; `given` are the arguments that come from the program."""
    kind = locate(node, where)
    options = {key: value for key, value in node.items() if key != "_target_"}
    check_options(kind, options, where, tuple(given))
    return kind(**given, **options)
