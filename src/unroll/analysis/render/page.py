"""What a page of results says, section by section, whatever it is rendered as."""

from collections.abc import Sequence
from dataclasses import dataclass

from unroll.analysis.across import FIRST_OF_EACH, Across, Group, across
from unroll.analysis.hypotheses import VERDICTS, Answer
from unroll.analysis.render import cells
from unroll.analysis.render.cells import Grid
from unroll.analysis.statistics.improvement import DRAWS
from unroll.analysis.statistics.ranks import MOST
from unroll.analysis.tables import Table
from unroll.records.scores import score_name

CAPTION = (
    "Test split, opened once at the end, every example counted once. Mean ± sample standard deviation over "
    "the seeds that finished; n is their number, and no ± means n = 1. Best mean of the ranked rows in bold. "
    "Parameters: without embeddings and the projection to the vocabulary. "
    "Seconds: mean training time of a trial."
)

CLAIMS_CAPTION = (
    "A comparison pairs two architectures on the same task, data, budget, seeds and test examples; what belongs to an "
    "architecture (its code and bottleneck, its width unless equal parameters are asked for) differs with it. Both "
    "seeds and examples are random (two-way random effects, Satterthwaite's t; BLEU by sentence BLEU; Student's t of "
    "paired seeds where a metric has no score of an example). It holds or is contradicted where p is below 0.05 after "
    "Holm's correction over the claim's comparisons, else it is undecided, which is not equality: the interval says "
    "how large a difference may have been missed. A claim holds, or is contradicted, in part where its other "
    "comparisons are undecided, and is mixed where some hold and some are contradicted."
)

ACROSS_CAPTION = (
    "Networks that differ in the architecture alone, by the primary metric on test. A failed trial loses all its "
    "comparisons: it ranks last in its block, and only another failed one is its equal. More seeds are not more "
    "problems: all of this speaks of these problems alone. Unranked rows and baselines do not take part."
)

RANKS_CAPTION = (
    "Mean ranks over blocks, a block being one seed of one problem: Friedman's test of whether all are alike, then "
    "Nemenyi's test of each two (Demšar 2006). The groups are families by what the networks are made of, at most "
    f"{MOST} a group, since more would blur each other; of a larger family those of the best mean rank."
)

IMPROVEMENT_CAPTION = (
    "The probability that a trial of the network is better than one of the reference, mean over the problems, each "
    "seed against each seed (Agarwal et al. 2021, section 4.3): 0.5 is equality. The reference is the "
    "network of the best mean rank among those that stand in the most problems. Intervals: seeds drawn within each "
    f"problem ({DRAWS:,} draws); with few seeds they are too short, and a point where every seed of one beats every "
    "seed of the other."
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


def sections(tables: Sequence[Table], title: str, answers: Sequence[Answer] = (), trials: bool = True) -> list[Section]:
    """Return claims, an overview, networks across problems, then each problem's tables; with `trials`, these too."""
    found = [Section(title, 1)]
    if answers:
        found.append(Section("What is said, and what the trials say", 2, (CLAIMS_CAPTION,), cells.verdicts(answers)))
        for answer in answers:
            found.append(Section(answer.says, 3, (_in_words(answer),), cells.tests(answer) if answer.tests else None))
    found.append(Section(text=(CAPTION if tables else "No records.",)))
    if len(tables) > 1:
        found.append(Section("Overview", grid=cells.overview(tables)))
    found += _across(across(tables))
    for table in tables:
        found.append(Section(table.title, grid=cells.main(table, intervals=True), notes=tuple(_below(table))))
        found.append(Section("All test metrics", 3, grid=cells.metrics(table)))
        if trials:
            found.append(Section("Trials", 3, grid=cells.trials(table)))
    return found


def _across(found: Across) -> list[Section]:
    shown = []
    if found.groups or found.improvements:
        shown.append(Section("Across problems", text=(ACROSS_CAPTION, *((RANKS_CAPTION,) if found.groups else ()))))
    for group in found.groups:
        shown.append(Section(group.name, 3, grid=cells.ranking(group), notes=tuple(resolution(group))))
    if found.improvements:
        title = "Probability of improvement"
        shown.append(Section(title, 3, (IMPROVEMENT_CAPTION,), cells.improvements(found)))
    return shown


def resolution(group: Group) -> list[str]:
    """What a ranking rests on, and what it cannot tell."""
    found = group.ranking
    verdict = "" if found.friedman < 0.05 else ", so none are told apart"
    said = [
        f"{found.blocks} blocks of {len(group.problems)} problems: {'; '.join(group.problems)}.",
        f"Friedman's p of all being alike: {found.friedman:.2g}{verdict}.",
        f"Critical difference: {found.critical_difference:.2f} ranks at 5 %. Networks whose mean ranks are closer "
        "than that, these trials cannot tell apart; that is not equality.",
    ]
    if group.name == FIRST_OF_EACH:
        said.append("Its members were picked by these same trials, which flatters each of them.")
    if group.left_out:
        said.append(f"Left out, of fewer problems or of a worse mean rank: {', '.join(group.left_out)}.")
    return said


def _in_words(answer: Answer) -> str:
    """A claim's answer: the verdict, the counts behind it, what is missing, and the note of its YAML."""
    counts = ", ".join(f"{answer.count(verdict)} {verdict}" for verdict in VERDICTS)
    said = [f"**{answer.verdict.capitalize()}**: of {len(answer.tests)} comparisons {counts}."]
    if answer.missing:
        said.append(f"{answer.missing} more lack finished trials.")
    said += [answer.stale] if answer.stale else []
    return " ".join([*said, answer.note.strip()]).strip()


def _below(table: Table) -> list[str]:
    said = [f"Protocol {table.protocol} of the task."]
    if table.networks:
        said.append(f"Checkpoint of each trial: {table.selection}.")
    said += _compared(table)
    said += [GAP_NOTE] if any(row.gap for row in table.rows) else []
    if table.common:
        said.append(f"Task options of all networks: {', '.join(table.common)}.")
    return [*said, *table.notes]


def _compared(table: Table) -> list[str]:
    """How the rows were compared with the best network: by examples, by seeds alone, or some so and some so."""
    found = [row.to_best.paired for row in table.rows if row.to_best]
    said = []
    if any(paired.examples for paired in found):
        score = score_name(table.metric)
        blocks = ", windows that overlap counted as one" if found[0].block > 1 else ""
        said.append(
            f"Compared with the best network by the test examples' {score}, paired, with seeds and examples both "
            f"random (Satterthwaite's t{blocks})."
        )
    if any(not paired.examples for paired in found):
        kept = "where no scores of examples are kept" if said else "no score of single examples being there"
        said.append(f"Compared with the best network by Student's t of paired seeds, {kept}.")
    return [*said, "p after Holm's correction over this table's rows."] if said else []
