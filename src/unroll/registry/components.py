"""Components: config nodes with `_target_` become objects, each option checked against the constructor."""

import importlib
import importlib.metadata
import inspect
from collections.abc import Iterator, Mapping
from typing import Any, get_type_hints

from unroll.errors import UserError, suggest
from unroll.registry.code import inherited
from unroll.registry.types import choices, fits, in_words, out_of_range
from unroll.registry.versions import listed_options, own_options, place_today

SOLVED = "solved"  # what `architecture.width` says, wherever it is read, under budget.parameters
PLUGINS = "unroll.plugins"  # entry points whose modules hold components


def locate(node: Mapping[str, Any], where: str, base: type = object) -> type:
    """Import the class that a node's `_target_` names; it is one of `base`, whatever else its module holds.

    Raises:
        UserError: no `_target_`, nothing can be imported under that name, or it is something else.
    """
    target = node.get("_target_")
    if not isinstance(target, str) or not all(part.isidentifier() for part in target.split(".")) or "." not in target:
        raise UserError(f"{where} names no component.", saw=target, allowed="_target_: package.module.Class")
    inherited()
    target = place_today(target)
    module_name, _, class_name = target.rpartition(".")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # a user's file may hold anything
        raise UserError(
            f"{where}._target_ cannot be imported: {type(error).__name__}: {error}.",
            saw=target,
            allowed="a class of an installed package, or of a Python file in the folder given to --config-dir",
        ) from error
    if not hasattr(module, class_name):
        classes = [name for name, item in vars(module).items() if inspect.isclass(item)]
        raise UserError(f"{where}._target_ names nothing in {module_name}.{suggest(class_name, classes)}", saw=target)
    found = getattr(module, class_name)
    if not (inspect.isclass(found) and issubclass(found, base)):
        wanted = "a class" if base is object else f"a class of the kind {base.__module__}.{base.__qualname__}"
        raise UserError(f"{where}._target_ names something else than {wanted}.", saw=target, allowed=wanted)
    return found


def foreign(config: Any) -> dict[str, Any]:
    """Find what a config would import beside this package and installed plugins: dotted key -> `_target_`."""
    known = ("unroll", *(point.module for point in importlib.metadata.entry_points(group=PLUGINS)))
    return {
        where: target
        for where, target in _targets(config, "")
        if not str(target).startswith(tuple(f"{module}." for module in known))
    }


def refuse_foreign(config: Any, what: str, trusting: str) -> None:
    """Refuse to build what somebody else's file describes where that would run code that nobody here has installed.

    Args:
        config: of the file.
        what: the file.
        trusting: how the user says that the code is to be run.

    Raises:
        UserError: the config names classes of neither this package nor an installed plugin.
    """
    found = foreign(config)
    if found:
        raise UserError(
            f"{what} names code that Unroll does not come with. None of it was run.",
            saw=", ".join(f"{where}: {target}" for where, target in found.items()),
            allowed=f"unroll.*, what an installed package registers as an entry point of '{PLUGINS}', "
            f"and with {trusting} whatever it names, which runs it: read that code first",
        )


def _targets(node: Any, where: str) -> Iterator[tuple[str, Any]]:
    if isinstance(node, Mapping):
        for key, value in node.items():
            place = f"{where}.{key}" if where else str(key)
            if key == "_target_":
                yield place, value
            else:
                yield from _targets(value, place)
    elif isinstance(node, list | tuple):
        for number, value in enumerate(node):
            yield from _targets(value, f"{where}[{number}]")


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
        if value != SOLVED and not fits(value, hints.get(name, Any)):
            saw, hint = f"{where}.{name}={value!r} ({type(value).__name__})", hints[name]
            says = "is out of range" if out_of_range(value, hint) else "is of another type"
            raise UserError(f"'{where}.{name}' {says}.", saw=saw, allowed=choices(hint) or in_words(hint))
    for name in allowed:
        if name not in options and parameters[name].default is inspect.Parameter.empty:
            annotation = parameters[name].annotation
            raise UserError(f"{where}.{name} is missing.", allowed=getattr(annotation, "__name__", annotation))


def option_names(node: Mapping[str, Any], where: str) -> set[str]:
    """Return the names of the arguments that a node's class takes; none where the node names no class.

    Imports nothing for the classes of the package. Raises UserError as `locate` does.
    """
    if "_target_" not in node:
        return set()
    listed = listed_options(node["_target_"])
    return set(inspect.signature(locate(node, where)).parameters) if listed is None else listed


def _hints(kind: type) -> dict[str, Any]:
    """The types of a constructor's arguments, as far as they can be told: users' own classes may state none."""
    try:
        return get_type_hints(kind.__init__, include_extras=True)  # type: ignore[misc]
    except (NameError, TypeError):
        return {}


def create(node: Mapping[str, Any], where: str, base: type = object, **given: Any) -> Any:
    """Make the object of a class of `base` that a node describes; `given` are the program's own arguments.

    Raises:
        UserError: as `locate` and `check_options` do.
    """
    kind = locate(node, where, base)
    options = own_options(node)
    check_options(kind, options, where, tuple(given))
    return kind(**given, **options)
