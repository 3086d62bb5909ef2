"""One answer to whether parts go together: every capability both ways, and what a refusal says."""

from collections.abc import Mapping
from typing import Any

import pytest

from unroll.config.compose import compose
from unroll.config.parts import parts_of
from unroll.errors import UserError
from unroll.registry.declared import CAPABILITIES
from unroll.registry.fits import Part, Parts, fits, relation_of

STEPS = {"states": "steps", "causal": True, "stateful": True}


def parts(
    *,
    task: Mapping[str, Any] | None = None,
    task_options: Mapping[str, Any] | None = None,
    encoder: Mapping[str, Any] | None = None,
    encoder_options: Mapping[str, Any] | None = None,
    decoder: Mapping[str, Any] | None = None,
    decoder_options: Mapping[str, Any] | None = None,
    terms: Mapping[str, Mapping[str, Any]] | None = None,
    **more: Any,
) -> Parts:
    """Parts that declare what is given, with these options."""
    found = [Part(f"bottleneck.terms.{name}", {"beta": 1}, declares) for name, declares in (terms or {}).items()]
    return Parts(
        **{
            "task": Part("task", task_options or {}, task or {}),
            "task_name": "mine",
            "architecture": "ours",
            "reconstructs": False,
            "encoder": Part("architecture.encoder", encoder_options or {}, encoder or {}),
            "decoder": Part("architecture.decoder", decoder_options or {}, decoder or {}),
            "terms": tuple(found),
            **more,
        }
    )


def needing(capability: str, **where: Any) -> dict[str, Any]:
    return {"needs": [{"capability": capability, "where": where}]}


RANDOM = {"terms": {"variational": {"posterior": True}}}
BOTH_WAYS: dict[str, tuple[list[dict[str, Any]], list[dict[str, Any]]]] = {
    "states": ([{"encoder": {"states": "steps"}}, {"encoder": {"states": "nodes"}}], [{}]),
    "steps": ([{"encoder": {"states": "steps"}}], [{}, {"encoder": {"states": "nodes"}}]),
    "nodes": ([{"encoder": {"states": "nodes"}}], [{}, {"encoder": {"states": "steps"}}]),
    "causal": (
        [
            {"encoder": {"causal": True}},
            {"encoder": {"causal": {"when": {"two": False}}}, "encoder_options": {"two": False}},
        ],
        [{}, {"encoder": {"causal": {"when": {"two": False}}}, "encoder_options": {"two": True}}],
    ),
    "stateful": ([{"encoder": {"stateful": True}}], [{}, {"encoder": {"causal": True}}]),
    "sequential": ([{}], [{"decoder": {"parallel": True}}]),
    "attends": ([{"decoder": {"attends": True}}], [{}]),
    "coded_states": (
        [
            {},
            {"projects": True, "codes_states": True, "task_options": {"attention": "additive"}},
            {"terms": {"denoising": {"of_codes": False}}},
        ],
        [{"projects": True}, {"terms": {"dropout": {}}}],
    ),
    "reconstructs": (
        [{"reconstructs": True}, {"reconstructs": True, "task_options": {"reconstruction_weight": 0.1}}],
        [{}, {"reconstructs": True, "task_options": {"reconstruction_weight": 0}}],
    ),
    "forward": ([{}], [{"reconstructs": True}]),
    "likelihood": (
        [{"encoder": STEPS}, {"reconstructs": True, **RANDOM}],
        [
            {},
            {"encoder": {"states": "steps"}},
            {"encoder": {"states": "nodes", "causal": True}},
            {"encoder": STEPS, "reconstructs": True},
            RANDOM,
            {"reconstructs": True, "terms": {**RANDOM["terms"], "ksparse": {}}},
        ],
    ),
    "posterior": ([RANDOM], [{}, {"terms": {"dropout": {}}}]),
    "autoencodes": ([{"task": {"autoencodes": True}}], [{}]),
    "continues": (
        [{"task": {"relation": "continues"}}],
        [{}, {"task": {"relation": "continues"}, "reconstructs": True}],
    ),
    "ties": ([{"encoder": {"ties": True}}], [{}]),
    "unprojected": ([{}], [{"projects": True}]),
    "same": (
        [{"task": {"relation": "same"}}, {"task": {"relation": "per_step"}, "reconstructs": True}],
        [{}, {"task": {"relation": "per_step"}}],
    ),
    "narrows": ([{"projects": True}, {"terms": {"dropout": {}}}], [{}, {"terms": {"denoising": {"of_codes": False}}}]),
    "untruncated": ([{}, {"decoder_options": {"truncate": None}}], [{"decoder_options": {"truncate": 5}}]),
    "attention": ([{"task_options": {"attention": "additive"}}], [{}, {"task_options": {"attention": None}}]),
}


