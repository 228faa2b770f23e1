"""Which columns name the series and the time, by evidence that can be shown.

Each pair of an id and a time gets points for what holds of it in the rows: with the time the id
names a row, times rise and go in even steps within it, its rows stand together, other columns are
constant or smooth within it, and it is called like an id. All but the name is compared with what
the same values show where they are dealt at random over the rows, so that a measurement, which
groups rows by chance, gets nothing. Where two ids are near each other, nothing is guessed.
"""

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import combinations

import numpy as np
import pandas as pd
from pandas.api import types

from tst.errors import DataError
from tst.table.calendar import MAX_UNEVEN, is_time, read_times
from tst.table.unread_times import (
    check_never_falls,
    check_not_numbered,
    check_not_parted,
    check_read,
    check_whole,
    is_text_span,
    parts_of_time,
)
from tst.table.values import is_named, is_numeric

# Words of names, in lower case and without accents.
ID_WORDS = frozenset({"id", "ids", "uid", "uuid", "guid", "key", "identifier"})
ENTITY_WORDS = frozenset(
    "account asset battery bus capteur car case client cliente clientes compte conto customer "
    "cycle device dispositivo encounter engine entity equipo estacion farm flight geraet "
    "gerat home host house household icustay identifiant instance item job kennung konto "
    "kunde kundennr machine maquina maschine matricule meter name node numero paciente page "
    "panel parcel part participant patient person persona pump rec recording run sensor serie "
    "series session shop site sku station stay store subject symbol task ticker trial trip "
    "turbine unit usager user utente vehicle well zaehler zahler".split()
)
TIME_WORDS = frozenset(
    "ano cas cycle czas dag data date dates datetime dato datum day dia fecha giorno heure "
    "hora horodatage hour hours jahr jour mes min minute minutes mois moment monat month ora "
    "orario ordre period periodo quarter rok round sec second seconds seq sequence slot start "
    "step stunde t tag temps tid tiempo time times timestamp ts uhrzeit visit visita visite "
    "visto week when woche year zeit zeitpunkt".split()
)
MAX_ROWS = 2**16  # that are looked at: blocks of a longer table, so that a guess stays quick
N_BLOCKS = 4
MAX_TIED_SHARE = 0.2  # of rows that share id and time with another: more, and it is no id
MAX_TIED_EVENTS = 0.6  # the same of dates in uneven steps, by a name like an id's: events
MAX_TIED_IN_SEVERAL = 0.001  # the same, above which ids of several columns are tried
MIN_EVEN_SHARE = 0.5  # of steps that equal the median, of a number that nothing else calls a time
EVEN = 0.1  # of the median, within which a step counts as equal: months have 28 to 31 days
MIN_CHANCE = 0.01  # of rows that would be tied by chance: less, and having none says nothing
MAX_TIMES = 5  # candidates
MAX_IDS = 12
MAX_IN_SEVERAL = 7  # columns that are tried together
MIN_STAY = 3  # rows, in the mean, for which a number with decimals that names series is the same
IN_ORDER = 0.9  # of groups over runs, from which rows of a group stand together
SMOOTH = 0.3  # from which rows that follow each other are alike
MIN_SCORE = 2.0
MARGIN = 0.75  # of points, by which the first must lead the second
ROW_ORDER_SCORE = 0.5  # of no time, so that any sign of one is taken first
WEIGHTS = {
    "name": 2.0,
    "unique": 1.5,
    "even": 2.0,
    "together": 2.0,
    "rising": 1.0,
    "constant": 1.5,
    "smooth": 1.0,
    "numbered": 0.5,
    "first": 0.3,
}


@dataclass(frozen=True, kw_only=True)
class Choice:
    """An id and a time, and what speaks for them.

    Parameters
    ----------
    id
        Columns that name a series together; none where the table is one series.
    time
        Column of the time; empty where the order of the rows is the time.
    score
        Points.
    facts
        Sentences that can be shown.
    points
        What each piece of evidence is worth, 0 to 1.
    """

    id: tuple[str, ...]
    time: str
    score: float = 0.0
    facts: tuple[str, ...] = ()
    points: Mapping[str, float] = field(default_factory=dict)


