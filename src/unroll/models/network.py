"""The network: a task's adapter and heads around an architecture's encoder, bottleneck and decoder."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any, NamedTuple

from torch import Tensor, nn

from unroll.data.splits import Batch
from unroll.data.trees import roots
from unroll.errors import UserError
from unroll.models.bottlenecks.composed import Bottleneck
from unroll.models.contracts import Context, Decoder, Encoded, Encoder, Shape, State, Term, length_mask
from unroll.models.noise import gaussian
from unroll.registry.components import create, locate


class Coded(NamedTuple):
    """What encoding gives a task."""

    code: Tensor  # [B, Z] of each example, or [B, T, Z] of each step; the mean code in evaluation
    memory: Encoded  # the states for attention
    penalty: Tensor | None  # [B], already weighted; None where there is none
    context: Context
    nodes: Tensor | None = None  # [B, 2T-1, Z]: the codes of all nodes, the root's among them, of a batch with trees


class Network(nn.Module):
    """Adapter -> encoder -> bottleneck -> decoder -> heads. Tasks call `encode`, `decode` and their own heads.

    The bottleneck acts on the encoder's summary; on its states where the shape's output is one a step; on both where
    `bottleneck.states` says so, since a decoder attends to the states.

    Args:
        shape: the task's description of its input and output.
        architecture: resolved `architecture` config (encoder and decoder nodes).
        bottleneck: resolved `bottleneck` config.
        adapter: inputs -> embedded x [B,T,D].
        decodes: whether the task uses the decoder at all; without it none is built.
    """

    encoder: Encoder
    decoder: Decoder | None

    def __init__(
        self,
        shape: Shape,
        architecture: Mapping[str, Any],
        bottleneck: Mapping[str, Any],
        adapter: nn.Module,
        decodes: bool,
    ):
        super().__init__()
        self.precision: Callable[[], AbstractContextManager] = nullcontext  # of training; for what runs outside of it
        self.adapter = adapter
        self.encoder = create(architecture["encoder"], "architecture.encoder", nn.Module, shape=shape)
        _check_encoder(self.encoder)
        terms = {name: create(node, f"bottleneck.terms.{name}", Term) for name, node in bottleneck["terms"].items()}
        sizes = {key: bottleneck[key] for key in ("size", "ratio", "minimum")}
        self.per_step, self.codes_states = shape.relation == "per_step", bottleneck.get("states", False)
        width = self.encoder.state_width if self.per_step else self.encoder.summary_width
        if self.codes_states and self.encoder.state_width != width:
            raise UserError(
                "One bottleneck acts on states and summary where both are of one width.",
                saw=f"states of {self.encoder.state_width}, a summary of {width}",
                allowed="bottleneck.states=false, or another encoder",
            )
        self.bottleneck = Bottleneck(shape, width, terms=terms, **sizes)
        self.decoder = None
        if decodes:
            self.decoder = create(
                architecture["decoder"],
                "architecture.decoder",
                nn.Module,
                shape=shape,
                code_width=self.bottleneck.size,
                state_width=self.bottleneck.size if self.codes_states else self.encoder.state_width,
            )
            if getattr(self.decoder, "tied", False):
                self.decoder.tie(self.encoder, self.bottleneck.projection)  # type: ignore[union-attr]
        self.shape = shape
        self.done = 0.0  # share of training's steps
        self.carried: State | None = None  # what a stateful encoder goes on from, after the batch that it read last
        self.closed_jacobian = getattr(self.encoder, "closed_form", False) and isinstance(
            self.bottleneck.projection, nn.Identity
        )
        self.bottleneck.check_network(self.closed_jacobian, getattr(self.decoder, "tied", False))
        self.heads = nn.ModuleDict()
        self.reconstructs: bool = architecture["reconstructs"]

    def schedule(self, done: float) -> None:
        """Tell every part the share [0, 1) of the phase's steps that are done, before a step of training."""
        self.done = done
        self.bottleneck.schedule(done)

    def add_output_head(self, width: int) -> None:
        """Map the decoder's output to `width` values a step; nothing where it already is linear and that wide."""
        assert self.decoder is not None
        done = getattr(self.decoder, "linear_output", False) and self.decoder.width == width
        self.heads["output"] = nn.Identity() if done else nn.Linear(self.decoder.width, width)

    def encode(self, batch: Batch) -> Coded:
        """Encode a batch's inputs [B,T] or [B,T,D]."""
        lengths, inputs = batch.lengths, batch.inputs
        mask = length_mask(lengths, inputs.shape[1])
        text = not inputs.is_floating_point()
        if text:
            inputs = self.bottleneck.corrupt_tokens(inputs, mask)
        x = self.adapter(inputs)
        seen = self.bottleneck.corrupt(x, mask, text)
        more: dict[str, Any] = {"tree": batch.read_tree} if getattr(self.encoder, "states", None) == "nodes" else {}
        if batch.state is not None:
            more["state"] = batch.state
        memory = self.encoder(seen, lengths, mask, **more)
        self.carried = None if memory.carried is None else [tensor.detach() for tensor in memory.carried]

        def context_of(states: bool) -> Context:
            def hidden(encoded: Encoded) -> Tensor:
                return _states(encoded) if states else encoded.summary

            def encode(clean: Tensor) -> Tensor:
                codes = self.bottleneck.projection(hidden(self.encoder(clean, lengths, mask, **more)))
                return codes * memory.mask[:, :, None] if states else codes

            return Context(
                x=x,
                mask=mask,
                index=batch.index,
                hidden=hidden(memory),
                projected=self.bottleneck.projection(hidden(memory)),
                encode=encode,
                weights=self.weight_matrices if states == self.per_step else tuple,  # once, where both are coded
                noise=gaussian,
                positions=memory.mask if states else None,
            )

        penalties: list[Tensor | None] = []
        if self.codes_states:
            states, penalty = self.bottleneck(context_of(states=True))
            memory = memory._replace(states=states * memory.mask[:, :, None])
            penalties.append(penalty)
        context = context_of(states=self.per_step)
        if self.decoder is not None:
            context.decode = lambda code: self._bare_decode(code, memory, mask)
        if self.closed_jacobian:
            context.closed_jacobian = lambda code: self.encoder.squared_jacobian(code, mask)  # type: ignore[attr-defined]
        code, penalty = self.bottleneck(context)
        nodes = None
        if batch.tree is not None and "tree" in more:
            nodes = self._node_codes(context_of(states=True), code, roots(lengths, batch.tree.height.shape[1] + 1))
        return Coded(code, memory, _added([*penalties, penalty]), context, nodes)

    def _node_codes(self, context: Context, code: Tensor, root: Tensor) -> Tensor:
        """Every node's code [B, 2T-1, Z] after the terms: at `root` [B] the example's; all others cost no penalty."""
        nodes = self.bottleneck.transform(context)[-1]
        at = root[:, None, None].expand(-1, 1, nodes.shape[2])
        return nodes.scatter(1, at, code[:, None].to(nodes.dtype))

    def decode(self, code: Tensor, memory: Encoded | None, length: int, inputs: Tensor | None = None) -> Tensor:
        """Decode code [B,Z] into values [B, length, width of the output head]."""
        assert self.decoder is not None
        return self.heads["output"](self.decoder(code, memory, length, inputs))

    def _bare_decode(self, code: Tensor, memory: Encoded, mask: Tensor) -> Tensor:
        """The decoder's output [B,T',H] for any code, without a target: see `Context.decode`."""
        assert self.decoder is not None
        shape, same = self.shape, self.shape.relation == "same"
        length = mask.shape[1] if same else shape.output.length
        words = code.new_zeros(len(code), length, shape.decoder_input) if shape.decoder_input else None
        if memory.states is not None:  # those of mixed precision are narrower than this code
            memory = memory._replace(states=memory.states.to(code.dtype))
        decoded = self.decoder(code, memory, length, words)
        return decoded * mask[:, :, None] if same else decoded

    def weight_matrices(self) -> Iterator[Tensor]:
        """Weight matrices of encoder, projection and decoder: no biases, embeddings or heads."""
        scales = weight_scales(self)
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1 and not name.startswith(("adapter.", "heads.")):
                scale = scales.get(parameter)
                yield parameter if scale is None else parameter / scale


