"""Laws of iot: packets as steps, one series a capture; categories by code; mistakes are named."""

import numpy as np
import pandas as pd
import pytest
from helpers import FOLDERS, iot_packets

from tst import data
from tst.data import halves, iot
from tst.errors import DataError
from tst.io import paths

REAL = next((folder for folder in FOLDERS if (folder / iot.FILE).is_file()), None)


def load(folder, table):
    """Write and load a table of packets."""
    table.to_parquet(folder / iot.FILE)
    return iot.load(folder)


def test_packets_are_steps(tmp_path, monkeypatch):
    """`data.load` gives each row back in the order of steps, with its names."""
    table = iot_packets()
    table.sample(frac=1, random_state=1).to_parquet(tmp_path / iot.FILE)
    monkeypatch.setattr(paths, "data_dir", lambda: tmp_path)
    series, counts = data.load("iot")
    assert (series.name, series.origin, series.interval) == ("iot", "subset", "packet")
    assert (series.label, series.group) == ("device_type", "capture")
    assert list(series.lengths) == [5, 3, 5, 3]
    gap_us, size, direction, protocol, port_class, n_destinations = series.values.T
    np.testing.assert_array_equal(size, table["size"])
    np.testing.assert_array_equal(direction, table["direction"])
    np.testing.assert_array_equal(n_destinations, table["n_destinations"])
    assert [iot.PROTOCOLS[int(code)] for code in protocol] == list(table["protocol"])
    assert [iot.PORT_CLASSES[int(code)] for code in port_class] == list(table["port_class"])
    # The gaps add up to the times again, and there is none before the first packet.
    times = pd.Series(gap_us.astype(float)).groupby(series.series_index).cumsum()
    np.testing.assert_allclose(times / iot.MICROSECONDS, table["time_s"], rtol=1e-6)
    assert counts["series"].tolist() == [16, 4, 4]


def test_gaps_are_whole_microseconds(tmp_path):
    """A gap between neighbours late in a capture is exact: 1 us after 400 s is 1, not 0."""
    table = iot_packets()
    table.loc[3, "time_s"] = table.loc[2, "time_s"] = 400.123456
    table.loc[3:4, "time_s"] = [400.123457, 400.123457]
    table.loc[:1, "time_s"] = [0, 0.5]
    series, _ = load(tmp_path, table)
    assert series[0][:, 0].tolist() == [0, 500_000, np.float32(399_623_456), 1, 0]


def test_a_device_is_modelled_a_capture_is_not(tmp_path):
    """Devices and types are categories; a capture names one series, its features know the kinds."""
    series, _ = load(tmp_path, iot_packets())
    assert set(series.attributes.select_dtypes("category")) == {"device", "device_type"}
    assert series.attributes["capture"].is_unique
    kinds = {feature.name: feature.kind for feature in series.features}
    categorical = {name for name, kind in kinds.items() if kind == "categorical"}
    assert categorical == {"direction", "protocol", "port_class"}


@pytest.mark.parametrize(
    ("column", "row", "value", "message"),
    [
        ("protocol", 2, "QUIC", "column 'protocol' holds 'QUIC'; known are ARP, DHCP"),
        ("port_class", 2, "odd", "column 'port_class' holds 'odd'"),
        ("step", 1, 7, "capture 'Cam-01' has step"),
        ("size", 6, 0, "capture 'Cam-02' has size 0 at its packet 1"),
        ("direction", 4, 2, "capture 'Cam-01' has direction 2 at its packet 4"),
        ("n_destinations", 0, -1, "capture 'Cam-01' has n_destinations -1"),
        ("time_s", 2, np.nan, "capture 'Cam-01' has time_s nan at its packet 2"),
        ("time_s", 2, 1e9, "packet 3 of capture 'Cam-01' is earlier than the one before"),
    ],
)
def test_what_no_packet_holds_is_named(tmp_path, column, row, value, message):
    """An unknown name, a hole in the steps, an impossible number: one sentence with the place."""
    table = iot_packets()
    table.loc[row, column] = value
    with pytest.raises(DataError, match=message):
        load(tmp_path, table)


def test_a_missing_file_or_column_is_named(tmp_path):
    """No file, no column, text for numbers."""
    with pytest.raises(DataError, match="no iot_sentinel.parquet"):
        iot.load(tmp_path)
    with pytest.raises(DataError, match="lacks the column 'device_type'"):
        load(tmp_path, iot_packets().drop(columns="device_type"))
    with pytest.raises(DataError, match="'size' holds str, not numbers"):
        load(tmp_path, iot_packets().assign(size="large"))


@pytest.mark.skipif(REAL is None, reason="no iot_sentinel.parquet in the data folder")
def test_the_real_captures():
    """414 captures of 31 devices as described: lengths, shares, counts that never fall."""
    series, counts = iot.load(REAL)
    assert len(series) == 414 == counts["series"].iloc[-1]
    assert (series.lengths.min(), series.lengths.max()) == (11, 2397)
    assert series.attributes["device"].nunique() == 31
    assert series.attributes["device_type"].nunique() == 27
    gap_us, size, direction, protocol, _, n_destinations = series.values.T
    first = series.step_index == 0
    assert (gap_us[first] == 0).all()
    assert (gap_us[~first] == 0).mean() == pytest.approx(0.0009, abs=1e-4)
    assert (size.min(), size.max()) == (20, 1514)
    assert direction.mean() == pytest.approx(0.557, abs=1e-3)
    shares = np.bincount(protocol.astype(int)) / len(protocol)
    assert shares[iot.PROTOCOLS.index("HTTP")] == pytest.approx(0.480, abs=1e-3)
    assert (np.diff(n_destinations)[~first[1:]] >= 0).all()
    train, test = halves.deal(series, 0.5, seed=0)
    assert set(train.labels) == set(test.labels)
    assert len(set(train.labels)) == 27
