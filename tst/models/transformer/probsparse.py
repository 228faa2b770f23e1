"""An Informer-like ProbSparse attention that is strictly causal.

ProbSparse attention (Zhou et al., AAAI 2021, section 3) computes only the queries whose weights are
far from uniform and gives all others the mean of the values. As published it leaks the future, mask
or not: a query is measured on keys drawn from the whole series and ranked against later queries.
We depart from it in what makes it causal, no more:
- a query is measured on keys drawn from its own past, by a fixed sequence (the same at each call)
  instead of at random;
- it is active if its measure is among the C ln(t + 2) highest *so far*, not of all queries. If all
  orders of the measures are equally likely, T steps have C/2 (ln T)^2 active queries instead of
  C ln T;
- numbers of draws and ranks do not depend on T, because a step does not know how long its series
  will be; step by step the same queries are active (but for ties within rounding);
- an inactive query gets the mean of the values up to its own step (Informer's decoder: their sum).
Informer's distilling and its generative decoder are other parts of that model and are not here.
"""

from dataclasses import dataclass

import torch
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

from tst.series import ceil_div

# Keys a query is measured on, times C: Informer's ln L at the 2,500 steps of the longest series.
N_DRAWS = 8
GOLDEN = (5**0.5 - 1) / 2  # its multiples are spread evenly over [0, 1) however many are taken
CHUNK = 64  # active queries at a time
GATHERED = 2**21  # numbers of sampled keys at a time, 8 MB of float32


