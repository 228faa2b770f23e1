"""Laws of dates in other languages: read as they mean, written back as they stood."""

import datetime
import unicodedata

import numpy as np
import pandas as pd
import pytest
from babel.dates import format_date
from hypothesis import given
from hypothesis import strategies as st

from tst.table.date_names import LANGUAGES, DateNames, months_among
from tst.table.dates import are_months, formats_of, shapes_of
from tst.table.table import Table
from tst.table.time_evidence import TimeEvidence

PATTERNS = ("d MMM yyyy", "d. MMMM yyyy", "MMM yyyy", "MMMM-yyyy", "EEE d MMM yyyy", "dd-MMM-yy")
DATES = [datetime.date(2019, 1, 1) + datetime.timedelta(days=17 * i) for i in range(44)]


def as_text(pattern, language, dates=DATES, change=str):
    """Return dates as text in a language, by a pattern of CLDR."""
    return [change(format_date(one, pattern, locale=language)) for one in dates]


def upper(text):
    """Return a text in capitals without accents, as Greek has them."""
    return "".join(
        c for c in unicodedata.normalize("NFD", text.upper()) if c.isascii() or c.isalnum()
    )


@pytest.mark.slow
@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("pattern", PATTERNS)
@pytest.mark.parametrize("change", [str, upper, lambda text: text.replace("é", "e")])
def test_dates_of_every_language_come_back(language, pattern, change):
    """Each date is read as the day, or month, that was written, and written as it stood."""
    if change is upper and language == "sk" and "EEE" in pattern:
        return  # ST is Wednesday or Thursday
    texts = pd.Series(as_text(pattern, language, change=change), dtype=object)
    date_format, *_ = formats_of(shapes_of(texts))
    read = date_format.read(texts)
    meant = pd.to_datetime(pd.Series(DATES))
    if not pattern.lower().startswith(("d", "eee")):
        meant = meant.dt.to_period("M").dt.to_timestamp()
    assert (read == meant).all()
    assert date_format.write(read).tolist() == texts.tolist()


@pytest.mark.slow
@given(st.sampled_from(LANGUAGES), st.sets(st.integers(0, 43), min_size=12, max_size=12))
def test_months_that_a_column_lacks_are_written_in_its_way(language, rows):
    """A copy may reach months that no row has: they are the language's, in the same form."""
    some = as_text("d MMMM yyyy", language, [DATES[i] for i in sorted(rows)])
    date_format, *_ = formats_of(shapes_of(some))
    whole = date_format.write(pd.to_datetime(pd.Series(DATES)))
    assert (date_format.read(whole) == pd.to_datetime(pd.Series(DATES))).all()
    assert whole.tolist() == as_text("d MMMM yyyy", language)


@pytest.mark.parametrize(
    ("texts", "first"),
    [
        (["3 de marzo de 2019", "14 de abril de 2019"], "2019-03-03"),
        (["mar 5 mar 2019", "mié 6 mar 2019", "dom 5 may 2019"], "2019-03-05"),
        (["Sept 2019", "Oct 2019"], "2019-09-01"),
        (["1. März 2019 12:30", "2. März 2019 06:00"], "2019-03-01 12:30"),
        (["fevr 2019", "aout 2019"], "2019-02-01"),
        (["janv.-20", "févr.-20", "mars-20"], "2020-01-01"),
    ],
)
def test_what_people_write(texts, first):
    """Words between, a weekday that is called like a month, a form that CLDR lacks."""
    column = pd.Series(texts, dtype=object)
    date_format, *_ = formats_of(shapes_of(column))
    read = date_format.read(column)
    assert read.iloc[0] == pd.Timestamp(first)
    assert date_format.write(read).tolist() == texts


@pytest.mark.parametrize(
    "texts",
    [
        ["Set 1", "Set 2", "Set 10"],
        ["gen 1", "gen 2"],
        ["mars rover 2019", "mai tai 2020"],
        ["Mai 12 Kisten", "Juni 3 Kisten"],
        ["lun", "mar"],
    ],
)
def test_words_that_are_no_dates(texts):
    """One or two words that name a month somewhere, or months among other words, are no dates."""
    assert not formats_of(shapes_of(texts))
    assert not TimeEvidence.of(pd.Series(texts, dtype=object)).is_time


