"""Laws of the builder of iot: each rule by a frame made by hand; nothing private is kept."""

import struct

import numpy as np
import pandas as pd
import pytest
from helpers import FOLDERS

from tst.data import __main__ as command
from tst.data import iot, iot_captures
from tst.errors import DataError
from tst.vocabulary import TERMS

REAL = next((folder for folder in FOLDERS if (folder / iot.FILE).is_file()), None)
DEVICE = bytes.fromhex("02005e100001")
ROUTER = bytes.fromhex("02005e100002")
STRANGER = bytes.fromhex("02005e100003")
HOME, CLOUD = bytes([192, 0, 2, 7]), bytes([198, 51, 100, 9])
TCP, UDP, ICMP, ICMP6, IGMP = 6, 17, 1, 58, 2
START = 1_400_000_000_000_000  # microseconds: the captures are of that age


def ethernet(payload, kind, sent=True):
    """Return a frame from (or to) the device, with an Ethernet type or an 802.3 length."""
    ends = (ROUTER, DEVICE) if sent else (DEVICE, ROUTER)
    return b"".join(ends) + struct.pack(">H", kind) + payload


def ip4(payload, protocol, sent=True, fragment=0, remote=CLOUD):
    """Return a frame with an IPv4 packet, perhaps a later fragment."""
    ends = (HOME, remote) if sent else (remote, HOME)
    fields = (0x45, 0, 20 + len(payload), 1, fragment, 64, protocol, 0)
    return ethernet(struct.pack(">BBHHHBBH", *fields) + b"".join(ends) + payload, 0x0800, sent)


def ip6(payload, protocol, sent=True):
    """Return a frame with an IPv6 packet."""
    ends = (b"\x20" * 16, b"\x30" * 16)
    header = struct.pack(">IHBB", 6 << 28, len(payload), protocol, 64)
    return ethernet(header + b"".join(ends if sent else ends[::-1]) + payload, 0x86DD, sent)


def udp(source, destination, **options):
    """Return a frame with an empty UDP packet."""
    return ip4(struct.pack(">HHHH", source, destination, 8, 0), UDP, **options)


def tcp(source, destination, payload=b"", **options):
    """Return a frame with a TCP packet."""
    header = struct.pack(">HHIIBBHHH", source, destination, 1, 1, 5 << 4, 0x18, 1024, 0, 0)
    return ip4(header + payload, TCP, **options)


def write_capture(path, frames, start=START):
    """Write frames with their times in microseconds from `start` as a little-endian pcap."""
    path.parent.mkdir(parents=True, exist_ok=True)
    content = struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 1)
    for micros, frame in frames:
        seconds, rest = divmod(start + micros, 1_000_000)
        content += struct.pack("<IIII", seconds, rest, len(frame), len(frame)) + frame
    path.write_bytes(content)


def write_device(folder, device, captures):
    """Write a device's folder: its address and captures {name: [(micros, frame)]}."""
    for name, frames in captures.items():
        write_capture(folder / device / name, frames)
    address = ":".join(f"{byte:02x}" for byte in DEVICE)
    (folder / device / iot_captures.ADDRESS_FILE).write_text(f"{address}\n")


def build(folder, *frames):
    """Return the packets of one capture with these frames, a millisecond apart."""
    timed = [(1000 * i, frame) for i, frame in enumerate(frames)]
    write_device(folder, "Cam", {"Setup-A-1-STA.pcap": timed})
    return iot_captures.build(folder)[0]


