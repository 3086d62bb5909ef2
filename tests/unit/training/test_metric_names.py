"""Metrics that a trial may be ranked by: those that its method will really give."""

import pytest

from unroll.config.compose import compose
from unroll.errors import UserError
from unroll.training.metric_names import check_metrics
from unroll.training.prepared import build_task

ELBO = ["task.primary.name=elbo", "task.primary.direction=higher", "task.primary.unit=nats"]
NLL = ["task.primary.name=nll_per_token", "task.primary.direction=lower", "task.primary.unit=nats"]
PARALLEL = ["task.primary.name=nll_per_token_parallel", *NLL[1:]]


def check(*overrides: str) -> None:
    trial = compose(list(overrides))
    check_metrics(build_task(trial), trial)


@pytest.mark.parametrize(
    "overrides",
    [
        ["task=generation", "architecture=ae_variational", *ELBO],
        ["task=translation", "architecture=gru", *NLL],
        ["task=translation", "architecture=mlp", *PARALLEL],
    ],
)
def test_a_networks_own_metric_may_be_primary(overrides: list[str]) -> None:
    check(*overrides)


@pytest.mark.parametrize(
    "overrides",
    [
        ["task=generation", "architecture=ae", *ELBO],
        ["task=generation", "baseline=gmm", *ELBO],
        ["task=translation", "architecture=mlp", *NLL],
        ["task=translation", "baseline=copy", *NLL],
    ],
)
def test_where_the_method_does_not_give_it_it_is_refused(overrides: list[str]) -> None:
    with pytest.raises(UserError, match="has no such metric"):
        check(*overrides)
