"""The checks of `unroll doctor`, in the order in which they are shown."""

import platform
from collections.abc import Sequence

from unroll.doctor import gpu, machine, ranks, software, storage
from unroll.doctor.line import OK, Check, Finding, Settings, examine


def doctor(overrides: Sequence[str] = (), config_dir: str | None = None) -> list[Finding]:
    """Examine this machine for what the overrides would run; never raises for what it finds."""
    return examine(CHECKS, Settings(tuple(overrides), config_dir))


def python(settings: Settings) -> list[Finding]:
    """The interpreter, beside what Unroll needs and what its pins were made with."""
    return [software.judge_python(platform.python_version(), software.python_needed(), software.python_of_pins())]


def packages(settings: Settings) -> list[Finding]:
    """Every package that Unroll needs, directly or not, beside its pinned version."""
    pins = software.read_pins(software.constraints_file().read_text(encoding="utf-8"))
    return [software.judge_packages(software.installed(), pins, software.required())]


def configuration(settings: Settings) -> list[Finding]:
    """The YAML groups compose, with what the user gave."""
    from unroll.registry.groups import config_directories

    config = settings.config
    folders = ", ".join(str(folder) for folder in config_directories(settings.config_dir))
    return [Finding("configuration", OK, f"task={config['task']['name']}, from {folders}")]


CHECKS: dict[str, Check] = {
    "python": python,
    "packages": packages,
    "plugins": software.plugins,
    "code": software.code,
    "configuration": configuration,
    "devices": machine.devices,
    "gpus": gpu.gpus,
    "communication": machine.communication,
    "ranks": ranks.ranks,
    "slurm": machine.slurm,
    "wandb": machine.wandb,
    "disk": storage.disk,
    "data": storage.data,
}
