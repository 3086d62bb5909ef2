"""What `unroll show` prints: lines of text, curves among them."""

import itertools
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

_BLOCKS = "▁▂▃▄▅▆▇█"
_WIDTH = 60  # characters of a curve at most
_LABEL = 14


def lines(shown: Mapping[str, Any]) -> Iterator[str]:
    """Return the page of a trial that `unroll.sweeps.show.show` gave; what is not indented is a heading."""
    yield f"{shown['trial_id']}: {_state(shown)}"
    yield _line("in", shown["place"])
    if shown["result"] is not None:
        yield "result"
        yield from _result(shown["result"])
    if shown["curves"]:
        yield "curves"
        width = max(map(len, shown["curves"]))
        for name, points in shown["curves"].items():
            yield f"  {name:{width}}  {curve(points)}"
    if shown["error"] is not None:
        yield "error"
        yield _line(shown["error"]["type"], shown["error"]["message"])
        yield from (f"  {line}" for line in shown["error"]["traceback"].splitlines())
    yield "run it again"
    yield from _again(shown)
    if shown["environment"] is not None:
        yield "environment"
        yield from _environment(shown["environment"])
    yield "config"
    yield from _config(shown["config"])


def curve(points: Sequence[tuple[int, float | None]]) -> str:
    """Return points (step, value) as a line of blocks, the lowest value the lowest block; a gap where none is finite.

    More points than characters are averaged, so many to a character. Beside it the ends, the lowest and the highest.
    One point is no curve: it is said alone.
    """
    there = [(value, step) for step, value in points if value is not None]
    if len(there) == 1:
        return f"{there[0][0]:.4g} at step {there[0][1]}, the only one"
    count = min(len(points), _WIDTH)
    bounds = [len(points) * number // count for number in range(count + 1)]
    bins = [points[start:end] for start, end in itertools.pairwise(bounds)]
    found = [[value for _, value in part if value is not None] for part in bins]
    means = [sum(values) / len(values) if values else None for values in found]
    finite = [mean for mean in means if mean is not None]
    if not finite:
        return f"{' ' * count}  no finite value"
    low, high = min(finite), max(finite)
    drawn = "".join(" " if mean is None else _BLOCKS[_level(mean, low, high)] for mean in means)
    (first, begin), (last, end) = there[0], there[-1]
    (lowest, at), (highest, peak) = min(there), max(there)
    return (
        f"{drawn}  {first:.4g} at step {begin} to {last:.4g} at {end};"
        f" lowest {lowest:.4g} at {at}, highest {highest:.4g} at {peak}"
    )


def _level(value: float, low: float, high: float) -> int:
    return round((value - low) / (high - low) * (len(_BLOCKS) - 1)) if high > low else 0


def _state(shown: Mapping[str, Any]) -> str:
    words = shown["state"]
    progress = shown["progress"]
    if progress is not None:
        words += f", step {progress['step']}" + (f" of {progress['steps']}" if progress["steps"] is not None else "")
        if progress["seconds_left"] is not None:
            words += f", {progress['seconds_left']:.0f} s of training left"
    if shown["state"] == "interrupted":
        words += ": it goes on from its last checkpoint when it is run again"
    if shown["stale"]:
        words += f"{'' if words == 'stale' else ', stale'}: {shown['stale']}"
    if shown["environment"] is not None:
        words += ", reportable" if shown["environment"]["reportable"] else ", not reportable"
    return str(words)


def _line(label: str, value: object) -> str:
    return f"  {label:{_LABEL}} {value}".rstrip()


def _config(config: Mapping[str, Any] | None) -> Iterator[str]:
    if config is None:
        yield _line("", "not written yet")
        return
    if config["differs"] is not None:
        yield _line("differs by", " ".join(config["differs"]))
    yield "  what decides the result"
    yield from _sections(config["decides"])
    yield "  the rest"
    yield from _sections(config["rest"])


def _sections(flat: Mapping[str, Any]) -> Iterator[str]:
    sections: dict[str, list[str]] = {}
    for key, value in flat.items():
        section, _, name = key.partition(".")
        text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
        sections.setdefault(section, []).append(f"{name}={text}" if name else text)
    for section, values in sections.items():
        yield f"    {section:{_LABEL - 2}} {' '.join(values)}"


def _result(result: Mapping[str, Any]) -> Iterator[str]:
    primary, selection, examples = result["primary"], result["selection"], result["examples"]
    better = f"{primary['direction']} is better"
    yield _line("primary", f"test {primary['name']} {primary['value']:.5g} {primary['unit']}, {better}")
    if result["skill"] is not None:
        yield _line("skill", f"{result['skill']['value']:.3g} ({result['skill']['of']})")
    if selection is None:
        yield _line("selection", "none: no weights were chosen")
    elif selection["value"] is None:
        yield _line("selection", "no validation gave a number: the last weights")
    else:
        at = f"at step {selection['step']}, {selection['direction']} is better"
        yield _line("selection", f"validation {selection['name']} {selection['value']:.5g} {at}")
    yield _line("trained", f"{result['steps']} steps, {result['epochs']:.4g} epochs")
    yield _line("examples", ", ".join(f"{split} {count}" for split, count in examples.items()))
    yield _line("parameters", " ".join(f"{key}={json.dumps(value)}" for key, value in result["parameters"].items()))
    yield _line("FLOPs", " ".join(f"{key}={value:.4g}" for key, value in result["flops"].items()))
    columns = dict(result["metrics"])
    if result["train"] is not None:
        columns["train sample"] = result["train"]["metrics"]
    names = list(dict.fromkeys(name for metrics in columns.values() for name in metrics))
    rows = [["metric", *columns]]
    for name in names:
        cells = [f"{metrics[name]:.5g}" if name in metrics else "" for metrics in columns.values()]
        rows.append([", ".join(filter(None, [name, result["units"].get(name)])), *cells])
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for first, *cells in rows:
        yield "  " + "  ".join([first.ljust(widths[0]), *map(str.rjust, cells, widths[1:])]).rstrip()
    yield from (_line(name, text) for name, text in (result["labels"] or {}).items())


def _environment(environment: Mapping[str, Any]) -> Iterator[str]:
    run, data = environment["run"], environment["data"]
    code, machine = run["code"], run["hardware"]
    for reason in environment["why_not_reportable"]:
        yield _line("not reportable", reason)
    commit = "no commit known" if code["commit"] is None else f"commit {code['commit']}"
    yield _line("code", f"{code['version']}, {commit}" + (", with changes" if code["dirty"] else ""))
    if data is not None:
        verified = "verified" if data["verified"] else "not verified"
        yield _line("data", f"{data['name']} from {data['source']}, {verified}, content {data['content_sha256']}")
        yield from (_line("data note", warning) for warning in (data.get("profile") or {}).get("warnings", []))
    yield _line("started", run["started"])
    measured = {
        "seconds": run["seconds"],
        **{key: run.get(key) for key in ("training_seconds", "evaluation_seconds", "examples_per_second")},
        **{key: run.get(key) for key in ("peak_memory_bytes", "attempts", "world_size", "threads", "padding_share")},
    }
    yield _line("measured", " ".join(f"{key}={_short(value)}" for key, value in measured.items() if value is not None))
    yield _line("hardware", " ".join(f"{key}={_short(value)}" for key, value in machine.items()))
    yield _line("packages", " ".join(f"{name}=={version}" for name, version in run["packages"].items()))
    if run.get("command"):
        yield _line("typed then", run["command"])


def _short(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else value if isinstance(value, str) else json.dumps(value)


def _again(shown: Mapping[str, Any]) -> Iterator[str]:
    if shown["command"] is None:
        yield from (f"  {line}" for line in f"no command gives it: {shown['no_command']}".splitlines())
        return
    yield f"  {shown['command']}"
    if shown["state"] == "finished":
        yield "  where its record is in paths.runs already, with trainer.again=true; to compare the two, unroll verify"
