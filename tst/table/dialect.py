"""How the values of a CSV are set apart: commas, semicolons, tabs or bars; decimal commas.

Programs of many countries write `1,5;2,0`. Which it is, is told by the first lines alone: the sign
that cuts all of them into as many values. A copy is written as the table was.
"""

import codecs
import csv
import gzip
import io
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

Compression = Literal["gzip"] | None
SEPARATORS = (",", ";", "\t", "|")
N_SEEN = 2**16  # bytes at the beginning
MAX_LINES = 100
DECIMAL_COMMA = re.compile(r"[-+]?\d+,\d+")
THOUSANDS = re.compile(r"[-+]?[1-9]\d{0,2}(,\d{3})+")
DECIMAL_POINT = re.compile(r"[-+]?\d+\.\d+")


@dataclass(frozen=True, kw_only=True)
class Dialect:
    """How a CSV is written.

    Parameters
    ----------
    separator
        Between values.
    decimal
        Before the decimals of a number.
    skips_blanks
        Whether a blank stands behind each separator, which belongs to no value.
    """

    separator: str = ","
    decimal: str = "."
    skips_blanks: bool = False

    def __post_init__(self) -> None:
        if self.separator not in SEPARATORS or self.decimal not in (".", ","):
            raise ValueError("no CSV is written so")

    @classmethod
    def of(cls, path: Path, compression: Compression) -> Self:
        """Return how a file is written, by its beginning."""
        with gzip.open(path) if compression else open(path, "rb") as file:
            beginning = file.read(N_SEEN)
        text = codecs.getincrementaldecoder("utf-8-sig")(errors="replace").decode(beginning)
        if len(beginning) == N_SEEN:  # the last line may be cut
            text = text[: text.rfind("\n") + 1]
        found = {}
        for separator in SEPARATORS:
            lines = _lines(text, separator)
            if lines and len(lines[0]) > 1 and len(set(map(len, lines))) == 1:
                found[separator] = lines
        if not found:
            return cls(skips_blanks=_has_blanks(_lines(text, ",")))
        separator = max(found, key=lambda one: len(found[one][0]))  # of equals the first
        lines = found[separator]
        decimal = "," if separator != "," and _has_decimal_commas(lines[1:]) else "."
        return cls(separator=separator, decimal=decimal, skips_blanks=_has_blanks(lines))

    def reading(self) -> dict[str, Any]:
        """Return the options by which pandas reads it."""
        return {
            "sep": self.separator,
            "decimal": self.decimal,
            "skipinitialspace": self.skips_blanks,
        }

    def writing(self) -> dict[str, Any]:
        """Return the options by which pandas writes it."""
        return {"sep": self.separator, "decimal": self.decimal}


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


def _has_decimal_commas(lines: list[list[str]]) -> bool:
    """Tell whether numbers have decimal commas: some have, or none has a point."""
    n_grouped = 0  # that may be thousands
    has_points = False
    for line in lines:
        for value in line:
            if DECIMAL_COMMA.fullmatch(value) and not THOUSANDS.fullmatch(value):
                return True
            n_grouped += THOUSANDS.fullmatch(value) is not None
            has_points |= DECIMAL_POINT.fullmatch(value) is not None
    return n_grouped > 0 and not has_points