def _check_encoder(encoder: Encoder) -> None:
    """Raise UserError where an encoder lacks what its contract says."""
    name = type(encoder).__name__
    for width in ("summary_width", "state_width"):
        if not isinstance(getattr(encoder, width, None), int):
            allowed = f"self.{width} = a number, set in __init__; state_width is 0 where no states are kept"
            raise UserError(
                f"The encoder {name} does not say its {width}.", saw=getattr(encoder, width, None), allowed=allowed
            )
    declared = getattr(encoder, "states", None)
    if (declared is None) != (encoder.state_width == 0):
        raise UserError(
            f"The encoder {name} declares other states than it keeps.",
            saw=f"states = {declared!r}, state_width = {encoder.state_width}",
            allowed='in the class states = "steps" or "nodes" where state_width is above 0, else neither',
        )


def is_parallel(architecture: Mapping[str, Any]) -> bool:
    """Whether the decoder of an `architecture` config emits all steps at once, and so is fed nothing."""
    kind = locate(architecture["decoder"], "architecture.decoder", nn.Module)
    return bool(getattr(kind, "parallel", False))


def _states(encoded: Encoded) -> Tensor:
    assert encoded.states is not None
    return encoded.states


def _added(penalties: list[Tensor | None]) -> Tensor | None:
    found = [penalty for penalty in penalties if penalty is not None]
    return sum(found[1:], start=found[0]) if found else None


def weight_scales(module: nn.Module) -> dict[nn.Parameter, float]:
    """Parameters that are so many times the weights they stand for: their modules name them in `scaled_weights`."""
    owners = [(owner, getattr(owner, "scaled_weights", {})) for owner in module.modules()]
    return {getattr(owner, name): scale for owner, scales in owners for name, scale in scales.items()}
