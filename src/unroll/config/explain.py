"""What a user most likely did wrong when Hydra refuses to compose, in one message."""

import re
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import yaml
from hydra import compose
from hydra.core.config_store import ConfigStore
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import (
    HydraException,
    MissingConfigException,
    OverrideParseException,
)
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import OmegaConfBaseException

from unroll.errors import COMMAND, UserError, suggest
from unroll.registry.groups import config_directories, group_options
from unroll.registry.plugins import troubles

COMPOSITION_ERRORS = (
    HydraException,
    OmegaConfBaseException,
    yaml.YAMLError,
    ValueError,
    AssertionError,
    RecursionError,
)
"""What Hydra raises while it composes: those without a class of its own for files of another encoding, options that are
no text, flags that exclude each other, and defaults lists that are none or that come back to themselves."""
_FLAGS = re.compile(r"Only one of --|flag can only be used")


def explain(
    error: Exception,
    config_name: str,
    overrides: Sequence[str],
    path: Sequence[str],
    config_dir: str | None,
) -> UserError:
    """Turn what Hydra, OmegaConf or the YAML parser raised into a UserError."""
    if isinstance(error, OverrideParseException):
        return UserError(
            "An override is not written as Hydra reads them.",
            saw=error.override,
            allowed="key=value; quote what holds spaces, commas or brackets: \"key='a, b'\"",
        )
    if isinstance(error, ValueError) and "Config group override" in str(error):
        return _no_text(overrides, config_dir)
    if isinstance(error, ValueError) and _FLAGS.search(str(error)):
        return UserError("These options of Hydra's do not go together.", saw=" ".join(str(error).split()))
    if isinstance(error, yaml.YAMLError | UnicodeDecodeError):
        return UserError("A YAML file cannot be read.", saw=" ".join(str(error).split()))
    if isinstance(error, ValueError | AssertionError | RecursionError) and not isinstance(
        error, OmegaConfBaseException
    ):
        said = " ".join(str(error).split())[:300] or type(error).__name__
        return UserError(
            "A defaults list in the YAML files is none that Hydra can follow.",
            saw=said,
            allowed="a list of FILE, GROUP: OPTION and override GROUP: OPTION, that does not come back to itself",
        )
    text = str(error)
    if "requires --multirun" in text or "Ambiguous value" in text:
        if config_name == "sweep":
            return _one_at_a_time(overrides)
        return UserError(
            "Several values for one key need a multirun.",
            saw=" ".join(overrides),
            run=f"{COMMAND} -m",
        )
    needed = re.search(r"You must specify '(\w+)'", text)
    if needed:
        group = needed[1]
        options = [f"{group}={name}" for name in group_options(group, config_dir)]
        return UserError(f"Which {group}?", saw=" ".join(overrides) or "nothing", allowed=options)
    if isinstance(error, MissingConfigException) and error.missing_cfg_file:
        group, _, option = str(error.missing_cfg_file).rpartition("/")
        if any(text.lstrip("+") == f"{group}={option}" for text in overrides):
            return _unknown_option(error, f"{group}={option}", overrides, config_dir)
    offending = _offending(config_name, overrides, path, config_dir)
    if offending is None:
        return UserError("The YAML files do not fit together.", saw=" ".join(f"{text} {error.__cause__ or ''}".split()))
    if isinstance(error, MissingConfigException) and not isinstance(error.__cause__, OmegaConfBaseException):
        return _unknown_option(error, offending, overrides, config_dir)
    key = offending.lstrip("+~").partition("=")[0]
    of_sweeps = _of_sweeps(key.partition(".")[0], offending) if config_name != "sweep" else None
    if of_sweeps is not None:
        return of_sweeps
    if "/" in key or ("No match in the defaults list" in text and "." not in key and "@" not in key):
        known = [*_groups(config_dir), *_keys(config_name, path, "")]
        meant = suggest(key, known) or _meant(key, config_name, path)
        return UserError(f"There is no group '{key}'.{meant}", saw=offending, allowed=sorted(set(known)))
    siblings = _unknown_key(key, config_name, [other for other in overrides if other != offending], path)
    if siblings is not None:
        return siblings(offending)
    if offending.startswith("~"):
        return UserError(f"Nothing can be deleted at '{key}'.", saw=offending)
    return UserError(f"'{key}' cannot be set like this.", saw=offending, allowed=_reason(error))