HTTP_REQUEST = b"GET /setup HTTP/1.1\r\n"
TLS_HELLO = b"\x16\x03\x01\x00\x50\x01"
CASES = {
    "ARP": (ethernet(struct.pack(">HHBBH", 1, 0x0800, 6, 4, 1) + bytes(20), 0x0806), "ARP", "none"),
    "EAPOL": (ethernet(b"\x01\x03\x00\x5f" + bytes(95), 0x888E), "other", "none"),
    "LLC": (ethernet(b"\x42\x42\x03\x00\x00\x00", 6), "other", "none"),
    "IGMP": (ip4(bytes(8), IGMP), "other", "none"),
    "ICMP": (ip4(b"\x08\x00" + bytes(6), ICMP), "ICMP", "none"),
    "ICMPv6": (ip6(b"\x87\x00" + bytes(22), ICMP6), "ICMP", "none"),
    "DHCP asked": (udp(68, 67), "DHCP", "well-known"),
    "DHCPv6": (ip6(struct.pack(">HHHH", 546, 547, 8, 0), UDP), "DHCP", "well-known"),
    "DNS asked": (udp(50_000, 53), "DNS", "well-known"),
    "DNS answered": (udp(53, 50_000, sent=False), "DNS", "dynamic"),
    "DNS over TCP": (tcp(50_000, 53), "DNS", "well-known"),
    "mDNS": (udp(5353, 5353), "mDNS", "registered"),
    "SSDP": (udp(49_151, 1900), "SSDP", "registered"),
    "NTP": (udp(123, 123), "NTP", "well-known"),
    "another UDP": (udp(1023, 1024), "other UDP", "registered"),
    "HTTP by port": (tcp(49_152, 80), "HTTP", "well-known"),
    "HTTP answered": (tcp(8080, 49_152, sent=False), "HTTP", "dynamic"),
    "TLS by port": (tcp(49_152, 443), "HTTPS/TLS", "well-known"),
    "TLS at 8443": (tcp(49_152, 8443), "HTTPS/TLS", "registered"),
    "a port before a payload": (tcp(49_152, 443, HTTP_REQUEST), "HTTPS/TLS", "well-known"),
    "HTTP by payload": (tcp(49_152, 49_153, HTTP_REQUEST), "HTTP", "dynamic"),
    "TLS by payload": (tcp(49_152, 8883, TLS_HELLO), "HTTPS/TLS", "registered"),
    "another TCP": (tcp(49_152, 8884, b"\x10\x2a"), "other TCP", "registered"),
    "a later fragment": (ip4(bytes(8), UDP, fragment=64), "other UDP", "none"),
    "a header without end": (ethernet(b"\x45\x00\x00", 0x0800), "other", "none"),
    "a tag without end": (ethernet(b"", 0x8100), "other", "none"),
}


@pytest.mark.parametrize("case", CASES)
def test_each_rule(tmp_path, case):
    """A frame of each kind has the protocol and the class of port that the rules name."""
    frame, protocol, port_class = CASES[case]
    row = build(tmp_path, frame).iloc[0]
    assert (row["protocol"], row["port_class"]) == (protocol, port_class)
    assert row["size"] == len(frame)
    assert row["direction"] == (0 if "answered" in case else 1)


def test_a_connection_is_named_by_its_first_payload_that_tells(tmp_path):
    """All its packets, those before and those of the other side too; no other connection's."""
    frames = [
        tcp(50_001, 8883),
        tcp(8883, 50_001, b"\x00hello", sent=False),
        tcp(50_001, 8883, TLS_HELLO),
        tcp(50_001, 8883, HTTP_REQUEST),
        tcp(8883, 50_001, sent=False),
        tcp(50_002, 8883),
        tcp(50_001, 8883, remote=bytes([198, 51, 100, 8])),
    ]
    table = build(tmp_path, *frames)
    assert list(table["protocol"]) == ["HTTPS/TLS"] * 5 + ["other TCP"] * 2


def test_destinations_are_those_of_sent_packets(tmp_path):
    """Each address that the device sends to counts once; what it receives carries the count on."""
    other = bytes([203, 0, 113, 1])
    table = build(
        tmp_path,
        CASES["ARP"][0],
        udp(123, 123, sent=False),
        udp(123, 123),
        udp(53, 53),
        udp(123, 123, remote=other, sent=False),
        ip4(bytes(8), IGMP, remote=other),
        CASES["ICMPv6"][0],
    )
    assert list(table["n_destinations"]) == [0, 0, 1, 1, 1, 2, 3]


def test_packets_are_in_the_order_of_time(tmp_path):
    """Swapped neighbours are put right; times are exact microseconds from the first packet."""
    frames = [(7, udp(1, 2)), (3, tcp(3, 4)), (400_000_001, udp(5, 6)), (400_000_002, udp(5, 6))]
    write_device(tmp_path, "Cam", {"Setup-A-1-STA.pcap": frames})
    table, _ = iot_captures.build(tmp_path)
    assert list(table["protocol"]) == ["other TCP"] + ["other UDP"] * 3
    micros = [0, 4, 399_999_998, 399_999_999]
    assert (table["time_s"] * 1e6).tolist() == pytest.approx(micros, abs=1e-3)
    assert (table["gap_s"] * 1e6).tolist() == pytest.approx(np.diff(micros, prepend=0), abs=1e-3)


