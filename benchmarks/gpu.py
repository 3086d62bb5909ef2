"""What a training step costs on an NVIDIA GPU, and what many trials on one card are worth.

Five trainings: `ae` on MNIST (batch 128), `lstm` on SST (64), `bigru` with additive attention on Multi30k, `tree_lstm`
on SST, and a `gru` that reads MNIST pixel by pixel (784 steps). Each through Unroll, where it can also with
`trainer.cuda_graphs`; and, where `overhead.py` has written it by hand, through that loop, through it with all batches
on the card beforehand, and with its whole step as one CUDA graph where batches are of one shape. In single precision,
with TF32 and in bfloat16. The ways alternate; each is timed for 200 steps after 50, the card awaited at both ends.

Then 20 steps are profiled: launches a step, and the share of the time in which the card computes. Last, so many
processes train one small trial each on the one card, which shows what packing gives (`mps`: NVIDIA's daemon is there).

    UNROLL_DATA=<folder> python -m benchmarks.gpu [--only ae lstm] [--repeats 3] [--processes 1 4 8] [--out FILE]

Ten minutes at most. Writes one JSON with the card's name: `gpu-<card>.json` beside this file; it is to be committed.
"""

import argparse
import json
import math
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.profiler import ProfilerActivity, profile

from benchmarks.hand_written import SEED
from benchmarks.needed_data import require_data
from benchmarks.overhead import CLIP_NORM, LEARNING_RATE, LOG_EVERY, SENTENCES, Case, Clock, TimedBatches, build_case
from benchmarks.overhead import run_unroll as trained
from unroll.config.compose import compose
from unroll.config.trial import Trial
from unroll.data.splits import Batch
from unroll.errors import UserError
from unroll.records.provenance import provenance
from unroll.records.record import read_record
from unroll.training.devices import device_fields, no_cuda, set_tf32
from unroll.training.graphs import check_graphs
from unroll.training.prepared import prepared_task

HERE = Path(__file__).parent
WARM, TIMED, PROFILED = 50, 200, 20
CASES = {
    "ae": ["task=compression", "data=mnist", "architecture=ae"],
    "lstm": [*SENTENCES, "architecture=lstm"],
    "bigru": ["task=translation", "data=multi30k_de_en", "architecture=bigru", "task.attention=additive"],
    "tree_lstm": [*SENTENCES, "architecture=tree_lstm"],
    "gru": ["task=classification", "data=mnist", "architecture=gru", "task.order=pixels"],
}
BY_HAND = ("ae", "lstm")  # those whose hand-written loop `overhead.py` has
ONE_SHAPE = ("ae",)  # of those
NUMBERS: dict[str, dict[str, Any]] = {
    "32-true": {"precision": "32-true", "tf32": False},
    "tf32": {"precision": "32-true", "tf32": True},
    "bf16": {"precision": "bf16-mixed", "tf32": False},
}
LAUNCHES = re.compile(r"cu(da)?(LaunchKernel|LaunchCooperativeKernel|GraphLaunch)")
Marks = Mapping[int, Callable[[], None]]  # what is done before the step of that number, counted from 0
Way = Callable[[Marks], Clock]


class MarkedBatches(TimedBatches):
    """Training batches with marks among them."""

    marks: Marks

    def __iter__(self) -> Iterator[Batch]:
        for number, batch in enumerate(super().__iter__()):
            if number in self.marks:
                self.marks[number]()
            yield batch


@dataclass
class Marked(Case):
    """A case whose clock starts after it has warmed up."""

    marks: Marks = field(default_factory=dict)

    def unroll_batches(self, clock: Clock) -> TimedBatches:
        size = self.trial.plain["data"]["batch_size"]
        found = MarkedBatches(clock, self.task.splits["train"], size, SEED, 0, self.steps)
        found.marks = {WARM: clock.start, **self.marks}
        return found


def through_unroll(case: Case, device: torch.device, numbers: Mapping[str, Any], marks: Marks) -> Clock:
    """Train as `unroll train` does, on a device, in a precision."""
    where = {"accelerator": "cpu" if device.type == "cpu" else "gpu", **numbers}
    plain = {**case.trial.plain, "trainer": {**case.trial.plain["trainer"], **where}}
    given = {name: getattr(case, name) for name in Case.__dataclass_fields__}
    return trained(Marked(**{**given, "trial": Trial(plain, case.trial.trial_id)}, marks=marks))


