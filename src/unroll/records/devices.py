"""The device that a record's trial ran on, also of records from before `run.device`."""

from collections.abc import Mapping
from typing import Any, NamedTuple

from unroll.config.identity import is_baseline


class Device(NamedTuple):
    """What computed: kind is cpu, cuda or mps; name tells GPUs apart and is `cpu` for any CPU."""

    kind: str
    name: str

    def __str__(self) -> str:
        return self.name


def device_used(record: Mapping[str, Any]) -> Device:
    """Return the device of a finished record, as it says; an older one took a GPU that it saw, unless told not to."""
    run, trainer = record["run"], record["config"]["trainer"]
    found = run.get("device")
    if found is not None:
        return Device(found["kind"], found["name"])
    gpus = run["hardware"].get("gpus") or []
    if not gpus or trainer.get("accelerator") == "cpu" or is_baseline(record["config"]):
        return Device("cpu", "cpu")
    return Device("cuda", gpus[0])


def cpu_name(hardware: Mapping[str, Any]) -> str:
    """Return the model of a CPU and its widest vectors, by which one model differs from itself in a cloud."""
    vectors = hardware.get("cpu_capability")
    return f"{hardware.get('cpu') or 'a CPU that is not recorded'}{f' ({vectors})' if vectors else ''}"
