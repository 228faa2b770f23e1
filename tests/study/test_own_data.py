"""Laws of the pieces of the report on a user's own table."""

import numpy as np
import pandas as pd
import pytest
from helpers import shop_visits, user_table

from tst import Synthesiser
from tst.study import own_data
from tst.study.own_verdict import Finding
from tst.table.table import Table


def test_series_are_held_out_where_there_are_enough():
    """A quarter, none of them learned; of few series none."""
    _, series = Table.fit(shop_visits(60))
    learned, held_out = own_data.halves_of(series, 0.25, 0)
    assert (len(learned), len(held_out)) == (45, 15)
    assert own_data.halves_of(series.take(np.arange(39)), 0.25, 0) is None


@pytest.mark.slow
def test_a_copy_is_written_as_its_data_are_and_read_again(tmp_path):
    """CSV or Parquet; a sample of a few series is judged by more."""
    frame = user_table()
    model = Synthesiser(max_steps=2, d_model=8, n_layer=1).fit(frame)
    for suffix in ("csv", "parquet"):
        data = tmp_path / f"data.{suffix}"
        frame.to_csv(data, index=False) if suffix == "csv" else frame.to_parquet(data)
        folder = tmp_path / suffix
        folder.mkdir()
        target, written = own_data.write_copy(model, folder, data, 5, 0)
        assert target == folder / f"synthetic.{suffix}"
        assert written["host"].nunique() == 5
        assert [path.name for path in folder.iterdir()] == [target.name]
        pd.testing.assert_frame_equal(own_data.some_rows(target), written)
    assert own_data.enough_rows(model, written, 5, None, 0) is written
    few = model.table, Table.fit(frame)[1]
    assert own_data.enough_rows(model, written, 5, few, 0)["host"].nunique() == 24


def test_the_verdict_is_written(tmp_path):
    """A table, a page of Markdown, and the summary that is shown."""
    finding = Finding(section="quality", name="lengths", state="RED", text="too short", value=3)
    text = own_data.write_verdict([finding], "9 steps until it ended", "mine", tmp_path)
    assert (tmp_path / own_data.SUMMARY).read_text() == text + "\n"
    verdict = pd.read_csv(tmp_path / "verdict.csv")
    assert verdict["name"].tolist() == ["lengths"]
    assert "9 steps until it ended." in (tmp_path / "report.md").read_text()
    assert own_data.section(verdict, "quality").index.tolist() == ["too short"]
    assert len(own_data.section(verdict, "privacy")) == 0


def test_series_that_are_shown_are_of_one_feature():
    """As many real as synthetic ones, longer than most."""
    _, series = Table.fit(shop_visits(60))
    real, synthetic = own_data.longer_ones(series, series.take(np.arange(9)), 1)
    assert len(real) == len(synthetic) == own_data.N_SHOWN
    assert all(array.ndim == 1 for array in [*real, *synthetic])
    assert min(map(len, real)) >= np.median(series.lengths)
