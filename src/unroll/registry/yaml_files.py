"""YAML files of groups, read once each, as Hydra reads them: scalars, duplicate keys, the header of a package."""

import functools
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from unroll.errors import UserError

_HEADER = re.compile(r"#\s*@package\s+(\S+)\s*")
_FLOAT = re.compile(
    r"""^(?:[-+]?[0-9]+(?:_[0-9]+)*\.[0-9_]*(?:[eE][-+]?[0-9]+)?
    |[-+]?[0-9]+(?:_[0-9]+)*(?:[eE][-+]?[0-9]+)
    |\.[0-9]+(?:_[0-9]+)*(?:[eE][-+][0-9]+)?
    |[-+]?[0-9]+(?:_[0-9]+)*(?::[0-5]?[0-9])+\.[0-9_]*
    |[-+]?\.(?:inf|Inf|INF)
    |\.(?:nan|NaN|NAN))$""",
    re.X,
)
_Fast: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # libyaml's, where PyYAML has it


class _Loader(_Fast):
    """YAML 1.1 but for what OmegaConf changes: 1e-3 is a number, a date is text, no key stands twice."""

    def construct_mapping(self, node: Any, deep: bool = False) -> Any:
        names: set[str] = set()
        for key, _ in node.value:
            if key.tag == "tag:yaml.org,2002:str" and key.value in names:
                raise yaml.constructor.ConstructorError(
                    "while constructing a mapping", node.start_mark, f"found duplicate key {key.value}", key.start_mark
                )
            names.add(key.value)
        return super().construct_mapping(node, deep=deep)


_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _FLOAT, list("-+0123456789."))
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag != "tag:yaml.org,2002:timestamp"]
    for first, resolvers in _Loader.yaml_implicit_resolvers.items()
}


@dataclass(frozen=True)
class YamlFile:
    """What a file of a group holds. Whoever changes `content` changes it for all: copy it first."""

    content: Any
    package: str | None  # of the header `# @package NAME`


def yaml_file(path: Path) -> YamlFile:
    """Read a file, once for all while it does not change.

    Raises:
        UserError: it is no YAML, or no UTF-8.
        OSError: it cannot be read.
    """
    status = path.stat()
    return _read(path, status.st_mtime_ns, status.st_size)


@functools.lru_cache(maxsize=4096)
def _read(path: Path, _modified: int, _size: int) -> YamlFile:
    try:
        text = path.read_text(encoding="utf-8")
        with path.open(encoding="utf-8") as file:  # and not the text: errors name the file
            content = yaml.load(file, Loader=_Loader)
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        said = " ".join(str(error).split())
        raise UserError("A YAML file cannot be read.", saw=said if str(path) in said else f"{path}: {said}") from error
    package = None
    for line in filter(None, map(str.strip, text[:512].splitlines())):
        match = _HEADER.fullmatch(line)
        package = match.group(1) if match else package
        if not re.match(r"#\s*@", line):
            break
    return YamlFile({} if content is None else content, package)