def test_packets_of_others_are_dropped_and_counted(tmp_path):
    """What is neither from nor to the device goes, also from the count of destinations."""
    foreign = b"\xff" * 6 + STRANGER + udp(123, 123)[12:]
    write_device(
        tmp_path, "Cam", {"Setup-A-1-STA.pcap": [(0, foreign), (5, udp(1, 2)), (9, b"\x00")]}
    )
    table, counts = iot_captures.build(tmp_path)
    assert counts["packets"].tolist() == [3, 2, 1]
    assert table[["step", "time_s"]].values.tolist() == [[0, 0]]


def test_captures_are_numbered_by_person_and_setup(tmp_path):
    """Setup 2 stands before setup 10, whose packets tell them apart; twins share their type."""
    names = ["Setup-B-1-STA", "Setup-A-10-STA", "Setup-A-2-STA", "Setup-C-3-STA", "Setup-A-1-STA"]
    captures = {f"{name}.pcap": [(0, udp(1, 2) + bytes(i))] for i, name in enumerate(names)}
    for device in ("EdnetCam1", "EdnetCam2", "Aria"):
        write_device(tmp_path, device, captures)
    table, _ = iot_captures.build(tmp_path)
    size = table.set_index("capture")["size"] - len(udp(1, 2))
    assert [size[f"Aria-0{n}"] for n in range(1, 6)] == [4, 2, 1, 0, 3]
    types = table.drop_duplicates("device").set_index("device")["device_type"]
    assert types.to_dict() == {"Aria": "Aria", "EdnetCam1": "EdnetCam", "EdnetCam2": "EdnetCam"}
    aside = table[iot_captures.held_out(table)]["capture"].astype(str)
    assert list(aside) == ["Aria-04", "EdnetCam1-04", "EdnetCam2-04"]


def test_what_is_built_is_what_is_loaded(tmp_path):
    """The table is one that `iot.load` reads: same packets, and no column beside them."""
    frames = [frame for frame, _, _ in CASES.values()]
    table = build(tmp_path, *frames)
    columns = {"gap_s", "capture", *iot.NUMBERS, *iot.ATTRIBUTES, "protocol", "port_class"}
    assert set(table) == columns
    table.to_parquet(tmp_path / iot.FILE)
    series, _ = iot.load(tmp_path)
    assert series[0][:, 0].tolist() == [0] + [1000] * (len(frames) - 1)
    named = [iot.PROTOCOLS[int(code)] for code in series[0][:, 3]]
    assert named == [protocol for _, protocol, _ in CASES.values()]


def test_a_quarter_is_kept_aside(tmp_path, monkeypatch, capsys):
    """`python -m tst.data --set iot`: every fourth capture of a device goes to a folder of its own.

    That folder has the form of the data folder; no packet stands in both or in the output.
    """
    folder = tmp_path / iot_captures.FOLDER
    names = [f"Setup-A-{number}-STA.pcap" for number in range(1, 10)]
    for device in ("Aria", "Withings"):
        write_device(folder, device, {name: [(0, udp(1, 2)), (5, udp(3, 4))] for name in names})
    monkeypatch.setenv("TST_DATA", str(tmp_path))
    assert command.main(["--set", "iot"]) == 0
    said = capsys.readouterr().out
    assert "14 series of 2 steps" in said
    assert f"Terms: {TERMS['iot']}." in said
    used = iot.load(tmp_path)[0].attributes["capture"]
    aside = iot.load(tmp_path / command.CONFIRM_FOLDER)[0].attributes["capture"]
    assert list(aside) == ["Aria-04", "Aria-08", "Withings-04", "Withings-08"]
    assert len(used) == 14
    assert not set(used) & set(aside)


def test_any_bytes_are_some_packet(tmp_path):
    """Frames of random bytes behind known headers end as a packet of some protocol, never badly."""
    rng = np.random.default_rng(0)
    heads = [frame[: rng.integers(14, 60)] for frame, _, _ in CASES.values()] * 40
    frames = [head + rng.bytes(rng.integers(0, 60)) for head in heads]
    table = build(tmp_path, *frames)
    assert len(table) == len(frames)
    assert not table.isna().any().any()


