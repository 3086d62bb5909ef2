"""`unroll data add`: the YAML of a person's own files, checked by reading them."""

import os
import re
import shlex
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from unroll.atomic import replacing
from unroll.data import kinds, readers
from unroll.data.digests import file_sha256, files_below
from unroll.data.examples import Examples, load_examples
from unroll.data.guess import Guess, guess
from unroll.data.languages import without_spaces
from unroll.data.overrides import read
from unroll.data.sources import uncompressed
from unroll.errors import UserError

_ASSUMED = "en"  # the language of texts of which nothing is said; it decides how punctuation is told from words


@dataclass(frozen=True)
class Wish:
    """What the command line says beside the files; what it does not say is guessed.

    columns: of `guess.COLUMNS`; overrides: of keys below `data`, such as {"options": {"separator": ";"}}.
    """

    name: str | None = None
    kind: str | None = None
    columns: Mapping[str, str] | None = None
    languages: Sequence[str] = ()
    overrides: Mapping[str, Any] | None = None
    force: bool = False


@dataclass(frozen=True)
class Added:
    """A data set that can be trained on: its YAML, what was read, columns left aside, the overrides that train it.

    Without overrides its kind names no task that trains on it.
    """

    path: Path
    node: dict[str, Any]
    examples: Examples
    aside: list[str]
    overrides: list[str]
    before: bytes | None
    """The YAML of that name that it took the place of."""

    def undo(self) -> None:
        """Take the YAML away again."""
        if self.before is None:
            self.path.unlink()
        else:
            self.path.write_bytes(self.before)

    def alike(self) -> list[str]:
        """Labels that differ in case alone."""
        labels = [str(label) for label in self.examples.profile.get("classes", {}).get("train", {})]
        counts = Counter(label.casefold() for label in labels)
        return sorted(label for label in labels if counts[label.casefold()] > 1)


def add(
    files: Sequence[str | Path], folder: Path, paths: Mapping[str, Any], config_dirs: Sequence[Path], wish: Wish
) -> Added:
    """Read files, and write folder/data/NAME.yaml that names them, their hashes, reader and options.

    Args:
        files: files, or folders of which all files are meant.
        folder: the config folder that the YAML goes into; made where it is not there.
        paths: the config's, with `cache` and `data`.
        config_dirs: the folders that are searched for YAML, shipped ones first.

    Raises:
        UserError: a file is missing or cannot be read, what it holds cannot be guessed, or the name is taken.
    """
    above, names = _located(files)
    more = dict(wish.overrides or {})
    options = dict(more.pop("options", {}) or {})
    plain = {name: uncompressed(name, (above / name).read_bytes()) for name in names}
    guessed = guess(plain, dict(wish.columns or {}), options, wish.kind)
    wanted = _wanted(above, names, guessed.files)
    name = wish.name or _name(above, wanted)
    path = folder / "data" / f"{name}.yaml"
    _require_free(name, path, [each for each in config_dirs if each != folder.resolve()], wish.force)

    cache = Path(str(paths["cache"])).expanduser()
    hashes = {each: file_sha256(above / each, cache) for each in wanted}
    source = {"local": _local(above, paths), "files": hashes}
    node: dict[str, Any] = {"name": name, "kind": guessed.kind, "reader": guessed.reader}
    node["options"] = {**guessed.options, **options}
    node["origin"] = {"sources": [source]}
    examples = load_examples(node, paths, download=False)
    variant = readers.variant(node["reader"], node["options"])
    node.pop("origin")
    stated = more.get("languages")
    node |= _chosen(guessed, wish.languages or (stated if isinstance(stated, list) else []), examples)
    for key, value in more.items():
        both = isinstance(value, dict) and isinstance(node.get(key), dict)
        node[key] = node[key] | value if both else value
    node["origin"] = {"content_sha256": {variant: examples.content_sha256}, "sources": [source]}
    train = kinds.get(guessed.kind).train
    overrides = [*train, f"data={name}", *_fitting(node, examples)] if train else []
    before = path.read_bytes() if path.exists() else None
    _write(path, node, examples)
    return Added(path, node, examples, guessed.aside, overrides, before)


def _located(files: Sequence[str | Path]) -> tuple[Path, list[str]]:
    """Return the folder above all files, and their names in it; hidden ones of a folder are passed over."""
    found: list[Path] = []
    given = [Path(each).expanduser().absolute() for each in files]
    for file in given:
        if file.is_dir():
            inside = files_below(file)
            if not inside:
                raise UserError(f"The folder {file} holds no files.")
            found += inside.values()
        elif file.is_file():
            found.append(file)
        else:
            raise UserError(
                f"There is no file {file}.",
                saw=str(file.name),
                allowed="files and folders; an override has a value: data.options.KEY=VALUE",
            )
    above = given[0] if len(given) == 1 and given[0].is_dir() else Path(os.path.commonpath([p.parent for p in found]))
    return above, list(dict.fromkeys(path.relative_to(above).as_posix() for path in found))


