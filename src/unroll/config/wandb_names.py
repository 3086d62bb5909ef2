"""What a trial's run is called in W&B: as the config says, else as the environment says, else as Unroll does."""

from collections.abc import Mapping
from typing import Any

from unroll.config.schema import Config, Wandb
from unroll.errors import UserError

LONGEST = 128  # characters of a project, a group, an entity, a run's name or its id
LONGEST_TAG = 64
_NOT_IN_PROJECTS = "/\\#?%:"
_VARIABLES = {
    "project": "WANDB_PROJECT",
    "entity": "WANDB_ENTITY",
    "group": "WANDB_RUN_GROUP",
    "name": "WANDB_NAME",
    "tags": "WANDB_TAGS",
}


def wandb_names(config: Config, environment: Mapping[str, str]) -> dict[str, Any]:
    """Return project, entity, group, name and tags; None where W&B's or the trial's own default serves."""
    found = {key: value for key, (value, _) in _given(config.logger.wandb, environment).items()}
    found["project"] = found["project"] or "unroll"
    return found


def check_wandb_names(wandb: Wandb, environment: Mapping[str, str]) -> None:
    """Raise UserError for a name that W&B would refuse; the environment counts where W&B is used.

    Args:
        wandb: the config's `logger.wandb`.
        environment: variables of this process.
    """
    for key, (value, source) in _given(wandb, {} if wandb.mode == "disabled" else environment).items():
        longest = LONGEST_TAG if key == "tags" else LONGEST
        allowed = f"{'each ' if key == 'tags' else ''}1 to {longest} characters, more than spaces"
        if key == "project":
            allowed += f", none of {' '.join(_NOT_IN_PROJECTS)}"
        for text in () if value is None else value if isinstance(value, list) else [value]:
            wrong = key == "project" and any(character in text for character in _NOT_IN_PROJECTS)
            if wrong or not text.strip() or not text.isprintable() or len(text) > longest:
                what = "tag" if key == "tags" else key
                raise UserError(f"W&B takes no such {what}.", saw=f"{source}={_shown(text)}", allowed=allowed)


def _given(wandb: Wandb, environment: Mapping[str, str]) -> dict[str, tuple[Any, str]]:
    """Each name that was given, with where; (None, ...) where none was. What the config says counts first."""
    found: dict[str, tuple[Any, str]] = {}
    for key, variable in _VARIABLES.items():
        typed, there = getattr(wandb, key, None), environment.get(variable)
        if typed is not None and typed != []:
            found[key] = (typed, f"logger.wandb.{key}")
        elif there:
            found[key] = (there.split(",") if key == "tags" else there, variable)
        else:
            found[key] = (None, variable)
    return found


def _shown(text: str) -> str:
    return repr(text) if len(text) <= 43 else f"{text[:20]!r}... ({len(text)} characters)"
