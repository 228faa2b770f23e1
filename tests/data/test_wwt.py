"""Laws of WWT: page names are read back, incomplete pages dropped and counted, mistakes named."""

import hashlib
import itertools

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tst.data import wwt
from tst.errors import DataError

COMBINATIONS = list(itertools.product(wwt.DOMAINS, wwt.ACCESS, wwt.AGENTS))


def test_all_54_combinations_are_read():
    """9 domains x 3 access types x 2 agents."""
    parsed = wwt.parse_page([f"A_b_{'_'.join(c)}" for c in COMBINATIONS])
    assert len(COMBINATIONS) == 54 and set(parsed["title"]) == {"A_b"}
    assert [
        tuple(r) for r in parsed[["domain", "access", "agent"]].astype(str).to_numpy()
    ] == COMBINATIONS


@pytest.mark.slow
@settings(max_examples=200, deadline=None)
@given(st.text(), st.sampled_from(COMBINATIONS))
def test_any_title_is_kept(title, combination):
    """Underscores, quotes, commas, newlines, separators and nothing at all may stand in a title."""
    parsed = wwt.parse_page([f"{title}_{'_'.join(combination)}"])
    assert parsed["title"][0] == title


def test_a_title_that_looks_like_a_suffix():
    """The last three parts count."""
    parsed = wwt.parse_page(
        ["x_en.wikipedia.org_desktop_spider_de.wikipedia.org_mobile-web_all-agents"]
    )
    assert tuple(parsed.iloc[0].astype(str)) == (
        "x_en.wikipedia.org_desktop_spider",
        "de.wikipedia.org",
        "mobile-web",
        "all-agents",
    )


@pytest.mark.parametrize(
    "name",
    [
        "",
        "Main_Page",
        "x_en.wikipediaXorg_desktop_spider",
        "x_en.wikipedia.org_desktop_spider ",
        "x_en.wikipedia.org_desktop_spider\n",
        "x_EN.wikipedia.org_desktop_spider",
        "en.wikipedia.org_desktop_spider",
    ],
)
def test_an_unparsable_name_is_named(name):
    """The row and the name stand in the sentence."""
    with pytest.raises(DataError, match="row 1: cannot read the page name"):
        wwt.parse_page(["a_en.wikipedia.org_desktop_spider", name])


def write_csv(path, rows, columns=None):
    """Write rows of (page, values) in the competition's form."""
    frame = pd.DataFrame(
        [[page, *values] for page, values in rows], columns=["Page", *(columns or wwt.DAYS)]
    )
    frame.to_csv(path, index=False)
    return path


def test_csv_known_answer(tmp_path):
    """Three pages, one with a missing day: two series, counted; origin original.

    Quotes and commas survive.
    """
    full, gap = np.arange(550.0), np.where(np.arange(550) == 7, np.nan, 1.0)
    names = [f"{t}_fr.wikipedia.org_desktop_all-agents" for t in ('a "quoted", page', "b", "c")]
    path = write_csv(tmp_path / "train_1.csv", zip(names, (full, gap, full * 2), strict=True))
    series, counts = wwt.from_csv(path, sha256=None)
    assert (len(series), series.origin, series.name) == (2, "original", "wwt")
    np.testing.assert_array_equal(series[1][:, 0], full * 2)
    assert list(series.attributes["page"]) == [names[0], names[2]]
    assert counts.set_index("filter")["series"].to_dict() == {
        "read": 3,
        "missing days, dropped": 1,
        "kept": 2,
    }


def test_csv_mistakes(tmp_path):
    """Wrong file, missing column, text, negative views, no complete page: one sentence each."""
    page, ones = "x_en.wikipedia.org_desktop_spider", np.ones(550)
    good = write_csv(tmp_path / "train_1.csv", [(page, ones)])
    with pytest.raises(
        DataError, match=r"has [\d,]+ bytes, the competition's train_1.csv 278,011,802: place the"
    ):
        wwt.load(tmp_path)
    with pytest.raises(DataError, match="wrong SHA-256 .* or remove it to use wwt_pages.parquet"):
        wwt.from_csv(good, "0" * 64)
    assert len(wwt.from_csv(good, hashlib.sha256(good.read_bytes()).hexdigest())[0]) == 1
    short = write_csv(tmp_path / "short.csv", [(page, ones[:-1])], wwt.DAYS[:-1])
    with pytest.raises(DataError, match="lacks the column '2016-12-31'"):
        wwt.from_csv(short, None)
    (tmp_path / "text.csv").write_text(good.read_text().replace(",1.0", ",many", 1))
    with pytest.raises(DataError, match="cannot read .*text.csv"):
        wwt.from_csv(tmp_path / "text.csv", None)
    with pytest.raises(DataError, match="negative views"):
        wwt.from_csv(write_csv(tmp_path / "negative.csv", [(page, -ones)]), None)
    (tmp_path / "torn.csv").write_text(good.read_text()[:-600])
    with pytest.raises(DataError, match="no page has all 550 days|cannot read"):
        wwt.from_csv(tmp_path / "torn.csv", None)
    with pytest.raises(DataError, match="row 1: cannot read the page name 'y'"):
        wwt.from_csv(write_csv(tmp_path / "name.csv", [(page, ones), ("y", ones * np.nan)]), None)
    with pytest.raises(DataError, match="no page has all 550 days"):
        wwt.from_csv(write_csv(tmp_path / "gaps.csv", [(page, ones * np.nan)]), None)


def test_float32_keeps_counts_to_a_relative_error_of_6e_8(tmp_path):
    """Counts up to 2**24 are exact, larger ones rounded."""
    counts = np.array([2**24 - 1, 2**24 + 1, 67_264_257] + [0] * 547)
    path = write_csv(tmp_path / "train_1.csv", [("x_en.wikipedia.org_desktop_spider", counts)])
    series, _ = wwt.from_csv(path, None)
    assert series.values[0, 0] == counts[0]
    assert series.values[1, 0] != counts[1]
    np.testing.assert_allclose(series.values[:, 0].astype(float), counts, rtol=2**-24)


def test_subset(tmp_path):
    """The parquet form: its columns must agree with the names; truncation and absence are named."""
    days = pd.DataFrame(np.ones((2, 550), np.float32), columns=wwt.DAYS)
    pages = [f"{t}_en.wikipedia.org_desktop_spider" for t in "ab"]
    facts = {
        "page": pages,
        "domain": "en.wikipedia.org",
        "access": "desktop",
        "agent": "spider",
        "source": "s",
    }
    table = pd.concat([pd.DataFrame(facts), days], axis=1)
    path = tmp_path / "wwt_pages.parquet"
    table.to_parquet(path)
    series, _ = wwt.load(tmp_path)
    assert (len(series), series.origin) == (2, "subset")
    table.assign(access="mobile-web").to_parquet(path)
    with pytest.raises(DataError, match="'access' contradicts the page name 'a_en"):
        wwt.load(tmp_path)
    table.assign(access=["desktop", "mobile-web"]).to_parquet(path)  # one page of two is enough
    with pytest.raises(DataError, match="'access' contradicts the page name 'b_en"):
        wwt.load(tmp_path)
    table.astype({wwt.DAYS[3]: str}).replace({wwt.DAYS[3]: "1.0"}, "many").to_parquet(path)
    with pytest.raises(DataError, match="holds no numbers"):
        wwt.load(tmp_path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(DataError, match="place the file again"):
        wwt.load(tmp_path)
    path.unlink()
    with pytest.raises(DataError, match="train_1.csv"):
        wwt.load(tmp_path)
