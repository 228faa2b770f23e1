"""Names of months and weekdays in the languages in which people write dates, from CLDR (babel).

Tables from a French or German office say `3 mars 2019` or `Okt. 2020`. Such names are read as the
English ones, and written back as the table has them: short or long, with or without dot or accent.
"""

import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Literal, NamedTuple, Self

from babel.dates import get_day_names, get_month_names

MONTHS = (
    "January February March April May June July August September October November December"
).split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()
ENGLISH = {"b": MONTHS, "a": DAYS}  # by the sign of strftime
# The first that has all names of a column is taken: those that share names stand by their use.
LANGUAGES = (
    *("en_GB", "de", "fr", "es", "it", "pt", "nl", "pl", "sv", "da", "nb", "fi", "cs", "ro", "tr"),
    *("hu", "hr", "sl", "sk", "de_AT", "fr_CA", "ru", "uk", "el"),
)
# Letters, and the dot behind an abbreviation; Portuguese weekdays are of two parts.
WORD = re.compile(r"[^\W\d_]+(?:-feira)?\.?", re.IGNORECASE)
# Short names of months that people and programs write and CLDR lacks, by their place from 0.
MORE = {"de": {"mrz": 2}, "it": {"sett": 8}, "es": {"set": 8}}
JOINTS = {"de": "~", "del": "^"}  # stand between day, month and year: 3 de marzo de 2019
OTHERS = {*JOINTS, "T", "am", "pm", "AM", "PM"}  # words of dates that are no names
MIN_MONTHS = 3  # names of one or two may mean something else: `Set 1`, `gen 2`


class Name(NamedTuple):
    """A word of a date: sign b, a month, or a, a weekday, and its place from 0; else no sign."""

    word: str
    sign: Literal["b", "a", ""] = ""
    place: int = 0


@dataclass(frozen=True, kw_only=True)
class DateNames:
    """How a column names months and weekdays.

    Parameters
    ----------
    language
        One of LANGUAGES.
    months, days
        Names as they are written, of January to December and of Monday to Sunday.
    """

    language: str
    months: tuple[str, ...]
    days: tuple[str, ...]

    @classmethod
    def of(cls, texts: Collection[str]) -> Self | None:
        """Return the names in dates, of which English are none; None where they are no dates'.

        Parameters
        ----------
        texts
            Dates, or their shapes, in which each digit is a 9.
        """
        has_year = all("9999" in re.sub(r"\d", "9", text) for text in texts)
        for language in LANGUAGES:
            found = {name for text in texts for name in _meanings(text, language)}
            others = {name.word.rstrip(".") for name in found if not name.sign}
            n_months = len({name.place for name in found if name.sign == "b"})
            if others <= OTHERS and (n_months >= MIN_MONTHS or (n_months and has_year)):
                ways = [_as_written(found, sign, language) for sign in "ba"]
                return cls(language=language, months=ways[0], days=ways[1])
        return None

    def in_english(self, text: str) -> str:
        """Return a date with English abbreviations, and signs, in place of its words."""
        pieces = []
        end = 0
        for name in _meanings(text, self.language):
            start = text.index(name.word, end)
            pieces += [text[end:start], self._english(name)]
            end = start + len(name.word)
        return "".join([*pieces, text[end:]])

    def written(self, sign: str) -> tuple[str, ...]:
        """Return the names of months (b), or of weekdays (a), as they are written."""
        return {"b": self.months, "a": self.days}[sign]

    def as_written(self, text: str) -> str:
        """Return a date with its own words in place of the signs."""
        for word, sign in JOINTS.items():
            text = text.replace(sign, word)
        return text

    def _english(self, name: Name) -> str:
        if not name.sign:
            return JOINTS.get(name.word, name.word)
        is_of_name = any(one.endswith(".") for one in self.written(name.sign))
        english = ENGLISH[name.sign][name.place][:3]
        return english + "." * (name.word.endswith(".") and not is_of_name)