THINGS = {
    "one month": lambda i: f"Set {2001 + i}",
    "uneven years": lambda i: ["Mars 10", "Mai 11", "Juin 12", "Mars 14"][i % 4],
    "flights": lambda i: ["LIS 1701", "MAR 1810", "MAJ 2021", "LIS 1999"][i % 4],
    "models": lambda i: ["LIS-12", "MAR-14", "MAJ-20"][i % 3],
    "days": lambda i: f"{['März', 'April', 'Mai'][i // 28]} {1 + i % 28:02d}",
    "days in English": lambda i: f"{['Mar', 'Apr', 'May'][i // 28]} {1 + i % 28:02d}",
}


@pytest.mark.parametrize("kind", THINGS)
def test_names_of_months_that_are_no_months_of_years(kind):
    """Things that are called so, and days without a year: of the months no even steps, or not row
    by row."""
    texts = pd.Series([THINGS[kind](i) for i in range(80)], dtype=object)
    assert not TimeEvidence.of(texts).is_time


def test_an_id_that_is_called_like_a_month_names_series():
    """A step beside it stays the time."""
    frame = pd.DataFrame({"host": np.repeat([f"Set {2001 + i}" for i in range(20)], 20)})
    frame["step"] = np.tile(np.arange(20), 20)
    frame["cpu"] = np.random.default_rng(0).normal(size=400)
    table, _ = Table.fit(frame)
    assert (table.keys.id, table.keys.time) == (("host",), "step")


@pytest.mark.parametrize("texts", [["Set 2019", "Mar 2020", "Gen 2021"], ["2019-01-01"] * 2])
def test_dates_that_are_said_to_be_codes_stay(texts):
    """The roles may say that a column of dates is of categories."""
    frame = pd.DataFrame({"host": np.repeat(np.arange(20), 20), "step": np.tile(range(20), 20)})
    frame["val"] = pd.Series([texts[i % len(texts)] for i in range(400)], dtype="str")
    frame["cpu"] = np.random.default_rng(0).normal(size=400)
    table, series = Table.fit(frame, {"categorical": ["val"]})
    assert table.to_frame(series)["val"].tolist() == frame["val"].tolist()


def test_a_column_of_months():
    """All of one language, three at least; beside a year they are a time."""
    french = pd.Series(as_text("MMMM", "fr"), dtype="str")
    assert are_months(french)
    assert are_months(pd.Series(["Mai", "Juni", "Dez."], dtype="str"))
    assert are_months(pd.Series(["Jan", "Feb", "Mrz", "Okt"], dtype="str"))
    assert not are_months(pd.Series(["mars", "mai"], dtype="str"))
    assert not are_months(pd.Series(["janvier", "Februar", "marzo"], dtype="str"))
    assert not are_months(pd.Series(["lundi", "mardi", "mercredi"], dtype="str"))


@pytest.mark.parametrize("language", LANGUAGES)
def test_columns_that_are_called_like_months(language):
    """They are found among others, in the order of the year."""
    called = [name[:1].upper() + name[1:] for name in as_text("LLL", language, DATES[:22:2])]
    names = list(dict.fromkeys(called))
    found = months_among(["Total", *reversed(names), "x_1"])
    assert [found[place] for place in sorted(found)] == names


def test_names_are_plain_facts():
    """What a model's folder keeps of them: a language, and twelve and seven names or none."""
    names = DateNames.of(as_text("EEEE d MMMM yyyy", "pt"))
    assert names.language == "pt"
    assert len(names.months) == 12 and len(names.days) == 7
    assert np.unique(names.months).size == 12
    assert DateNames.of(as_text("MMMM yyyy", "pt")).days == ()
    assert DateNames.of(["2019-01-31"]) is None
