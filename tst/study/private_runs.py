"""Private trainings of notebook 16: what is publicly known of the sets, and runs that resume.

Bounds, categories and lengths stand in the descriptions of the sets, or are wide guesses that were
written before any series was looked at; none is computed from series.
"""

import hashlib
import json
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from scipy.spatial.distance import jensenshannon

from tst.data import iot
from tst.data.mba import N_CATEGORIES
from tst.errors import DataError
from tst.evaluation.audit import Shadows
from tst.evaluation.ragged import subsample
from tst.io import closure, files
from tst.models.jobs import ROOMS
from tst.models.transformer import private
from tst.models.transformer.config import GenerativeConfig
from tst.models.transformer.domain import Domain, FeatureDomain
from tst.models.transformer.private import PrivateConfig
from tst.series import SeriesSet
from tst.study import shadows
from tst.training.account import Budget

# Of a set's series: fewer than there are, for what a user would say without counting.
N_UNITS = {"mba": 300, "iot": 200, "gcut": 50}
# The 27 types of devices of IoT SENTINEL, as the paper's table names them (Miettinen et al., 2017).
DEVICE_TYPES = (
    "Aria D-LinkCam D-LinkDayCam D-LinkDoorSensor D-LinkHomeHub D-LinkSensor D-LinkSiren "
    "D-LinkSwitch D-LinkWaterSensor EdimaxCam EdimaxPlug1101W EdimaxPlug2101W EdnetCam "
    "EdnetGateway HomeMaticPlug HueBridge HueSwitch Lightify MAXGateway SmarterCoffee "
    "TP-LinkPlugHS100 TP-LinkPlugHS110 WeMoInsightSwitch WeMoLink WeMoSwitch Withings iKettle2"
)
MAX_PACKETS = 256  # of a capture, behind which it is cut: most devices are set up by then
MAX_FRAME = 1_514  # bytes of an Ethernet frame
END_EVENTS = ("EVICT", "FAIL", "FINISH", "KILL")


def domain_of(dataset: str) -> Domain:
    """Return what is publicly known of a data set; raises DataError where nothing is written."""
    if dataset == "mba":
        codes = {name: _codes(N_CATEGORIES[name]) for name in ("technology", "isp", "state")}
        bytes_of_step = FeatureDomain(low=1e6, high=1e10, log=True, whole=True)
        return Domain(
            features=(bytes_of_step, FeatureDomain(low=0, high=1)),
            attributes=codes,
            longest=56,  # two weeks in steps of 6 hours
            fixed_length=True,
            n_units=N_UNITS[dataset],
        )
    if dataset == "iot":
        return Domain(
            features=(
                FeatureDomain(low=0, high=1e9, log=True, whole=True),
                FeatureDomain(low=0, high=MAX_FRAME, whole=True),
                FeatureDomain(n_categories=len(iot.DIRECTIONS)),
                FeatureDomain(n_categories=len(iot.PROTOCOLS)),
                FeatureDomain(n_categories=len(iot.PORT_CLASSES)),
                FeatureDomain(low=0, high=100, log=True, whole=True),
            ),
            attributes={"device_type": tuple(DEVICE_TYPES.split())},
            longest=MAX_PACKETS,
            fixed_length=False,
            n_units=N_UNITS[dataset],
        )
    if dataset == "gcut":
        return Domain(
            features=(FeatureDomain(low=0, high=1),) * 9,
            attributes={"end_event": END_EVENTS},
            longest=40,
            fixed_length=False,
            n_units=N_UNITS[dataset],
        )
    raise DataError(f"nothing is written down as publicly known of '{dataset}'; write its Domain.")


def _codes(n: int) -> tuple[str, ...]:
    return tuple(f"c{code}" for code in range(n))


def base_config(domain: Domain) -> GenerativeConfig:
    """Return the configuration of a private model of a domain."""
    return private.sizes(GenerativeConfig(n_features=len(domain.features)), domain)