def months_among(names: Iterable[str]) -> dict[int, str]:
    """Return the names that are months of one language, by their place from 0; the most there are.

    Of two names of a month none is taken: they are no steps of a year.
    """
    listed = list(names)
    best: dict[int, str] = {}
    for language in LANGUAGES:
        months, _ = _names(language)
        found: dict[int, str] = {}
        n_named = 0
        for name in listed:
            place = _place(name, months)
            if place is not None:
                found[place] = name
                n_named += 1
        if n_named == len(found) > len(best):
            best = found
    return best


def _meanings(text: str, language: str) -> list[Name]:
    """Return what the words of a date mean, in their order.

    Of two names the first is a weekday, where it may be: mar 5 mar 2019.
    """
    words = WORD.findall(text)
    months, days = ([_place(word, names) for word in words] for names in _names(language))
    n_months = sum(place is not None for place in months)
    found = []
    for i, (word, month, day) in enumerate(zip(words, months, days, strict=True)):
        if day is not None and (month is None or (i == 0 and n_months > 1)):
            found.append(Name(word, "a", day))
        elif month is not None:
            found.append(Name(word, "b", month))
        else:
            found.append(Name(word))
    return found


def _place(word: str, names: Mapping[str, int]) -> int | None:
    """Return the place of a name, with its accents or without."""
    return names.get(word.rstrip(".").lower(), names.get(_plain(word)))


@cache
def _plain(name: str) -> str:
    """Return a name in small letters, without its dot and accents."""
    parts = unicodedata.normalize("NFKD", name.rstrip(".").lower().replace("ı", "i"))
    return "".join(letter for letter in parts if not unicodedata.combining(letter))


def _variants(language: str, sign: str) -> Iterable[list[str]]:
    """Yield the names of a language in order: long, then short, in a date, then by themselves."""
    of = {"b": get_month_names, "a": get_day_names}[sign]
    for width in ("wide", "abbreviated"):
        for context in ("format", "stand-alone"):
            names = of(width, context, language)
            yield [names[place] for place in sorted(names)]


@cache
def _names(language: str) -> tuple[dict[str, int], dict[str, int]]:
    """Return the place, from 0, of each name of a month, and of a weekday, in small letters.

    Without accents, or of the first three letters, a name is one, too, where it is no other's.
    """
    months: dict[str, int] = {}
    days: dict[str, int] = {}
    for sign, places in (("b", months), ("a", days)):
        short: dict[str, set[int]] = {}
        for names in _variants(language, sign):
            for place, name in enumerate(names):
                places[name.rstrip(".").lower()] = place
                for form in (_plain(name), _plain(name)[:3]):
                    short.setdefault(form, set()).add(place)
        for form, found in short.items():
            if len(found) == 1:
                places.setdefault(form, min(found))
    return MORE.get(language, {}) | months, days


def _as_written(found: Collection[Name], sign: str, language: str) -> tuple[str, ...]:
    """Return all names in the way in which those of a column are written, which stay as they are.

    A dot behind all of them is none of theirs, but stands between them and what follows.
    """
    seen: dict[int, str] = {}
    for name in sorted(found):
        if name.sign == sign:
            seen.setdefault(name.place, name.word)
    if not seen:
        return ()
    if all(word.endswith(".") for word in seen.values()):
        seen = {place: word.rstrip(".") for place, word in seen.items()}
    ways = [way for names in _variants(language, sign) for way in _ways(names)]
    best = max(ways, key=lambda way: sum(way[place] == word for place, word in seen.items()))
    return tuple(seen.get(place, name) for place, name in enumerate(best))


def _ways(names: Sequence[str]) -> Iterable[list[str]]:
    """Yield the ways to write names: as they are, of three letters; dots, accents and case."""
    for some in (list(names), [name[:3] for name in names]):
        for dotted in (some, [name.rstrip(".") for name in some]):
            for plain in (dotted, [_plain(name) + "." * name.endswith(".") for name in dotted]):
                yield plain
                yield [name.lower() for name in plain]
                yield [name[:1].upper() + name[1:] for name in plain]
                yield [name.upper() for name in plain]
