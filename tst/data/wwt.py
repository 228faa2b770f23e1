"""WWT: daily views of Wikipedia pages, from the 2017 forecasting competition.

Reads the competition's `train_1.csv` (origin original) or, where that is missing, the subset
`wwt_pages.parquet` (origin subset). As in DoppelGANger (arXiv 1909.13403, section 5.1) pages with a
missing day are dropped, here also counted, and the page's name gives domain, access and agent.
Counts above 2**24 are rounded by float32 (relative error below 6e-8).
"""

import hashlib
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl

from tst.errors import DataError
from tst.io.untrusted import read_parquet
from tst.series import Feature, SeriesSet

CSV_FILE = "train_1.csv"
SUBSET_FILE = "wwt_pages.parquet"
# Of the competition's file as it was published.
CSV_BYTES = 278_011_802
CSV_SHA256 = "55b82dfbc3d93518390292003f6c656f6577d552c05e27fbf5bcb1a5b59781d6"
N_DAYS = 550
DAYS = pd.date_range("2015-07-01", periods=N_DAYS).strftime("%Y-%m-%d").tolist()
DOMAINS = (
    "zh.wikipedia.org",
    "fr.wikipedia.org",
    "en.wikipedia.org",
    "de.wikipedia.org",
    "ja.wikipedia.org",
    "ru.wikipedia.org",
    "es.wikipedia.org",
    "commons.wikimedia.org",
    "www.mediawiki.org",
)
ACCESS = ("all-access", "desktop", "mobile-web")
AGENTS = ("all-agents", "spider")
CATEGORIES = {"domain": DOMAINS, "access": ACCESS, "agent": AGENTS}
FEATURES = (Feature("views", unit="views/day"),)


def _page_pattern() -> str:
    """Return the regular expression of a page name; its title may hold line breaks."""
    pattern = "(?s)^(?P<title>.*)"
    for part, names in CATEGORIES.items():
        pattern += rf"_(?P<{part}>{'|'.join(map(re.escape, names))})"
    return pattern + r"\Z"  # not $, which also matches before a line break at the end


PAGE_PATTERN = _page_pattern()


def parse_page(pages: Sequence[str] | np.ndarray | pd.Series) -> pd.DataFrame:
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
    parts = names.str.extract(PAGE_PATTERN)
    is_unreadable = parts["domain"].isna().to_numpy()
    if is_unreadable.any():
        row = int(is_unreadable.argmax())
        raise DataError(
            f"row {row}: cannot read the page name '{names[row]}'; it must end in "
            "_domain_access_agent, as in 'Main_Page_en.wikipedia.org_desktop_all-agents'."
        )
    for column, categories in CATEGORIES.items():
        parts[column] = pd.Categorical(parts[column], categories=categories)
    return parts


def load(data_dir: Path | str) -> tuple[SeriesSet, pd.DataFrame]:
    """Return (SeriesSet of all complete pages, counts of pages by filter) from the data folder."""
    data_dir = Path(data_dir)
    if (data_dir / CSV_FILE).is_file():
        return from_csv(data_dir / CSV_FILE)
    if (data_dir / SUBSET_FILE).is_file():
        return from_parquet(data_dir / SUBSET_FILE)
    raise DataError(f"no WWT data in {data_dir}: put the competition's train_1.csv there.")


def from_csv(path: Path, sha256: str | None = CSV_SHA256) -> tuple[SeriesSet, pd.DataFrame]:
    """Return (SeriesSet, counts) of the competition's CSV; about 1.3 GB at its peak.

    Raises
    ------
    DataError
        Where the file is not the competition's (`sha256` None skips this check) or is damaged.
    """
    if sha256:
        _check_checksum(path, sha256)
    schema = {"Page": pl.String} | dict.fromkeys(DAYS, pl.Float32)
    try:
        header = pl.read_csv(path, n_rows=0).columns
        _check_columns(path, ["Page", *DAYS], header)
        table = pl.read_csv(path, schema_overrides=schema, low_memory=True)
    except pl.exceptions.PolarsError as error:
        first_line = str(error).splitlines()[0]
        raise DataError(
            f"cannot read {path} ({first_line}): place the competition's train_1.csv again."
        ) from None
    views = table.select(DAYS).to_numpy()
    return _complete_pages(path, table["Page"].to_numpy(), views, "original")


