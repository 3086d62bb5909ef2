"""`sweep.stop=decided`: seeds are added, look by look, for the claims that are not decided yet.

Nothing is kept but the trials' records: a sweep that was killed finds in them how far it was.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from unroll.analysis.hypotheses import Answer, answers, courses
from unroll.analysis.stopping import needed
from unroll.config.planned import Plan, Planned
from unroll.config.trial import Trial
from unroll.errors import UserError
from unroll.records.audit import trusted_record
from unroll.records.scores import scores_under
from unroll.records.state import state


def believed(trials: Sequence[Trial], refused: list[UserError]) -> list[dict]:
    """Return the records of the trials that have ended; `refused` takes why others are not believed."""
    ended = [trial for trial in trials if state(trial) in ("finished", "failed")]
    return [record for trial in ended if (record := trusted_record(trial.record_path, refused)) is not None]


def decisions(todo: Plan) -> list[Answer]:
    """Answer a suite's claims by its rule, from the records that are in the folder of its runs."""
    trials = [item.trial for item in todo.trials]
    return answers(todo, believed(trials, []), scores_under(Path(trials[0].plain["paths"]["runs"])))


def wanted(todo: Plan, found: Sequence[Answer]) -> list[Planned]:
    """Return the trials that a suite's rule asks for, as its claims stand."""
    return needed(todo, courses(found))


def needed_now(todo: Plan) -> list[Trial]:
    """Return the trials that a suite's rule asks for, as its claims stand in the records."""
    return [item.trial for item in wanted(todo, decisions(todo))]


def until_decided(todo: Plan, launch: Callable[[Sequence[Planned]], object], say: Callable[[str], object]) -> None:
    """Launch what the claims need, look by look, until each is decided or has had its last look.

    Each trial is launched once: one that fails is a lost seed, and one that ends without a record leaves its claim
    waiting for it, so that a sweep always ends.

    Args:
        todo: a plan with a rule.
        launch: trains those of some trials that have no record.
        say: takes a line of each claim after each look.
    """
    launched: set[str] = set()
    said: dict[str, str] = {}
    while True:
        found = decisions(todo)
        for answer in found:
            if said.get(answer.name) != (line := in_words(answer)):
                said[answer.name] = line
                say(line)
        new = [item for item in wanted(todo, found) if item.trial.trial_id not in launched]
        if not new:
            return
        launch(new)
        launched |= {item.trial.trial_id for item in new}
        if todo.rules["fail_fast"] and any(state(item.trial) == "failed" for item in new):
            return


def in_words(answer: Answer) -> str:
    """Say in a line how far a claim of a suite with a rule is."""
    course = answer.course
    assert course is not None
    if not course.trials:
        return f"{answer.name}: no trials"
    after = f"{course.looks[course.taken - 1].seeds} seeds" if course.taken else "no look"
    if course.is_decided:
        return f"{answer.name}: {answer.verdict}, decided after {after}"
    if course.has_ended:
        return f"{answer.name}: {answer.verdict}, after {after}, the last look"
    return f"{answer.name}: not decided after {after}; the look of {course.seeds} lacks {course.lacking} trials"
