"""Builds the packets of `tst.data.iot` from the captures of IoT SENTINEL as they were published.

A folder a device: `Setup-X-Y-STA.pcap` is setup Y by person X, `_iotdevice-mac.txt` the Ethernet
address of the device. A packet's protocol is

- ARP by its Ethernet type, ICMP (and ICMPv6) by its IP protocol;
- DNS by port 53, and over UDP DHCP by 67, 68, 546, 547, mDNS by 5353, SSDP by 1900, NTP by 123;
- of a TCP connection, in both directions: HTTP (80, 8080) or HTTPS/TLS (443, 8443) by port, else by
  its first payload that starts as one;
- else other TCP, other UDP, or other (EAPOL, IGMP, LLC).

No address, payload or date is kept. Captures are numbered within a device, by person, then setup.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import BinaryIO

import dpkt
import numpy as np
import pandas as pd

from tst.data.iot import MICROSECONDS, PORT_CLASSES, PROTOCOLS
from tst.errors import DataError, translate_errors

FOLDER = "raw/iot"  # of the captures, in the data folder
ADDRESS_FILE = "_iotdevice-mac.txt"
ADDRESS = re.compile(r"(?:[0-9a-f]{2}[:-]){5}[0-9a-f]{2}", re.IGNORECASE)
# The second devices of four types.
TYPES = {
    "EdimaxCam1": "EdimaxCam",
    "EdimaxCam2": "EdimaxCam",
    "EdnetCam1": "EdnetCam",
    "EdnetCam2": "EdnetCam",
    "WeMoInsightSwitch2": "WeMoInsightSwitch",
    "WeMoSwitch2": "WeMoSwitch",
}
HELD_OUT = 4  # every so many-th capture of a device is kept aside for the last confirmation

MAX_802_3_LENGTH = 1500  # greater numbers in its place name a type: then it is Ethernet II
HEADER_BYTES = 14  # of an Ethernet frame
PAYLOAD_BYTES = 16  # that tell HTTP and TLS
TRANSPORTS = {
    dpkt.ip.IP_PROTO_TCP: "TCP",
    dpkt.ip.IP_PROTO_UDP: "UDP",
    dpkt.ip.IP_PROTO_ICMP: "ICMP",
    dpkt.ip.IP_PROTO_ICMP6: "ICMP",
}
DNS_PORT = 53
UDP_PORTS = {"DHCP": {67, 68, 546, 547}, "mDNS": {5353}, "SSDP": {1900}, "NTP": {123}}
TCP_PORTS = {"HTTP": {80, 8080}, "HTTPS/TLS": {443, 8443}}
HTTP_STARTS = tuple(
    f"{method} ".encode()
    for method in (
        *("GET", "POST", "HEAD", "PUT", "DELETE", "OPTIONS", "CONNECT", "PATCH", "TRACE"),
        *("NOTIFY", "SUBSCRIBE", "UNSUBSCRIBE", "M-SEARCH"),  # of UPnP
    )
) + (b"HTTP/1.",)
TLS_START = b"\x16\x03"  # a handshake record of SSL 3 or TLS
ENDS_EARLY = "it ends within a packet"
FIRST_DYNAMIC_PORT = 49152
FIRST_REGISTERED_PORT = 1024


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """What is read of one frame.

    Parameters
    ----------
    micros
        Time in microseconds.
    size
        Bytes of the frame.
    is_sent
        Whether the device sent it.
    transport
        TCP, UDP, or what is a protocol by itself: ARP, ICMP, other.
    addresses
        IP addresses of source and destination; empty without IP.
    ports
        Of source and destination; empty without, and in all but the first fragment.
    payload
        The first bytes of a TCP packet's payload.
    """

    micros: int
    size: int
    is_sent: bool
    transport: str
    addresses: tuple[bytes, ...] = ()
    ports: tuple[int, ...] = ()
    payload: bytes = b""

    @property
    def connection(self) -> frozenset[tuple[bytes, int]]:
        """Both ends of its TCP connection, the same for either direction."""
        return frozenset(zip(self.addresses, self.ports, strict=True))


def build(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return (packets, counts) of all captures under a folder.

    Returns
    -------
    packets
        One row a packet, as `tst.data.iot.load` reads them.
    counts
        Columns filter, packets: read, neither from nor to the device, kept.

    Raises
    ------
    DataError
        Where there is no capture, a device's address is missing or a file is no capture.
    """
    parts = []
    n_read = 0
    for address_file in sorted(folder.rglob(ADDRESS_FILE)):
        device = address_file.parent.name
        address = _read_address(address_file)
        paths = sorted(address_file.parent.glob("*.pcap"), key=_setup_order)
        for number, path in enumerate(paths, start=1):
            packets, n_frames = read_capture(path, address)
            n_read += n_frames
            if packets:
                parts.append(_table(packets, device, number))
    if not parts:
        raise DataError(
            f"no captures under {folder}: put the folders of IoT SENTINEL there, one a device, "
            f"each with its {ADDRESS_FILE} and *.pcap files."
        )
    table = pd.concat(parts, ignore_index=True)
    counts = {
        "read": n_read,
        "neither from nor to the device, dropped": n_read - len(table),
        "kept": len(table),
    }
    return _compact(table), pd.DataFrame(counts.items(), columns=["filter", "packets"])


