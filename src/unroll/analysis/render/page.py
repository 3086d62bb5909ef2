"""What a page of results says, section by section, whatever it is rendered as."""

from collections.abc import Sequence
from dataclasses import dataclass

from unroll.analysis import halves, provenance
from unroll.analysis.across import Across, Group, across
from unroll.analysis.hypotheses import VERDICTS, Answer, courses
from unroll.analysis.labels import slug
from unroll.analysis.power import Resolution
from unroll.analysis.render import cells, looks
from unroll.analysis.render.cells import Grid
from unroll.analysis.signatures import of_primary
from unroll.analysis.statistics.ranks import problems_needed
from unroll.analysis.statistics.resampling import DRAWS, FEWEST
from unroll.analysis.statistics.samples import LEAST_SEEDS
from unroll.analysis.tables import Table
from unroll.records import stale

CAPTION = (
    "Test split, opened once at the end, every example counted once. Mean ± sample standard deviation over "
    "the seeds that finished; n is their number, and no ± means n = 1. Bold: surely better than every other ranked "
    "row. "
    "Parameters: without embeddings and the projection to the vocabulary. "
    "Seconds: mean training time of a trial."
)

CLAIMS_CAPTION = (
    "A comparison pairs two architectures on the same task, data, budget and test examples; what belongs to an "
    "architecture (its code and bottleneck, its width unless equal parameters are asked for) differs with it. Or it "
    "pairs two values of one option, all else the same. Both seeds and examples are random (two-way random effects, "
    "Satterthwaite's t; corpus metrics such as BLEU by the jackknife's pseudo-values; Welch's t of the seeds where a "
    "metric has no score of an example). Seeds count as independent between the two, as far as their correlation is "
    "not shown. A comparison holds or is contradicted where p is below 5 %, or its look's level, after Holm's "
    "correction over the claim's comparisons; each interval is for its comparison by itself. Of the others, one shows "
    "no difference where two one-sided tests at the same level, corrected likewise, leave none larger than X, which "
    "the task's YAML states with its reason; of the rest these trials cannot say which. With fewer than three seeds "
    "nothing is tested. A claim holds, is contradicted or shows no difference in part where its other comparisons are "
    "weaker, and is mixed where some hold and some are contradicted."
)

ACROSS_CAPTION = (
    "Networks that differ in the architecture alone, by the primary metric on test. A problem is a task on a data set, "
    "and N is the number of problems. Seeds are averaged in each setting, settings in each problem: more of these are "
    "not more problems. A group is the networks that stand in the same problems, with two seeds or more in each "
    "setting. A failed trial makes its network the last in that setting. Unranked rows and baselines do not take part. "
    "Mean ranks depend on who takes part. P(better than the first) is the probability that a trial of the network "
    "beats one of the first network, each seed against each, mean over the problems; 0.5 is equality (Agarwal et al. "
    "2021, section 4.3). The first was picked by these same trials, which flatters it."
)

ACROSS_NOTHING = "Nothing is said across problems: no two networks share two problems with two seeds or more in each."

FEW = (
    "With three seeds that chance was 67 to 92 % where it was simulated (results/error_rates.md), and less for a "
    "network whose seeds spread unlike those of the others."
)

GAP_NOTE = "Train − test: of a sample of train no larger than test; mean ± sample standard deviation over the seeds."


@dataclass(frozen=True)
class Section:
    """A heading, paragraphs, one grid and notes below it; any of them may be absent.

    Of the addresses that the paragraphs hold as <address>, `links` are Unroll's own, and no record's.
    """

    title: str = ""
    level: int = 2
    text: tuple[str, ...] = ()
    grid: Grid | None = None
    notes: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    name: str = ""  # that a table is referred to by, where the title does not do


def sections(
    tables: Sequence[Table],
    title: str,
    answers: Sequence[Answer] = (),
    trials: bool = True,
    suite: str | None = None,
    paper: bool = False,
) -> list[Section]:
    """Return claims, an overview, networks across problems, then each problem's tables; with `trials`, these too.

    `suite` is that of the tables, if they are of one: the command that trains half its budgets names it. A `paper` has
    no trials, and intervals in a table of their own, since a column holds no more.
    """
    found = [Section(title, 1), *claims(answers, suite)]
    captions = (CAPTION, halves.CAPTION) if any(row.half for table in tables for row in table.rows) else (CAPTION,)
    found.append(Section(text=captions if tables else ("No records.",)))
    if len(tables) > 1:
        found.append(Section("Overview", grid=cells.overview(tables), notes=tuple(below_overview(tables))))
    if not courses(answers):
        found += across_problems(across(tables))
    for table in tables:
        found += paper_sections(table, suite) if paper else problem_sections(table, suite, trials)
    return found


