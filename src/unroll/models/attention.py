"""Attention of a decoder over the encoder's states."""

import torch
from torch import Tensor, nn

from unroll.errors import UserError, suggest

KINDS = ("additive", "multiplicative")


class Attention(nn.Module):
    """Global attention: weights softmax_s(score(h_t, m_s)), context sum_s w_ts m_s, output tanh(W [context; h_t]).

    additive        score = v . tanh(W h_t + U m_s)      (Bahdanau, Cho, Bengio 2015, appendix A.1.2)
    multiplicative  score = h_t . W m_s                   (Luong, Pham, Manning 2015, eq. 8, "general")

    Raises:
        UserError: unknown kind.
    """

    def __init__(self, kind: str, width: int, memory_width: int):
        super().__init__()
        if kind not in KINDS:
            raise UserError(f"Unknown attention.{suggest(kind, KINDS)}", saw=kind, allowed=["null", *KINDS])
        self.keys = nn.Linear(memory_width, width, bias=False)
        self.queries = nn.Linear(width, width) if kind == "additive" else None
        self.energy = nn.Linear(width, 1, bias=False) if kind == "additive" else None
        self.output = nn.Linear(memory_width + width, width)

    def weights(self, queries: Tensor, states: Tensor, mask: Tensor) -> Tensor:
        """Queries [B,T',H], states [B,S,M], mask [B,S] -> weights [B,T',S], zero at padding."""
        keys = self.keys(states)
        if self.queries is not None and self.energy is not None:
            pairs = torch.tanh(self.queries(queries)[:, :, None] + keys[:, None])
            scores = self.energy(pairs)[..., 0]
        else:
            scores = queries @ keys.transpose(1, 2)
        return scores.masked_fill(~mask[:, None], float("-inf")).softmax(dim=-1)

    def forward(self, queries: Tensor, states: Tensor, mask: Tensor) -> Tensor:
        """Queries [B,T',H] over states [B,S,M] -> [B,T',H]."""
        context = self.weights(queries, states, mask) @ states
        return torch.tanh(self.output(torch.cat((context, queries), dim=-1)))
