"""Dates as people write them: found from the shapes that a column has, read, and written back.

A format is a pattern of strftime with four more signs: `%q` is a quarter, `%-d` a number without
the zero in front, `%3f` a fraction of three digits, and `%b` any name of a month. All of a
column's shapes decide it, and where the day and the month could be either of two numbers, the
regularity of its dates does.
"""

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest

import numpy as np
import pandas as pd
from pandas.api import types

from tst.cycles import DAY
from tst.table.date_names import DAYS, ENGLISH, MONTHS, DateNames

SHORT = [name[:3] for name in MONTHS]
DIGITS = str.maketrans("0123456789", "9999999999")  # makes a shape of a text
MAX_SHAPES = 500  # of a column; dates have a few, by names of months some hundred
DIRECTIVE = re.compile(r"(%-?\d?[A-Za-z])")
FIRST_NANOSECOND, LAST_NANOSECOND = pd.Timestamp("1678-01-01"), pd.Timestamp("2262-01-01")
EARLIEST, LATEST = pd.Timestamp("1900-01-01"), pd.Timestamp("2100-12-31")  # of dates in digits

# Signs of a shape: Y four digits, N one or two, J three, S six, D eight, E ten, F twelve, G
# fourteen, f a fraction, b a month's name, a a weekday's, p AM or PM; Q, W, M and T stand for
# themselves. Of each: what it may be; {0} is the first separator.
FORMS: tuple[tuple[str, tuple[str, ...]], ...] = (
    (r"Y(\W)N(\W)N", ("%Y{0}%m{1}%d",)),
    (r"N(\W+)N(\W+)Y", ("%d{0}%m{1}%Y", "%m{0}%d{1}%Y")),
    (r"N(\W+)N(\W+)N", ("%d{0}%m{1}%y", "%m{0}%d{1}%y", "%y{0}%m{1}%d")),
    (r"N(\W*)b(\W*)Y", ("%d{0}%b{1}%Y",)),
    (r"N(\W*)b(\W*)N", ("%d{0}%b{1}%y", "%y{0}%b{1}%d")),
    (r"b(\W*)N(\W+)Y", ("%b{0}%d{1}%Y",)),
    (r"b(\W*)N(\W+)N", ("%b{0}%d{1}%y",)),
    (r"Y(\W*)b(\W*)N", ("%Y{0}%b{1}%d",)),
    (r"b(\W*)Y", ("%b{0}%Y",)),
    (r"b(\W*)N", ("%b{0}%y",)),
    (r"Y(\W*)b", ("%Y{0}%b",)),
    (r"Y(\W)N", ("%Y{0}%m",)),
    (r"N(\W)Y", ("%m{0}%Y",)),
    (r"YM(\W*)N", ("%YM{0}%m",)),
    (r"Y(\W*)Q(\W*)N", ("%Y{0}Q{1}%q",)),
    (r"Q(\W*)N(\W+)Y", ("Q{0}%q{1}%Y",)),
    (r"NQ(\W*)Y", ("%qQ{0}%Y",)),
    (r"Y(\W*)W(\W*)N(\W)N", ("%G{0}W{1}%V{2}%u",)),
    (r"Y(\W*)W(\W*)J", ("%G{0}W{1}%V%u",)),
    (r"Y(\W*)W(\W*)N", ("%G{0}W{1}%V",)),
    (r"Y(\W)J", ("%Y{0}%j",)),
    (r"S", ("%Y%m", "%G%V")),
    (r"D", ("%Y%m%d",)),
    (r"E", ("%Y%m%d%H",)),
    (r"F", ("%Y%m%d%H%M",)),
    (r"G", ("%Y%m%d%H%M%S",)),
    (r"Y", ("%Y",)),
)
CLOCK = re.compile(r"(T|[ \t,_]+)N(?:(:)N(?:(:)N(?:([.,])f)?)?)?(\W?p)?")
LENGTHS = {3: "J", 4: "Y", 6: "S", 8: "D", 10: "E", 12: "F", 14: "G"}
WEEK_DIGITS = "%G%V"  # 201905, where it is no month
ALL_DIGITS = ("%Y%m", WEEK_DIGITS, "%Y%m%d", "%Y%m%d%H", "%Y%m%d%H%M", "%Y%m%d%H%M%S")