def by_hand(case: Case, device: torch.device, numbers: Mapping[str, Any], marks: Marks, resident: bool) -> Clock:
    """Train by the hand-written loop; `resident`: all batches are on the device before."""
    model, rounded = _hand(case, device), numbers["precision"] == "bf16-mixed"
    parameters = list(model.parameters())
    optimizer = torch.optim.Adam(parameters, LEARNING_RATE, fused=True)
    given: Iterable[tuple[Tensor, ...]] = (rows for _, rows in islice(case.hand_batches(), case.steps))
    if resident:
        given = [_on(device, rows) for rows in given]
    total, clock = torch.zeros((), device=device), Clock()
    for step, rows in enumerate(given):
        _mark(step, clock, marks)
        optimizer.param_groups[0]["lr"] = _rate(step, case.steps)
        with torch.autocast(device.type, torch.bfloat16, enabled=rounded):
            loss = model.loss(*(rows if resident else _on(device, rows)))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, CLIP_NORM)
        optimizer.step()
        total += loss.detach()
        if (step + 1) % LOG_EVERY == 0:
            total.zero_() if math.isfinite(total.item()) else None
    clock.stop()
    return clock


def as_a_graph(case: Case, device: torch.device, numbers: Mapping[str, Any], marks: Marks) -> Clock:
    """Train by the hand-written loop with its whole step as one CUDA graph, all batches on the device before."""
    model, rounded = _hand(case, device), numbers["precision"] == "bf16-mixed"
    parameters, rate = list(model.parameters()), torch.tensor(LEARNING_RATE, device=device)
    optimizer = torch.optim.Adam(parameters, rate, fused=True, capturable=True)
    given = [_on(device, rows) for _, rows in islice(case.hand_batches(), case.steps)]
    place, clock = tuple(part.clone() for part in given[0]), Clock()

    def step_once() -> Tensor:
        optimizer.zero_grad()
        with torch.autocast(device.type, torch.bfloat16, enabled=rounded, cache_enabled=False):
            loss: Tensor = model.loss(*place)
        loss.backward()
        nn.utils.clip_grad_norm_(parameters, CLIP_NORM)
        optimizer.step()
        return loss

    beside = torch.cuda.Stream()
    beside.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(beside):
        for _ in range(3):
            step_once()
    torch.cuda.current_stream().wait_stream(beside)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        loss = step_once()
    for step, rows in enumerate(given):
        _mark(step, clock, marks)
        for to, part in zip(place, rows, strict=True):
            to.copy_(part)
        rate.fill_(_rate(step, case.steps))
        graph.replay()
    clock.stop()
    assert math.isfinite(float(loss))
    return clock


def _hand(case: Case, device: torch.device) -> Any:
    torch.use_deterministic_algorithms(False)  # as in overhead.py
    torch.manual_seed(SEED)
    return case.hand().to(device)


def _on(device: torch.device, rows: Sequence[Tensor]) -> tuple[Tensor, ...]:
    return tuple(part.to(device) for part in rows)


def _rate(step: int, steps: int) -> float:
    return LEARNING_RATE * (1 + math.cos(math.pi * step / steps)) / 2


def _mark(step: int, clock: Clock, marks: Marks) -> None:
    if step == WARM:
        clock.start()
    if step in marks:
        marks[step]()


def ways_of(case: Case, device: torch.device, numbers: Mapping[str, Any]) -> dict[str, Way]:
    """The ways to train a case in a precision, by name."""
    found: dict[str, Way] = {"unroll": lambda marks: through_unroll(case, device, numbers, marks)}
    if can_be_graphed(case.trial):
        found["unroll, graphs"] = lambda marks: through_unroll(case, device, {**numbers, "cuda_graphs": True}, marks)
    if case.name in BY_HAND:
        found["by hand"] = lambda marks: by_hand(case, device, numbers, marks, resident=False)
        found["by hand, data on the card"] = lambda marks: by_hand(case, device, numbers, marks, resident=True)
    if case.name in ONE_SHAPE and device.type == "cuda":
        found["by hand, a graph"] = lambda marks: as_a_graph(case, device, numbers, marks)
    return found


def can_be_graphed(trial: Trial) -> bool:
    """Whether `trainer.cuda_graphs` is for this trial, on this machine."""
    trainer = {**trial.plain["trainer"], "accelerator": "auto", "cuda_graphs": True}
    try:
        check_graphs(Trial({**trial.plain, "trainer": trainer}, trial.trial_id))
    except UserError:
        return False
    return True