def choose(
    frame: pd.DataFrame, id_columns: Sequence[str] | None, time: str | None, taken: Sequence[str]
) -> Choice:
    """Return the id and the time of a table.

    Parameters
    ----------
    frame
        The table.
    id_columns
        The id where it is known, without columns where the table is one series; None: not known.
    time
        The time where it is known, empty where the order of the rows is the time; None: not known.
    taken
        Columns that are something else.

    Raises
    ------
    DataError
        Where nothing speaks for any column, or two ids are near each other.
    """
    rows = _blocks(frame)
    times = [time] if time is not None else _time_candidates(frame, id_columns, taken)
    clocks = [_Clock.of(rows, name) for name in times]
    candidates: list[Choice] = []
    for clock in clocks:
        some, n_ids = _of_clock(frame, rows, clock, id_columns, taken)
        if not clock.name and time is None:
            some = [one for one in some if _is_in_order(one, n_ids + len(times))]
        candidates += some
    if id_columns is not None:
        known = _of_known_id(tuple(id_columns), times, candidates)
        if time is None:
            _check_time(frame, known if candidates else None, taken, id_columns)
        return known
    good = _distinct(rows, candidates)
    if not good or not (good[0].id or good[0].time):
        good = _distinct(rows, _of_fractions(rows, clocks, taken)) or good
    if time is None:
        _check_time(frame, good[0] if good else None, taken)
    if not good:
        raise DataError(_nothing_found(frame, time))
    best = good[0]
    near = [one for one in good[1:] if one.score > best.score - MARGIN]
    if near:
        raise DataError(_ask([best, *near]))
    if time is None:
        _check_sure(rows, best, candidates)
    return best


def _of_clock(
    frame: pd.DataFrame,
    rows: pd.DataFrame,
    clock: "_Clock",
    id_columns: Sequence[str] | None,
    taken: Sequence[str],
) -> tuple[list[Choice], int]:
    """Return the choices with a time, and how many single ids were tried."""
    ids = [tuple(id_columns)] if id_columns is not None else _ids(frame, clock.name, taken)
    judged = [_judge(rows, columns, clock) for columns in ids]
    if id_columns is None:
        judged += _several(rows, judged, clock, taken)
    return [one for one in judged if one is not None], len(ids)


def _check_sure(rows: pd.DataFrame, best: Choice, candidates: list[Choice]) -> None:
    """Raise DataError where another column may be the time, or times begin again."""
    rising = [one.time for one in candidates if one.id == best.id and "rises alone" in one.points]
    if rising and not best.time:
        raise DataError(
            f"no column is surely the time of {_spelled(best.id)}, but '{rising[0]}' rises within "
            f"it: say which (time: {rising[0]}; or time: none for the order of the rows)."
        )
    if not best.id and not best.time:
        for name in rows:
            _check_never_restarts(rows[name])
    if best.time and is_text_span(rows[best.time]):
        check_never_falls(_codes(rows, best.id), _numbers(rows[best.time]), best.time)


def _check_never_restarts(column: pd.Series) -> None:
    """Raise DataError where a number called like a time rises evenly and begins again."""
    if not is_called_time(str(column.name)) or not _is_whole(column) or column.isna().any():
        return
    steps = np.diff(column.to_numpy(np.float64))
    rising = steps[steps > 0]
    n_falls = int((steps < 0).sum())
    is_even = len(rising) and (rising == np.median(rising)).mean() >= IN_ORDER
    if n_falls and is_even and len(rising) >= IN_ORDER * (len(steps) - n_falls):
        raise DataError(
            f"'{column.name}' rises and begins again, {n_falls + 1:,} times in all, but no column "
            "names the series: add one that does (id), or say that the table is one series in the "
            "order of its rows (id: none, time: none)."
        )


def _check_time(
    frame: pd.DataFrame, best: Choice | None, taken: Sequence[str], known_id: Sequence[str] = ()
) -> None:
    """Raise DataError where something looks like a time, though no column is one by itself.

    Parameters
    ----------
    best
        The best choice, None where there is none.
    taken
        Columns that are something else.
    known_id
        Columns of an id that is known, and no part of a time.
    """
    free = frame.drop(columns=[name for name in taken if name in frame])
    dates = [name for name in free if is_time(free[name])]
    parts = parts_of_time(free, dates, words)
    if best is None or not best.time:
        check_not_parted(parts)
        check_read(free, [name for name in free if is_called_time(name) and name not in dates])
        if best is not None and best.id:
            codes = _codes(free, best.id)
            check_not_numbered(free.drop(columns=[*best.id, *dates]), codes)
        return
    guessed = [name for name in best.id if name not in known_id]
    check_whole(free, parts, guessed, best.time, _is_date(free[best.time]))