def _one_at_a_time(overrides: Sequence[str]) -> UserError:
    """What `unroll sweep` says of several values for what shapes the sweep itself."""
    parsed = OverridesParser.create().parse_overrides(list(overrides))
    several = [(text, one) for text, one in zip(overrides, parsed, strict=True) if one.is_discrete_sweep()]
    first = [f"{one.get_key_element()}={next(iter(one.sweep_string_iterator()))}" for _, one in several]
    return UserError(
        "A sweep is of one suite, with one value for each of its own keys.",
        saw=" ".join(text for text, _ in several) or " ".join(overrides),
        change=first,
    )


def _of_sweeps(key: str, saw: str) -> UserError | None:
    """What to say of a sweep's own key where a trial's are wanted; None for any other key."""
    commands = {
        "suite": ["sweep", saw],
        "sweep": ["sweep", "suite=quickstart", saw],
        "workers": ["train", "-m", "hydra/launcher=local", f"hydra.launcher.{saw}", "seed=0,1"],
    }
    if key not in commands:
        return None
    run = shlex.join(["unroll", *commands[key]])
    return UserError(f"'{key}' is a key of `unroll sweep`, not of a trial.", saw=saw, run=run)


def _no_text(overrides: Sequence[str], config_dir: str | None) -> UserError:
    """What to say of a group's option that Hydra reads as a number, true, false or null."""
    for text, one in zip(overrides, OverridesParser.create().parse_overrides(list(overrides)), strict=True):
        options = [] if one.is_sweep_override() else _options(one.key_or_group, config_dir)
        if options and not isinstance(one.value(), str):
            name = text.partition("=")[2]
            if name in options:
                quoted = shlex.quote(f"{one.key_or_group}='{name}'")
                return UserError(f"Hydra reads '{name}' as a value that is no name.", saw=text, allowed=quoted)
            return UserError(f"There is no {one.key_or_group} '{name}'.", saw=text, allowed=options)
    return UserError("What a group offers is chosen by a name.", saw=" ".join(overrides), allowed="group=NAME")


def _options(group: str, config_dir: str | None) -> list[str]:
    """What a group offers, Hydra's own with those of plugins."""
    options = group_options(group, config_dir)
    return sorted({*options, *_of_plugins(group)}) if group.startswith("hydra/") else options


def _offending(config_name: str, overrides: Sequence[str], path: Sequence[str], config_dir: str | None) -> str | None:
    """Return the one override without which the rest composes, else the first that fails by itself.

    Composing without Hydra takes milliseconds and Hydra half a second, so that it is asked of few.
    """
    from unroll.config.compose import Composer

    composer = Composer(config_dir)
    without = {text: [other for other in overrides if other != text] for text in overrides}
    for override, rest in without.items():
        if not composer.needs_hydra(config_name, rest):
            return override
    suspects = [text for text in overrides if composer.needs_hydra(config_name, [text])]
    for override in suspects:
        if _composes(config_name, [*without[override], *path]):
            return override
    if not _composes(config_name, path):
        return None
    for override in suspects:
        if not _composes(config_name, [override, *path]):
            return override
    pairs = (text for text in overrides if text not in suspects)  # right alone, and wrong beside another
    return next((override for override in pairs if _composes(config_name, [*without[override], *path])), None)


def _composes(config_name: str, overrides: Sequence[str]) -> bool:
    try:
        compose(config_name, list(overrides))
    except COMPOSITION_ERRORS:
        return False
    return True


