"""GenerativeTST: series without a real step, from the same backbone as TST.

Attributes are drawn first, then steps from a learned start token; each number of a step has an
exact likelihood given all before it (`tst.models.transformer.heads`), the length is drawn with the
attributes, and a token may hold several steps (patch).
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Self, cast

import numpy as np
import pandas as pd
import torch
from torch import nn
from torch.nn import functional as F

from tst.errors import translate_errors
from tst.io import weights
from tst.io.untrusted import from_mapping
from tst.models.base import ModelSpec, Training
from tst.models.transformer import attribute_fit, beginning, sampling, sizes
from tst.models.transformer.backbone import Backbone, Modulation
from tst.models.transformer.batches import N_CLOCK, TokenBatch, TokenBatches
from tst.models.transformer.config import POINT_HEADS, GenerativeConfig, Head
from tst.models.transformer.encoding import SeriesEncoder, exact_repeats
from tst.models.transformer.heads import ChainHead
from tst.models.transformer.moves import Moves
from tst.models.transformer.packing import Packing
from tst.models.transformer.timeline import Timeline
from tst.models.transformer.tokens import attribute_target, season_of, token_spec
from tst.models.transformer.variables import TokenSpec, encode
from tst.series import SeriesSet
from tst.training.config import TrainConfig

START_SCALE = 0.02  # standard deviation of the start token before training, as GPT-2's embeddings
# Variables of a token; far above what heads can learn, it bounds what a damaged model.json asks.
MAX_VARIABLES = 8_192
# Series, or groups of some, by which a model can be judged; more tell no more.
MIN_HELD_OUT, MAX_HELD_OUT = 3, 200
MAX_JUDGED = 500  # series of those held out, each look at which takes as long as some steps


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What the attributes of B series say to each of their steps; None where they do not.

    Parameters
    ----------
    added
        float, (B, d_model): to the embedding of a step.
    code
        float, (B, d_model): for the head.
    modulation
        float, (B, n_layer, 2, d_model): as `tst.models.transformer.backbone.Modulation` takes it.
    """

    added: torch.Tensor | None
    code: torch.Tensor | None
    modulation: torch.Tensor | None

    def take(self, series: torch.Tensor) -> "Conditions":
        """Return those of `series`, int64 (rows,), without the modulation, which is large."""
        added, code = (
            None if x is None else x.index_select(0, series) for x in (self.added, self.code)
        )
        return Conditions(added=added, code=code, modulation=None)

    def keep(self, series: torch.Tensor) -> "Conditions":
        """Return those of `series`, int64 (n_kept,)."""
        kept = self.take(series)
        if self.modulation is None:
            return kept
        return replace(kept, modulation=self.modulation.index_select(0, series))

    def of_blocks(self, series: torch.Tensor | None = None) -> Modulation | None:
        """Return what modulates the blocks, if anything does.

        Parameters
        ----------
        series
            int64, (rows,): which of the B each row is of; None: one row each, in order.
        """
        if self.modulation is None:
            return None
        return Modulation(self.modulation, series)


