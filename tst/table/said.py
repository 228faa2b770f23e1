"""What a user says of relations: `low <= high`, `total = a + b`, `wear never falls`."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Self

from tst.errors import DataError
from tst.table.relations import Above, Below, Copy, Formula, Monotone, Number, Relation, Within
from tst.table.sample import Sample

GRAMMAR = "a <= b, a >= 0, a = b + c, a = b * c, a never falls, a never rises, not ..."


@dataclass(frozen=True, kw_only=True)
class Said:
    """Sentences about relations, understood.

    Parameters
    ----------
    pairs
        Columns of which the first is never above the second.
    limits
        (column, least or None, greatest or None).
    equations
        (column, sign, other columns): the sign is +, -, * or /, or nothing for a copy.
    directions
        (column, whether it falls).
    removed
        Sentences, or columns, of what is found and shall not be kept.
    """

    pairs: frozenset[tuple[str, str]] = frozenset()
    limits: tuple[tuple[str, float | None, float | None], ...] = ()
    equations: tuple[tuple[str, str, tuple[str, ...]], ...] = ()
    directions: tuple[tuple[str, bool], ...] = ()
    removed: frozenset[str] = frozenset()

    @classmethod
    def of(cls, sentences: Sequence[str], columns: Sequence[str]) -> Self:
        """Return what sentences mean; raises DataError where one is not understood."""
        pairs: set[tuple[str, str]] = set()
        limits: list[tuple[str, float | None, float | None]] = []
        equations: list[tuple[str, str, tuple[str, ...]]] = []
        directions: list[tuple[str, bool]] = []
        removed: set[str] = set()
        for sentence in sentences:
            text = " ".join(sentence.split())
            if text.startswith("not "):
                removed.add(text[4:])
            elif found := re.fullmatch(r"(.+) never (falls|rises)", text):
                _check_columns(text, columns, found[1])
                directions.append((found[1], found[2] == "rises"))
            elif " <= " in text or " >= " in text:
                _read_order(text, columns, pairs, limits)
            elif " = " in text:
                equations.append(_read_equation(text, columns))
            else:
                raise DataError(f"the relation '{text[:60]}' is not understood; give {GRAMMAR}.")
        return cls(
            pairs=frozenset(pairs),
            limits=tuple(limits),
            equations=tuple(equations),
            directions=tuple(directions),
            removed=frozenset(removed),
        )

    def removes(self, relation: Relation) -> bool:
        """Tell whether a relation shall not be kept."""
        return relation.text in self.removed or relation.column in self.removed

    def removes_pair(self, low: str, high: str) -> bool:
        """Tell whether an order of two columns shall not be kept."""
        return bool({f"{low} <= {high}", f"{high} >= {low}", low, high} & self.removed)

    def formulas(self, sample: Sample) -> list[Relation]:
        """Return the equations as relations."""
        found: list[Relation] = []
        for name, sign, others in self.equations:
            if not sign:
                found.append(Copy(column=name, of=others[0], dtype=str(sample.frame[name].dtype)))
                continue
            formula = Formula(column=name, number=sample.number(name))
            if sign in "+-":
                n_plus = 1 if sign == "-" else len(others)
                formula = replace(formula, plus=others[:n_plus], minus=others[n_plus:])
            else:
                n_times = 1 if sign == "/" else len(others)
                formula = replace(formula, times=others[:n_times], over=others[n_times:])
            found.append(formula)
        return found

    def monotone(self, sample: Sample) -> list[Relation]:
        """Return the directions as relations; levels are learned as they are."""
        return [
            Monotone(column=name, falls=falls, as_steps=False, number=sample.number(name))
            for name, falls in self.directions
        ]

    def ends(self) -> list[Within]:
        """Return the limits as relations."""
        return [Within(column=name, low=low, high=high) for name, low, high in self.limits]

    def check_learned(self, columns: Sequence[str], found: Sequence[Relation]) -> None:
        """Raise DataError where an order is said of a column that follows from others."""
        named = [(name, f"{a} <= {b}") for a, b in sorted(self.pairs) for name in (a, b)]
        named += [(one.column, one.text) for one in self.ends()]
        for name, falls in self.directions:
            named.append((name, f"{name} never {'rises' if falls else 'falls'}"))
        for name, text in named:
            if name not in columns:
                other = next(one.text for one in found if one.column == name)
                raise DataError(
                    f"the roles say '{text}', but '{name}' is not learned by itself, for "
                    f"'{other}' holds: leave the first out, or add 'not {other}'."
                )

    def orders(self) -> list[Above | Within]:
        """Return the orders of columns, each by itself, and the limits."""
        found: list[Above | Within] = []
        for low, high in sorted(self.pairs):
            found.append(Above(column=high, below=(low,), number=Number(dtype="float64")))
        return [*found, *self.ends()]

    def check(self, found: Sequence[Relation]) -> None:
        """Raise DataError where a relation that is said does not hold."""
        orders = _pairs(found)
        ordered = {name for pair in orders for name in pair}
        columns = {one.column for one in found if isinstance(one, Copy | Formula)}
        directed = {(one.column, one.falls) for one in found if isinstance(one, Monotone)}
        limited = {one.column for one in found if isinstance(one, Within)} | ordered
        broken = [f"{name} = ..." for name, _, _ in self.equations if name not in columns]
        broken += [
            f"{name} never {'rises' if falls else 'falls'}"
            for name, falls in self.directions
            if (name, falls) not in directed
        ]
        broken += [f"{a} <= {b}" for a, b in sorted(self.pairs) if not _is_implied(a, b, orders)]
        broken += [one.text for one in self.ends() if one.column not in limited]
        if broken:
            raise DataError(
                f"the roles say '{broken[0]}', which does not hold in all rows: correct the table, "
                "or leave it out."
            )


def _pairs(found: Sequence[Relation]) -> set[tuple[str, str]]:
    """Return the pairs of columns of which the first is never above the second."""
    pairs = set()
    for one in found:
        if isinstance(one, Above):
            pairs |= {(low, one.column) for low in one.below}
        elif isinstance(one, Below):
            pairs |= {(one.column, high) for high in one.above}
    return pairs


def _is_implied(low: str, high: str, ordered: set[tuple[str, str]]) -> bool:
    """Tell whether an order of two columns follows from others."""
    reached = {low}
    while True:
        following = {b for a, b in ordered if a in reached} - reached
        if not following:
            return high in reached
        reached |= following


def _check_columns(text: str, columns: Sequence[str], *names: str) -> None:
    """Raise DataError where a sentence names a column that is not there."""
    for name in names:
        if name not in columns:
            raise DataError(
                f"the relation '{text[:60]}' names '{name[:40]}', which is not a column to be "
                "learned."
            )


def _read_order(
    text: str,
    columns: Sequence[str],
    pairs: set[tuple[str, str]],
    limits: list[tuple[str, float | None, float | None]],
) -> None:
    """Add the orders of a sentence: a <= b <= c, a >= 0."""
    parts = re.split(r" (<=|>=) ", text)
    for left, sign, right in zip(parts[::2], parts[1::2], parts[2::2], strict=False):
        low, high = (left, right) if sign == "<=" else (right, left)
        if _is_number(low):
            _check_columns(text, columns, high)
            limits.append((high, float(low), None))
        elif _is_number(high):
            _check_columns(text, columns, low)
            limits.append((low, None, float(high)))
        else:
            _check_columns(text, columns, low, high)
            pairs.add((low, high))


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d*)?", text) is not None


def _read_equation(text: str, columns: Sequence[str]) -> tuple[str, str, tuple[str, ...]]:
    """Return the sides of an equation: the column, the sign, the others."""
    name, _, right = text.partition(" = ")
    for sign in "+-*/":
        others = tuple(right.split(f" {sign} "))
        if len(others) > 1:
            _check_columns(text, columns, name, *others)
            return name, sign, others
    _check_columns(text, columns, name, right)
    return name, "", (right,)