def held_out(table: pd.DataFrame) -> np.ndarray:
    """Return which packets belong to the captures that are kept aside, bool (rows,)."""
    number = table["capture"].astype(str).str.rpartition("-")[2].astype(int)
    return (number % HELD_OUT == 0).to_numpy()


class _Unbroken:
    """A file that gives all the bytes asked for, or none at its end; dpkt takes what it gets."""

    def __init__(self, file: BinaryIO) -> None:
        self.file = file

    def read(self, n_bytes: int) -> bytes:
        """Return the next `n_bytes`, or none; raise EOFError where there are fewer."""
        content = self.file.read(n_bytes)
        if 0 < len(content) < n_bytes:
            raise EOFError(ENDS_EARLY)
        return content

    def seek(self, position: int) -> None:
        """Go to a position."""
        self.file.seek(position)


def read_capture(path: Path, address: bytes) -> tuple[list[Packet], int]:
    """Return (packets from or to an Ethernet address, in the order of time; frames in the file)."""
    packets = []
    n_frames = 0
    with (
        translate_errors(f"{path} is not a capture, or is damaged", "download it again"),
        open(path, "rb") as file,
    ):
        reader = dpkt.pcap.UniversalReader(_Unbroken(file))
        if reader.datalink() != dpkt.pcap.DLT_EN10MB:
            raise DataError(f"{path} holds no Ethernet frames; give the capture of an Ethernet.")
        for seconds, frame in reader:
            if not frame:
                raise EOFError(ENDS_EARLY)
            n_frames += 1
            destination, source = frame[:6], frame[6:12]
            if address not in (destination, source) or len(frame) < HEADER_BYTES:
                continue
            micros = round(seconds * MICROSECONDS)
            packets.append(parse(frame, micros=micros, is_sent=source == address))
    return sorted(packets, key=lambda packet: packet.micros), n_frames


def parse(frame: bytes, *, micros: int, is_sent: bool) -> Packet:
    """Return what is read of an Ethernet frame; what cannot be parsed is `other`."""
    packet = partial(Packet, micros=micros, size=len(frame), is_sent=is_sent)
    ip = None
    if int.from_bytes(frame[12:14], "big") > MAX_802_3_LENGTH:
        try:
            ip = dpkt.ethernet.Ethernet(frame).data
        except (dpkt.UnpackError, IndexError):  # the latter of tags without an end
            ip = None
    if isinstance(ip, dpkt.arp.ARP):
        return packet(transport="ARP")
    if not isinstance(ip, dpkt.ip.IP | dpkt.ip6.IP6):
        return packet(transport="other")
    packet = partial(packet, transport=TRANSPORTS.get(ip.p, "other"), addresses=(ip.src, ip.dst))
    segment = ip.data
    if isinstance(segment, dpkt.udp.UDP):
        return packet(ports=(segment.sport, segment.dport))
    if isinstance(segment, dpkt.tcp.TCP):
        start = bytes(segment.data[:PAYLOAD_BYTES])
        return packet(ports=(segment.sport, segment.dport), payload=start)
    return packet()


