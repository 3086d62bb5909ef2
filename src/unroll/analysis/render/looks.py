"""What a page says of a suite that stopped when its claims were decided: the rule, the looks, the seeds saved."""

from collections.abc import Sequence

from unroll.analysis.hypotheses import Answer, courses
from unroll.analysis.render.cells import Grid
from unroll.analysis.statistics.spending import Look
from unroll.analysis.stopping import Course, OfClaim

CAPTION = (
    "Seeds are added until each claim is decided, and no further. The suite's rule: looks after {seeds} seeds, which "
    "spend 5 % by {spending}'s function (Lan and DeMets 1983); a look tests at what it adds to that: {levels}. Their "
    "sum is 5 %, so that the chance of an error in any look is at most that, whatever the looks share; Holm's "
    "correction and the confidence of the intervals are by the look's level. A comparison is decided by the first look "
    "at which it holds, is contradicted or shows no difference larger than X, and stays so. A trial that failed is a "
    "lost seed: its look is taken without it. The tables below compare no rows: how many seeds these have followed "
    "from what was seen, and only the claims allow for that."
)
NAMES = {"pocock": "Pocock", "obrien_fleming": "O'Brien and Fleming"}

FIXED_CAPTION = (
    "All {seeds} seeds were trained here, too: the same comparisons by all of them at once, at 5 %. Trials and hours "
    "are those of the claims, of training alone; a trial that several claims ask for counts once."
)


def rule(course: Course) -> str:
    """The rule in words."""
    seeds = _listed([str(look.seeds) for look in course.looks])
    return CAPTION.format(seeds=seeds, spending=NAMES[course.spending], levels=_levels(course.looks))


def _levels(looks: Sequence[Look]) -> str:
    return _listed([f"{100 * look.level:.2g} %" for look in looks])


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words[:-1]) + f" and {words[-1]}" if len(words) > 1 else words[0]


def in_words(course: Course) -> str:
    """Which looks a claim had, at which it was decided, and what was lost."""
    if not course.trials:
        return "No trials."
    taken = course.looks[: course.taken]
    said = []
    if taken:
        seeds = _listed([str(look.seeds) for look in taken])
        said.append(f"Looks taken: after {seeds} seeds, at {_levels(taken)}.")
    if course.is_decided:
        said.append(f"Decided after {taken[-1].seeds} of at most {course.looks[-1].seeds} seeds.")
    elif course.has_ended:
        said.append("Not decided by the last look.")
    else:
        said.append(f"Not decided yet: the look after {course.seeds} seeds lacks {course.lacking} trials.")
    if course.lost:
        said.append(f"{course.lost} trials of these looks failed: lost seeds.")
    return " ".join(said)


def beside_all_seeds(answers: Sequence[Answer]) -> tuple[str, Grid, tuple[str, ...]] | None:
    """Caption, grid and notes that hold the looks against all seeds; None where not all have been trained."""
    if not answers or not all(answer.fixed for answer in answers):
        return None
    rows = [
        [
            answer.says,
            test.setting,
            " v. ".join(test.pair),
            str(test.look.seeds if test.look else ""),
            test.verdict,
            whole.verdict,
        ]
        for answer in answers
        for test, whole in zip(answer.tests, answer.fixed, strict=True)
    ]
    most = courses(answers)[0].looks[-1].seeds
    header = ["said", "", "compared", "seeds by the rule", "verdict", f"verdict of all {most} seeds"]
    equal = sum(row[-1] == row[-2] for row in rows)
    notes = f"{equal} of {len(rows)} verdicts are equal.", saved(courses(answers))
    return FIXED_CAPTION.format(seeds=most), Grid(header, rows), notes


def saved(of_claims: Sequence[Course]) -> str:
    """How many of the claims' trials their rule needed, and how many core hours those took."""
    needed: dict[str, OfClaim] = {}
    every: dict[str, OfClaim] = {}
    for course in of_claims:
        every |= course.trials
        needed |= {key: one for key, one in course.trials.items() if one.seed < course.seeds}
    hours = [sum(one.seconds or 0.0 for one in group.values()) / 3600 for group in (needed, every)]
    share = 1 - len(needed) / len(every)
    return (
        f"The rule needed {len(needed)} of {len(every)} trials ({share:.0%} saved), "
        f"and {hours[0]:.3f} of {hours[1]:.3f} hours of training."
    )