def _is_in_order(choice: Choice, n_candidates: int) -> bool:
    """Tell whether the order of rows may be the time: they stand together, or go on smoothly.

    A table without any candidate, two with the order of rows itself, can be nothing else.
    """
    if choice.id:
        return choice.points["together"] >= IN_ORDER
    return n_candidates == 2 or choice.points["smooth"] >= SMOOTH


def _of_known_id(id_columns: tuple[str, ...], times: list[str], candidates: list[Choice]) -> Choice:
    """Return the likeliest time of an id that the roles name; without any, the first candidate."""
    if not candidates:
        return Choice(id=id_columns, time=times[0], facts=("named by the roles",))
    best = max(candidates, key=lambda one: one.score)
    return replace(best, facts=("named by the roles", *best.facts))


def words(name: str) -> list[str]:
    """Return the words of a column's name: `PatientID_2` is patient, id, 2."""
    plain = unicodedata.normalize("NFKD", name.replace("ß", "ss"))
    plain = "".join(letter for letter in plain if not unicodedata.combining(letter))
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", " ", plain)
    return [word.lower() for word in re.split(r"[\W_]+", spaced) if word]


def is_called_id(name: str) -> float:
    """Return how much a name is like an id's: 1 by the word, less by what it is of, or 0."""
    found = words(name)
    singular = {word.removesuffix("s") for word in found} | set(found)
    joined = {word.removesuffix("id") for word in found if word.endswith("id")}
    if singular & ID_WORDS or joined & ENTITY_WORDS:
        return 1.0
    return 0.7 if singular & ENTITY_WORDS else 0.0


def is_called_time(name: str) -> bool:
    """Tell whether a name is like a time's."""
    return bool(set(words(name)) & TIME_WORDS) or bool(
        re.search(r"date|time|[日时時]", name.lower())
    )