def from_parquet(path: Path) -> tuple[SeriesSet, pd.DataFrame]:
    """Return (SeriesSet, counts) of the subset.

    Raises DataError where its columns domain, access and agent contradict the page names.
    """
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
                f"{path}: column '{column}' contradicts the page name '{page}'; place the file "
                "again."
            )
    return _complete_pages(path, table["page"], views, "subset", table["source"])


def from_pages(table: pd.DataFrame) -> tuple[SeriesSet, pd.DataFrame]:
    """Return (SeriesSet, counts) of simulated pages, a table in the layout of the subset."""
    views = table[DAYS].to_numpy()
    return _complete_pages("simulated pages", table["page"], views, "simulated", table["source"])


def _complete_pages(
    path: Path | str,
    pages: np.ndarray | pd.Series,
    views: np.ndarray,
    origin: str,
    source: pd.Series | None = None,
) -> tuple[SeriesSet, pd.DataFrame]:
    """Return (SeriesSet of the pages without a missing day, counts).

    Parameters
    ----------
    path
        Names the table in an error.
    pages
        Page names, shape (n_pages,).
    views
        Daily views, shape (n_pages, N_DAYS), NaN = missing.
    origin
        Of the pages: original, subset or simulated.
    source
        What is kept as the attribute of that name, if anything.
    """
    pages = np.asarray(pages, dtype=object)
    parsed = parse_page(pages)
    _check_views(path, pages, views)
    is_complete = np.isfinite(views).all(1)
    n_complete = int(is_complete.sum())
    if n_complete == 0:
        raise DataError(f"{path}: no page has all {N_DAYS} days; at least one is needed.")
    attributes = parsed[is_complete].drop(columns="title").reset_index(drop=True)
    attributes.insert(0, "page", pages[is_complete].astype(str))
    if source is not None:
        attributes["source"] = np.asarray(source)[is_complete].astype(str)
    counts = pd.DataFrame(
        {
            "filter": ["read", "missing days, dropped", "kept"],
            "series": [len(views), len(views) - n_complete, n_complete],
        }
    )
    series = SeriesSet(
        name="wwt",
        values=views[is_complete].reshape(-1, 1),  # (n_complete * N_DAYS, 1)
        lengths=np.full(n_complete, views.shape[1]),
        features=FEATURES,
        attributes=attributes,
        origin=origin,
        interval="1D",
    )
    return series, counts


def _check_views(path: Path | str, pages: np.ndarray, views: np.ndarray) -> None:
    """Raise DataError where a page has negative views."""
    has_negative = (views < 0).any(1)  # False for NaN, a missing day
    if has_negative.any():
        page = pages[int(np.argmax(has_negative))]
        raise DataError(
            f"{path}: page '{page}' has negative views; remove it or place the file again."
        )


def _check_columns(path: Path, expected: Sequence[str], columns: Iterable[str]) -> None:
    """Raise DataError where an expected column is missing."""
    present = set(columns)
    missing = [column for column in expected if column not in present]
    if missing:
        raise DataError(
            f"{path} lacks the column '{missing[0]}' ({len(missing)} in all): place the original "
            "file again."
        )


def _check_checksum(path: Path, sha256: str) -> None:
    """Raise DataError where the file is not the competition's; its size tells quickly."""
    remedy = "place the original file again, or remove it to use wwt_pages.parquet"
    n_bytes = path.stat().st_size
    if sha256 == CSV_SHA256 and n_bytes != CSV_BYTES:
        raise DataError(
            f"{path} has {n_bytes:,} bytes, the competition's train_1.csv {CSV_BYTES:,}: {remedy}."
        )
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest != sha256:
        raise DataError(
            f"{path} is not the competition's train_1.csv (wrong SHA-256 {digest[:10]}...): "
            f"{remedy}."
        )
