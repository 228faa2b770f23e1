"""Download parts of the 2011 Google cluster trace (clusterdata-2011-2), checked against its published SHA-256 sums.

`clusterdata-2011-2.sha256` beside this file holds the sums of the 1,000 parts of task_usage and task_events, taken from
the trace's own SHA256SUM (`sha256sum -c` reads it). A part already there with the right sum is not fetched again.
"""

import sys
from functools import cache
from pathlib import Path
from urllib.parse import urljoin

import pooch
import requests
from tqdm import tqdm

from tst.data.gcut import N_PARTS, PROGRESS, part_name
from tst.series import DataError

BASE_URL = "https://storage.googleapis.com/clusterdata-2011-2/"
CHECKSUMS = Path(__file__).with_name("clusterdata-2011-2.sha256")
TABLES = ("task_usage", "task_events")
TIMEOUT = 60  # seconds without a byte
RETRIES = 2


@cache
def checksums():
    """Return {"table/part": SHA-256} of all parts of both tables."""
    lines = (line.split(" *") for line in CHECKSUMS.read_text().splitlines())
    return {name: digest for digest, name in lines}


def fetch(folder, table, parts):
    """Download parts of a table to `folder`/`table`, and return their paths in the order of `parts`.

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
        Where a number or table does not exist, the network is out of reach or the checksum is wrong. What was
        fetched before stays, nothing is left half-written; the same call goes on where it stopped.
    """
    if table not in TABLES:
        raise DataError(
            f"there is no table '{table}' to download; name one of {', '.join(TABLES)}."
        )
    for number in parts:
        if not 0 <= number < N_PARTS:
            raise DataError(f"{table} has no part {number}; name parts from 0 to {N_PARTS - 1}.")
    names = [f"{table}/{part_name(number)}" for number in parts]
    registry = {name: f"sha256:{checksums()[name]}" for name in names}
    store = pooch.create(path=folder, base_url=BASE_URL, registry=registry, retry_if_failed=RETRIES)
    pooch.get_logger().setLevel("WARNING")
    downloader = pooch.HTTPDownloader(timeout=TIMEOUT, hooks={"response": _only_to_https})
    return [
        _fetch_one(store, name, downloader)
        for name in tqdm(names, table, file=sys.stdout, **PROGRESS)
    ]


def _only_to_https(response, **_):
    """Raise DataError where a server sends us on to an address without encryption."""
    target = urljoin(response.url, response.headers.get("location", ""))
    if response.is_redirect and not target.startswith("https://"):
        raise DataError(
            f"{response.url} sends us on to {target[:100]}, which is not https; check the network."
        )


def _fetch_one(store, name, downloader):
    """Return the path of one file, fetched if it is not there or not what it should be."""
    try:
        return Path(store.fetch(name, downloader=downloader))
    except DataError:
        raise
    except ValueError:  # pooch: the sum is wrong, after all retries
        raise DataError(
            f"{store.get_url(name)} came with a wrong SHA-256 sum; try again later."
        ) from None
    except requests.HTTPError as error:
        status = error.response.status_code
        raise DataError(
            f"{store.get_url(name)} answers with status {status}; try again later."
        ) from None
    except requests.RequestException as error:
        url, why = store.get_url(name), type(error).__name__
        raise DataError(
            f"{url} is out of reach ({why}); check the network and run this again."
        ) from None
