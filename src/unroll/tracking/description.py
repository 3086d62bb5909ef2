"""What a run in W&B is: a pure function of a trial's record, finished or under way. No wandb here.

Live runs, runs made again from records, and baselines are all described by it, under names that are the same for every
task, so that one panel compares all of them. docs/wandb.md lists the names.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from unroll.config.identity import decisive, digest, identity, is_baseline, is_seeded
from unroll.config.problem import problem
from unroll.config.trial import row
from unroll.config.wandb_names import LONGEST, LONGEST_TAG
from unroll.errors import override_key
from unroll.records.devices import device_used
from unroll.registry.versions import component
from unroll.tracking.cleaned import cleaned
from unroll.tracking.skill import Baselines

NOT_REPORTABLE = "not-reportable"
DIGEST, LINES = "unroll/digest", "unroll/lines"  # of the summary: by them a run is known again
_GIB = 2**30
_BUDGET = ("epochs", "steps", "seconds", "flops", "parameters", "patience")
_NAMED_ELSEWHERE = ("task", "data", "architecture", "baseline", "seed")  # by the problem, the row and the seed
_OF_THE_MACHINE = ("paths", "logger", "trainer", "hydra")
_DIAGNOSTICS = {
    "diagnostics/grad_norm": ("gradient", "norm"),
    "diagnostics/growth_per_step": ("gradient", "growth_per_step"),
    "diagnostics/dead_share": ("code", "dead_share"),
    "diagnostics/saturated_share": ("code", "saturated_share"),
    "diagnostics/jacobian_norm": ("code", "jacobian_norm"),
}


@dataclass(frozen=True)
class Of:
    """What of a trial no record says.

    Attributes:
        suite: that it was trained for, or is shown with; None: for none.
        tuning: whether it is a point of a search.
    """

    suite: str | None = None
    tuning: bool = False


@dataclass(frozen=True)
class Description:
    """A run but for its history; `docs/wandb.md` explains each name."""

    id: str
    name: str
    group: str
    job_type: str
    tags: tuple[str, ...]
    notes: str
    config: dict[str, Any]
    summary: dict[str, Any]

    def signed(self, lines: int) -> "Description":
        """Return it with what tells in its summary whether another run holds the same, of whatever suite.

        Args:
            lines: of its history.
        """
        config = {key: value for key, value in self.config.items() if key not in ("suite", "kind")}
        summary = {key: value for key, value in self.summary.items() if key not in (DIGEST, LINES)}
        plain = {"name": self.name, "group": self.group, "notes": self.notes, "config": config, "summary": summary}
        text = json.dumps(plain, sort_keys=True, ensure_ascii=False, default=str)
        sign = hashlib.sha256(text.encode()).hexdigest()[:16]
        return replace(self, summary={**self.summary, DIGEST: sign, LINES: lines})


def described(record: Mapping[str, Any], baselines: Baselines | None = None, of: Of | None = None) -> Description:
    """Describe a trial.

    Args:
        record: of a trial that has ended, or what will be in it of one that is under way: `trial_id` and `config` at
            the least.
        baselines: that its skill is told by; None: those that Unroll publishes.
        of: what the record does not say.
    """
    of = of or Of()
    config, kind = record["config"], _kind(record["config"], of)
    posed, called = problem(config), row(config)
    seed = f" s{config['seed']}" if is_seeded(config) else ""
    differing = " ".join(_differing(_words(record)))
    found = Description(
        id=str(record["trial_id"]),
        name=_short(f"{called}{seed} {differing}".rstrip()),
        group=group(config),
        job_type=kind,
        tags=_tags(record, of),
        notes=" ".join(_again(_words(record))),
        config=_config(record, of, posed.name, called, kind),
        summary=_summary(record, baselines or Baselines()),
    )
    return replace(found, **_plain(found))


def group(config: Mapping[str, Any]) -> str:
    """Return what the seeds of one row share: problem, row, budget, and a hash of all that decides.

    W&B's mean over a group is then one over seeds, and nothing else.
    """
    try:
        decides = identity(config)
    except KeyError:  # it names code that is not here
        decides = decisive(config)
    decides = {key: value for key, value in decides.items() if key != "seed"}
    budget = _budget(config)
    parts = [problem(config).name, row(config), *([] if budget == "none" else [budget])]
    sign = digest(decides)[:6]
    return f"{' · '.join(parts)[: LONGEST - len(sign) - 3]} · {sign}"


def _plain(found: Description) -> dict[str, Any]:
    plain: dict[str, Any] = cleaned(vars(found))
    return {**plain, "tags": tuple(plain["tags"])}


def _kind(config: Mapping[str, Any], of: Of) -> str:
    if is_baseline(config):
        return "baseline"
    return "tuning" if of.tuning else "network"


def _words(record: Mapping[str, Any]) -> list[str]:
    """The overrides that the trial was trained by."""
    command = (record.get("run") or {}).get("command") or ""
    return [word for word in command.split() if "=" in word and not word.startswith("-")]


def _differing(words: Sequence[str]) -> list[str]:
    """Of the overrides those that tell one row of a problem from another."""
    return [
        word for word in words if override_key(word) not in _NAMED_ELSEWHERE and _section(word) not in _OF_THE_MACHINE
    ]


def _again(words: Sequence[str]) -> list[str]:
    """The command that trains the trial again, on any machine; nothing where it was trained by no command."""
    kept = [word for word in words if _section(word) not in ("paths", "logger", "hydra")]
    return ["unroll", "train", *kept] if kept else []


def _section(word: str) -> str:
    return override_key(word).split(".")[0].split("/")[0]


def _tags(record: Mapping[str, Any], of: Of) -> tuple[str, ...]:
    config = record["config"]
    found = [of.suite, config["task"]["name"], family(config)]
    found += [NOT_REPORTABLE] if record.get("reportable") is False else []
    return tuple(dict.fromkeys(tag[:LONGEST_TAG] for tag in found if tag))


def family(config: Mapping[str, Any]) -> str:
    """Return the kind of a trial's encoder by its component's short name, as RecurrentEncoder; `baseline` of one."""
    if is_baseline(config):
        return "baseline"
    node = config["architecture"]["encoder"]
    try:
        return component(node).name
    except KeyError:  # of code that is not here
        return str(node.get("_target_", "")).rpartition(".")[2]


def _budget(config: Mapping[str, Any]) -> str:
    budget = {} if is_baseline(config) else config.get("budget") or {}
    return ", ".join(f"{key}={budget[key]:g}" for key in _BUDGET if budget.get(key) is not None) or "none"


def _config(record: Mapping[str, Any], of: Of, posed: str, called: str, kind: str) -> dict[str, Any]:
    config, run = record["config"], record.get("run") or {}
    counted, device = record.get("parameters") or {}, run.get("device") or {}
    sizing = counted.get("sizing") or {}
    bottleneck = "none" if is_baseline(config) else config["bottleneck"].get("name", "none")
    architecture = {} if is_baseline(config) else config["architecture"]
    return {
        "problem": posed,
        "task": config["task"]["name"],
        "data": config["data"]["name"],
        "architecture": called,
        "bottleneck": bottleneck,
        "family": family(config),
        "kind": kind,
        "seed": config["seed"],
        "suite": of.suite,
        "budget": _budget(config),
        "parameters": counted.get("counted"),
        "width": sizing.get("width", _number(architecture.get("width"))),
        "protocol_version": config["task"]["protocol_version"],
        "data_sha256": (record.get("data") or {}).get("content_sha256"),
        "commit": (run.get("code") or {}).get("commit"),
        "version": (run.get("code") or {}).get("version"),
        "device": device_used(record).name if record.get("status") == "finished" else device.get("name"),
        "precision": device.get("precision"),
        "trial_id": record["trial_id"],
        "config": decisive(config),
    }


def _summary(record: Mapping[str, Any], baselines: Baselines) -> dict[str, Any]:
    status = record.get("status")
    if status is None:
        return {}
    task, run, result = record["config"]["task"], record.get("run") or {}, record.get("result") or {}
    selection, gap = result.get("selection") or {}, (result.get("train") or {}).get("gap") or {}
    primary, ends = result.get("primary") or {}, baselines.ends(record)
    counted, operations = record.get("parameters") or {}, (record.get("flops") or {}).get("training")
    seconds = run.get("training_seconds")
    peak = (run.get("device") or {}).get("peak_memory_bytes") or run.get("peak_memory_bytes")
    found = {
        "primary": primary.get("value"),
        "primary/name": task["primary"]["name"],
        "primary/unit": task["primary"].get("unit", ""),
        "primary/direction": task["primary"]["direction"],
        "primary/skill": baselines.skill(record),
        "primary/skill_of": None if ends is None else str(ends),
        "selection/best": selection.get("value"),
        "selection/step": selection.get("step"),
        "generalisation_gap": gap.get("value"),
        "cost/seconds": run.get("seconds") if seconds is None else seconds,
        "cost/tflop": None if operations is None else operations / 1e12,
        "cost/parameters": counted.get("counted"),
        "cost/examples_per_second": run.get("examples_per_second"),
        "cost/peak_gib": None if peak is None else peak / _GIB,
        "status": status,
        "reportable": record.get("reportable"),
        "why_not": "; ".join(record.get("why_not_reportable") or ()),
    }
    diagnosed = record.get("diagnostics") or {}
    found |= {name: (diagnosed.get(part) or {}).get(key) for name, (part, key) in _DIAGNOSTICS.items()}
    for split, metrics in (result.get("metrics") or {}).items():
        found |= {f"{split}/{name}": value for name, value in metrics.items()}
    return found


def _number(value: Any) -> int | None:
    return value if isinstance(value, int) else None  # a width that is yet to be solved is a text


def _short(text: str) -> str:
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"