def problem_sections(table: Table, suite: str | None = None, trials: bool = True) -> list[Section]:
    """Return a problem's table, what half the budget gave, its test metrics and, with `trials`, these."""
    found = [Section(table.title, grid=cells.main(table, intervals=True), notes=tuple(below(table, suite)))]
    if any(row.half for row in table.rows):
        found.append(Section("Half the budget", 3, grid=cells.halves(table)))
    found.append(Section("All test metrics", 3, grid=cells.metrics(table)))
    return [*found, Section("Trials", 3, grid=cells.trials(table))] if trials else found


def paper_sections(table: Table, suite: str | None = None) -> list[Section]:
    """Return what a paper shows of a problem, each table with a name of its own to be referred to by."""
    name, title = slug(table.title), table.heading
    found = [Section(title, grid=cells.main(table, intervals=False), notes=tuple(below(table, suite)), name=name)]
    if any(row.primary and row.primary.low is not None for row in table.rows):
        said = f"{title}: intervals"
        found.append(Section(said, 3, grid=cells.intervals(table), name=f"{name}-intervals"))
    if any(row.half for row in table.rows):
        found.append(Section(f"{title}: half the budget", 3, grid=cells.halves(table), name=f"{name}-half"))
    return [*found, Section(f"{title}: all test metrics", 3, grid=cells.metrics(table), name=f"{name}-metrics")]


def claims(answers: Sequence[Answer], suite: str | None) -> list[Section]:
    """Return what was said and what the trials say to it; nothing without claims."""
    if not answers:
        return []
    said = (CLAIMS_CAPTION, *(looks.rule(course) for course in courses(answers)[:1]))
    found = [Section("What is said, and what the trials say", 2, said, cells.verdicts(answers))]
    for answer in answers:
        grid = cells.tests(answer) if answer.tests else None
        found.append(Section(answer.says, 3, (_in_words(answer, suite),), grid))
    if (fixed := looks.beside_all_seeds(answers)) is not None:
        caption, grid, notes = fixed
        found.append(Section("Beside all seeds at once", 3, (caption,), grid, notes))
    return found


def below_overview(tables: Sequence[Table]) -> list[str]:
    """Return what is owed to readers of each table's primary metric alone: which trials are stale, its signature."""
    told = [(table.heading, stale.said(trial for row in table.rows for trial in row.trials)) for table in tables]
    return [*(f"{title}. {said}" for title, said in told if said), *of_primary(tables)]


def across_problems(found: Across) -> list[Section]:
    """Return what the networks' trials say across problems; nothing where no network stands in two."""
    if not found.groups:
        return [Section("Across problems", text=(ACROSS_NOTHING,))] if found.single else []
    notes = []
    if found.left_out:
        notes.append(f"Left out, since no other network stands in just the same problems: {', '.join(found.left_out)}.")
    if found.single:
        notes.append(f"Left out where they have one seed, which says nothing of a network: {', '.join(found.single)}.")
    shown = [Section("Across problems", text=(ACROSS_CAPTION,), notes=tuple(notes))]
    for group in found.groups:
        shown.append(Section(group.name, 3, grid=cells.ranking(group), notes=(*resting_on(group), *on_skill(group))))
    return shown


def resting_on(group: Group) -> list[str]:
    """What the statements on a group rest on, and why those that are not made are not."""
    n, settings = len(group.problems), len(group.settings)
    of = f", in {settings} settings" if settings > n else ""
    said = [f"N = {n} problems: {'; '.join(group.problems)}{of}."]
    pairs = f"{group.family} pair{'' if group.family == 1 else 's'} of networks"
    if group.p:
        said.append(
            f"Worse, surely: p below 0.05 by Wilcoxon's signed-rank test over the {n} problems, after Holm's "
            f"correction over the {pairs} that this page tests so. A difference is Cohen's d: of the means over seeds, "
            "by the pooled standard deviation of the seeds. It speaks of problems like these. Other pairs these "
            "problems cannot tell apart; that is not equality."
        )
    else:
        said.append(
            f"{n} problems decide nothing: a network ahead of another in all of them has p = {2.0 ** (1 - n):.3g} by "
            f"Wilcoxon's signed-rank test. At least {problems_needed(group.family)} problems would be needed, with "
            f"Holm's correction over {pairs}. So no test is made."
        )
    if any(one.low is None for one in group.improvements):
        said.append(
            f"P has an interval where both have {FEWEST} seeds or more in each setting (the fewest here: "
            f"{group.fewest}) and draws of them differ: they do not where all seeds of one beat all of the other."
        )
    return said


def on_skill(group: Group) -> list[str]:
    """What the scale of the interquartile mean is, or why there is none."""
    if group.skills:
        marks = "; ".join(f"{title}: {weakest}, {strongest}" for title, weakest, strongest in group.skills.marks)
        return [
            "Skill is 0 at a setting's weakest ranked baseline and 1 at its strongest; a failed trial has the lowest "
            "of its setting, or 0. The interquartile mean is over all trials (Agarwal et al. 2021, section 4.2). "
            f"Intervals: {DRAWS:,} draws of seeds in each setting, so they speak of these problems. Baselines: {marks}."
        ]
    lacking = dict.fromkeys(setting.problem for setting in group.settings if not setting.has_scale)
    reasons = [f"they take {FEWEST} seeds of every network in each setting"] if group.fewest < FEWEST else []
    reasons += [f"a common scale takes two ranked baselines that differ, not so in {', '.join(lacking)}"] * bool(
        lacking
    )
    return [f"No interquartile mean and no performance profile: {'; '.join(reasons)}."]