def _unknown_option(
    error: MissingConfigException, offending: str, overrides: Sequence[str], config_dir: str | None
) -> UserError:
    missing = str(error.missing_cfg_file or offending.partition("=")[2])
    group, _, option = missing.rpartition("/")
    group = group or offending.lstrip("+").partition("=")[0]
    saw = next((override for override in overrides if override.lstrip("+") == f"{group}={option}"), offending)
    options = _options(group, config_dir)
    if not options:
        return UserError(f"There is no file for '{missing}'.{troubles()}", saw=saw)
    what = f"There is no {group} '{option}'.{suggest(option, options)}{troubles()}"
    return UserError(what, saw=saw, allowed=options)


def _of_plugins(group: str) -> list[str]:
    """The options of one of Hydra's groups that installed plugins bring, apart from a plugin's own parts."""
    try:
        names = ConfigStore.instance().list(group)
    except OSError:
        return []
    return [name.removesuffix(".yaml") for name in names if name.endswith(".yaml") and not name.startswith("_")]


def _unknown_key(key: str, config_name: str, others: Sequence[str], path: Sequence[str]) -> Any:
    """Return a function that words the mistake if some part of a dotted key does not exist, else None."""
    for base in (others, []):
        try:
            node = compose(config_name, [*base, *path])
            break
        except COMPOSITION_ERRORS:
            continue
    else:
        return None
    if key.startswith("hydra."):
        return None
    parent = ""
    for part in re.split(r"[.\[\]]+", key):
        current = OmegaConf.select(node, parent) if parent else node
        if not isinstance(current, DictConfig):
            return None
        if part not in current:
            known = sorted(str(name) for name in current)
            inside = f" in '{parent}'" if parent else ""
            meant = suggest(part, known) or _meant(part, config_name, path)
            return lambda saw: UserError(
                f"There is no key '{part}'{inside}.{meant}",
                saw=saw,
                allowed=known,
            )
        parent = f"{parent}.{part}" if parent else part
    return None


def _keys(config_name: str, path: Sequence[str], parent: str) -> list[str]:
    try:
        node = compose(config_name, list(path))
    except COMPOSITION_ERRORS:  # a sweep without its suite
        return []
    current = OmegaConf.select(node, parent) if parent else node
    return [str(name) for name in current]


def _groups(config_dir: str | None) -> list[str]:
    return [
        folder.name
        for root in config_directories(config_dir)
        for folder in root.iterdir()
        if folder.is_dir() and any(folder.glob("*.yaml"))
    ]


def _meant(word: str, config_name: str, path: Sequence[str]) -> str:
    """A suggestion from all keys of the config, for a word that is one's last part, its beginning or its initials."""
    try:
        content: Any = OmegaConf.to_container(compose(config_name, list(path)), resolve=False)
    except COMPOSITION_ERRORS:  # a sweep without its suite
        return ""
    keys = list(_dotted(content))
    last = {key: key.rpartition(".")[2] for key in keys}
    rules: list[Callable[[str], bool]] = [
        lambda name: name == word,
        lambda name: len(word) > 2 and name.startswith(word),
        lambda name: len(word) > 1 and "".join(part[:1] for part in name.split("_")) == word,
    ]
    for rule in rules:
        found = sorted((key for key in keys if rule(last[key])), key=lambda key: (key.count("."), key))
        if found:
            return f" Did you mean '{found[0]}'?"
    return ""


def _dotted(node: Mapping[str, Any], above: str = "") -> Iterator[str]:
    for name, value in node.items():
        yield f"{above}{name}"
        if isinstance(value, Mapping):
            yield from _dotted(value, f"{above}{name}.")


def _reason(error: Exception) -> str:
    """What OmegaConf or Hydra says of the value: the innermost error's first line, and the next that it announces."""
    while error.__cause__ is not None:
        error = error.__cause__  # type: ignore[assignment]
    lines = str(error).strip().splitlines()
    return " ".join(lines[: 2 if lines[0].endswith(":") else 1]) if lines else "see conf/"
