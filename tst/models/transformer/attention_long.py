"""Causal attention for long series: a sliding window, and an Informer-like ProbSparse attention that is strictly causal.

Sliding window (Beltagy et al., 2020, arXiv 2004.05150, section 3.1): each step sees itself and the W - 1 steps before it.

ProbSparse attention (Zhou et al., AAAI 2021, section 3) computes only the queries whose weights are far from uniform and
gives all others the mean of the values. As published it leaks the future, mask or not: a query is measured on keys drawn
from the whole series and ranked against later queries. `probsparse` departs from it in what makes it causal, no more:
- a query is measured on keys drawn from its own past, by a fixed sequence (the same at each call) instead of at random;
- it is active if its measure is among the C ln(t + 2) highest *so far*, not of all queries. If all orders of the measures
  are equally likely, T steps have C/2 (ln T)^2 active queries instead of C ln T;
- numbers of draws and ranks do not depend on T, because a step does not know how long its series will be; step by step
  the same queries are active (but for ties within rounding);
- an inactive query gets the mean of the values up to its own step (Informer's decoder: their sum).
Informer's distilling and its generative decoder are other parts of that model and are not here.
"""

import torch
from torch.nn import functional as F
from torch.utils.checkpoint import checkpoint

DRAWS = 8  # keys a query is measured on, times C: Informer's ln L at the 2,500 steps of the longest series
GOLDEN = (5**0.5 - 1) / 2  # its multiples are spread evenly over [0, 1) however many are taken
CHUNK = 64  # active queries at a time
GATHERED = 2**21  # numbers of sampled keys at a time, 8 MB


def sliding(q, k, v, window, dropout=0.0):
    """Let each step attend to itself and the `window` - 1 steps before it, in blocks of `window` queries.

    Parameters
    ----------
    q, k, v
        float, each (B, n_head, T, head size), T > window.

    Returns
    -------
    float, (B, n_head, T, head size). A block meets its own keys and those of the block before it: time and memory grow
    in proportion to T.
    """
    B, n_head, T, size = q.shape
    n, W = -(-T // window), window
    q, k, v = (F.pad(x, (0, 0, 0, n * W - T)).reshape(B * n_head, n * W, size) for x in (q, k, v))
    first = (x[:, None, :W] for x in (q, k, v))
    blocks = q[:, W:].view(-1, n - 1, W, size)
    keys, values = (
        x.unfold(1, 2 * W, W).transpose(2, 3) for x in (k, v)
    )  # views, each (B * n_head, n - 1, 2 W, size)
    distance = W + torch.arange(W, device=q.device)[:, None] - torch.arange(2 * W, device=q.device)
    seen = (distance >= 0) & (distance < W)
    y = [
        F.scaled_dot_product_attention(*first, is_causal=True, dropout_p=dropout),
        F.scaled_dot_product_attention(blocks, keys, values, attn_mask=seen, dropout_p=dropout),
    ]
    return torch.cat(y, 1).view(B, n_head, n * W, size)[:, :, :T]


def probsparse(q, k, v, factor, dropout=0.0):
    """Let the steps with the most peaked weights so far attend to themselves and all before; the others take the mean.

    Parameters
    ----------
    q, k, v
        float, each (B, n_head, T, head size).
    factor
        C: at step t the C ln(t + 2) highest measures so far are active.

    Returns
    -------
    float, (B, n_head, T, head size). The choice of active queries has no gradient, as in Informer.
    """
    T = q.shape[2]
    with torch.no_grad():
        is_active = active(measures(q, k, torch.arange(T, device=q.device), factor), factor)
    total = v.cumsum(2, dtype=torch.promote_types(v.dtype, torch.float32))
    mean = (total / torch.arange(1, T + 1, device=v.device)[:, None]).to(v.dtype)
    # Active queries first, in the order of time; slots are filled up to whole chunks, so that no shape tells the future.
    order = (~is_active).to(torch.uint8).argsort(dim=2, stable=True)
    n_slots = CHUNK * -(-int(is_active.sum(2).max()) // CHUNK)
    slots = order[:, :, :n_slots]
    parts = [
        checkpoint(_attend_at, q, k, v, part, dropout, use_reentrant=False)
        for part in slots.split(CHUNK, dim=2)
    ]
    rows = slots[..., None].expand(*slots.shape, v.shape[3])
    kept = is_active.gather(2, slots)[..., None]
    return mean.scatter(2, rows, torch.where(kept, torch.cat(parts, 2), mean.gather(2, rows)))


def _attend_at(q, k, v, positions, dropout):
    """Attend from the queries at `positions` (B, n_head, n) alone; made again on the way back, so that no weights stay."""
    chosen = q.gather(2, positions[..., None].expand(*positions.shape, q.shape[3]))
    seen = positions[..., None] >= torch.arange(k.shape[2], device=k.device)  # (B, n_head, n, T)
    return F.scaled_dot_product_attention(chosen, k, v, attn_mask=seen, dropout_p=dropout)


def measures(q, k, positions, factor):
    """Return how far the queries' weights are from uniform: largest less mean score (Informer, equation 4), sampled.

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
    n_rows = max(1, GATHERED // (k[..., 0, :].numel() * DRAWS * factor))
    found = []
    for part, at in zip(q.split(n_rows, -2), positions.split(n_rows), strict=True):
        keys = k[..., _drawn(at, DRAWS * factor), :]  # (..., n, draws, size)
        scores = (keys * part[..., None, :]).sum(-1)
        found.append(scores.amax(-1) - scores.mean(-1))
    return torch.cat(found, -1)


def _drawn(positions, n):
    """Return `n` keys from 0 ... position for each of `positions`, int64 (len(positions), n)."""
    position = positions.to(torch.float64)[:, None]
    share = (position * n + torch.arange(n, device=positions.device)) * GOLDEN % 1
    return (share * (position + 1)).long()


def active(measured, factor):
    """Tell which queries rank among the highest so far, ties in favour of the earlier: bool (..., T) like `measured`."""
    T = measured.shape[-1]
    places = places_at(torch.arange(T, device=measured.device), factor)
    best, found = (
        measured[..., :0],
        [],
    )  # the highest of the chunks before, as many as can ever matter
    for start in range(0, T, CHUNK):
        chunk = measured[..., start : start + CHUNK]
        n = chunk.shape[-1]
        earlier = torch.ones(n, n, dtype=torch.bool, device=measured.device).tril(-1)
        ahead = (best[..., None, :] >= chunk[..., None]).sum(-1)
        ahead += ((chunk[..., None, :] >= chunk[..., None]) & earlier).sum(-1)
        found.append(ahead < places[start : start + n])
        best = torch.cat([best, chunk], -1)
        best = best.topk(min(int(places[-1]), best.shape[-1]), sorted=False).values
    return torch.cat(found, -1)


def newest_active(q, k, measured, factor):
    """Tell whether the newest query is active, bool (N,), and write its measure into the last column of `measured`.

    Parameters
    ----------
    q, k
        float, (N, 1, head size) and (N, T, head size).
    measured
        float, (N, T): the measures of the earlier queries.
    """
    last = torch.tensor([k.shape[1] - 1], device=k.device)
    measured[:, -1:] = measures(q, k, last, factor)
    ahead = (measured[:, :-1] >= measured[:, -1:]).sum(1)
    return ahead < places_at(last, factor)


def places_at(positions, factor):
    """Return how many queries of those up to `positions` may be active: C ln(t + 2), rounded up."""
    return (factor * torch.log(positions.to(torch.float64) + 2)).ceil().long()