def protocols(packets: Sequence[Packet]) -> list[str]:
    """Return the protocol of each packet of a capture, one of PROTOCOLS."""
    connections: dict[frozenset[tuple[bytes, int]], str] = {}
    for packet in packets:
        name = _tcp_name(packet)
        if name:
            connections.setdefault(packet.connection, name)
    return [_protocol(packet, connections) for packet in packets]


def _tcp_name(packet: Packet) -> str | None:
    """Return what a TCP packet's ports, else its payload, say of its connection, if anything."""
    if packet.transport != "TCP" or not packet.ports:
        return None
    for name, ports in TCP_PORTS.items():
        if ports & set(packet.ports):
            return name
    if packet.payload.startswith(HTTP_STARTS):
        return "HTTP"
    return "HTTPS/TLS" if packet.payload.startswith(TLS_START) else None


def _protocol(packet: Packet, connections: dict[frozenset[tuple[bytes, int]], str]) -> str:
    """Return the protocol of a packet, where the named connections of its capture are known."""
    if packet.transport not in ("TCP", "UDP"):
        return packet.transport
    if DNS_PORT in packet.ports:
        return "DNS"
    other = f"other {packet.transport}"
    if not packet.ports:
        return other
    if packet.transport == "TCP":
        return connections.get(packet.connection, other)
    names = [name for name, ports in UDP_PORTS.items() if ports & set(packet.ports)]
    return names[0] if names else other


def _port_class(packet: Packet) -> str:
    """Return the class of a packet's destination port, one of PORT_CLASSES."""
    if not packet.ports:
        return "none"
    port = packet.ports[1]
    if port < FIRST_REGISTERED_PORT:
        return "well-known"
    return "registered" if port < FIRST_DYNAMIC_PORT else "dynamic"


def _n_destinations(packets: Sequence[Packet]) -> list[int]:
    """Return how many IP addresses the device has sent to up to each packet."""
    destinations = set()
    counts = []
    for packet in packets:
        if packet.is_sent and packet.addresses:
            destinations.add(packet.addresses[1])
        counts.append(len(destinations))
    return counts


def _table(packets: Sequence[Packet], device: str, number: int) -> pd.DataFrame:
    """Return the rows of a capture; its time begins with its first packet."""
    micros = np.array([packet.micros for packet in packets])
    return pd.DataFrame(
        {
            "capture": f"{device}-{number:02d}",
            "device": device,
            "device_type": TYPES.get(device, device),
            "step": np.arange(len(packets)),
            "time_s": (micros - micros[0]) / MICROSECONDS,
            "gap_s": np.diff(micros, prepend=micros[0]) / MICROSECONDS,
            "size": [packet.size for packet in packets],
            "direction": [int(packet.is_sent) for packet in packets],
            "protocol": protocols(packets),
            "port_class": [_port_class(packet) for packet in packets],
            "n_destinations": _n_destinations(packets),
        }
    )


def _compact(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table with categories for names."""
    table["protocol"] = pd.Categorical(table["protocol"], PROTOCOLS)
    table["port_class"] = pd.Categorical(table["port_class"], PORT_CLASSES, ordered=True)
    names = ["capture", "device", "device_type"]
    return table.astype(dict.fromkeys(names, "category"))


def _read_address(path: Path) -> bytes:
    """Return the Ethernet address that a device's text file holds."""
    with translate_errors(f"cannot read {path}", "download it again"):
        match = ADDRESS.search(path.read_text(encoding="ascii"))
    if match is None:
        raise DataError(f"{path} holds no Ethernet address such as 02:00:5e:10:00:01; write one.")
    return bytes.fromhex(re.sub("[:-]", "", match[0]))


def _setup_order(path: Path) -> list[tuple[int, str]]:
    """Return what sorts captures by person, then by the number of the setup."""
    parts = re.split(r"(\d+)", path.name)
    return [(int(part), "") if part.isdigit() else (-1, part) for part in parts]