@dataclass(frozen=True, kw_only=True)
class Runs:
    """Trainings of one data set, kept in a folder: what is there of the same code is not repeated.

    Parameters
    ----------
    folder
        Of results, one folder a run.
    real
        Training half.
    domain
        Of the data set.
    delta
        Of all promises.
    settings
        Of the trainings.
    """

    folder: Path
    real: SeriesSet
    domain: Domain
    delta: float
    settings: PrivateConfig

    def budget(self, epsilon: float) -> Budget | None:
        """Return the budget of an epsilon; None of an infinite one: nothing is promised."""
        if np.isinf(epsilon):
            return None
        return Budget(epsilon=epsilon, delta=self.delta)

    def sample(self, epsilon: float, seed: int, n_series: int) -> tuple[SeriesSet, dict]:
        """Return a synthetic set, and the facts of its model: spent, noise, seconds."""
        folder = self._folder("sets", epsilon, seed, n_series)
        if not (folder / "facts.json").is_file():
            start = time.process_time()
            config = base_config(self.domain)
            model, account = private.fit(
                self.real, self.domain, config, self.budget(epsilon), self.settings, seed
            )
            facts = {"core_seconds": time.process_time() - start, "spent": epsilon}
            if account is not None:
                facts |= {"spent": account.spent, "noise": account.releases[1].noise}
            model.sample(n_series, seed).save(folder / "series")
            files.write_text(json.dumps(facts), folder / "facts.json")
        facts = json.loads((folder / "facts.json").read_text())
        return SeriesSet.load(folder / "series"), facts

    def attack(self, epsilon: float, pool: int, n_models: int, seed: int) -> Shadows:
        """Return the scores of shadow models of a pool of series without attributes.

        Its first series is a canary.
        """
        folder = self._folder("shadows", epsilon, seed, (pool, n_models))
        names = {"score": folder / "score.npy", "is_member": folder / "is_member.npy"}
        if not names["is_member"].is_file():
            domain, chosen = self._pool(pool, seed)
            config = base_config(domain)
            found = shadows.attack(
                chosen, domain, config, self.budget(epsilon), self.settings, n_models, seed
            )
            folder.mkdir(parents=True, exist_ok=True)
            np.save(names["score"], found.score, allow_pickle=False)
            np.save(names["is_member"], found.is_member, allow_pickle=False)
        return Shadows(**{name: np.load(path, allow_pickle=False) for name, path in names.items()})

    def _pool(self, size: int, seed: int) -> tuple[Domain, SeriesSet]:
        """Return a domain without attributes, and random series with a canary before them."""
        n_units = max(1, size // 2)
        domain = replace(self.domain, attributes={}, fixed_length=True, n_units=n_units)
        series = domain.within(subsample(self.real, size, seed))
        return domain, shadows.with_canary(series, domain)

    def _folder(self, kind: str, epsilon: float, seed: int, more: object) -> Path:
        """Return the folder of a run, named by all that decides it."""
        program = Path(private.__file__).resolve()
        decided_by = {
            "code": closure.fingerprint(closure.deciding_files(program, ROOMS)),
            "real": self.real.sha256(),
            "domain": asdict(self.domain),
            "settings": asdict(self.settings),
            "delta": self.delta,
            "more": more,
        }
        text = json.dumps(decided_by, sort_keys=True)
        digest = hashlib.sha256(text.encode()).hexdigest()[:12]
        return self.folder / f"{kind}-epsilon{epsilon:g}-seed{seed}-{digest}"


def attribute_jsd(real: SeriesSet, synthetic: SeriesSet, names: list[str]) -> float:
    """Return the mean Jensen-Shannon divergence in bits between attributes' categories."""
    values = []
    for name in names:
        shares = []
        for series in (real, synthetic):
            shares.append(series.attributes[name].astype(str).value_counts(normalize=True))
        both = pd.concat(shares, axis=1).fillna(0.0).to_numpy()
        values.append(jensenshannon(both[:, 0], both[:, 1], base=2) ** 2)
    return float(np.mean(values))
