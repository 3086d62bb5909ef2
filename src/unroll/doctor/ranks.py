"""Whether the ranks that a config asks for would pay: a step at the whole batch, at a rank's share, and an exchange."""

import multiprocessing
import os
import statistics
import tempfile
from pathlib import Path
from typing import Any

from unroll.doctor.line import OK, WARNING, Finding, Settings

PAYS = 0.8  # of the ideal speed, from which several ranks are worth their devices
WARM_UP, TIMED = 3, 20  # exchanges
SECONDS = 120  # for all of them, start of the processes included


def ranks(settings: Settings) -> list[Finding]:
    """For a config of several ranks, how fast they can be at best: a few steps are timed, on data that are here."""
    from unroll.data.sources import NoSource
    from unroll.training.cluster import visible_gpus
    from unroll.training.devices import kind_of
    from unroll.training.shares import share_seconds

    trial = settings.trial
    trainer = trial.config.trainer
    world = trainer.devices * trainer.num_nodes
    if world == 1 or trial.is_baseline:
        return []
    try:
        found = share_seconds(trial, world)
    except NoSource:
        todo = f"unroll data fetch {trial.plain['data']['name']}"
        return [Finding("ranks", WARNING, f"whether {world} ranks pay was not timed: their data are not here", todo)]
    kind = kind_of(trainer.accelerator)
    room = visible_gpus() if kind != "cpu" else os.cpu_count() or 1
    here = min(trainer.devices, room)
    exchange = exchange_seconds(found.gradient_bytes, here, kind) if here > 1 else None
    size = trial.config.data.batch_size
    return [judge_ranks(world, size, found.whole, found.share, exchange, found.gradient_bytes)]


def exchange_seconds(size: int, count: int, kind: str) -> float | None:
    """Seconds, the median of 20, in which processes of this machine sum so many bytes; None where that fails."""
    spawning = multiprocessing.get_context("spawn")
    with tempfile.TemporaryDirectory(prefix="unroll-exchange-") as folder:
        own, others = spawning.Pipe(duplex=False)
        given = (count, size // 4, kind, str(Path(folder) / "store"), others)
        processes = [spawning.Process(target=_exchange, args=(number, *given), daemon=True) for number in range(count)]
        for process in processes:
            process.start()
        others.close()
        try:
            found = own.recv() if own.poll(SECONDS) else None
        except EOFError:  # they ended without a word
            found = None
        for process in processes:
            process.join(SECONDS if found is not None else 0)
            process.kill()
        return found


def _exchange(number: int, count: int, numbers: int, kind: str, store: str, told: Any) -> None:
    import time

    import torch
    from torch import distributed
    from torch.distributed import FileStore  # type: ignore[attr-defined]

    torch.set_num_threads(1)
    device = torch.device(kind, number) if kind == "cuda" else torch.device("cpu")
    backend = "nccl" if kind == "cuda" else "gloo"
    if kind == "cuda":
        torch.cuda.set_device(device)
    distributed.init_process_group(backend, store=FileStore(store, count), rank=number, world_size=count)
    gradients, seconds = torch.zeros(numbers, device=device), []
    for _ in range(WARM_UP + TIMED):
        began = time.perf_counter()
        distributed.all_reduce(gradients)
        if kind == "cuda":
            torch.cuda.synchronize()
        seconds.append(time.perf_counter() - began)
    if number == 0:
        told.send(statistics.median(seconds[WARM_UP:]))
    distributed.destroy_process_group()


def judge_ranks(world: int, batch: int, whole: float, share: float, exchange: float | None, size: int) -> Finding:
    """Say whether several ranks can pay.

    At best the exchange of gradients hides behind the computation, and a step takes the longer of the two; at worst
    it takes their sum. Efficiency is the speed, as a share of `world` times that of one rank.

    Args:
        world: ranks.
        batch: examples of a step.
        whole: seconds of a step of one rank.
        share: seconds of a step at one rank's share of the batch, without an exchange.
        exchange: seconds of one among processes of this machine; None: not timed.
        size: bytes of the gradients.
    """
    best, worst = (whole / (world * seconds) for seconds in (max(share, exchange or 0), share + (exchange or 0)))
    seen = f"one rank's step of {batch} examples takes {_ms(whole)}, of its share among {world} {_ms(share)}"
    bytes_ = f"{size / 1e6:.1f} MB of gradients"
    if exchange is None:
        seen += f"; exchanging {bytes_} could not be timed here"
        efficiency = f"at most {best:.2f}"
    else:
        seen += f", exchanging {bytes_} {_ms(exchange)}"
        efficiency = f"{worst:.2f} to {best:.2f}"
    seen += f": {world} ranks are at best {best * world:.2f} times as fast as one (efficiency {efficiency})"
    if best >= PAYS:
        return Finding("ranks", OK, seen)
    slower = best * world <= 1
    word = "do not pay" if slower else "pay only where one trial has to end sooner"
    todo = "trainer.devices=1 trainer.num_nodes=1, and a trial on each device"
    return Finding("ranks", WARNING, f"{seen}, and {word}", todo)


def _ms(seconds: float) -> str:
    return f"{1e3 * seconds:.1f} ms"
