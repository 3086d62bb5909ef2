"""`${...}` in a composed config: replaced by what it refers to, as OmegaConf does it, on plain data."""

import functools
import os
import re
from collections.abc import Mapping
from typing import Any

from omegaconf import OmegaConf
from omegaconf.errors import OmegaConfBaseException, UnsupportedInterpolationType

from unroll.errors import UserError

_REFERENCE = re.compile(r"\$\{(\.*)([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*)\}")
_OF_THE_MACHINE = re.compile(r"\$\{oc\.env:(\w+)[^${}\\]*\}")  # an environment's variable, and nothing else
_DEEPEST = 50  # references behind one another; more are a circle


def resolved(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Return a config without references, in new containers.

    Raises:
        UserError: a reference to nothing, a circle, or a resolver that does not exist.
    """
    try:
        found = _Resolver(raw).value(raw, ())
    except _Unknown:
        found = _by_omegaconf(raw)
    return dict(found)


def resolved_value(raw: Mapping[str, Any], section: str, key: str) -> Any:
    """Return one value of a config as `resolved` would give it."""
    try:
        return _Resolver(raw).value(raw[section][key], (section, key))
    except _Unknown:
        return resolved(raw)[section][key]


class _Unknown(Exception):
    """A text that OmegaConf is to resolve, or to refuse."""


class _Resolver:
    def __init__(self, raw: Mapping[str, Any]):
        self.raw, self.depth = raw, 0

    def value(self, node: Any, path: tuple[str, ...]) -> Any:
        if isinstance(node, str):
            return self.text(node, path) if "${" in node else node
        if isinstance(node, dict):
            return {key: self.value(item, (*path, key)) for key, item in node.items()}
        if isinstance(node, list):
            return [self.value(item, (*path, str(number))) for number, item in enumerate(node)]
        return node

    def text(self, text: str, path: tuple[str, ...]) -> Any:
        match = _REFERENCE.fullmatch(text)
        if match is not None:
            return self.referred(match, path)
        variable = _OF_THE_MACHINE.fullmatch(text)
        if variable is not None:
            return _evaluated(text, os.environ.get(variable[1]))
        if "\\" in text or "$" in _REFERENCE.sub("", text):
            raise _Unknown
        return _REFERENCE.sub(lambda inner: self.spelt(self.referred(inner, path)), text)

    @staticmethod
    def spelt(value: Any) -> str:
        """A value inside a longer text."""
        if not isinstance(value, str | int | float):
            raise _Unknown
        return str(value)

    def referred(self, match: re.Match[str], path: tuple[str, ...]) -> Any:
        """What one reference stands for."""
        dots, key = match.groups()
        target = (*(path[: -len(dots)] if dots else ()), *key.split("."))
        node: Any = self.raw
        for part in target:
            if not isinstance(node, Mapping) or part not in node:
                raise _Unknown
            node = node[part]
        self.depth += 1
        if self.depth > _DEEPEST:
            raise _Unknown
        found = self.value(node, target)
        self.depth -= 1
        return found


@functools.lru_cache(maxsize=64)
def _evaluated(text: str, _value: str | None) -> Any:
    try:
        return OmegaConf.create({"value": text})["value"]
    except OmegaConfBaseException as error:
        raise _Unknown from error


def _by_omegaconf(raw: Mapping[str, Any]) -> Any:
    try:
        return OmegaConf.to_container(OmegaConf.create(dict(raw)), resolve=True)
    except UnsupportedInterpolationType as error:
        raise UserError("A value refers to a resolver that does not exist.", saw=brief(error)) from error
    except OmegaConfBaseException as error:
        raise UserError(f"'{error.full_key}' refers to a value that is not there.", saw=brief(error)) from error


def brief(error: BaseException) -> str:
    """Return the first line of what OmegaConf says."""
    return str(error).strip().splitlines()[0]
