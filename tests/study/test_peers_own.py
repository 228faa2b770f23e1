"""Laws of the comparison on tables: real rows break nothing, damaged ones do; a run goes on."""

import json
import sys

import numpy as np
import pandas as pd
import pytest

from tst.errors import DataError
from tst.evaluation.reference import Reference
from tst.io import closure, paths
from tst.study.peers import compare_tables, generators, own_tables, run_table
from tst.table.recent import Recent
from tst.table.table import Table


@pytest.fixture(scope="module")
def sales():
    """The simulated table, what is learned of it, and its `Table`."""
    own = own_tables.sales()
    learned, _ = compare_tables.halves(own, seed=0)
    roles = {"id": own.id, "time": own.time, "attributes": list(own.attributes)}
    return own, learned, Table.fit(learned, roles)[0]


def test_the_table_has_relations_to_keep(sales):
    """Prices never above the list's; business days."""
    _, _, table = sales
    kinds = {relation.kind for relation in table.relations}
    assert kinds & {"above", "below"}
    assert table.clock.calendar.kind == "slots"


def test_real_rows_break_nothing_and_damaged_ones_do(sales):
    """Each damage where it is counted."""
    own, learned, table = sales
    assert set(compare_tables.violations(table, own, learned).values()) == {0.0}
    shuffled = learned.assign(price=learned["price"].sample(frac=1, random_state=0).to_numpy())
    assert compare_tables.violations(table, own, shuffled)["broken_relations"] >= 1
    rng = np.random.default_rng(0)
    moved = learned.assign(
        day=learned["day"] + pd.to_timedelta(rng.integers(0, 3, len(learned)), "D")
    )
    assert compare_tables.violations(table, own, moved)["off_calendar"] > 0.2
    twice = pd.concat([learned, learned])
    assert compare_tables.violations(table, own, twice)["repeated_keys"] == 0.5


def test_no_series_is_learned_and_judges(sales):
    """Three quarters and the rest."""
    own, learned, _ = sales
    again, judges = compare_tables.halves(own, seed=0)
    pd.testing.assert_frame_equal(learned, again)
    assert not set(learned["item"]) & set(judges["item"])
    assert len(learned) + len(judges) == len(own.frame)


def test_a_copy_is_made_once(sales, tmp_path, monkeypatch):
    """What was made is read; other seconds or code are another; without peers one sentence."""
    own, learned, _ = sales
    made = []

    def _ours(own, learned, out, seconds, seed):
        made.append(seconds)
        out.with_suffix(".json").write_text(json.dumps({"core_seconds": seconds}))
        learned.to_parquet(out)

    monkeypatch.setattr(compare_tables, "ours", _ours)
    for seconds in (1.0, 1.0, 2.0):
        copy, spent = compare_tables.copy_of(own, learned, "tst", tmp_path, seconds, 0)
        assert spent == {"core_seconds": seconds}
        assert len(copy) == len(learned)
    assert made == [1.0, 2.0]
    monkeypatch.setattr(closure, "fingerprint", lambda files: str(len(files)))
    compare_tables.copy_of(own, learned, "tst", tmp_path, 2.0, 0)
    assert made == [1.0, 2.0, 2.0]
    monkeypatch.setattr(generators, "interpreter", lambda: tmp_path / "gone")
    with pytest.raises(DataError, match="run make peers-own"):
        compare_tables.copy_of(own, learned, "par", tmp_path, 1.0, 0)


class Shuffler(run_table.TablePeer):
    """A peer that returns rows of the table."""

    package = "numpy"

    def fit(self, frame, seconds, seed):
        """Keep the rows."""
        self.frame = frame

    def sample(self, n, seed):
        """Return the rows of n series, columns in another order."""
        chosen = self.frame[self.key].unique()[:n]
        return self.frame[self.frame[self.key].isin(chosen)].iloc[:, ::-1]


def test_a_copy_of_ours_is_known_by_all_code_that_makes_it(monkeypatch):
    """The model, the table's rooms and the tool itself; the comparison is none of it."""
    seen = []
    monkeypatch.setattr(closure, "fingerprint", lambda files: seen.extend(files) or "")
    compare_tables._code("tst")
    package = paths.ROOT / "tst"
    names = {path.relative_to(package).as_posix() for path in seen}
    assert names >= {"synthesiser.py", "table/table.py", "models/transformer/heads.py"}
    assert not [name for name in names if name.startswith(("study/", "evaluation/"))]


def test_a_peer_says_what_it_took_as_the_tool_does(sales, tmp_path, monkeypatch):
    """Core-seconds under one name; the columns as they were."""
    own, learned, _ = sales
    learned.to_parquet(tmp_path / "learned.parquet")
    out = tmp_path / "out.parquet"
    words = f"run_table shuffler {tmp_path / 'learned.parquet'} {out} --id {own.id} "
    words += f"--time {own.time} --attributes kind --seconds 1 --n 3"
    monkeypatch.setattr(sys, "argv", words.split())
    monkeypatch.setattr(run_table, "MODELS", {"shuffler": Shuffler})
    run_table.main()
    spent = json.loads(out.with_suffix(".json").read_text())
    assert spent.keys() == {"core_seconds", "sampling_core_seconds", "package"}
    made = pd.read_parquet(out)
    assert list(made) == list(learned)
    assert made[own.id].nunique() == 3


def test_every_measure_is_measured(sales):
    """Of the rows that were learned as a copy: each that the comparison names; it is found out."""
    own, learned, table = sales
    _, judges = compare_tables.halves(own, seed=0)
    copy, held_out = (Recent.of(table, rows).series for rows in (learned, judges))
    found = compare_tables.scores(Reference.of(copy), held_out, copy, seed=0)
    assert set(found) == {*compare_tables.QUALITY, *compare_tables.PRIVACY}
    assert found["copied_series_share"] == 1.0
    assert found["membership_auc"] == 1.0


def test_who_is_ahead_on_which_table():
    """Lower is better, of the neighbours' ratio 1; as good is not ahead; clearly: in each seed."""
    found = []
    for metric, ours, other in (
        ("off_calendar", (0.0, 0.0), (0.0, 0.0)),
        ("marginal_w1", (0.1, 0.3), (0.1, 0.1)),
        ("nn_distance_ratio", (0.9, 0.9), (1.3, 1.3)),
        ("acf_rms", (0.3, 0.5), (0.1, 0.3)),
    ):
        for model, values in (("tst", ours), ("par", other)):
            for seed, value in enumerate(values):
                found.append(("a", model, seed, metric, value))
    rows = pd.DataFrame(found, columns=["dataset", "model", "seed", "metric", "value"])
    wanted = ["nn_distance_ratio", "off_calendar", "marginal_w1", "acf_rms"]
    stand = compare_tables.standing(rows, wanted)
    assert list(stand.index) == [(metric, "a") for metric in wanted]
    assert stand["ahead_of_it"].tolist() == ["", "", "par", "par"]
    assert stand["clearly_ahead"].tolist() == ["", "", "", "par"]
    assert stand.loc[("marginal_w1", "a"), "tst"] == pytest.approx(0.2)
