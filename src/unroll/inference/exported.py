"""Exported models: a folder with the weights, what the task has learned, the config, and a card.

    model.json    the config without paths, what the task has learned (tokenizers, scales), scores, the data's hash
    weights.ckpt  tensors alone: the network's weights, and arrays that model.json names
    README.md     the card

Both files carry a digest. Reading builds classes of Unroll and of installed plugins only, and unpickles nothing.
"""

import hashlib
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from unroll import __version__
from unroll.atomic import replacing
from unroll.config.trial import Trial
from unroll.config.typed import completed
from unroll.errors import UserError
from unroll.inference.card import card
from unroll.inference.state import packed, unpacked
from unroll.models.network import Network
from unroll.names import check_id
from unroll.registry.components import refuse_foreign
from unroll.tasks.task import Task, lacks
from unroll.training import checkpoint
from unroll.training.predictions import weights_sha256
from unroll.training.prepared import build_task, sized

if TYPE_CHECKING:
    from unroll.inference.model import Model

FORMAT = 1
MODEL, WEIGHTS, CARD = "model.json", "weights.ckpt", "README.md"
_MACHINES = ("paths", "trainer", "logger", "hydra")  # parts of a config that are about where it was trained


class Read(NamedTuple):
    """What a folder holds. record: of its trial, that part of it which is exported."""

    trial: Trial
    record: dict[str, Any]
    task: Task
    network: Network


def write(model: "Model", folder: Path) -> Path:
    """Write a model, settled, into a new or empty folder, which is returned.

    Raises:
        UserError: the folder holds something, or the task or a tokenizer of one's own does not say what it has learned.
    """
    task, trial = model.task, model.trial
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UserError("The folder to export to is not empty.", saw=folder, allowed="a new or an empty folder")
    if not task.learned:
        raise lacks(task, "learned = (names of attributes)", "what it has learned from train")
    arrays: dict[str, Any] = {}
    learned = {name: packed(getattr(task, name), name, arrays) for name in task.learned}
    record = model.record or {}
    result = record.get("result") or {}
    about = {
        "format": FORMAT,
        "unroll": __version__,
        "trial_id": trial.trial_id,
        "config": {key: value for key, value in trial.plain.items() if key not in _MACHINES},
        "learned": learned,
        "weights_sha256": weights_sha256(model.network.state_dict()),
        "data_sha256": result.get("data_sha256"),
        "metrics": result.get("metrics"),
        "flops": record.get("flops"),
        "shapes": {layer.name: layer.shape for layer in model.summary().layers},
    }
    text = json.dumps(about, indent=1, ensure_ascii=False).encode()
    folder.mkdir(parents=True, exist_ok=True)
    weights = {name: tensor.cpu() for name, tensor in model.network.state_dict().items()}
    progress = {"trial_id": trial.trial_id, "model_sha256": hashlib.sha256(text).hexdigest()}
    checkpoint.save(folder / WEIGHTS, {"network": weights, "arrays": arrays, "progress": progress})
    for name, content in ((MODEL, text), (CARD, card(model, about).encode())):
        with replacing(folder / name) as draft:
            draft.write_bytes(content)
    return folder


def read(folder: Path, trust: bool = False) -> Read:
    """Return what a folder holds.

    Args:
        folder: that `write` wrote.
        trust: whether to import what its config names beside Unroll and installed plugins.

    Raises:
        UserError: it is damaged, of a later format, or names code that is not trusted.
    """
    path = folder / MODEL
    try:
        content = path.read_bytes()
        about = json.loads(content)
        number, config = about["format"], about["config"]
        if number > FORMAT:
            saw, allowed = f"format {number}, written by Unroll {about['unroll']}", f"format {FORMAT} or earlier"
            raise UserError(f"{path} is of a later Unroll.", saw=saw, allowed=allowed)
        trial_id = check_id(about["trial_id"])
    except UserError:
        raise
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _damaged(path, error) from error
    loaded = checkpoint.load(folder / WEIGHTS, trial_id, ended=True)
    if loaded["progress"].get("model_sha256") != hashlib.sha256(content).hexdigest():
        raise _damaged(path, "its digest is not that of its content")
    if not trust:
        refuse_foreign(config, f"The model in {folder}", "trust=True, at the command line --trust,")
    try:
        trial = Trial(_here(config), trial_id)
        task = build_task(trial)
        unknown = sorted(set(task.learned) ^ set(about["learned"]))
        if unknown:
            raise ValueError(f"what is learned is not what the task has: {', '.join(unknown)}")
        own = config["data"].get("tokenizer") or {}
        for name in task.learned:
            setattr(task, name, unpacked(about["learned"][name], loaded["arrays"], own))
        network = sized(trial, task)[0]()
        network.load_state_dict(loaded["network"])
    except UserError:
        raise
    except Exception as error:  # a file may tell anything
        raise _damaged(path, error) from error
    told: dict[str, Any] = {name: about.get(name) or {} for name in ("flops", "shapes")}
    told["result"] = {"metrics": about.get("metrics"), "data_sha256": about.get("data_sha256")}
    return Read(trial, told, task, network.eval())


def is_exported(folder: Path) -> bool:
    """Whether a model was exported to a folder."""
    return (folder / MODEL).is_file()


def _here(config: dict[str, Any]) -> dict[str, Any]:
    """An exported config with this machine's paths."""
    paths = {
        "runs": "runs",
        "cache": os.environ.get("UNROLL_CACHE", "~/.cache/unroll"),
        "data": os.environ.get("UNROLL_DATA"),
    }
    return {**completed(config), "paths": paths}


def _damaged(path: Path, why: object) -> UserError:
    saw = why if isinstance(why, str) else f"{type(why).__name__}: {str(why).partition(chr(10))[0]}"
    return UserError(f"The exported model {path} cannot be read.", saw=saw, allowed="the folder as it was exported")
