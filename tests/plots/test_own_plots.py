"""Laws of the figures of a user's own table."""

import numpy as np
import pandas as pd

from tst.plots import own_plots
from tst.plots.base import DPI


def test_real_and_synthetic_series_are_on_one_scale():
    """Side by side, as wide as a README shows, whatever their lengths are."""
    rng = np.random.default_rng(0)
    real = [rng.normal(size=n) for n in (3, 50, 20)]
    synthetic = [9 + rng.normal(size=n) for n in (70, 5, 2)]
    fig = own_plots.real_beside_synthetic(real, synthetic, "cpu_share")
    assert len(fig.axes) == 6
    assert len({ax.get_ylim() for ax in fig.axes}) == len({ax.get_xlim() for ax in fig.axes}) == 1
    drawn = [ax.lines[0].get_ydata() for ax in fig.axes]
    for array, shown in zip([*real, *synthetic], [*drawn[::2], *drawn[1::2]], strict=True):
        np.testing.assert_array_equal(array, shown)
    assert fig.get_figwidth() * DPI <= 900


def test_each_check_is_drawn_by_its_limit():
    """Those with a limit above 0, red where they fail; far ones are cut and numbered."""
    frame = pd.DataFrame(
        {
            "name": ["keys", "lengths", "told_apart", "level"],
            "state": ["ok", "ok", "RED", "-"],
            "value": [0.0, 0.5, 9.0, np.nan],
            "limit": [0.0, 1.0, 1.0, 1.0],
        }
    )
    ax = own_plots.checks(frame).axes[0]
    assert [text.get_text() for text in ax.get_yticklabels()] == ["told apart", "lengths"]
    places = ax.collections[1].get_offsets()
    assert places[:, 0].tolist() == [own_plots.MOST_TIMES, 0.5]
    assert [text.get_text() for text in ax.texts] == ["9"]
