"""Write docs/options.md: every option of the config's sections, with its type, default and meaning, from the models.

python tools/write_options.py
"""

import json
from collections.abc import Iterator
from pathlib import Path

from unroll.config.schema import SECTIONS, Architecture, Section, TaskConfig, TokenizerConfig
from unroll.config.validate import GIVEN
from unroll.config.written import written
from unroll.registry.options import in_words, schema_of
from unroll.registry.versions import LIST

PAGE = Path(__file__).resolve().parents[1] / "docs" / "options.md"
HEAD = """# Options

Every key of a config that is no option of a component, its type, its default and its meaning. This page is written by
`python tools/write_options.py` from the models in `src/unroll/config/schema.py`, which hold all of it. YAML files say
only what they change. `unroll train --cfg job` prints a whole config.

The options of a task, an encoder, a decoder, a term or a baseline are its constructor's arguments, listed at the end.
A knob of an architecture (`architecture.width`) goes to each part that has an
option of its name, unless the YAML passes it on itself (`${architecture.width}`).
"""


def page() -> str:
    """Return the page."""
    sections: dict[str, type[Section]] = {**SECTIONS, "task": TaskConfig, "data.tokenizer": TokenizerConfig}
    parts = [HEAD]
    for name, section in sorted(sections.items()):
        about = " ".join((section.__doc__ or "").split())
        parts.append(f"\n## {name}\n\n{about}\n\n| key | type | default | meaning |\n| --- | --- | --- | --- |\n")
        parts += _rows(section, name)
    parts.append("\n## Components\n\n| component | option | type | default |\n| --- | --- | --- | --- |\n")
    return "".join([*parts, *_components()])


def _components() -> Iterator[str]:
    given = {name for names in GIVEN.values() for name in names}
    for name, entry in sorted(json.loads(LIST.read_text(encoding="utf-8"))["components"].items()):
        for option, schema in entry["options"].items():
            if option not in given:
                default = "" if option in entry["required"] else f"`{written(entry['defaults'][option])}`"
                yield f"| {name} | `{option}` | {in_words(schema)} | {default} |\n"


def _rows(section: type[Section], where: str) -> Iterator[str]:
    for key, field in section.model_fields.items():
        default = None if field.is_required() else field.get_default()
        if isinstance(default, Section) and not isinstance(default, Architecture):
            yield from _rows(type(default), f"{where}.{key}")
            continue
        words = in_words(schema_of(field.rebuild_annotation())).replace("|", "\\|")
        given = "" if field.is_required() else f"`{written(default)}`"
        yield f"| `{where}.{key}` | {words} | {given} | {field.description or ''} |\n"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