class GenerativeTST(nn.Module):
    """Our generator: exact conditional distributions over attributes, then over a token's numbers.

    Parameters
    ----------
    config
        Its sizes.
    spec
        What a step and the attributes consist of.
    encoder
        How the training set was encoded; needed to sample, not to train.
    """

    key: ClassVar[str] = "tst"
    first: torch.Tensor

    def __init__(
        self, config: GenerativeConfig, spec: TokenSpec, encoder: SeriesEncoder | None = None
    ) -> None:
        super().__init__()
        self.config = config
        self.spec = spec
        self.encoder = encoder
        n_variables = max(config.patch * len(spec.step), len(spec.attributes))
        if n_variables > MAX_VARIABLES:
            raise ValueError(
                f"a token has {n_variables:,} numbers; give at most {MAX_VARIABLES:,}."
            )
        if encoder is not None and spec.draws_length != (encoder.log_length is not None):
            raise ValueError("the encoder and the spec do not agree whether lengths are drawn.")
        self.input = nn.Linear(self.n_recent, config.d_model)
        self.backbone = Backbone(config)
        self.start = nn.Parameter(torch.randn(config.d_model) * START_SCALE)
        # Encoding of the mean first token (`beginning`); zeros, where nothing is known.
        self.register_buffer("first", torch.zeros(self.n_recent))
        n_conditions = sum(variable.width for variable in spec.attributes)
        self.is_modulated = config.modulated and n_conditions > 0
        n_calendar = 0 if spec.cycles is None else spec.cycles.width
        n_start = 0 if spec.cycles is None else len(spec.cycles.start_columns)
        self.head = ChainHead(
            variables=spec.step * config.patch,
            n_context=config.d_model * (2 if self.is_modulated else 1) + n_calendar,
            n_recent=1 + self.n_recent,
            head=config.head,
            bin_edges=spec.bin_edges * config.patch,
            period=len(spec.step),
        )
        if self.is_modulated:
            self.code = nn.Linear(n_conditions, config.d_model)
            self.modulation = nn.Linear(config.d_model, config.n_layer * 2 * config.d_model)
            nn.init.zeros_(self.modulation.weight)  # before training blocks are as they are
            nn.init.zeros_(self.modulation.bias)
        if spec.draws_length:
            self.clock = nn.Linear(N_CLOCK, config.d_model, bias=False)
        if n_conditions:
            self.conditions = nn.Linear(n_conditions, config.d_model, bias=False)
            # A point cannot be drawn: attributes have a distribution under every head.
            attribute_head: Head = "mixture" if config.head in POINT_HEADS else config.head
            self.attribute_head = ChainHead(
                variables=spec.attributes,
                n_context=1 + n_start,
                n_recent=0,
                head=attribute_head,
                bin_edges=spec.attribute_bin_edges,
                period=len(spec.attributes),
            ).requires_grad_(False)  # fitted before the steps: `attribute_fit`
        if spec.cycles is not None:
            self.calendar = nn.Linear(n_calendar, config.d_model, bias=False)
            for i, codes in enumerate(spec.cycles.codes()):
                self.register_buffer(f"codes_{i}", torch.from_numpy(codes), persistent=False)

    @property
    def n_recent(self) -> int:
        """Width of what the model reads of earlier tokens as they are."""
        return (
            len(self.spec.lags)
            * self.config.patch
            * sum(variable.width for variable in self.spec.step)
        )

    def seen(self, recent: torch.Tensor, is_start: torch.Tensor) -> torch.Tensor:
        """Return what the head reads of tokens before, (rows, 1 + n_recent).

        Whether there is none, 1 or 0, then their encoding: of none, that of the mean first.

        Parameters
        ----------
        recent, is_start
            As in `TokenBatch`.
        """
        return beginning.seen_before(self.first, recent, is_start)

    def begin(self, conditions: torch.Tensor) -> Conditions:
        """Return what the attributes of series say to each of their steps.

        Parameters
        ----------
        conditions
            float, (B, n_conditions): encoded attributes.
        """
        if not self.spec.attributes:
            return Conditions(added=None, code=None, modulation=None)
        added = self.conditions(conditions)
        if not self.is_modulated:
            return Conditions(added=added, code=None, modulation=None)
        code = F.relu(self.code(conditions))
        table = self.modulation(code).view(len(code), -1, 2, self.config.d_model)
        return Conditions(added=added, code=code, modulation=table)

    def codes(self, places: torch.Tensor) -> torch.Tensor:
        """Return what is known of the dates of rows, float (rows, n_calendar); n may be 0.

        Parameters
        ----------
        places
            int64, (rows, n_cycles): where in the cycles of the calendar they are.
        """
        tables = [self.get_buffer(f"codes_{i}") for i in range(places.shape[1])]
        if not tables:
            return places.new_zeros(places.shape, dtype=self.start.dtype)
        codes = [table.index_select(0, places[:, i]) for i, table in enumerate(tables)]
        return torch.cat(codes, dim=1)

    def embed(
        self,
        recent: torch.Tensor,
        is_start: torch.Tensor,
        clock: torch.Tensor,
        conditions: Conditions,
        codes: torch.Tensor,
    ) -> torch.Tensor:
        """Return token embeddings.

        Parameters
        ----------
        recent
            float, (rows, n_recent): encoding of the tokens at the spec's lags, the one before last.
        is_start
            bool, (rows,): where no token stands before, but the start of the series.
        clock
            float, (rows, N_CLOCK): how much of the series is left; read where lengths are drawn.
        conditions
            Of each row's series.
        codes
            float, (rows, n_calendar): of each row's date.

        Returns
        -------
        float, (rows, d_model).
        """
        start = self.start.to(recent.dtype)
        x = torch.where(is_start[:, None], start, self.input(recent).to(recent.dtype))
        if self.spec.draws_length:
            x = x + self.clock(clock.to(recent.dtype))
        if self.spec.cycles is not None:
            x = x + self.calendar(codes.to(recent.dtype))
        if conditions.added is None:
            return x
        return x + conditions.added

    def context(self, h: torch.Tensor, conditions: Conditions, codes: torch.Tensor) -> torch.Tensor:
        """Return what the head reads beside earlier tokens, float (rows, n_context)."""
        parts = [h]
        if conditions.code is not None:
            parts.append(conditions.code.to(h.dtype))
        if self.spec.cycles is not None:
            parts.append(codes.to(h.dtype))
        return torch.cat(parts, dim=1) if len(parts) > 1 else h

    def forward(self, batch: TokenBatch, packing: Packing) -> torch.Tensor:
        """Return log p of every number of the tokens given the attributes, (rows, patch * D)."""
        attributes = batch.attributes
        conditions = self.begin(encode(self.spec.attributes, attributes.value, attributes.repeat))
        of_rows = conditions.take(batch.series)
        codes = self.codes(batch.places)
        embedded = self.embed(batch.recent, batch.is_start, batch.clock, of_rows, codes)
        modulation = conditions.of_blocks(batch.series)
        # Back to float32, where autocast left bfloat16: likelihoods are not rounded.
        h = self.backbone(embedded, packing, modulation).to(batch.recent.dtype)  # (rows, d_model)
        context = self.context(h, of_rows, codes)
        recent = self.seen(batch.recent, batch.is_start)
        return self.head.log_prob(context, recent, batch.target)

    def sample(
        self,
        n_series: int,
        seed: int = 0,
        *,
        real: SeriesSet | None = None,
        max_steps: int | None = None,
        attributes: pd.DataFrame | None = None,
        lengths: np.ndarray | None = None,
        donors: SeriesSet | None = None,
        prefix: np.ndarray | None = None,
        timeline: Timeline | None = None,
        moves: Sequence[Moves] = (),
    ) -> SeriesSet:
        """Return `n_series` synthetic series as `sampling.sample` does; `real` is ignored."""
        return sampling.sample(
            self,
            n_series,
            seed,
            max_steps=max_steps,
            attributes=attributes,
            lengths=lengths,
            donors=donors,
            prefix=prefix,
            timeline=timeline,
            moves=moves,
        )

    def save(self, folder: Path | str) -> None:
        """Write model.json and model.safetensors to a folder, the weights last and by rename."""
        weights.save(folder, self.facts(), self.state_dict())

    def facts(self) -> dict[str, Any]:
        """Return what `load` builds the model from, as JSON holds it."""
        encoder = None if self.encoder is None else asdict(self.encoder)
        return {"config": asdict(self.config), "spec": self.spec.to_dict(), "encoder": encoder}

    @classmethod
    def load(cls, folder: Path | str) -> Self:
        """Return what `save` wrote, in evaluation mode.

        Raises
        ------
        DataError
            Where a file is missing or damaged, or is another model's.
        """
        facts, state = weights.read(folder)
        with translate_errors(f"no sound model at {folder}", weights.AGAIN):
            config = from_mapping(GenerativeConfig, facts["config"])
            spec = TokenSpec.from_dict(facts["spec"])
            encoder = None
            if facts["encoder"] is not None:
                encoder = SeriesEncoder.from_dict(facts["encoder"])
            state = _with_start(state)
        return weights.load_into(lambda: cls(config, spec, encoder), state, folder)


