"""Names in W&B: the config's, else the environment's, else ours; what W&B refuses is refused before any work."""

from typing import Any

import pytest

from unroll.config.compose import compose
from unroll.config.schema import Wandb
from unroll.config.wandb_names import check_wandb_names, wandb_names
from unroll.errors import UserError

NOTHING: dict[str, Any] = {"mode": "offline"}
ENVIRONMENT = {
    "WANDB_PROJECT": "theirs",
    "WANDB_ENTITY": "lab",
    "WANDB_RUN_GROUP": "first try",
    "WANDB_NAME": "a name",
    "WANDB_TAGS": "a,b",
}


def names(given: dict[str, Any], environment: dict[str, str]) -> dict[str, Any]:
    config = compose([]).config
    logger = config.logger.model_copy(update={"wandb": Wandb(**NOTHING, **given)})
    return wandb_names(config.model_copy(update={"logger": logger}), environment)


def test_who_names_a_run() -> None:
    ours = {
        "project": "unroll",
        "entity": None,
        "group": None,
        "name": None,
        "tags": None,
    }
    theirs = {"project": "theirs", "entity": "lab", "group": "first try", "name": "a name", "tags": ["a", "b"]}
    typed = {"project": "mine", "entity": "me", "group": "g", "tags": ["c"]}
    assert names({}, {}) == ours
    assert names({}, dict.fromkeys(ENVIRONMENT, "")) == ours
    assert names({}, ENVIRONMENT) == theirs
    assert names(typed, ENVIRONMENT) == typed | {"name": "a name"}


@pytest.mark.parametrize(
    ("override", "saw"),
    [
        ("logger.wandb.project=a/b", "logger.wandb.project='a/b'"),
        ("logger.wandb.project=''", "logger.wandb.project=''"),
        (f"logger.wandb.project={'p' * 129}", "129 characters"),
        (f"logger.wandb.group={'g' * 129}", "129 characters"),
        ("logger.wandb.entity='  '", "logger.wandb.entity='  '"),
        (f"logger.wandb.tags=[good,{'t' * 65}]", "65 characters"),
        ("logger.wandb.tags=['']", "logger.wandb.tags=''"),
        ('logger.wandb.tags=["a\tb"]', "logger.wandb.tags='a\\tb'"),
    ],
)
def test_what_wandb_refuses_is_refused_before_any_work(override: str, saw: str) -> None:
    with pytest.raises(UserError, match="W&B takes no such") as error:
        compose([override])
    assert saw in str(error.value)


@pytest.mark.parametrize("key", ["WANDB_PROJECT", "WANDB_RUN_GROUP", "WANDB_NAME", "WANDB_ENTITY", "WANDB_TAGS"])
def test_the_environments_names_count_where_wandb_is_used(key: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(key, "x" * 129)
    compose([])
    with pytest.raises(UserError, match=f"{key}='xxx"):
        compose(["logger=wandb_offline"])


def test_the_longest_names_are_taken() -> None:
    given = {"project": "p" * 128, "entity": "e" * 128, "group": "ä" * 128, "tags": ["t" * 64, "a b"]}
    check_wandb_names(Wandb(**NOTHING, **given), {"WANDB_NAME": "n" * 128})


def test_time_for_wandb_is_a_positive_number() -> None:
    assert compose(["logger.wandb.timeout_seconds=2.5"]).plain["logger"]["wandb"]["timeout_seconds"] == 2.5
    with pytest.raises(UserError, match="out of range"):
        compose(["logger.wandb.timeout_seconds=0"])


def test_none_of_it_is_in_a_trials_id() -> None:
    changed = ["logger=wandb", "logger.wandb.timeout_seconds=5", "logger.wandb.project=p", "logger.wandb.tags=[a]"]
    assert compose(changed).trial_id == compose([]).trial_id
