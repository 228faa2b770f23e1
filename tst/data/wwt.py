"""WWT: daily views of Wikipedia pages, from the 2017 forecasting competition.

Reads the competition's `train_1.csv` (origin original) or, where that is missing, the subset `wwt_pages.parquet` (origin
subset). As in DoppelGANger (arXiv 1909.13403, section 5.1) pages with a missing day are dropped, here also counted, and
the page's name gives domain, access and agent. Counts above 2**24 are rounded by float32 (relative error below 6e-8).
"""

import hashlib
import re
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl

from tst.io.untrusted import read_parquet
from tst.series import DataError, Feature, SeriesSet

N_DAYS = 550
DAYS = pd.date_range("2015-07-01", periods=N_DAYS).strftime("%Y-%m-%d").tolist()
DOMAINS = tuple(f"{lang}.wikipedia.org" for lang in ("zh", "fr", "en", "de", "ja", "ru", "es"))
DOMAINS += ("commons.wikimedia.org", "www.mediawiki.org")
ACCESS = ("all-access", "desktop", "mobile-web")
AGENTS = ("all-agents", "spider")
CATEGORIES = {"domain": DOMAINS, "access": ACCESS, "agent": AGENTS}
# \Z, not $: the latter also matches before a newline at the end.
PATTERN = (
    "(?s)^(?P<title>.*)"
    + "".join(
        rf"_(?P<{part}>{'|'.join(map(re.escape, names))})" for part, names in CATEGORIES.items()
    )
    + r"\Z"
)
CSV_BYTES = 278_011_802
CSV_SHA256 = "55b82dfbc3d93518390292003f6c656f6577d552c05e27fbf5bcb1a5b59781d6"


def parse_page(pages):
    """Split page names `title_domain_access_agent`; the title may hold any characters.

    Returns
    -------
    DataFrame
        Columns title (str), domain, access, agent (categorical).

    Raises
    ------
    DataError
        Where a name does not end in one of the 9 x 3 x 2 combinations.
    """
    names = pd.Series(np.asarray(pages, dtype=object)).astype(str)
    parts = names.str.extract(PATTERN)
    bad = parts["domain"].isna().to_numpy()
    if bad.any():
        row = int(bad.argmax())
        raise DataError(
            f"row {row}: cannot read the page name '{names[row]}'; it must end in _domain_access_agent, "
            f"as in 'Main_Page_en.wikipedia.org_desktop_all-agents'."
        )
    for column, categories in CATEGORIES.items():
        parts[column] = pd.Categorical(parts[column], categories=categories)
    return parts


def load(data_dir):
    """Return (SeriesSet of all complete pages, counts of pages by filter) from the data folder."""
    data_dir = Path(data_dir)
    if (data_dir / "train_1.csv").is_file():
        return from_csv(data_dir / "train_1.csv")
    if (data_dir / "wwt_pages.parquet").is_file():
        return from_parquet(data_dir / "wwt_pages.parquet")
    raise DataError(f"no WWT data in {data_dir}: put the competition's train_1.csv there.")


def from_csv(path, sha256=CSV_SHA256):
    """Return (SeriesSet, counts) of the competition's CSV; about 1.3 GB at its peak; sha256=None skips the checksum."""
    if sha256:
        _check_checksum(path, sha256)
    schema = {"Page": pl.String} | dict.fromkeys(DAYS, pl.Float32)
    try:
        header = pl.read_csv(path, n_rows=0).columns
        _check_columns(path, ["Page", *DAYS], header)
        table = pl.read_csv(path, schema_overrides=schema, low_memory=True)
    except pl.exceptions.PolarsError as error:
        first = str(error).splitlines()[0]
        raise DataError(
            f"cannot read {path} ({first}): place the competition's train_1.csv again."
        ) from None
    return _complete_pages(
        path, table["Page"].to_numpy(), table.select(DAYS).to_numpy(), "original"
    )


def from_parquet(path):
    """Read the subset; its columns domain, access and agent must agree with the page names."""
    table = read_parquet(path)
    _check_columns(path, ["page", "source", *CATEGORIES, *DAYS], table.columns)
    try:
        views = table[DAYS].to_numpy(np.float32)
    except (TypeError, ValueError) as error:
        raise DataError(
            f"{path}: a day's column holds no numbers ({error}); place the file again."
        ) from None
    parsed = parse_page(table["page"])
    for column in CATEGORIES:
        differs = (parsed[column].astype(str) != table[column].astype(str)).to_numpy()
        if differs.any():
            page = table["page"].iloc[int(differs.argmax())]
            raise DataError(
                f"{path}: column '{column}' contradicts the page name '{page}'; place the file again."
            )
    return _complete_pages(path, table["page"], views, "subset", table["source"])


def from_pages(table):
    """Return (SeriesSet, counts) of simulated pages, a table in the layout of the subset."""
    return _complete_pages(
        "simulated pages", table["page"], table[DAYS].to_numpy(), "simulated", table["source"]
    )


def _complete_pages(path, pages, views, origin, source=None):
    pages = np.asarray(pages, dtype=object)
    parsed = parse_page(pages)
    if (views < 0).any():
        page = pages[int(np.argmax((views < 0).any(1)))]
        raise DataError(
            f"{path}: page '{page}' has negative views; remove it or place the file again."
        )
    complete = np.isfinite(views).all(1)
    counts = pd.DataFrame(
        [
            ("read", len(views)),
            ("missing days, dropped", int((~complete).sum())),
            ("kept", int(complete.sum())),
        ],
        columns=["filter", "series"],
    )
    if not complete.any():
        raise DataError(f"{path}: no page has all {N_DAYS} days; at least one is needed.")
    attributes = parsed[complete].drop(columns="title").reset_index(drop=True)
    attributes.insert(0, "page", pages[complete].astype(str))
    if source is not None:
        attributes["source"] = np.asarray(source)[complete].astype(str)
    features = [Feature("views", unit="views/day")]
    lengths = np.full(complete.sum(), views.shape[1])
    values = views[complete].reshape(-1, 1)
    return SeriesSet("wwt", values, lengths, features, attributes, origin, "1D"), counts


def _check_columns(path, wanted, found):
    missing = [c for c in wanted if c not in set(found)]
    if missing:
        raise DataError(
            f"{path} lacks the column '{missing[0]}' ({len(missing)} in all): place the original file again."
        )


def _check_checksum(path, sha256):
    remedy = "place the original file again, or remove it to use wwt_pages.parquet"
    n_bytes = path.stat().st_size
    if sha256 == CSV_SHA256 and n_bytes != CSV_BYTES:
        raise DataError(
            f"{path} has {n_bytes:,} bytes, the competition's train_1.csv {CSV_BYTES:,}: {remedy}."
        )
    with open(path, "rb") as file:
        found = hashlib.file_digest(file, "sha256").hexdigest()
    if found != sha256:
        raise DataError(
            f"{path} is not the competition's train_1.csv (wrong SHA-256 {found[:10]}...): {remedy}."
        )