def asked(capability: str, given: Mapping[str, Any]) -> UserError | None:
    """What a decoder that needs a capability is told."""
    decoder = {**given.get("decoder", {}), **needing(capability)}
    return fits(parts(**{**given, "decoder": decoder}))


def test_every_capability_is_tried_here() -> None:
    assert {*BOTH_WAYS, "last_term"} == {*CAPABILITIES}


@pytest.mark.parametrize("capability", BOTH_WAYS)
def test_a_capability_that_is_there_and_one_that_is_not(capability: str) -> None:
    there, missing = BOTH_WAYS[capability]
    assert [asked(capability, given) for given in there] == [None] * len(there)
    wanted, remedy = CAPABILITIES[capability]
    for given in missing:
        error = asked(capability, given)
        assert error is not None
        assert error.what == f"The decoder of ours needs {wanted}."
        assert (error.saw, error.allowed) == ("task=mine architecture=ours", remedy)


def test_a_term_that_must_be_the_last() -> None:
    needs = needing("last_term")
    assert fits(parts(terms={"dropout": {}, "variational": needs})) is None
    error = fits(parts(terms={"variational": needs, "dropout": {}}))
    assert error is not None
    assert error.what == "The term variational needs no term behind it."


def test_a_need_that_hangs_on_an_option_is_asked_where_the_option_is_so() -> None:
    needs = needing("sequential", beam={"unless": 1}, unit="words")
    for options, fitting in (({"beam": 1, "unit": "words"}, True), ({"beam": 4, "unit": "lines"}, True)):
        assert (fits(parts(task=needs, task_options=options, decoder={"parallel": True})) is None) is fitting
    error = fits(parts(task=needs, task_options={"beam": 4, "unit": "words"}, decoder={"parallel": True}))
    assert error is not None
    assert error.what == "task.beam=4 task.unit=words needs a decoder that works step by step."
    assert error.saw == "task=mine architecture=ours task.beam=4 task.unit=words"
    assert error.allowed == "task.beam=1, or a recurrent architecture"


@pytest.mark.parametrize(
    ("knobs", "place"), [(frozenset(), "architecture.decoder.tied"), (frozenset({"tied"}), "architecture.tied")]
)
def test_an_option_is_named_where_a_user_sets_it(knobs: frozenset[str], place: str) -> None:
    error = fits(parts(decoder=needing("ties", tied=True), decoder_options={"tied": True}, knobs=knobs))
    assert error is not None
    assert error.saw == f"task=mine architecture=ours {place}=true"


def test_options_are_written_as_yaml() -> None:
    needs = needing("sequential", share={"unless": None})
    error = fits(parts(task=needs, task_options={"share": 0.5}, decoder={"parallel": True}))
    assert error is not None
    assert error.allowed == "task.share=null, or a recurrent architecture"


def test_the_first_that_is_missing_is_told() -> None:
    task, encoder = needing("steps"), needing("same")
    error = fits(parts(task=task, encoder=encoder))
    assert error is not None
    assert error.what.startswith("The task needs an encoder with one state a step")


def test_coded_states_that_nobody_reads() -> None:
    error = fits(parts(codes_states=True))
    assert error is not None
    assert error.what.startswith("bottleneck.states=true needs attention")
    assert error.saw == "task=mine architecture=ours bottleneck.states=true"
    assert error.allowed == "bottleneck.states=false, or task.attention=additive"


