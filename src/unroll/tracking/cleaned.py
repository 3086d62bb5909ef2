"""What leaves this machine for W&B: without its paths, its accounts' addresses and its secrets."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_PART = r"[^\s/'\",;:=()\[\]{}]+"
_PATH = re.compile(rf"(?<![\w./:~-])(?:file://)?(?:~|\.\.?)?/(?:{_PART}/)*({_PART})/?")
_EMAIL = re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+")
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL", re.IGNORECASE)
_SHAPES = re.compile(r"\b(?:hf_[A-Za-z0-9]{16,}|gh[pousr]_[A-Za-z0-9]{16,}|sk-[A-Za-z0-9-]{16,}|AKIA[A-Z0-9]{12,})\b")
_LEAST = 8  # characters of a secret: shorter values are words
HIDDEN = "(hidden)"


def cleaned(value: Any, environment: Mapping[str, str] | None = None) -> Any:
    """Return plain containers without paths, e-mail addresses and secrets, in their texts and in their keys.

    A path keeps its last part. A secret is what an environment variable holds whose name says so (KEY, TOKEN, ...), or
    what has the form of a known one.

    Args:
        value: of plain containers, texts and numbers.
        environment: of this process, where None.
    """
    variables = os.environ if environment is None else environment
    secrets = sorted({text for name, text in variables.items() if _SECRET.search(name) and len(text) >= _LEAST})
    folders = [folder for folder in (str(Path.cwd()), str(Path.home())) if len(folder) > 1]
    return _cleaned(value, secrets[::-1], sorted(folders, key=len, reverse=True))


def _cleaned(value: Any, secrets: list[str], folders: list[str]) -> Any:
    if isinstance(value, Mapping):
        return {_text(str(key), secrets, folders): _cleaned(item, secrets, folders) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_cleaned(item, secrets, folders) for item in value]
    return _text(value, secrets, folders) if isinstance(value, str) else value


def _text(text: str, secrets: list[str], folders: list[str]) -> str:
    for secret in secrets:
        text = text.replace(secret, HIDDEN)
    text = _EMAIL.sub(HIDDEN, _SHAPES.sub(HIDDEN, text))
    if "/" not in text:
        return text
    for folder in folders:  # which may have spaces in it
        text = text.replace(f"{folder}/", "").replace(folder, HIDDEN)
    return _PATH.sub(lambda found: found[1], text)
