"""Components: config nodes with `_target_` become objects or functions, each option checked against the signature."""

import importlib
import inspect
from collections.abc import Iterable, Iterator, Mapping
from types import FunctionType
from typing import Any

from unroll.errors import UserError, suggest
from unroll.registry.code import inherited
from unroll.registry.declared import declarations
from unroll.registry.options import (
    MISSING,
    conforms,
    grouped,
    in_words,
    named_choices,
    options_of,
    out_of_range,
    schema_of,
)
from unroll.registry.plugins import PLUGINS, plugin_of, plugins
from unroll.registry.versions import (
    Accepted,
    component,
    described,
    listed_declarations,
    listed_options,
    own_options,
    place_today,
)

SOLVED = "solved"  # what `architecture.width` says, wherever it is read, under budget.parameters
LIBRARIES = ("unroll", "torch.optim")  # whose classes a config may name, whoever wrote it


def locate(node: Mapping[str, Any], where: str, base: type = object) -> type:
    """Import the class that a node's `_target_` names; it is one of `base`, whatever else its module holds.

    Raises:
        UserError: no `_target_`, nothing can be imported under that name, it is something else, or it lacks a method
            that its base asks for.
    """
    target, found = _imported(node, where)
    if not (inspect.isclass(found) and issubclass(found, base)):
        wanted = "a class" if base is object else f"a class of the kind {base.__module__}.{base.__qualname__}"
        raise UserError(f"{where}._target_ names something else than {wanted}.", saw=target, allowed=wanted)
    if inspect.isabstract(found):
        lacking = sorted(getattr(found, "__abstractmethods__", ()))
        raise UserError(f"{where}._target_ names a class that lacks methods.", saw=target, allowed=lacking)
    return found


def locate_function(node: Mapping[str, Any], where: str, *given: str) -> FunctionType:
    """Import the function that a node's `_target_` names; of whatever its module holds, only one that is meant for it.

    Args:
        node: of a config.
        where: dotted key of the node.
        given: the names of its positional arguments, which the program gives; its options are keyword-only.

    Raises:
        UserError: as `locate`; or it is no function with these arguments that its own module defines.
    """
    target, found = _imported(node, where)
    wanted = f"a function ({', '.join(given)}, *, option=default, ...) that its module defines"
    fits = inspect.isfunction(found) and found.__module__ == target.rpartition(".")[0]
    parameters = list(inspect.signature(found).parameters.values()) if fits else []
    options = [each for each in parameters if each.kind is inspect.Parameter.KEYWORD_ONLY]
    if [each.name for each in parameters if each not in options] != list(given) or not inspect.isfunction(found):
        saw = f"{target}{inspect.signature(found)}" if fits else f"{target}, {type(found).__name__}"
        raise UserError(f"{where}._target_ names something else than {wanted}.", saw=saw, allowed=wanted)
    return found


def _imported(node: Mapping[str, Any], where: str) -> tuple[str, Any]:
    target = node.get("_target_")
    if not isinstance(target, str) or not all(part.isidentifier() for part in target.split(".")) or "." not in target:
        raise UserError(f"{where} names no component.", saw=target, allowed="_target_: package.module.Name")
    inherited()
    target = place_today(target)
    module_name, _, name = target.rpartition(".")
    try:
        module = importlib.import_module(module_name)
    except Exception as error:  # a user's file may hold anything
        plugin = plugin_of(target)
        of = "" if plugin is None else f", of the installed package {plugin.package}"
        raise UserError(
            f"{where}._target_{of} cannot be imported: {type(error).__name__}: {error}.",
            saw=target,
            allowed="a class of an installed package, or of a Python file in the folder given to --config-dir",
        ) from error
    if not hasattr(module, name):
        known = [each for each, item in vars(module).items() if inspect.isclass(item) or inspect.isfunction(item)]
        raise UserError(f"{where}._target_ names nothing in {module_name}.{suggest(name, known)}", saw=target)
    return target, getattr(module, name)


def foreign(config: Any) -> dict[str, Any]:
    """Find what a config would import beside this package and installed plugins: dotted key -> `_target_`."""
    known = (*LIBRARIES, *(plugin.module for plugin in plugins()))
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


def accepted(node: Mapping[str, Any], where: str) -> Accepted:
    """Return what options a node's class takes; imports nothing for the classes of the package.

    Raises UserError as `locate` does.
    """
    listed = listed_options(node.get("_target_"))
    if listed is not None:
        return listed
    try:
        return accepted_by(locate(node, where))
    except ValueError as error:  # of a class that is not written in Python
        target = node.get("_target_")
        raise UserError(f"{where}._target_ names a class whose options cannot be told.", saw=target) from error


def characterised(node: Mapping[str, Any], where: str) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    """Return the defaults of a node's class and what it declares; imports nothing for the classes of the package.

    Raises UserError as `locate`, `described` and `declarations` do.
    """
    declares = listed_declarations(node.get("_target_"))
    if declares is not None:
        return component(node).defaults, declares
    kind = locate(node, where)
    return described(kind).defaults, declarations(kind)


def accepted_by(kind: Any) -> Accepted:
    """Return what options a class takes, by its constructor."""
    stated = options_of(kind)
    return Accepted(
        {name: schema_of(option.hint) for name, option in stated.items()},
        frozenset(name for name, option in stated.items() if option.default is MISSING),
    )


def check_options(
    takes: Accepted, options: Mapping[str, Any], where: str, given: tuple[str, ...] = (), knobs: Iterable[str] = ()
) -> None:
    """Check that options are arguments of a constructor, of the types that it states, and that none is missing.

    Args:
        takes: of the constructor.
        options: of a config's node.
        where: dotted key of the node.
        given: arguments that the program gives.
        knobs: options that are set by a key of the architecture, which a message then names.

    Raises:
        UserError: an option that the constructor does not have, one of another type, or one that it needs.
    """
    allowed = [name for name in takes.schemas if name not in given]
    for name, value in options.items():
        if name not in allowed:
            what = f"{where} has no option '{name}'.{suggest(name, allowed)}"
            raise UserError(what, saw=f"{where}.{name}", allowed=allowed)
        schema = takes.schemas[name]
        if value == SOLVED or conforms(value, schema):
            continue
        place = f"architecture.{name}" if name in knobs else f"{where}.{name}"
        choices = named_choices(schema)
        words = [in_words({"const": choice}) for choice in choices]
        says, saw = "is of another type.", f"{place}={value!r} ({type(value).__name__})"
        if choices and not isinstance(value, list | Mapping):
            says = f"has no such option.{suggest(str(value), words)}"
        elif out_of_range(value, schema):
            says = "is out of range."
        raise UserError(f"'{place}' {says}", saw=saw, allowed=words or in_words(schema))
    for name in allowed:
        if name in takes.required and name not in options:
            raise UserError(f"{where}.{name} is missing.", allowed=in_words(takes.schemas[name]))


def create(node: Mapping[str, Any], where: str, base: type = object, **given: Any) -> Any:
    """Make the object of a class of `base` that a node describes; `given` are the program's own arguments.

    Raises:
        UserError: as `locate` and `check_options` do.
    """
    kind = locate(node, where, base)
    options = own_options(node)
    check_options(accepted(node, where), options, where, tuple(given))
    return kind(**given, **grouped(kind, options))
