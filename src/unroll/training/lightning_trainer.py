"""Lightning as trials use it: what is ours is switched off there, and it keeps its tips to itself."""

import contextlib
import logging
import warnings
from collections.abc import Iterator

import pytorch_lightning as lightning
import torch
from pytorch_lightning.profilers import PassThroughProfiler
from pytorch_lightning.strategies import DDPStrategy

from unroll.config.schema import Config
from unroll.training.callbacks import Training
from unroll.training.cluster import lightning_plugins
from unroll.training.preemption import slurm_plugins


def build_trainer(config: Config, training: Training) -> lightning.Trainer:
    """The Trainer of a trial: its devices and precision, our callback, nothing else."""
    options, optimizer = config.trainer, config.network.optimizer
    unused = config.task.options.get("protocol") == "pretrain"  # each phase leaves out parameters
    ranks = options.devices * options.num_nodes
    torch.use_deterministic_algorithms(False)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    clip = optimizer.clip_value if optimizer.clip_norm is None else optimizer.clip_norm
    with quiet():
        trainer = lightning.Trainer(
            accelerator=options.accelerator,
            devices=options.devices,
            num_nodes=options.num_nodes,
            strategy=_together(unused) if ranks > 1 else "auto",
            precision=options.precision,
            plugins=lightning_plugins() or slurm_plugins(),
            max_epochs=1,
            logger=False,
            callbacks=[training],
            enable_checkpointing=False,
            enable_progress_bar=False,
            enable_model_summary=False,
            limit_val_batches=0,
            num_sanity_val_steps=0,
            gradient_clip_val=clip,
            gradient_clip_algorithm="norm" if optimizer.clip_norm is not None else "value",
            deterministic=options.deterministic,
            use_distributed_sampler=False,
            profiler=_Unprofiled(),
        )
    # It would ask rank 0 before each step whether a SIGTERM came, and take a lost connection for a no. Ours agree.
    trainer.fit_loop.epoch_loop._broadcast_sigterm_tensor = lambda: None  # type: ignore[method-assign]
    return trainer


class _Unprofiled(PassThroughProfiler):
    """One empty context for all: Lightning's makes a new generator, 46 times a step."""

    _nothing = contextlib.nullcontext()

    def profile(self, action_name: str) -> contextlib.AbstractContextManager[None]:  # type: ignore[override]
        return self._nothing


def _together(unused: bool) -> DDPStrategy:
    """Gradients lie where they are exchanged, and are not copied there; buffers are constants, equal on all ranks."""
    return DDPStrategy(
        static_graph=False, find_unused_parameters=unused, broadcast_buffers=False, gradient_as_bucket_view=True
    )


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Lightning without its tips: what matters to a user, we say."""
    logger = logging.getLogger("pytorch_lightning")
    level = logger.level
    logger.setLevel(logging.ERROR)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            yield
        finally:
            logger.setLevel(level)