def how_far(table: Table, suite: str | None = None) -> list[str]:
    """What is known of how far the training of a table's networks went; nothing where it has none."""
    asked = [row.half for row in table.networks if row.has_asked_for_half]
    return [halves.said(asked, _halving(suite))] if asked else []


def _halving(suite: str | None) -> str:
    return f"unroll sweep suite=half suite.of={suite or 'SUITE'}"


def _in_words(answer: Answer, suite: str | None) -> str:
    """A claim's answer: the verdict, the counts behind it, what is missing, its YAML's note, how far training went."""
    counts = ", ".join(f"{answer.count(verdict)} {verdict}" for verdict in VERDICTS)
    said = [f"**{answer.verdict.capitalize()}**: of {len(answer.tests)} comparisons {counts}."]
    if answer.missing:
        said.append(f"{answer.missing} more lack finished trials.")
    said += [looks.in_words(answer.course)] if answer.course else []
    said += [answer.stale] if answer.stale else []
    trained = halves.said(answer.halves, _halving(suite)) if answer.halves else ""
    return " ".join(filter(None, [*said, answer.note.strip(), trained]))


def below(table: Table, suite: str | None) -> list[str]:
    """Everything that is said below a problem's table."""
    said = [f"Protocol {table.protocol} of the task."]
    if table.networks:
        said.append(f"Checkpoint of each trial: {table.selection}.")
    said += _compared(table)
    said += how_far(table, suite)
    said += [GAP_NOTE] if any(row.gap for row in table.rows) else []
    if table.common:
        said.append(f"Task options of all networks: {', '.join(table.common)}.")
    return [*said, *table.notes, *provenance.notes(table)]


def _compared(table: Table) -> list[str]:
    """How the rows were compared, what that could have seen, and which difference counts as none."""
    found = [row.to_best for row in table.rows if row.to_best]
    lettered = any(row.letters for row in table.rows)
    if not lettered and not any(one.p is not None for one in found):
        few = f"A row of fewer than {LEAST_SEEDS} seeds gets no p and no letter."
        return [few] if found else []
    tested = [one for one in found if one.p is not None]
    said = []
    if tested and tested[0].examples:
        known = table.known(table.metric)
        score = known and known.score
        by = f"the {score.name if score else 'score'} of the test examples"
        if score and score.corpus:
            by = f"what each test example adds to {table.metric} (the jackknife's pseudo-values)"
        blocks = ", windows that overlap counted as one" if tested[0].block > 1 else ""
        said.append(f"All pairs of rows compared at once, by seeds and by {by}{blocks} (max-T).")
    elif tested:
        said.append(
            "All pairs of rows compared at once, by seeds alone: no scores of examples go with this metric (max-T)."
        )
    if lettered:
        said.append("Rows that share a letter are not surely apart; intervals and p hold for all pairs together.")
    else:
        said.append(
            "The rows fall into more groups than there are letters. Intervals and p hold for all pairs together."
        )
    if len(tested) < len(found):
        said.append(f"Rows without p have fewer than {LEAST_SEEDS} seeds, or no scores where others have them.")
    said += _resolution(table)
    return said


def _resolution(table: Table) -> list[str]:
    seen, stated = table.resolution, table.equivalence
    said = []
    if seen is not None:
        unit, few, most = table.unit, *seen.seeds
        number = f"{few}" if few == most else f"{few} to {most}"
        if not seen.apart:
            more = _enough(seen, unit) if seen.largest else "Their means are equal."
            said.append(f"**{number} seeds decide nothing here between networks.** {more}")
        said.append(
            "Smallest difference of two networks that this table sees with a chance of 80 %: "
            f"{seen.smallest:.3g} {unit}; with any number of seeds {seen.floor:.3g} {unit}."
            + (f" {FEW}" if few == LEAST_SEEDS else "")
        )
    if stated is not None:
        small = [row.label for row in table.rows if row.to_best and row.to_best.is_small]
        said.append(
            f"A difference of at most {stated.margin:g} {table.unit} counts as none: "
            f"{stated.because.strip().rstrip('.')}. Surely no farther from the best network than that: "
            f"{', '.join(small) or 'none'}."
        )
    return said


def _enough(seen: Resolution, unit: str) -> str:
    between = f"a difference as large as between its first and last one ({seen.largest:.3g} {unit})"
    if seen.enough is None:
        return f"No number of seeds would see {between}: the test set is too small."
    return f"About {seen.enough} seeds would see {between} with a chance of 80 %."