@pytest.mark.parametrize(
    "given",
    [{"task": {"relation": "per_step"}}, {"codes_states": True, "task_options": {"attention": "additive"}}],
)
def test_a_term_of_one_code_an_example(given: dict[str, Any]) -> None:
    assert fits(parts(terms={"sparse": {}}, **given)) is None
    error = fits(parts(terms={"sparse": {}, "geometric": {"of_states": False}}, **given))
    assert error is not None
    assert error.what.startswith("The term geometric is of one code an example")
    assert error.saw == "task=mine with bottleneck.terms.geometric"
    assert fits(parts(terms={"geometric": {"of_states": False}})) is None


@pytest.mark.parametrize(
    ("relation", "reconstructs", "weight", "expected"),
    [
        ("per_step", False, None, "per_step"),
        ("per_step", True, None, "same"),
        ("continues", False, None, "continues"),
        ("continues", True, None, "free"),
        ("continues", True, 0, "continues"),
        ("same", True, None, "same"),
        ("free", True, None, "free"),
    ],
)
def test_how_output_and_input_are_related(relation: str, reconstructs: bool, weight: Any, expected: str) -> None:
    options = {} if weight is None else {"reconstruction_weight": weight}
    found = parts(task={"relation": relation}, task_options=options, reconstructs=reconstructs)
    assert relation_of(found) == expected


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        (["task=tagging", "architecture=mlp"], "The task needs an encoder with one state a step"),
        (["task=tagging", "architecture=ae"], "The task needs an encoder with one state a step"),
        (["task=tagging", "architecture=tree_lstm"], "The task needs an encoder with one state a step"),
        (["task=tagging", "architecture=lstm", "bottleneck=geometric"], "The term geometric is of one code an example"),
        (
            ["task=masked_words", "architecture=bigru", "bottleneck.states=true"],
            "bottleneck.states=true needs attention",
        ),
        (
            ["task=language_modelling", "architecture=bilstm"],
            "task.unit=stream needs an encoder that sees no later step",
        ),
        (
            ["task=language_modelling", "architecture=bilstm", "task.unit=sentence"],
            "task.unit=sentence needs a likelihood",
        ),
        (
            ["task=language_modelling", "architecture=ae_variational"],
            "task.unit=stream needs an encoder with one state",
        ),
        (["task=language_modelling", "architecture=ae", "task.unit=sentence"], "task.unit=sentence needs a likelihood"),
        (
            ["task=language_modelling", "architecture=lstm", "task.unit=sentence", "architecture.reconstructs=true"],
            "task.unit=sentence needs a likelihood",
        ),
        (
            ["task=translation", "architecture=ae", "task.teacher_forcing=0.5"],
            "task.teacher_forcing=0.5 needs a decoder",
        ),
        (
            ["task=translation", "architecture=ae", "task.teacher_forcing_last=0.5"],
            "task.teacher_forcing_last=0.5 needs",
        ),
        (["task=translation", "architecture=ae", "task.free_running=true"], "task.free_running=true needs a decoder"),
    ],
)
def test_shipped_parts_that_do_not_fit(overrides: list[str], says: str) -> None:
    with pytest.raises(UserError) as caught:
        compose(overrides)
    assert caught.value.what.startswith(says)


@pytest.mark.parametrize(
    "overrides",
    [
        ["task=tagging", "architecture=bilstm", "bottleneck=sparse_kl"],
        ["task=masked_words", "architecture=lstm", "bottleneck=contractive"],
        ["task=language_modelling", "architecture=ae_variational", "task.unit=sentence"],
        [
            "task=language_modelling",
            "architecture=gru",
            "task.unit=sentence",
            "bottleneck=variational",
            "architecture.reconstructs=true",
        ],
        [
            "task=translation",
            "architecture=bigru",
            "task.attention=additive",
            "bottleneck=variational",
            "bottleneck.states=true",
        ],
        ["task=translation", "architecture=ae", "task.teacher_forcing=1"],
    ],
)
def test_shipped_parts_that_fit(overrides: list[str]) -> None:
    assert fits(parts_of(compose(overrides).plain)) is None
