"""The network: a task's adapter and heads around an architecture's encoder, bottleneck and decoder."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from typing import Any, NamedTuple

from torch import Tensor, nn

from unroll.data.splits import Batch
from unroll.data.trees import roots
from unroll.models.bottlenecks.composed import Bottleneck
from unroll.models.contracts import Context, Decoder, Encoded, Encoder, Shape, Term, length_mask, reads_trees
from unroll.models.noise import gaussian
from unroll.registry.components import create


class Code(NamedTuple):
    """What encoding gives a task."""

    code: Tensor  # [B, Z]; the mean code in evaluation
    memory: Encoded  # the encoder's states for attention
    penalty: Tensor | None  # [B], already weighted; None where there is none
    context: Context
    nodes: Tensor | None = None  # [B, 2T-1, Z]: the codes of all nodes, the root's among them, of a batch with trees


class Network(nn.Module):
    """Adapter -> encoder -> bottleneck -> decoder -> heads. Tasks call `encode`, `decode` and their own heads.

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
        terms = {name: create(node, f"bottleneck.terms.{name}", Term) for name, node in bottleneck["terms"].items()}
        sizes = {key: bottleneck[key] for key in ("size", "ratio", "minimum")}
        self.bottleneck = Bottleneck(shape, self.encoder.code_width, terms=terms, **sizes)
        self.decoder = None
        if decodes:
            self.decoder = create(
                architecture["decoder"],
                "architecture.decoder",
                nn.Module,
                shape=shape,
                code_width=self.bottleneck.size,
                state_width=self.encoder.state_width,
            )
            if getattr(self.decoder, "tied", False):
                self.decoder.tie(self.encoder, self.bottleneck.projection)  # type: ignore[union-attr]
        self.shape = shape
        self.closed_jacobian = getattr(self.encoder, "closed_form", False) and isinstance(
            self.bottleneck.projection, nn.Identity
        )
        self.bottleneck.check_network(self.closed_jacobian, getattr(self.decoder, "tied", False))
        self.heads = nn.ModuleDict()
        self.reconstructs: bool = architecture["reconstructs"]

    def add_output_head(self, width: int) -> None:
        """Map the decoder's output to `width` values a step; nothing where it already is linear and that wide."""
        assert self.decoder is not None
        done = self.decoder.linear_output and self.decoder.width == width
        self.heads["output"] = nn.Identity() if done else nn.Linear(self.decoder.width, width)

    def encode(self, batch: Batch) -> Code:
        """Encode a batch's inputs [B,T] or [B,T,D]."""
        lengths, inputs = batch.lengths, batch.inputs
        mask = length_mask(lengths, inputs.shape[1])
        text = not inputs.is_floating_point()
        if text:
            inputs = self.bottleneck.corrupt_tokens(inputs, mask)
        x = self.adapter(inputs)
        seen = self.bottleneck.corrupt(x, mask, text)
        trees = {"tree": batch.tree} if reads_trees(self.encoder) else {}
        memory = self.encoder(seen, lengths, mask, **trees)
        context = Context(
            x=x,
            mask=mask,
            index=batch.index,
            hidden=memory.code,
            code=self.bottleneck.projection(memory.code),
            encode=lambda clean: self.bottleneck.projection(self.encoder(clean, lengths, mask, **trees).code),
            weights=self.weight_matrices,
            noise=gaussian,
            decode=None if self.decoder is None else lambda code: self._bare_decode(code, memory, mask),
        )
        if self.closed_jacobian:
            context.closed_jacobian = lambda code: self.encoder.squared_jacobian(code, mask)  # type: ignore[attr-defined]
        code = self.bottleneck.transform(context)
        penalty = self.bottleneck.penalty(code, context)
        nodes = None
        if trees and batch.tree is not None:
            nodes = self._node_codes(context, memory, code, roots(lengths, batch.tree.height.shape[1] + 1))
        return Code(code, memory, penalty, context, nodes)

    def _node_codes(self, context: Context, memory: Encoded, code: Tensor, root: Tensor) -> Tensor:
        """Every node's code [B, 2T-1, Z] after the terms: at `root` [B] the example's; all others cost no penalty."""
        assert memory.states is not None
        others = replace(context, hidden=memory.states, code=self.bottleneck.projection(memory.states), found={})
        nodes = self.bottleneck.transform(others)
        at = root[:, None, None].expand(-1, 1, nodes.shape[2])
        return nodes.scatter(1, at, code[:, None].to(nodes.dtype))

    def decode(self, code: Tensor, memory: Encoded | None, length: int, inputs: Tensor | None = None) -> Tensor:
        """Decode code [B,Z] into values [B, length, width of the output head]."""
        assert self.decoder is not None
        return self.heads["output"](self.decoder(code, memory, length, inputs))

    def _bare_decode(self, code: Tensor, memory: Encoded, mask: Tensor) -> Tensor:
        """The decoder's output [B,T',H] for any code, without a target: see `Context.decode`."""
        assert self.decoder is not None
        shape = self.shape
        length = mask.shape[1] if shape.own_input else shape.output_length
        words = code.new_zeros(len(code), length, shape.decoder_input) if shape.decoder_input else None
        if memory.states is not None:  # those of mixed precision are narrower than this code
            memory = memory._replace(states=memory.states.to(code.dtype))
        decoded = self.decoder(code, memory, length, words)
        return decoded * mask[:, :, None] if shape.own_input else decoded

    def weight_matrices(self) -> Iterator[Tensor]:
        """Weight matrices of encoder, projection and decoder: no biases, embeddings or heads."""
        scales = weight_scales(self)
        for name, parameter in self.named_parameters():
            if parameter.dim() > 1 and not name.startswith(("adapter.", "heads.")):
                scale = scales.get(parameter)
                yield parameter if scale is None else parameter / scale


def weight_scales(module: nn.Module) -> dict[nn.Parameter, float]:
    """Parameters that are so many times the weights they stand for: their modules name them in `scaled_weights`."""
    owners = [(owner, getattr(owner, "scaled_weights", {})) for owner in module.modules()]
    return {getattr(owner, name): scale for owner, scales in owners for name, scale in scales.items()}