@dataclass(frozen=True, kw_only=True)
class DateFormat:
    """How dates are written.

    Parameters
    ----------
    pattern
        Of strftime, with the signs that the module names.
    others
        Patterns that some dates have: without the seconds, say. They are read, not written.
    case
        Of names: as in March, upper or lower.
    trims_fraction
        Whether a fraction is written only where it is not 0, as Python's isoformat does.
    trims_midnight
        Whether a time of the day is written only where it is not 0, as R does.
    names
        Of months and weekdays, where they are not English.
    """

    pattern: str
    others: tuple[str, ...] = ()
    case: str = ""
    trims_fraction: bool = False
    trims_midnight: bool = False
    names: DateNames | None = None

    def read(self, text: pd.Series) -> pd.Series:
        """Return dates, datetime64[ns], NaT where a text is not written so."""
        codes, distinct = pd.factorize(text)
        values = pd.Series(distinct, dtype=object)
        if self.names is not None:
            values = values.map(self.names.in_english)
        dates = _parse(values, self.pattern)
        for pattern in self.others:
            if dates.notna().all():
                break
            dates = dates.fillna(_parse(values, pattern))
        found = np.append(dates.to_numpy("datetime64[ns]"), np.datetime64("NaT", "ns"))
        return pd.Series(found[codes], index=text.index)

    def write(self, dates: pd.Series) -> pd.Series:
        """Return dates as text: inverts `read`."""
        codes, distinct = pd.factorize(dates)
        index = pd.DatetimeIndex(distinct)
        pattern = self.pattern
        text = self._filled(index, pattern)
        if self.trims_fraction:
            plain = self._filled(index, re.sub(r"\W%\df", "", pattern))
            has_fraction = np.asarray(index.as_unit("ns").asi8 % 10**9 != 0)
            text = np.where(has_fraction, text, plain)
        if self.trims_midnight:
            midnights = self._filled(index.normalize(), pattern)
            text = np.where(text == midnights, self._filled(index, self.others[0]), text)
        return pd.Series(np.append(text, np.array([None]))[codes], index=dates.index)

    def without_midnight(self) -> "DateFormat":
        """Return the format of dates of which those without a time of the day are the midnights."""
        day, *clock = re.split(r"(?:T|[ \t,_]+)(?=%-?[HI])", self.pattern)
        return replace(self, trims_midnight=bool(clock) and self.others == (day,))

    def _filled(self, dates: pd.DatetimeIndex, pattern: str) -> np.ndarray:
        """Return the texts of dates by a pattern, object (n,)."""
        text = np.full(len(dates), "", dtype=object)
        for piece in DIRECTIVE.split(pattern):
            if DIRECTIVE.fullmatch(piece):
                text = text + self._field(dates, piece)
            else:
                text = text + (piece if self.names is None else self.names.as_written(piece))
        return text

    def _field(self, dates: pd.DatetimeIndex, directive: str) -> np.ndarray:
        """Return one sign of the pattern for each date, object (n,)."""
        sign = directive[-1]
        if sign in "aAbBp":
            return self._name(dates, sign)
        if sign == "f":
            nanoseconds = dates.as_unit("ns").asi8 % 10**9
            n_digits = int(directive[-2]) if directive[-2].isdigit() else 6
            return _digits(nanoseconds // 10 ** (9 - n_digits), n_digits)
        numbers, width = _number(dates, sign)
        return _digits(numbers, 1 if "-" in directive else width)

    def _name(self, dates: pd.DatetimeIndex, sign: str) -> np.ndarray:
        """Return names of months, of weekdays, or of the half of the day."""
        if sign == "p":
            halves = ["am", "pm"] if self.case == "lower" else ["AM", "PM"]
            return np.array(halves, dtype=object)[np.asarray(dates.hour) // 12]
        is_month = sign.lower() == "b"
        position = np.where(is_month, dates.month - 1, dates.day_of_week)
        if self.names is not None:
            names = self.names.written(sign.lower())
        else:
            names = tuple(ENGLISH[sign.lower()])
            if self.case:
                names = tuple(map(getattr(str, self.case), names))
            if sign in "ab":
                names = tuple(name[:3] for name in names)
        return np.array(names, dtype=object)[position]


def _number(dates: pd.DatetimeIndex, sign: str) -> tuple[np.ndarray, int]:
    """Return the numbers that a sign stands for, and its width in digits."""
    if sign in "GVu":
        iso = dates.isocalendar()
        column = {"G": "year", "V": "week", "u": "day"}[sign]
        return iso[column].to_numpy(np.int64), {"G": 4, "V": 2, "u": 1}[sign]
    numbers, width = {
        "Y": (dates.year, 4),
        "y": (dates.year % 100, 2),
        "m": (dates.month, 2),
        "d": (dates.day, 2),
        "j": (dates.day_of_year, 3),
        "q": (dates.quarter, 1),
        "H": (dates.hour, 2),
        "I": ((dates.hour - 1) % 12 + 1, 2),
        "M": (dates.minute, 2),
        "S": (dates.second, 2),
    }[sign]
    return np.asarray(numbers, dtype=np.int64), width


def _digits(numbers: np.ndarray, width: int) -> np.ndarray:
    """Return numbers as text of at least so many digits, object (n,)."""
    return np.char.mod(f"%0{width}d", numbers).astype(object)


def _parse(text: pd.Series, pattern: str) -> pd.Series:
    """Return dates of distinct texts, NaT where one is not written so."""
    pattern = re.sub(r"%-", "%", re.sub(r"%\df", "%f", pattern))
    if "%q" in pattern:
        parts = "".join(
            {"%q": r"(?P<q>[1-4])", "%Y": r"(?P<y>\d{4})"}.get(piece, re.escape(piece))
            for piece in DIRECTIVE.split(pattern)
        )
        found = text.str.extract(f"^{parts}$")
        text = found["y"] + "-" + (3 * found["q"].astype(float) - 2).map("{:02.0f}".format)
        pattern = "%Y-%m"
    elif "%V" in pattern and "%u" not in pattern:
        text = text + "\t1"
        pattern += "\t%u"
    dates = pd.to_datetime(text, format=pattern, errors="coerce")
    return dates.where(dates.between(FIRST_NANOSECOND, LAST_NANOSECOND)).astype("datetime64[ns]")


def shapes_of(text: Iterable[str]) -> set[str]:
    """Return the shapes of texts: 9 for each digit, the rest as it is; few where none is a date."""
    shapes: set[str] = set()
    for value in text:
        shapes.add(value.translate(DIGITS))
        if len(shapes) > MAX_SHAPES:
            break
    return shapes


def formats_of(shapes: Collection[str]) -> list[DateFormat]:
    """Return the formats that dates of such shapes may have: none, one, or which number is what."""
    if not shapes or len(shapes) > MAX_SHAPES:
        return []
    tokens = {shape: _tokens(shape) for shape in shapes}
    if all(tokens.values()):
        return _formats(tokens)
    names = DateNames.of(shapes)
    if names is None:
        return []
    english = {shape: _tokens(shape) for shape in map(names.in_english, shapes)}
    if not all(english.values()):
        return []
    return [replace(one, names=names) for one in _formats(english)]


def _formats(tokens: Mapping[str, list[tuple[str, int]]]) -> list[DateFormat]:
    """Return the formats of dates with English names, from the tokens of each shape."""
    kinds: dict[tuple[str, ...], list[list[tuple[str, int]]]] = {}
    for one in tokens.values():
        kinds.setdefault(tuple(sign for sign, _ in one), []).append(one)
    longest = max(kinds, key=len)
    if not all(kind == longest[: len(kind)] for kind in kinds):
        return []
    case = _case(tokens)
    formats = []
    for pattern in _patterns(kinds[longest]):
        others: list[str] = []
        for kind, found in kinds.items():
            if kind != longest:
                others += [p for p in _patterns(found) if pattern.startswith(p.rstrip())]
        trims = re.search(r"\W%\df$", pattern) is not None
        trims = trims and [re.sub(r"\W%\df$", "", pattern)] == others
        if len(others) == len(kinds) - 1:
            formats.append(
                DateFormat(pattern=pattern, others=tuple(others), case=case, trims_fraction=trims)
            )
    if any(re.search(r"(?<![A-Za-z])[qm](?![A-Za-z])", shape) for shape in tokens):
        formats = [replace(one, pattern=_lowered(one.pattern)) for one in formats if not one.others]
    return formats


def _lowered(pattern: str) -> str:
    """Return a pattern with a small letter for a quarter or a month: 2019q3, 2019m03."""
    return re.sub(r"(?<![%-])[QM]", lambda found: found[0].lower(), pattern)


def like(first: str, shapes: Collection[str]) -> set[str]:
    """Return the shapes that are written like a text, or like its beginning or with more behind."""
    signs = [sign for sign, _ in _tokens(first.translate(DIGITS))]
    kept = set()
    for shape in shapes:
        other = [sign for sign, _ in _tokens(shape)]
        shorter = min(len(signs), len(other))
        if shorter and signs[:shorter] == other[:shorter]:
            kept.add(shape)
    return kept


def _tokens(shape: str) -> list[tuple[str, int]]:
    """Return the tokens of a shape as (sign, length); none where it can be no date's."""
    found = []
    for token in re.findall(r"9+|[A-Za-z]+|[^9A-Za-z]", shape.strip()):
        if token[0] == "9":
            found.append(("9", len(token)))
            continue
        sign = token
        if token.isalpha():
            sign = _letter_sign(token)
            if not sign:
                return []
        found.append((sign, len(token)))
    return found


def _letter_sign(word: str) -> str:
    """Return the sign of a word in a date, or nothing."""
    lower = word.lower()
    for names, sign in ((MONTHS, "b"), (DAYS, "a")):
        for name in names:
            if lower in (name.lower(), name[:3].lower()):
                return sign
    if lower in ("am", "pm"):
        return "p"
    if word in ("q", "m"):
        return word.upper()
    return word if word in ("T", "Q", "W", "M") else ""


def _case(shapes: Collection[str]) -> str:
    """Return the case of the names in shapes."""
    words = [w for shape in shapes for w in re.findall(r"[A-Za-z]{2,}", shape)]
    if words and all(word.isupper() for word in words):
        return "upper"
    return "lower" if words and all(word.islower() for word in words) else ""


def _patterns(found: list[list[tuple[str, int]]]) -> list[str]:
    """Return the patterns of shapes whose tokens are of the same signs."""
    signs = ""
    widths = []  # of each number, least and greatest
    names = []  # whether each is longer than three letters somewhere
    for same_place in zip_longest(*found):
        lengths = {length for _, length in same_place}
        sign = same_place[0][0]
        if sign == "9":
            sign = _number_sign(lengths, signs)
            if not sign:
                return []
            widths.append((min(lengths), max(lengths)))
        elif sign in "ab":
            names.append(max(lengths) > 3)
        signs += sign
    patterns = []
    for form, layouts in FORMS:
        form = form.replace(r"\W", r"[^\w:]")  # a colon is in times of the day only
        match = re.fullmatch(rf"(?P<day>a\W+)?(?P<date>{form})(?P<clock>.*)", signs)
        if match is None or (match["clock"] and not CLOCK.fullmatch(match["clock"])):
            continue
        separators = [group for group in match.groups()[2:-1]]
        for layout in layouts:
            pattern = layout.format(*separators)
            if match["day"]:
                pattern = "%a" + match["day"][1:] + pattern
            pattern = _with_widths(pattern + _clock_pattern(match["clock"]), widths, names)
            if pattern:
                patterns.append(pattern)
        break
    return patterns


def _number_sign(lengths: set[int], before: str) -> str:
    """Return the sign of a number of such lengths behind what stands before it."""
    if re.search(r":N[.,]$", before):
        return "f"
    if lengths <= {1, 2}:
        return "N"
    return LENGTHS.get(min(lengths), "") if len(lengths) == 1 else ""


def _clock_pattern(signs: str) -> str:
    """Return the pattern of a time of the day."""
    hour = "%I" if "p" in signs else "%H"
    pattern = signs.replace("f", "%f").replace("p", "%p")
    for directive in (hour, "%M", "%S"):
        pattern = pattern.replace("N", directive, 1)
    return pattern


def _with_widths(pattern: str, widths: list[tuple[int, int]], names: list[bool]) -> str:
    """Return a pattern that says which numbers are bare and which names are long.

    Nothing where a year would have one digit.
    """
    n_inside = 0  # signs that are still of a number that was begun: 20190131
    numbers = iter(widths)
    long_names = iter(names)
    pieces: list[str] = []
    for piece in DIRECTIVE.split(pattern):
        if piece in ("%a", "%b"):
            piece = piece.upper() if next(long_names) else piece  # %B is March, %b is Mar
        elif piece == "%f":
            piece = f"%{next(numbers)[1]}f"
        elif DIRECTIVE.fullmatch(piece) and piece != "%p":
            if piece == "%u" and "".join(pieces).endswith("%V"):
                pieces.append(piece)  # one number with the week
                continue
            if n_inside:
                n_inside -= 1
                pieces.append(piece)
                continue
            least, _ = next(numbers)
            n_inside = max(0, (least - 4) // 2)
            is_first = not any(DIRECTIVE.fullmatch(other) for other in pieces)
            if piece == "%y" and (least == 1 or (is_first and widths[1:] and widths[1][0] == 1)):
                return ""
            if least == 1 and piece not in ("%q", "%u"):
                piece = f"%-{piece[1:]}"
        pieces.append(piece)
    return "".join(pieces)


def are_months(column: pd.Series) -> bool:
    """Tell whether all texts of a column are names of months, at least two."""
    if not types.is_string_dtype(column.dtype) or column.nunique() < 2:
        return False
    names = [str(name) for name in column.dropna().unique()[:1000]]
    return all(_letter_sign(name) == "b" for name in names) or _are_named_elsewhere(names)


def _are_named_elsewhere(names: list[str]) -> bool:
    """Tell whether all texts are names of months in one other language."""
    known = DateNames.of(names)
    return known is not None and all(known.in_english(name) in SHORT for name in names)


def regularity(dates: pd.Series) -> float:
    """Return how regular distinct dates are: the share of the commonest step, in days or months."""
    known = pd.DatetimeIndex(dates.dropna().sort_values().unique())
    if len(known) < 3:
        return 0.0
    shares = []
    days = np.diff(known.as_unit("ns").asi8) // DAY
    shares.append(np.unique(days, return_counts=True)[1].max() / len(days))
    if len(known.day.unique()) == 1:
        months = np.diff(known.year * 12 + known.month)
        shares.append(np.unique(months, return_counts=True)[1].max() / len(months))
    return float(max(shares))


def density(dates: pd.Series) -> float:
    """Return how dense distinct days are, as those of rows of the day's hours are: 1 is daily."""
    known = pd.DatetimeIndex(dates.dropna().sort_values().unique())
    if len(known) < 2:
        return 0.0
    return float(DAY / np.median(np.diff(known.as_unit("ns").asi8)))