@pytest.mark.parametrize("n_lost", [1, 5, 41, 42, 43, 50, 57])
def test_a_capture_cut_short_is_refused(tmp_path, n_lost):
    """Wherever it ends within its last packet, which has a header of 16 and 42 bytes."""
    write_device(tmp_path, "Cam", {"Setup-A-1-STA.pcap": [(0, udp(1, 2)), (5, udp(1, 2))]})
    assert len(udp(1, 2)) == 42
    path = tmp_path / "Cam" / "Setup-A-1-STA.pcap"
    path.write_bytes(path.read_bytes()[:-n_lost])
    with pytest.raises(DataError, match="is damaged .it ends within a packet"):
        iot_captures.build(tmp_path)


def test_a_big_endian_capture_of_nanoseconds_is_the_same(tmp_path):
    """Order of bytes and unit of time are the file's affair."""
    frames = [(0, udp(1, 2)), (1_234_567, tcp(3, 80))]
    write_device(tmp_path, "Cam", {"Setup-A-1-STA.pcap": frames})
    little, _ = iot_captures.build(tmp_path)
    content = struct.pack(">IHHiIII", 0xA1B23C4D, 2, 4, 0, 0, 65535, 1)
    for micros, frame in frames:
        seconds, rest = divmod(START + micros, 1_000_000)
        content += struct.pack(">IIII", seconds, 1000 * rest, len(frame), len(frame)) + frame
    (tmp_path / "Cam" / "Setup-A-1-STA.pcap").write_bytes(content)
    big, _ = iot_captures.build(tmp_path)
    pd.testing.assert_frame_equal(big, little)


def test_mistakes(tmp_path):
    """No captures, no address, no capture, another link: one sentence each, with the file."""
    with pytest.raises(DataError, match="no captures under"):
        iot_captures.build(tmp_path)
    write_device(tmp_path, "Cam", {"Setup-A-1-STA.pcap": [(0, udp(1, 2))]})
    path = tmp_path / "Cam" / "Setup-A-1-STA.pcap"
    content = path.read_bytes()
    path.write_bytes(content + b"\x00\x00")
    with pytest.raises(DataError, match="Setup-A-1-STA.pcap is not a capture, or is damaged"):
        iot_captures.build(tmp_path)
    path.write_bytes(content[:20] + struct.pack("<I", 105) + content[24:])
    with pytest.raises(DataError, match="holds no Ethernet frames"):
        iot_captures.build(tmp_path)
    (tmp_path / "Cam" / iot_captures.ADDRESS_FILE).write_text("to be found out")
    with pytest.raises(DataError, match="holds no Ethernet address"):
        iot_captures.build(tmp_path)


def test_no_address_is_kept(tmp_path):
    """Neither an Ethernet nor an IP address stands in the table, nor a date."""
    table = build(tmp_path, *[frame for frame, _, _ in CASES.values()])
    assert all(
        pd.api.types.is_numeric_dtype(table[c]) or table[c].dtype == "category" for c in table
    )
    assert table["time_s"].max() < 1


@pytest.mark.skipif(REAL is None, reason="no iot_sentinel.parquet in the data folder")
def test_the_real_packets_keep_the_rules():
    """What of the rules can be seen in the packets at hand holds for each of them."""
    table = pd.read_parquet(REAL / iot.FILE)
    has_no_port = table["protocol"].isin(["ARP", "ICMP", "other"])
    assert ((table["port_class"] == "none") == has_no_port).all()
    destination = table.groupby("protocol", observed=True)["port_class"].unique()
    assert set(destination["DHCP"]) == {"well-known"}
    assert set(destination["mDNS"]) == {"registered"}
    assert "well-known" not in set(destination["other TCP"])
    more = table.groupby("capture", observed=True)["n_destinations"].diff()
    more = more.fillna(table["n_destinations"])
    assert set(more) == {0, 1}
    spoken = table[more == 1]
    assert (spoken["direction"] == 1).all()
    assert "ARP" not in set(spoken["protocol"])
    assert {"ICMP", "other"} < set(spoken["protocol"])
    captures = table.drop_duplicates("capture")
    assert not iot_captures.held_out(captures).any()
    types = captures["device"].astype(str).map(lambda name: iot_captures.TYPES.get(name, name))
    assert (types == captures["device_type"].astype(str)).all()
