"""Laws of gaps: between rows, and in columns, they depend on what they depended on in the table."""

import numpy as np
import pandas as pd
import pytest

from tst.synthesiser import Synthesiser

NIGHT = 8  # hours of the day
SECONDS = {"idle": 300, "busy": 5}


def states(rng, n_steps, stays=0.85):
    """Return whether a machine is busy at each step, bool; it mostly stays as it is."""
    changes = rng.random(n_steps) > stays
    return (rng.integers(0, 2) + np.cumsum(changes)) % 2 == 1


def uneven(n=60, n_steps=40, seed=0):
    """Return a log whose rows follow each other as fast as the state says, at times an hour on."""
    rng = np.random.default_rng(seed)
    frames = []
    for i in range(n):
        is_busy = states(rng, n_steps)
        typical = np.where(is_busy, SECONDS["busy"], SECONDS["idle"])
        gap = np.maximum(1, typical * rng.lognormal(0, 0.3, n_steps)).round()
        gap[rng.random(n_steps) < 0.03] = 3600
        time = pd.Timestamp("2024-05-06 08:00") + pd.to_timedelta(np.cumsum(gap), "s")
        frame = {"machine": f"m{i}", "time": time, "state": np.where(is_busy, "busy", "idle")}
        frames.append(pd.DataFrame(frame | {"load": rng.normal(2 + 3 * is_busy, 0.5).round(3)}))
    return pd.concat(frames, ignore_index=True)


def gaps_of(frame):
    """Return the seconds since the row before, NaN of first rows."""
    return frame.groupby("machine")["time"].diff().dt.total_seconds()


@pytest.mark.long
def test_rows_follow_each_other_as_their_state_says():
    """Median gaps by state within a fifth; hours as rare; shuffled gaps do not pass (known bad)."""
    real = uneven()
    copy = Synthesiser(max_steps=400, roles={"id": "machine", "time": "time"}).fit(real).sample(200)
    ours = gaps_of(copy)
    medians = ours.groupby(copy["state"]).median()
    expected = gaps_of(real).groupby(real["state"]).median()
    assert (ours.dropna() >= 1).all()
    assert (medians / expected - 1).abs().max() <= 0.2
    assert (ours > 1800).sum() / ours.count() == pytest.approx(0.03, abs=0.015)
    shuffled = ours.sample(frac=1, random_state=0).to_numpy()
    medians = pd.Series(shuffled).groupby(copy["state"]).median()
    assert (medians / expected - 1).abs().max() > 0.2


def gappy(n=60, n_steps=72, seed=0):
    """Return hourly rows of columns that are missing by the state, the hour, and the series."""
    rng = np.random.default_rng(seed)
    frames = []
    for i in range(n):
        time = pd.date_range("2024-05-06", periods=n_steps, freq="h") + pd.Timedelta(days=i % 20)
        is_busy = states(rng, n_steps)
        is_night = time.hour < NIGHT
        shares = {
            "by_state": np.where(is_busy, 0.6, 0.05),
            "by_hour": np.where(is_night, 0.8, 0.05),
            "by_series": np.full(n_steps, 0.7 if i % 3 == 0 else 0.03),
        }
        frame = {"machine": f"m{i}", "time": time, "state": np.where(is_busy, "busy", "idle")}
        for name, share in shares.items():
            frame[name] = np.where(
                rng.random(n_steps) < share, np.nan, rng.normal(size=n_steps).round(3)
            )
        frames.append(pd.DataFrame(frame))
    return pd.concat(frames, ignore_index=True)


def shares_missing(frame):
    """Return which share is missing by each cause, and how far a series' share is from others'."""
    is_night = frame["time"].dt.hour < NIGHT
    by_series = frame["by_series"].isna().groupby(frame["machine"]).mean()
    return pd.concat(
        [
            frame["by_state"].isna().groupby(frame["state"]).mean(),
            frame["by_hour"].isna().groupby(is_night).mean(),
            by_series.quantile([0.1, 0.5, 0.9]),
        ]
    )


@pytest.mark.long
def test_what_is_missing_keeps_its_cause():
    """By state, hour and series, shares within a tenth; shuffled gaps do not pass (known bad)."""
    real = gappy()
    copy = Synthesiser(max_steps=400, roles={"id": "machine", "time": "time"}).fit(real).sample(200)
    expected = shares_missing(real)
    assert (shares_missing(copy) - expected).abs().max() <= 0.1
    for name in ("by_state", "by_hour", "by_series"):
        shuffled = copy.assign(**{name: copy[name].sample(frac=1, random_state=0).to_numpy()})
        assert (shares_missing(shuffled) - expected).abs().max() > 0.2
