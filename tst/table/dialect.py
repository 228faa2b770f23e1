"""How the values of a CSV are set apart: commas, semicolons, tabs, bars or blanks; decimal commas.

Programs of many countries write `1,5;2,0`. Which it is, is told by the first lines alone: the sign
that cuts all of them into as many values. A copy is written as the table was.
"""

import codecs
import csv
import gzip
import io
import re
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any, Literal, Self

from tst.errors import DataError

Compression = Literal["gzip"] | None
SEPARATORS = (",", ";", "\t", "|")
BLANK = " "  # one or several, in tables of numbers
N_SEEN = 2**16  # bytes at the beginning
MAX_LINES = 2000
LIKE_HEADING = 0.9  # share of the lines that have as many values as the heading; none has more
COMMAS = re.compile(r"[-+]?\d*(,\d+)?([eE][-+]?\d+)?")
POINTS = re.compile(r"[-+]?\d*(\.\d+)?([eE][-+]?\d+)?")
THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}\D\d{3}")
UNGROUPED = re.compile(r"[-+]?\d{4,}")


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How a CSV is written.

    Parameters
    ----------
    separator
        Between values; a blank stands for several, too.
    decimal
        Before the decimals of a number.
    skips_blanks
        Whether a blank stands behind each separator, which belongs to no value.
    unnamed
        Names that pandas gives to the columns whose place in the heading is empty.
    """

    separator: str = ","
    decimal: str = "."
    skips_blanks: bool = False
    unnamed: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.separator not in (*SEPARATORS, BLANK) or self.decimal not in (".", ","):
            raise ValueError("no CSV is written so")

    @classmethod
    def of(cls, path: Path, compression: Compression) -> Self:
        """Return how a file is written, by its beginning.

        Raises
        ------
        DataError
            Where text stands above the heading, or numbers may be read in two ways.
        """
        with gzip.open(path) if compression else open(path, "rb") as file:
            beginning = file.read(N_SEEN)
        text = codecs.getincrementaldecoder("utf-8-sig")(errors="replace").decode(beginning)
        if len(beginning) == N_SEEN:  # the last line may be cut
            text = text[: text.rfind("\n") + 1]
        if text.startswith("sep="):
            raise DataError(
                f"{path.name} begins with '{text.splitlines()[0][:9]}': delete the lines above the "
                "heading."
            )
        found = {}
        for separator in SEPARATORS:
            lines = _lines(text, separator)
            if lines and _is_table(lines):
                found[separator] = lines
        if not found:
            _check_no_title(path, text)
            if _is_table_of_numbers(text):
                return cls(separator=BLANK)
            return cls(skips_blanks=_has_blanks(_lines(text, ",")))
        separator = max(found, key=lambda one: len(found[one][0]))  # of equals the first
        lines = found[separator]
        if all(re.fullmatch("'.*'", name) for name in lines[0]):
            raise DataError(
                f"{path.name} has its names in single quotes ({lines[0][0][:40]}): write double "
                "quotes around names and values, or none."
            )
        decimal = "." if separator == "," else _decimal(lines, path)
        unnamed = [f"Unnamed: {i}" for i, name in enumerate(lines[0]) if not name.strip()]
        return cls(
            separator=separator,
            decimal=decimal,
            skips_blanks=_has_blanks(lines),
            unnamed=tuple(unnamed),
        )

    @property
    def has_blanks(self) -> bool:
        """Whether blanks stand beside values."""
        return self.skips_blanks or self.separator == BLANK

    def reading(self) -> dict[str, Any]:
        """Return the options by which pandas reads it."""
        return {
            "sep": r"\s+" if self.separator == BLANK else self.separator,
            "decimal": self.decimal,
            "skipinitialspace": self.skips_blanks,
        }

    def writing(self) -> dict[str, Any]:
        """Return the options by which pandas writes it."""
        options = {"sep": self.separator, "decimal": self.decimal}
        if self.separator == BLANK:  # two are one
            options["na_rep"] = "NaN"
        return options

    def heading(self, columns: Iterable[str]) -> list[str]:
        """Return the names of columns as they stand in the file."""
        return ["" if name in self.unnamed else name for name in columns]


PLAIN = Dialect()  # as pandas reads and writes without a word


def _lines(text: str, separator: str) -> list[list[str]]:
    """Return the values of the first lines; none where quotes do not end."""
    lines = []
    try:
        for line in csv.reader(io.StringIO(text, newline=""), delimiter=separator):
            if line:
                lines.append(line)
            if len(lines) == MAX_LINES:
                break
    except csv.Error:
        return []
    return lines


def _has_blanks(lines: list[list[str]]) -> bool:
    """Tell whether each name but the first begins with a blank."""
    names = lines[0][1:] if lines else []
    return bool(names) and all(name[:1] == " " and name.strip() for name in names)


def _is_table(lines: list[list[str]]) -> bool:
    """Tell whether lines are cut into columns; some may lack values at their end."""
    width = len(lines[0])
    widths = list(map(len, lines))
    return width > 1 and max(widths) == width and widths.count(width) >= LIKE_HEADING * len(lines)


def _is_table_of_numbers(text: str) -> bool:
    """Tell whether lines are cut by blanks into as many values, most of them numbers."""
    lines = [line.split() for line in text.splitlines()[:MAX_LINES] if line.strip()]
    if '"' in text or len(lines) < 2 or len(lines[0]) < 2 or len(set(map(len, lines))) > 1:
        return False
    values = [value for line in lines[1:] for value in line]
    return sum(POINTS.fullmatch(value) is not None for value in values) >= len(values) / 2


def _check_no_title(path: Path, text: str) -> None:
    """Raise DataError where a table without commas has a line of text above its heading."""
    for separator in SEPARATORS[1:]:
        lines = _lines(text, separator)
        if len(lines) > 2 and len(lines[0]) == 1 and _is_table(lines[1:]):
            raise DataError(
                f"{path.name} begins with '{lines[0][0][:40]}', one value, and goes on with "
                f"{len(lines[1])} in a line: delete the lines above the heading."
            )


def _decimal(lines: list[list[str]], path: Path) -> str:
    """Return the sign before the decimals of numbers, where values are not set apart by commas.

    Raises
    ------
    DataError
        Where numbers such as 1,234 are all that has a comma: 1234 or 1.234.
    """
    known: dict[str, bool] = {}  # by sign: whether it surely stands before decimals
    unclear: dict[str, tuple[str, str]] = {}
    for column in zip_longest(*lines, fillvalue=""):
        name, *values = map(str.strip, column)
        for sign, number in ((",", COMMAS), (".", POINTS)):
            found = _signs(values, sign, number)
            if found is not None:
                known[sign] = known.get(sign, False) or found
                if not found:
                    example = next(value for value in values if sign in value)
                    unclear.setdefault(sign, (name, example))
    if known.get("."):
        return "."
    if known.get(","):
        return ","
    for name, example in unclear.values():
        raise DataError(
            f"{path.name}: '{example}' in column '{name}' may be {re.sub('[,.]', '', example)} or "
            f"{re.sub('[,.]', '.', example)}: write thousands without a sign."
        )
    return "."


def _signs(values: list[str], sign: str, number: re.Pattern[str]) -> bool | None:
    """Tell whether a sign stands before the decimals of a column's numbers.

    Returns
    -------
    None where they are no numbers with that sign, or three digits stand behind each point, which
    says nothing. False where it may stand between thousands; a point may only where other numbers
    are whole and below 1000, for it is the usual sign.
    """
    known = [value for value in values if value]
    signed = [value for value in known if sign in value]
    if not signed or not all(number.fullmatch(value) for value in known):
        return None
    if not all(THOUSANDS.fullmatch(value) for value in signed):
        return True
    plain = [value for value in known if sign not in value]
    if any(UNGROUPED.fullmatch(value) for value in plain):
        return True
    return None if sign == "." and not plain else False