@dataclass(frozen=True)
class ProbSparse:
    """Steps with the most peaked weights so far attend to all before; others take the mean value.

    Parameters
    ----------
    factor
        C: at step t the C ln(t + 2) highest measures so far are active.
    """

    factor: int

    def attend(
        self,
        q: torch.Tensor,
        k: torch.Tensor,
        v: torch.Tensor,
        dropout: float = 0.0,
        alibi: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Attend from every step; see `attention.CausalAttention.attend`.

        The choice of active queries has no gradient, as in Informer.
        """
        _refuse_biases(alibi)
        T = q.shape[2]
        with torch.no_grad():
            steps = torch.arange(T, device=q.device)
            is_active = active(measure(q, k, steps, self.factor), self.factor)
        total = v.cumsum(2, dtype=torch.promote_types(v.dtype, torch.float32))
        mean = (total / torch.arange(1, T + 1, device=v.device)[:, None]).to(v.dtype)
        # Active queries first, in the order of time; slots are filled up to whole chunks, so that
        # no shape tells the future.
        order = (~is_active).to(torch.uint8).argsort(dim=2, stable=True)
        n_slots = CHUNK * ceil_div(int(is_active.sum(2).max()), CHUNK)
        slots = order[:, :, :n_slots]  # (B, n_head, n_slots)
        chunks = [
            checkpoint(_attend_at, q, k, v, chunk, dropout, use_reentrant=False)
            for chunk in slots.split(CHUNK, dim=2)
        ]
        rows = slots[..., None].expand(*slots.shape, v.shape[3])
        is_kept = is_active.gather(2, slots)[..., None]
        attended = torch.where(is_kept, torch.cat(chunks, 2), mean.gather(2, rows))
        return mean.scatter(2, rows, attended)

    def attend_newest(
        self,
        q: torch.Tensor,
        keys: torch.Tensor,
        values: torch.Tensor,
        alibi: torch.Tensor | None = None,
        measures: torch.Tensor | None = None,
    ) -> torch.Tensor:
        """Attend from the newest step; see `attention.CausalAttention.attend_newest`."""
        _refuse_biases(alibi)
        if measures is None:
            raise ValueError(
                "attention probsparse needs the measures of the earlier queries; give `measures`."
            )
        scaled = q * q.shape[-1] ** -0.5
        scores = torch.bmm(keys, scaled.transpose(1, 2)).transpose(1, 2)  # (N, 1, T)
        attended = torch.bmm(torch.softmax(scores, -1), values).squeeze(1)
        is_active = newest_active(q, keys, measures, self.factor)
        return torch.where(is_active[:, None], attended, values.mean(1))

    def new_measures(
        self, n_layer: int, n_rows: int, max_steps: int, dtype: torch.dtype, device: torch.device
    ) -> torch.Tensor:
        """Return room for the measures of a cache's queries, (n_layer, n_rows, max_steps)."""
        return torch.empty(n_layer, n_rows, max_steps, dtype=dtype, device=device)


def _refuse_biases(alibi: torch.Tensor | None) -> None:
    """Raise ValueError for linear biases, which would decide the choice of active queries."""
    if alibi is not None:
        raise ValueError(
            "linear biases (alibi) do not go with attention probsparse; use full or sliding:W."
        )


def _attend_at(
    q: torch.Tensor, k: torch.Tensor, v: torch.Tensor, positions: torch.Tensor, dropout: float
) -> torch.Tensor:
    """Attend from the queries at `positions` (B, n_head, n) alone."""
    chosen = q.gather(2, positions[..., None].expand(*positions.shape, q.shape[3]))
    is_seen = positions[..., None] >= torch.arange(k.shape[2], device=k.device)  # (B, n_head, n, T)
    return F.scaled_dot_product_attention(chosen, k, v, attn_mask=is_seen, dropout_p=dropout)


def measure(q: torch.Tensor, k: torch.Tensor, positions: torch.Tensor, factor: int) -> torch.Tensor:
    """Return how far the queries' weights are from uniform.

    It is the largest less the mean score (Informer, equation 4), over a sample of the keys.

    Parameters
    ----------
    q
        float, (..., n, head size): the queries at `positions` int64 (n,).
    k
        float, (..., T, head size), T > positions.

    Returns
    -------
    float, (..., n).
    """
    n_draws = N_DRAWS * factor
    n_rows = max(1, GATHERED // (k[..., 0, :].numel() * n_draws))
    measures = []
    for queries, at in zip(q.split(n_rows, -2), positions.split(n_rows), strict=True):
        keys = k[..., _drawn(at, n_draws), :]  # (..., n, draws, size)
        scores = (keys * queries[..., None, :]).sum(-1)
        measures.append(scores.amax(-1) - scores.mean(-1))
    return torch.cat(measures, -1)


def _drawn(positions: torch.Tensor, n_draws: int) -> torch.Tensor:
    """Return keys from 0 ... position for each of `positions`, int64 (len(positions), n_draws)."""
    position = positions.to(torch.float64)[:, None]
    draw = torch.arange(n_draws, device=positions.device)
    share = (position * n_draws + draw) * GOLDEN % 1
    return (share * (position + 1)).long()


def active(measures: torch.Tensor, factor: int) -> torch.Tensor:
    """Tell which queries rank among the highest so far, bool (..., T) like `measures`.

    Of equal measures the earlier ranks first.
    """
    T = measures.shape[-1]
    n_active = n_active_at(torch.arange(T, device=measures.device), factor)
    best = measures[..., :0]  # the highest of the chunks before, as many as can ever matter
    chunks = []
    for start in range(0, T, CHUNK):
        chunk = measures[..., start : start + CHUNK]
        n = chunk.shape[-1]
        is_earlier = torch.ones(n, n, dtype=torch.bool, device=measures.device).tril(-1)
        n_ahead = (best[..., None, :] >= chunk[..., None]).sum(-1)
        n_ahead += ((chunk[..., None, :] >= chunk[..., None]) & is_earlier).sum(-1)
        chunks.append(n_ahead < n_active[start : start + n])
        best = torch.cat([best, chunk], -1)
        n_best = min(int(n_active[-1]), best.shape[-1])
        best = best.topk(n_best, sorted=False).values
    return torch.cat(chunks, -1)


def newest_active(
    q: torch.Tensor, k: torch.Tensor, measures: torch.Tensor, factor: int
) -> torch.Tensor:
    """Tell whether the newest query is active, bool (N,); write its measure into `measures`.

    Parameters
    ----------
    q, k
        float, (N, 1, head size) and (N, T, head size).
    measures
        float, (N, T): those of the earlier queries; the last column is written here.
    """
    newest = torch.tensor([k.shape[1] - 1], device=k.device)
    measures[:, -1:] = measure(q, k, newest, factor)
    n_ahead = (measures[:, :-1] >= measures[:, -1:]).sum(1)
    return n_ahead < n_active_at(newest, factor)


def n_active_at(positions: torch.Tensor, factor: int) -> torch.Tensor:
    """Return how many queries of those up to `positions` may be active: C ln(t + 2), rounded up."""
    return (factor * torch.log(positions.to(torch.float64) + 2)).ceil().long()
