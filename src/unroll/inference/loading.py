"""`load`: a trial, its id, its directory, or an exported folder comes in; a `Model` goes out."""

from pathlib import Path

import torch

from unroll.config.trial import Trial
from unroll.errors import UserError
from unroll.inference.exported import Read, is_exported, read
from unroll.inference.model import Model
from unroll.records.store import locate
from unroll.training.load import Trained, load_trained


def load(place: Trial | str | Path, *, runs: str | Path = "runs", trust: bool = False, device: str = "cpu") -> Model:
    """Return a trained model, ready to predict.

    Args:
        place: a trial that was composed here, a trial's id under `runs`, its directory, or a folder of `export`.
        runs: the folder of trials.
        trust: whether to import what the folder's config names beside Unroll and installed plugins; that runs it.
        device: where the network is: cpu, cuda, cuda:1.

    Raises:
        UserError: there is no such trial or folder, it is damaged, the data of a trial are not here or others than it
            was trained on, the config names code that is not trusted, or there is no such device.
    """
    if not isinstance(place, Trial | str | Path):
        allowed = "a trial, its id, its directory, or a folder of an exported model"
        raise UserError("This is no trial.", saw=f"{type(place).__name__} {place!r:.60}", allowed=allowed)
    if not isinstance(place, Trial) and is_exported(Path(place)):
        model = _model(read(Path(place), trust), settled=True)
    else:
        if not isinstance(place, Trial):
            if Path(place).is_dir() and not (Path(runs) / place).is_dir():
                place = Path(place)  # `load_trained` says what it lacks
            else:
                found = locate(place, runs)
                place = found.parent if found.is_file() else found
        model = _model(load_trained(place, trust), settled=False)
    try:
        model.network.to(torch.device(device))
    except (RuntimeError, AssertionError) as error:
        saw = f"{device}: {str(error).partition(chr(10))[0]}"
        raise UserError("The network cannot be put on this device.", saw=saw, allowed="cpu, or cuda:NUMBER") from error
    model.device = device
    return model


def _model(found: Trained | Read, settled: bool) -> Model:
    return Model(found.trial, found.task, found.network, found.record, settled=settled)