def _wanted(above: Path, names: Sequence[str], guessed: Sequence[str]) -> list[str]:
    """The files and folders that the YAML names: a folder where all files below it were given, else those."""
    found = []
    for each in guessed:
        below = [name for name in names if name.startswith(f"{each}/")]
        whole = not below or len(below) == len(files_below(above / each))
        found += [each] if whole else below
    return found


def _require_free(name: str, path: Path, others: Sequence[Path], force: bool) -> None:
    if not isinstance(read(name), str):
        raise UserError(
            "The name of a data set is text, and Hydra reads this as another value.",
            saw=f"--name {name}",
            allowed=f"--name data_{name}",
        )
    if any((other / "data" / f"{name}.yaml").is_file() for other in others):
        raise UserError(
            f"The name '{name}' is that of a data set that ships with Unroll, or with an installed package.",
            saw=f"name {name}",
            allowed=f"--name my_{name}",
        )
    if path.exists() and not force:
        raise UserError(
            f"There is {path} already.", saw=f"name {name}", allowed="--name OTHER, or --force to replace it"
        )


def _name(above: Path, names: Sequence[str]) -> str:
    """A name for the set: of its one file, else of the folder; with more where Hydra reads it as a number or null."""
    stem = Path(names[0]).name.partition(".")[0] if len(names) == 1 else above.name
    found = re.sub(r"[^A-Za-z0-9_.]+", "_", stem).strip("_.")[:50] or "mine"
    return found if isinstance(read(found), str) else f"data_{found}"


def _local(above: Path, paths: Mapping[str, Any]) -> str:
    """The folder as the YAML says it: below paths.data where it lies there, which other machines have elsewhere."""
    if paths.get("data"):
        root = Path(str(paths["data"])).expanduser().absolute()
        if above != root and above.is_relative_to(root):
            return above.relative_to(root).as_posix()
    return str(above)


def _chosen(guessed: Guess, stated: Sequence[str], examples: Examples) -> dict[str, Any]:
    """What a data set's YAML says of training: tokenizer, channels, batch size, epochs."""
    train = len(examples.splits["train"])
    found: dict[str, Any] = {}
    kind = kinds.get(guessed.kind)
    if kind.texts:
        languages = list(map(str, stated)) or guessed.languages or [_ASSUMED] * (len(kind.languages) == 1)
        sides = [str(guessed.options.get(side)) for side in ("source", "target")]
        if len(kind.languages) == 2 != len(languages):
            raise UserError(
                "Translations have two languages.",
                saw=f"{', '.join(languages) or 'none stated'}; source {sides[0]}, target {sides[1]}",
                allowed="their codes, source first, such as: --languages de,en",
            )
        if languages == guessed.languages[::-1] != guessed.languages:
            raise UserError(
                "The languages stand in another order than the sides.",
                saw=f"--languages {','.join(languages)}; source {sides[0]}, target {sides[1]}",
                allowed=f"--source {sides[1]} --target {sides[0]}, or --languages {','.join(guessed.languages)}",
            )
        spaces = not any(map(without_spaces, languages))
        longest = max(quantiles[-1] for splits in examples.profile["lengths"].values() for quantiles in splits.values())
        in_words = kind.separator is not None
        found["tokenizer"] = {
            "kind": "word" if spaces or in_words else "bpe",
            "words": "moses" if spaces and not in_words else "whitespace",
            "lowercase": not in_words,
            "vocabulary_size": 20000 if spaces or in_words else 8000,
            "min_count": 2 if train >= 5000 else 1,
        }
        found["languages"] = languages
        found["max_length"] = None if longest <= 400 else 400
    if kind.series:
        found["channels"] = "joint"
    usual = {"images": 128}.get(guessed.kind, 64)
    found["batch_size"] = next(size for size in (usual, 32, 16, 8, 4, 2, 1) if size == 1 or 8 * size <= train)
    found["epochs"] = 10
    return found


def _fitting(node: Mapping[str, Any], examples: Examples) -> list[str]:
    """Overrides without which a short series would not hold one window."""
    if not kinds.get(node["kind"]).series:
        return []
    rows = {split: len(table) for split, table in examples.splits.items()}
    shortest = min(rows["validation"], rows["test"])
    if rows["train"] >= 2 * (96 + 24) and shortest >= 48:
        return []
    horizon = max(1, min(24, shortest // 4, rows["train"] // 8))
    window = max(1, min(96, rows["train"] // 4))
    return [f"task.window={window}", f"task.horizon={horizon}"]


def _write(path: Path, node: Mapping[str, Any], examples: Examples) -> None:
    import yaml

    rows = ", ".join(f"{split} {len(table):,}" for split, table in examples.splits.items())
    text = yaml.safe_dump(dict(node), sort_keys=False, allow_unicode=True, width=120)
    text = f"# Written by `unroll data add`: {rows}. origin may also state licence, citation and homepage.\n{text}"
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as draft:
        draft.write_text(text, encoding="utf-8")


def command(added: Added, folder: Path) -> str:
    """The line for a shell that trains on it."""
    return shlex.join(["unroll", "train", "--config-dir", str(folder), *added.overrides])
