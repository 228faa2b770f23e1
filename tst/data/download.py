"""Download parts of the 2011 Google cluster trace, checked against its published SHA-256 sums.

`clusterdata-2011-2.sha256` beside this file holds the sums of the 1,000 parts of task_usage and
task_events, taken from the trace's own SHA256SUM (`sha256sum -c` reads it). A part already there
with the right sum is not fetched again.
"""

import sys
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any, get_args
from urllib.parse import urljoin

import pooch
import requests
from tqdm import tqdm

from tst.data.trace_parts import N_PARTS, PROGRESS, Table, part_name
from tst.errors import DataError

BASE_URL = "https://storage.googleapis.com/clusterdata-2011-2/"
CHECKSUMS = Path(__file__).with_name("clusterdata-2011-2.sha256")
TABLES: tuple[Table, ...] = get_args(Table)
TIMEOUT = 60  # seconds without a byte
RETRIES = 2


@cache
def checksums() -> dict[str, str]:
    """Return {"table/part": SHA-256} of all parts of both tables."""
    sums = {}
    for line in CHECKSUMS.read_text().splitlines():
        digest, name = line.split(" *")
        sums[name] = digest
    return sums


def fetch(folder: Path, table: Table, parts: Sequence[int]) -> list[Path]:
    """Download parts of a table to `folder`/`table`; return their paths in the order of `parts`.

    Parameters
    ----------
    folder
        Folder of the raw trace; made if need be.
    table
        task_usage (about 80 MB a part) or task_events.
    parts
        Numbers of parts, 0 to 499.

    Raises
    ------
    DataError
        Where a number or table does not exist, the network is out of reach or the checksum is
        wrong. What was fetched before stays, nothing is left half-written; the same call goes on
        where it stopped.
    """
    if table not in TABLES:
        raise DataError(
            f"there is no table '{table}' to download; name one of {', '.join(TABLES)}."
        )
    for number in parts:
        if not 0 <= number < N_PARTS:
            raise DataError(f"{table} has no part {number}; name parts from 0 to {N_PARTS - 1}.")
    names = [f"{table}/{part_name(number)}" for number in parts]
    sums = checksums()
    registry = {name: f"sha256:{sums[name]}" for name in names}
    store = pooch.create(path=folder, base_url=BASE_URL, registry=registry, retry_if_failed=RETRIES)
    # Its messages would stand between the progress bars.
    pooch.get_logger().setLevel("WARNING")
    downloader = pooch.HTTPDownloader(timeout=TIMEOUT, hooks={"response": _only_to_https})
    paths = []
    for name in tqdm(names, table, file=sys.stdout, **PROGRESS):
        paths.append(_fetch_one(store, name, downloader))
    return paths


def _only_to_https(response: requests.Response, **_: Any) -> None:
    """Raise DataError where a server sends us on to an address without encryption."""
    target = urljoin(response.url, response.headers.get("location", ""))
    if response.is_redirect and not target.startswith("https://"):
        raise DataError(
            f"{response.url} sends us on to {target[:100]}, which is not https; check the network."
        )


def _fetch_one(store: pooch.Pooch, name: str, downloader: pooch.HTTPDownloader) -> Path:
    """Return the path of one file, fetched if it is not there or not what it should be."""
    url = store.get_url(name)
    try:
        return Path(store.fetch(name, downloader=downloader))
    except DataError:
        raise
    except ValueError:  # of pooch: the sum is wrong, after all retries
        raise DataError(f"{url} came with a wrong SHA-256 sum; try again later.") from None
    except requests.HTTPError as error:
        status = error.response.status_code if error.response is not None else "unknown"
        raise DataError(f"{url} answers with status {status}; try again later.") from None
    except requests.RequestException as error:
        reason = type(error).__name__
        raise DataError(
            f"{url} is out of reach ({reason}); check the network and run this again."
        ) from None