def _blocks(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table, or some blocks of its rows, spread evenly."""
    if len(frame) <= MAX_ROWS:
        return frame
    size = MAX_ROWS // N_BLOCKS
    starts = np.linspace(0, len(frame) - size, N_BLOCKS).astype(int)
    rows = np.concatenate([np.arange(start, start + size) for start in starts])
    return frame.iloc[np.unique(rows)]


def _is_whole(column: pd.Series) -> bool:
    """Tell whether a column holds whole numbers of at least 0, as such or beside missing ones."""
    if not is_numeric(column):
        return False
    known = column.dropna().to_numpy(np.float64)
    if not len(known) or not np.isfinite(known).all():
        return False
    return bool((known >= 0).all() and (known % 1 == 0).all())


def _may_be_id(column: pd.Series) -> bool:
    """Tell whether a column's values may group rows: names or codes, several, each for some."""
    if not (is_named(column) or _is_whole(column)) or is_time(column):
        return False
    if set(column.dropna().astype(str).str.lower().unique()) <= {"true", "false"}:
        return False
    return 2 <= column.nunique() <= max(2, len(column) / 2)


def _time_candidates(
    frame: pd.DataFrame, id_columns: Sequence[str] | None, taken: Sequence[str]
) -> list[str]:
    """Return columns that may be the time, the likeliest first, and "" for the order of rows."""
    free = [name for name in frame if name not in (*taken, *(id_columns or ()))]
    dates = [name for name in free if _is_date(frame[name])]
    numbers = [name for name in free if name not in dates and _is_number(frame[name])]
    named = [name for name in numbers if is_called_time(name)]
    plain = [name for name in numbers if name not in named and frame[name].nunique() > 1]
    plain = [name for name in plain if is_named(frame[name]) or _is_whole(frame[name])]
    dates.sort(key=lambda name: (not is_called_time(name), -frame[name].nunique()))
    named.sort(key=lambda name: -frame[name].nunique())
    # where there is a date, it would be odd if it were none
    return [*[*dates, *named, *plain][:MAX_TIMES], *([] if dates else [""])]


def _is_number(column: pd.Series) -> bool:
    """Tell whether a column holds numbers, or text that is a whole number in each row."""
    if is_numeric(column) or not is_named(column):
        return is_numeric(column)
    text = column.dropna().astype(str)
    return bool(len(text)) and bool(text.str.fullmatch("[0-9]+").all())


def _is_date(column: pd.Series) -> bool:
    if is_time(column) or types.is_timedelta64_dtype(column.dtype):
        return True
    if not is_text_span(column):
        return False
    first = str(column.dropna().iloc[0])
    return "day" in first or is_called_time(str(column.name))


def _ids(frame: pd.DataFrame, time: str, taken: Sequence[str]) -> list[tuple[str, ...]]:
    """Return single columns that may be the id beside a time, and () for one series."""
    free = [name for name in frame if name not in (*taken, time) and _may_be_id(frame[name])]
    free.sort(key=lambda name: -is_called_id(name))  # stable: else in the order of the table
    return [(), *((name,) for name in free[:MAX_IDS])]


@dataclass(frozen=True, kw_only=True)
class _Clock:
    """A candidate for the time.

    Parameters
    ----------
    name
        Of the column, empty for the order of the rows.
    times
        float64, shape (n_rows,): NaN where missing.
    is_date, is_called
        Whether it is a date, and whether it is called like a time.
    """

    name: str
    times: np.ndarray
    is_date: bool
    is_called: bool

    @classmethod
    def of(cls, rows: pd.DataFrame, name: str) -> "_Clock":
        """Return the candidate of this name, "" for the order of the rows."""
        if not name:
            return cls(name="", times=np.arange(len(rows), dtype=float), is_date=False,
                       is_called=False)  # fmt: skip
        column = rows[name]
        is_date = _is_date(column)
        return cls(
            name=name, times=_numbers(column), is_date=is_date, is_called=is_called_time(name)
        )

    @property
    def score(self) -> float:
        """Points for what the column is by itself."""
        if not self.name:
            return ROW_ORDER_SCORE
        if self.is_date:
            return 2.0 + 0.5 * self.is_called
        return 1.5 if self.is_called else 0.0


def _numbers(column: pd.Series) -> np.ndarray:
    """Return times as numbers that sort alike, NaN where missing."""
    if types.is_timedelta64_dtype(column.dtype):
        times = column.to_numpy("timedelta64[ns]").astype("int64").astype(float)
    else:
        try:
            times = read_times(column).times.astype(float)
        except DataError:  # told when the rows are sorted, if it is the time
            times = pd.factorize(column)[0].astype(float)
    return np.where(column.isna(), np.nan, times)


@dataclass(frozen=True, kw_only=True)
class _Grouped:
    """Rows sorted by group and time, and what they show.

    Parameters
    ----------
    tied_share
        Of rows that share group and time with another.
    even_share
        Of steps within groups that are about the median.
    rising_share
        Of rows that follow one of their group in the table, and have a later time.
    roughness
        Mean square of the steps of other columns over twice their variance; NaN without any.
    """

    tied_share: float
    even_share: float
    rising_share: float
    roughness: float

    @classmethod
    def of(cls, codes: np.ndarray, times: np.ndarray, others: np.ndarray) -> "_Grouped":
        """Return the facts of groups; others: float64 (n_rows, n_columns), standardised."""
        order = np.lexsort((times, codes))
        is_same = np.diff(codes[order]) == 0
        steps = np.diff(times[order])[is_same]
        tied_share = float((steps == 0).sum() / len(codes))
        positive = steps[steps > 0]
        even_share = 0.0
        if len(positive):
            middle = np.median(positive)
            even_share = float((np.abs(positive - middle) <= EVEN * middle).mean())
        roughness = np.nan
        if others.shape[1] and is_same.any():
            jumps = np.diff(others[order], axis=0)[is_same]
            roughness = float(np.mean(jumps**2) / 2)
        in_file = np.argsort(codes, kind="stable")
        is_next = np.diff(codes[in_file]) == 0
        later = np.diff(times[in_file])[is_next]
        rising_share = float((later > 0).mean()) if len(later) else 0.0
        return cls(
            tied_share=tied_share,
            even_share=even_share,
            rising_share=rising_share,
            roughness=roughness,
        )


def _judge(rows: pd.DataFrame, columns: tuple[str, ...], clock: _Clock) -> Choice | None:
    """Return a choice with its points, or None where the columns with the time name no rows."""
    codes = _codes(rows, columns)
    is_known = (codes >= 0) & np.isfinite(clock.times)
    if is_known.sum() < 2:
        return None
    codes = codes[is_known]
    times = clock.times[is_known]
    others = _standardised(rows[is_known], (*columns, clock.name))
    real = _Grouped.of(codes, times, others)
    is_uneven = clock.is_date and real.even_share < 1 - MAX_UNEVEN
    has_events = is_uneven and len(columns) == 1 and is_called_id(columns[0])
    if real.tied_share > (MAX_TIED_EVENTS if has_events else MAX_TIED_SHARE):
        return None
    if not columns:
        return _judge_one_series(real, clock, others)
    chance = _Grouped.of(np.random.default_rng(0).permutation(codes), times, others)
    is_plain = clock.name and not (clock.is_date or clock.is_called)
    if is_plain and (real.even_share < MIN_EVEN_SHARE or real.tied_share > MIN_CHANCE):
        if real.tied_share or real.rising_share < 1:
            return None
        return Choice(id=columns, time=clock.name, points={"rises alone": 1.0})
    n_groups = int(codes.max()) + 1
    n_runs = 1 + int((np.diff(codes) != 0).sum())
    if clock.name and _rises_as_time(rows[is_known], columns, times):
        return None
    # a number that is called like a time, in ordered rows, but neither rises nor goes in steps
    is_jumping = real.rising_share < IN_ORDER and real.even_share < MIN_EVEN_SHARE
    if clock.is_called and not clock.is_date and is_jumping and n_groups >= IN_ORDER * n_runs:
        return None
    n_constant, n_others = _count_constant(rows[is_known], columns, clock.name, codes)
    points = {
        "name": float(np.mean(list(map(is_called_id, columns)))),
        "unique": _beyond(1 - real.tied_share, 1 - chance.tied_share, MIN_CHANCE),
        "even": _beyond(real.even_share, chance.even_share) if clock.name else 0.0,
        "together": n_groups / n_runs,
        "rising": _beyond(real.rising_share, chance.rising_share, 0.05) if clock.name else 0.0,
        "constant": n_constant / n_others if n_others else 0.0,
        "smooth": _smoothness(real, chance),
        "numbered": float(np.mean([_is_numbered(rows[name]) for name in columns])),
        "first": float(columns[0] == rows.columns[0]),
    }
    score = sum(WEIGHTS[key] * value for key, value in points.items())
    score += clock.score - 5 * real.tied_share - 0.2 * (len(columns) - 1)
    facts = _facts(points, real, clock, n_groups, len(codes), n_constant)
    return Choice(id=columns, time=clock.name, score=score, facts=facts, points=points)


def _judge_one_series(real: _Grouped, clock: _Clock, others: np.ndarray) -> Choice | None:
    """Return the choice that the whole table is one series."""
    if not clock.name:
        fact = "no column names series, and none is a time"
        mixed = np.random.default_rng(0).permutation(others)
        steps = np.zeros(len(others), dtype=np.int64)
        chance = _Grouped.of(steps, np.arange(len(others), dtype=float), mixed)
        points = {"smooth": _smoothness(real, chance)}
        return Choice(id=(), time="", score=MIN_SCORE, facts=(fact,), points=points)
    is_regular = real.even_share >= MIN_EVEN_SHARE
    rises = clock.is_called and real.rising_share >= IN_ORDER
    if real.tied_share > MIN_CHANCE or not (clock.is_date or is_regular or rises):
        return None
    once = "each time stands once"
    if real.tied_share:
        once = f"all but {real.tied_share:.2%} of the times stand once"
    facts = (
        f"one series: {once}",
        f"{real.even_share:.0%} of the steps are equal",
    )
    score = clock.score + WEIGHTS["unique"] + WEIGHTS["even"] * real.even_share
    score += WEIGHTS["rising"] * max(0.0, 2 * real.rising_share - 1)
    if real.tied_share:  # of one sensor a time stands twice by a slip, of several by chance
        score -= MARGIN
    return Choice(id=(), time=clock.name, score=score, facts=facts)


def _codes(rows: pd.DataFrame, columns: tuple[str, ...]) -> np.ndarray:
    """Return the group of each row, in order of first occurrence, -1 where a value is missing."""
    codes = np.zeros(len(rows), dtype=np.int64)
    is_missing = np.zeros(len(rows), dtype=bool)
    for name in columns:
        own, values = pd.factorize(rows[name])
        is_missing |= own < 0
        codes = codes * (len(values) + 1) + own
    codes = np.where(is_missing, -1, codes)
    known, _ = pd.factorize(codes[~is_missing])
    codes[~is_missing] = known
    return codes


def _standardised(rows: pd.DataFrame, left_out: Iterable[str]) -> np.ndarray:
    """Return up to five numeric columns, float64 (n_rows, n_columns), mean 0 and variance 1."""
    columns: list[np.ndarray] = []
    for name in rows:
        if name in tuple(left_out) or not is_numeric(rows[name]) or len(columns) == 5:
            continue
        x = rows[name].to_numpy(np.float64, na_value=np.nan)
        # by rank: one outlier would decide else
        ranks = pd.Series(x).rank().fillna(len(x) / 2).to_numpy()
        if ranks.std() > 0:
            columns.append((ranks - ranks.mean()) / ranks.std())
    return np.stack(columns, axis=1) if columns else np.empty((len(rows), 0))


def _beyond(share: float, chance: float, least: float = 0.0) -> float:
    """Return how far a share is beyond chance, 0 to 1; 0 where chance leaves less than `least`."""
    left = 1 - chance
    if left <= max(least, 1e-9):
        return 0.0
    return float(np.clip((share - chance) / left, 0, 1))


def _smoothness(real: _Grouped, chance: _Grouped) -> float:
    """Return how much smoother other columns are within the groups than by chance, 0 to 1."""
    if not chance.roughness > 0 or np.isnan(real.roughness):
        return 0.0
    return float(np.clip(1 - real.roughness / chance.roughness, 0, 1))


def _rises_as_time(rows: pd.DataFrame, columns: tuple[str, ...], times: np.ndarray) -> bool:
    """Tell whether a number only rises or falls as the times of all rows do: a sum, or a year."""
    if len(columns) > 1 or not _is_whole(rows[columns[0]]) or is_called_id(columns[0]):
        return False
    order = np.argsort(times, kind="stable")
    steps = np.diff(rows[columns[0]].to_numpy(np.float64)[order])
    return bool((steps >= 0).all() or (steps <= 0).all())


def _count_constant(
    rows: pd.DataFrame, columns: tuple[str, ...], time: str, codes: np.ndarray
) -> tuple[int, int]:
    """Return how many other columns that vary are constant within groups, and how many vary."""
    order = np.argsort(codes, kind="stable")
    is_same = np.diff(codes[order]) == 0
    n_constant = 0
    n_others = 0
    for name in rows:
        if name in (*columns, time):
            continue
        values = pd.factorize(rows[name])[0][order]
        changes = np.diff(values) != 0
        if changes.any():
            n_others += 1
            n_constant += int(not (changes & is_same).any())
    return n_constant, n_others


def _is_numbered(column: pd.Series) -> bool:
    """Tell whether all values are texts with digits, as names of series often are."""
    if not is_named(column):
        return False
    return all(re.search(r"\d", str(value)) for value in column.dropna().unique()[:1000])


def _several(
    rows: pd.DataFrame, judged: list[Choice | None], clock: _Clock, taken: Sequence[str]
) -> list[Choice | None]:
    """Return choices of two or three columns, where no single one names each row."""
    if not clock.name:
        return []
    for one in judged:
        if one is not None and one.score >= MIN_SCORE:
            codes = _codes(rows, one.id)
            known = codes >= 0
            tied = pd.DataFrame({"id": codes[known], "time": clock.times[known]}).duplicated()
            if tied.mean() <= MAX_TIED_IN_SEVERAL:
                return []
    free = [
        name
        for name in rows
        if name not in (*taken, clock.name)
        and _may_be_id(rows[name])
        and (is_called_id(name) or not is_called_time(name))
    ]
    free.sort(key=lambda name: -is_called_id(name))
    free = sorted(free[:MAX_IN_SEVERAL], key=list(rows).index)
    found: list[Choice | None] = []
    for n_columns in (2, 3):
        for columns in combinations(free, n_columns):
            codes = _codes(rows, columns)
            pairs = pd.DataFrame({"id": codes, "time": clock.times})
            if pairs.duplicated().mean() <= MAX_TIED_IN_SEVERAL and codes.max() < len(codes) / 2:
                found.append(_judge(rows, columns, clock))
        if found:
            break
    return found


def _of_fractions(rows: pd.DataFrame, clocks: list[_Clock], taken: Sequence[str]) -> list[Choice]:
    """Return choices of one or two numbers with decimals that stay for some rows: 48.25, 11.1.

    They are tried where nothing else names the rows of a time: a latitude and a longitude do, and
    the number of a probe may.
    """
    found: list[Choice] = []
    for clock in clocks:
        if not (clock.is_date or clock.is_called):
            continue
        free = [name for name in rows if name not in (*taken, clock.name)]
        free = [name for name in free if _stays(rows[name])][:MAX_IN_SEVERAL]
        judged: list[Choice | None] = []
        for columns in (*((name,) for name in free), *combinations(free, 2)):
            judged.append(_judge(rows, columns, clock))
        found += [one for one in judged if one is not None]
    return found


def _stays(column: pd.Series) -> bool:
    """Tell whether a column of numbers repeats itself for some rows, as of a series it does."""
    if not is_numeric(column) or column.isna().any():
        return False
    n_changes = int((np.diff(column.to_numpy(np.float64)) != 0).sum())
    return 0 < n_changes < len(column) / MIN_STAY


def _distinct(rows: pd.DataFrame, choices: list[Choice]) -> list[Choice]:
    """Return good choices by their points, of several that divide the rows alike only the first."""
    choices = [one for one in choices if one.score >= MIN_SCORE]
    kept: list[Choice] = []
    partitions: list[np.ndarray] = []
    for one in sorted(choices, key=lambda one: (-one.score, len(one.id))):
        codes = _codes(rows, one.id)
        if not any(np.array_equal(codes, other) for other in partitions):
            kept.append(one)
            partitions.append(codes)
    return kept


def _facts(
    points: dict[str, float],
    real: _Grouped,
    clock: _Clock,
    n_groups: int,
    n_rows: int,
    n_constant: int,
) -> tuple[str, ...]:
    """Return what speaks for a choice, in words."""
    facts = [f"{n_groups:,} series of {n_rows / n_groups:.3g} rows in the mean"]
    if points["name"]:
        facts.append("called like an id")
    if clock.name and real.tied_share == 0:
        facts.append(f"with '{clock.name}' it names each row")
    if points["together"] > 0.9:
        facts.append("its rows stand together")
    if points["rising"] > 0.9:
        facts.append("times rise within it")
    if points["even"] > MIN_EVEN_SHARE:
        facts.append(f"{real.even_share:.0%} of the steps within it are equal")
    if n_constant:
        facts.append(f"{n_constant} other columns are constant within it")
    return tuple(facts)


def _spelled(columns: Sequence[str]) -> str:
    if not columns:
        return "none (one series)"
    return " and ".join(f"'{name}'" for name in columns)


def _ask(near: list[Choice]) -> str:
    """Return the sentence that lists ids which are near each other."""
    listed = "; or ".join(
        f"{_spelled(one.id)} with time '{one.time}'" if one.time else _spelled(one.id)
        for one in near[:3]
    )
    example = ",".join(near[0].id) or "none"
    settled = f"id: {example[:40]}"
    if len({one.time for one in near}) > 1:
        settled += f", time: {near[0].time or 'none'}"
    return f"more than one column may name the series: {listed[:170]}: say which ({settled})."


def _nothing_found(frame: pd.DataFrame, time: str | None) -> str:
    """Return the sentence for a table in which nothing names series and rows."""
    dates = [name for name in frame if _is_date(frame[name]) or is_called_time(name)]
    seen = f" with '{time or dates[0]}'" if time or dates else ""
    return (
        f"no column names the series, so that{seen} it names a row: name it (id: COLUMN, or "
        "several; id: none for one series), and the time (time: COLUMN, or none)."
    )