def measured(ways: Mapping[str, Way], steps: int, repeats: int) -> dict[str, dict[str, Any]]:
    """Of each way: ms a step (median of the repeats, and all), peak memory, launches and busy share."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    found: dict[str, dict[str, Any]] = {}
    for _ in range(repeats):
        for name, way in ways.items():
            if torch.cuda.is_initialized():
                torch.cuda.reset_peak_memory_stats()
            seconds[name].append(way({}).wall)
            found[name] = {"peak_memory_bytes": torch.cuda.max_memory_allocated() if torch.cuda.is_initialized() else 0}
    for name, way in ways.items():
        each = [round(1e3 * one / (steps - WARM), 4) for one in seconds[name]]
        found[name] |= {"ms_a_step": statistics.median(each), "all": each, **profiled(way)}
    return found


def profiled(way: Way) -> dict[str, float]:
    """Launches a step, and the share of the time in which the device computes, over some steps after warming up."""
    activities = [ProfilerActivity.CPU, *([ProfilerActivity.CUDA] if torch.cuda.is_available() else [])]
    looking, clock = profile(activities=activities), Clock()

    def begin() -> None:
        clock.start()
        looking.start()

    def end() -> None:
        clock.stop()
        looking.stop()

    way({WARM + 1: begin, WARM + 1 + PROFILED: end})
    return told(looking.key_averages(), clock.wall)


def told(averages: Iterable[Any], seconds: float) -> dict[str, float]:
    """What a profile says, from its events by name."""
    events = list(averages)
    launches = sum(event.count for event in events if LAUNCHES.match(event.key))
    busy = sum(event.self_device_time_total for event in events if event.device_type.name == "CUDA")
    return {"launches_a_step": launches / PROFILED, "busy": round(busy / 1e6 / seconds, 4)}


def packed(count: int, steps: int, runs: Path) -> dict[str, Any]:
    """Train one trial of the `lstm` case in each of so many processes at once."""
    budget = ["budget.epochs=null", f"budget.steps={steps}", "budget.validate_every=null", "trainer.progress=false"]
    command = [sys.executable, "-m", "unroll", "train", *CASES["lstm"], *budget, "trainer.diagnose=never"]
    places, began = [runs / f"{count}-{number}" for number in range(count)], time.monotonic()
    processes = [
        subprocess.Popen([*command, f"seed={seed}", f"paths.runs={place}"], stdout=subprocess.DEVNULL)
        for seed, place in enumerate(places)
    ]
    codes = [process.wait() for process in processes]
    seconds = time.monotonic() - began
    records = [read_record(path.parent)["run"] for place in places for path in place.glob("*/record.json")]
    pipe = Path(os.environ.get("CUDA_MPS_PIPE_DIRECTORY", "/tmp/nvidia-mps")) / "control"
    return {
        "processes": count,
        "ended_well": codes.count(0),
        "mps": pipe.exists(),
        "seconds": round(seconds, 1),
        "trials_an_hour": round(3600 * codes.count(0) / seconds, 1),
        "examples_a_second": round(sum(run["examples_per_second"] for run in records)),
        "peak_memory_bytes": sum(run["device"]["peak_memory_bytes"] or 0 for run in records),
    }


def built(name: str, runs: Path) -> Case:
    """A case with its data; without a hand-written side where there is none."""
    if name in BY_HAND:
        return build_case(name, WARM + TIMED, CASES[name], runs)
    silent = ["trainer.progress=false", f"trainer.log_every={LOG_EVERY}", f"paths.runs={runs}", f"seed={SEED}"]
    budget = ["budget.epochs=null", f"budget.steps={WARM + TIMED}", "budget.validate_every=null"]
    trial = compose([*CASES[name], *silent, *budget])
    return Case(name, WARM + TIMED, trial, prepared_task(trial)[0], lambda: None, lambda: iter(()))


def main() -> None:
    """Measure, print and write."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--only", nargs="*", choices=CASES, default=list(CASES))
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--processes", nargs="*", type=int, default=[1, 4, 8])
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    reason = no_cuda()
    if reason is not None:
        raise UserError("The benchmark needs an NVIDIA GPU.", saw=reason, allowed="a machine with one; make bench-gpu")
    require_data("gpu", "sst", "mnist", "multi30k")
    torch.set_num_threads(1)
    device = torch.device("cuda", 0)
    card, began = torch.cuda.get_device_name(device), time.monotonic()
    steps: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        runs = Path(folder)
        packing = [packed(count, 1000, runs) for count in options.processes]  # before this process holds memory
        for name in options.only:
            case = built(name, runs)
            steps[name] = {}
            for said, numbers in NUMBERS.items():
                set_tf32(numbers["tf32"])
                steps[name][said] = measured(ways_of(case, device, numbers), case.steps, options.repeats)
                print(name, said, {way: one["ms_a_step"] for way, one in steps[name][said].items()}, flush=True)
    found = {
        "card": card,
        "date": datetime.now(UTC).date().isoformat(),
        "seconds": round(time.monotonic() - began),
        "device": device_fields(device, "32-true", False),
        "code": provenance()["code"],
        "steps": steps,
        "packing": packing,
    }
    path = options.out or HERE / f"gpu-{re.sub('[^a-z0-9]+', '-', card.lower())}.json"
    path.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    print(f"Written: {path}")


if __name__ == "__main__":
    try:
        main()
    except UserError as error:
        sys.exit(str(error))
