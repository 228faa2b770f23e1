"""TST, the GPT-like transformer of arXiv 2506.07312: causal self-attention over real-valued steps.

Linear input, sinusoidal positions, post-LayerNorm encoder blocks under a causal mask, linear output
and sigmoid or tanh; trained by squared error on the next step, with two generation flags a step
(arXiv 1909.13403, section 4.1.1). Two departures in how, not what: a batch is packed instead of
padded to the window, and generation keeps keys and values in a cache. Our names for the paper's:
d_model, n_head, n_layer, d_ff; window = context_length.
"""

from dataclasses import asdict
from pathlib import Path
from typing import ClassVar, Self

import torch
from torch import nn

from tst.errors import DataError, translate_errors
from tst.io import weights
from tst.io.untrusted import from_mapping
from tst.models.base import ModelSpec, Training
from tst.models.batches import Batch, PackedBatches, add_flags, window_lengths
from tst.models.scaling import ACTIVATIONS, Normaliser, read_scaling
from tst.models.transformer import generation
from tst.models.transformer.backbone import Backbone, KVCache
from tst.models.transformer.config import PAPER, TSTConfig
from tst.models.transformer.packing import Packing
from tst.series import SeriesSet
from tst.training.config import TrainConfig
from tst.training.losses import masked_mse


class TST(nn.Module):
    """The paper's model: from steps 1..t of a series to step t + 1.

    Parameters
    ----------
    config
        Its sizes.
    scaling
        How the training set was scaled; needed to sample, not to train.
    """

    key: ClassVar[str] = "tst_paper"
    oracle_key: ClassVar[str] = "tst_oracle"

    def __init__(self, config: TSTConfig = PAPER, scaling: Normaliser | None = None) -> None:
        super().__init__()
        self.config = config
        self.scaling = scaling
        self.input = nn.Linear(config.n_features, config.d_model)
        self.backbone = Backbone(config)
        self.output = nn.Linear(config.d_model, config.n_features)

    def forward(self, x: torch.Tensor, packing: Packing) -> torch.Tensor:
        """Predict the next step of every row.

        Parameters
        ----------
        x
            float, (rows, n_features): the series of a batch one after another, longest first.
        packing
            `Packing` of their lengths, each <= context_length.

        Returns
        -------
        float, (rows, n_features): row t of a series holds the prediction of its row t + 1.
        """
        return self._point(self.backbone(self.input(x), packing))

    def _point(self, h: torch.Tensor) -> torch.Tensor:
        return ACTIVATIONS[self.config.head](self.output(h).to(h.dtype))

    def prefill(self, x: torch.Tensor, cache: KVCache) -> torch.Tensor:
        """Run the first steps of series through an empty cache.

        Parameters
        ----------
        x
            float, (B, T, n_features), T >= 1.

        Returns
        -------
        float, (B, n_features): the prediction of the next step.
        """
        # One by one: the paper's recipe begins with two steps only.
        for t in range(x.shape[1]):
            prediction = self.decode(x[:, t], cache)
        return prediction

    def decode(self, x: torch.Tensor, cache: KVCache) -> torch.Tensor:
        """Take one more step x (B, n_features) into the cache; return the next's prediction."""
        return self._point(self.backbone.decode(self.input(x), cache))

    def sample(
        self,
        n_series: int,
        seed: int = 0,
        *,
        real: SeriesSet | None = None,
        max_steps: int | None = None,
        precision: str = "fp32",
        oracle: bool = False,
    ) -> SeriesSet:
        """Return one synthetic series for each of the first `n_series` real ones.

        Each continues the first two steps of its real one. The recipe has no randomness: `seed`
        changes nothing.

        Parameters
        ----------
        real
            Donors of the two conditioning steps, of attributes and of the scale; each has 2 steps
            or more.
        max_steps
            Cap of the length, conditioning steps included; default: context_length.
        precision
            Of matrix products: fp32, bf16, or auto: the faster of the two, measured on the first
            steps.
        oracle
            Stop each series at its donor's true length (at least 3 steps) instead of by its flags.

        Raises
        ------
        DataError
            Where donors are missing or too short, or the model does not know its scaling.
        """
        donors = self._donors(n_series, real)
        cap = max_steps or self.config.context_length
        key = self.oracle_key if oracle else self.key
        scaling = self._known_scaling()
        return generation.from_donors(self, donors, scaling, cap, key, precision, oracle)

    def sample_with_oracle(
        self,
        n_series: int,
        *,
        real: SeriesSet,
        max_steps: int | None = None,
        precision: str = "fp32",
    ) -> tuple[SeriesSet, SeriesSet]:
        """Return what `sample` does without and with `oracle`, each series generated once."""
        donors = self._donors(n_series, real)
        cap = max_steps or self.config.context_length
        keys = (self.key, self.oracle_key)
        return generation.both_ends(self, donors, self._known_scaling(), cap, keys, precision)

    def _known_scaling(self) -> Normaliser:
        if self.scaling is None:
            raise DataError(
                "this TST does not know how its data were scaled: train it on a series set first."
            )
        return self.scaling

    def _donors(self, n_series: int, real: SeriesSet | None) -> SeriesSet:
        """Return the first `n_series` of the real series."""
        self._known_scaling()
        if real is None or len(real) < n_series:
            n_donors = 0 if real is None else len(real)
            raise DataError(
                f"TST needs a real donor for each of {n_series} series, and has {n_donors}; "
                "give real=."
            )
        return real if len(real) == n_series else real.take(range(n_series))

    def save(self, folder: Path | str) -> None:
        """Write model.json and model.safetensors to a folder, the weights last and by rename."""
        scaling = None if self.scaling is None else self.scaling.to_dict()
        weights.save(folder, {"config": asdict(self.config), "scaling": scaling}, self.state_dict())

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
            config = from_mapping(TSTConfig, facts["config"])
            scaling = read_scaling(facts["scaling"])
        return weights.load_into(lambda: cls(config, scaling), state, folder)


def packed_mse(model: TST, batch: Batch) -> torch.Tensor:
    """Return the paper's loss of a packed batch."""
    prediction = model(batch.inputs, Packing(batch.lengths, device=batch.inputs.device))
    return masked_mse(prediction, batch.targets, batch.weight)


def prepare(config: TSTConfig, real: SeriesSet, settings: TrainConfig) -> Training:
    """Return an untrained TST, its loss, and random windows of the training set with flags."""
    scaling = Normaliser.fit(real, config.head, config.log, config.per_series)
    scaled, _, _ = scaling.normalise(real)
    windows = window_lengths(real.lengths, config.context_length)
    batches = PackedBatches(
        add_flags(scaled, real.lengths), windows, settings.batch_size, settings.seed
    )
    return Training(model=TST(config, scaling), loss=packed_mse, batches=batches)


SPEC = ModelSpec(key=TST.key, config=TSTConfig, prepare=prepare, load=TST.load)