def _with_start(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """Return weights with those of a start, zeros where a model was frozen before it had any."""
    kept = dict(state)
    skip, context, n_recent = kept["head.skip"], kept["head.context.weight"], len(kept["first"])
    if len(skip) > n_recent + len(kept["head.chain"]):
        return kept
    before, after = context.tensor_split([context.shape[1] - n_recent], dim=1)
    zeros = context.new_zeros(len(context), 1)
    kept["head.context.weight"] = torch.cat([before, zeros, after], dim=1)
    kept["head.skip"] = torch.cat([skip.new_zeros(1, skip.shape[1]), skip])
    return kept


def token_nll(model: GenerativeTST, batch: TokenBatch) -> torch.Tensor:
    """Return minus log p, summed over the numbers of a step, averaged over the batch's steps."""
    packing = Packing(batch.lengths, device=batch.recent.device)
    return -(model(batch, packing) * batch.weight).sum()


def prepare(config: GenerativeConfig, real: SeriesSet, settings: TrainConfig) -> Training:
    """Return an untrained model, its loss, and random windows of the encoded training set.

    With `held_out` in the settings, some series have no window: the model is judged by them.
    """
    encoder = SeriesEncoder.fit(real, config.attributes, config.stop == "length")
    spec = token_spec(encoder, real, config.stop)
    spec = replace(spec, near=config.near or sizes.near(real, config.patch))
    if config.season:
        spec = replace(spec, season=season_of(encoder, real, config.patch))
    kept, held_out = _split(real, settings)
    batches = TokenBatches(kept, encoder, spec, config, settings.batch_size, settings.seed)
    model = GenerativeTST(config, spec, encoder)
    if config.head == "mixture" and config.informed:
        part = kept.excerpt(beginning.MAX_VALUES)
        excerpt = encoder.learned(part)
        known = sampling.whole_series(config, spec, encoder, excerpt)
        batch = known.collate(known.longest_first, 1.0)
        have_points = _have_points(spec, encoder, excerpt)
        are_whole = bool(np.isin(part.lengths, kept.lengths).all())  # not pieces of long series
        beginning.begin(model.head, model.first, batch, have_points, are_whole)

    def fit_attributes() -> None:
        if spec.attributes:
            target = attribute_target(encoder, real)
            starts = start_context(spec, real)
            units = torch.from_numpy(real.units)
            attribute_fit.fit(model.attribute_head, target, settings.seed, starts, units)

    training = Training(model=model, loss=token_nll, batches=batches, begin=fit_attributes)
    if held_out is None:
        return training
    judged = sampling.whole_series(config, spec, encoder, held_out)

    def score(trained: torch.nn.Module) -> float:
        log_p = sampling.log_likelihood_of(cast(GenerativeTST, trained), judged)
        return float(np.average(log_p, weights=judged.series.lengths))

    return replace(training, score=score)


def _have_points(spec: TokenSpec, encoder: SeriesEncoder, series: SeriesSet) -> list[bool]:
    """Tell which numbers of a step have a point mass that neither a gate nor a category tells.

    `series` is as the encoder's `learned` returns it.
    """
    repeats = exact_repeats(series)
    is_told = encoder.is_atom(series.values)
    have_points = [False] * len(spec.step)
    for f, column in enumerate(series.values.T):
        if spec.step[f].kind == "continuous":
            is_repeat = repeats[:, f] & spec.step[f].repeats
            have_points[f] = beginning.has_point_mass(column[~is_repeat & ~is_told[:, f]])
    return have_points


def start_context(spec: TokenSpec, series: SeriesSet) -> torch.Tensor:
    """Return what the attributes of series may depend on: float32 (n_series, 1 + n_start).

    A one, and what is known of their starts.
    """
    starts = None if series.dates is None else np.asarray(series.dates[series.offsets[:-1]])
    return sampling.context_of_starts(spec, len(series), starts)


def _split(real: SeriesSet, settings: TrainConfig) -> tuple[SeriesSet, SeriesSet | None]:
    """Return the series to train on, and those held out; None where these would be too few.

    The series of a group are never in both.
    """
    units = real.units
    n_units = int(units.max()) + 1
    n_held_out = min(round(settings.held_out * n_units), MAX_HELD_OUT)
    if n_held_out < MIN_HELD_OUT:
        return real, None
    rng = np.random.default_rng(settings.seed)
    chosen = np.zeros(n_units, dtype=bool)
    chosen[rng.choice(n_units, n_held_out, replace=False)] = True
    is_held_out = chosen[units]
    judged = np.flatnonzero(is_held_out)
    if len(judged) > MAX_JUDGED:
        judged = np.sort(rng.choice(judged, MAX_JUDGED, replace=False))
    return real.take(np.flatnonzero(~is_held_out)), real.take(judged)


SPEC = ModelSpec(
    key=GenerativeTST.key,
    config=GenerativeConfig,
    prepare=prepare,
    load=GenerativeTST.load,
    reads_categories=True,
)
