"""What was decided about a table, as text that is shown before anything is learned."""

from collections.abc import Sequence

import numpy as np

from tst.cycles import Cycles
from tst.series import SeriesSet
from tst.table.holidays import N_NAMED
from tst.table.keys import Keys
from tst.table.table import Table

BARS = "▁▂▃▄▅▆▇█"
N_EXAMPLES = 3
WIDTH = 48  # of an example, in characters
UNITS = ((86_400, "days"), (3600, "h"), (60, "min"), (1, "s"), (0.001, "ms"))  # in seconds
MAX_COLUMNS = 30  # that are listed one by one


def _pace(table: Table, series: SeriesSet) -> str:
    """Return how far rows are apart."""
    clock = table.clock
    if not (clock.intervals and clock.is_whole):
        return f"every {series.interval}"
    seconds = clock.step / 1e9
    size, unit = next(one for one in UNITS if seconds >= one[0] or one[0] == UNITS[-1][0])
    return f"{seconds / size:.3g} {unit} apart in the median"


def describe(table: Table, series: SeriesSet) -> str:
    """Return id, time and roles with what speaks for them, the series' lengths, and examples."""
    lengths = series.lengths
    span = f"{lengths.min():,}"
    if lengths.min() < lengths.max():
        span += f" to {lengths.max():,}"
    lines = [
        describe_keys(table.keys),
        f"{len(series):,} series of {span} steps, {lengths.sum():,} rows, {_pace(table, series)}",
        *_cycles(series),
        *_holidays(table),
        "",
        _roles(table),
        "",
        *_examples(series),
    ]
    return "\n".join(lines)


def _cycles(series: SeriesSet) -> list[str]:
    """Return which cycles of the calendar the model will see, if any."""
    cycles = Cycles.of(series.dates, series.lengths)
    if cycles is None:
        return []
    return [f"the model sees of each step: {cycles.text}"]


def _holidays(table: Table) -> list[str]:
    """Return the days on which measurements are lower or higher, if any."""
    days: dict[str, None] = {}
    for holiday in table.holidays:
        days |= dict.fromkeys(holiday.days)
    if not days:
        return []
    shown = ", ".join(list(days)[:N_NAMED])
    return [f"holidays: {shown}" + (" ..." if len(days) > N_NAMED else "")]


def describe_keys(keys: Keys) -> str:
    """Return the id and the time, and what speaks for them."""
    named = ", ".join(keys.id) or "none: the table is one series"
    time = keys.time or "none: the order of the rows"
    facts = [f"  - {fact}" for fact in keys.facts]
    return "\n".join([f"id:    {named}", f"time:  {time}", *facts])


def _roles(table: Table) -> str:
    """Return the columns with their roles, in columns of text."""
    roles = table.roles().astype(str)
    shown = [list(roles.columns), *roles.head(MAX_COLUMNS).to_numpy().tolist()]
    widths = [max(len(row[i]) for row in shown) for i in range(len(shown[0]))]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in shown
    ]
    n_more = len(roles) - MAX_COLUMNS
    if n_more > 0:
        lines.append(f"... and {n_more:,} more columns")
    return "\n".join(lines)


def _examples(series: SeriesSet) -> list[str]:
    """Return series of the middle lengths, drawn in blocks: the first measurement of each."""
    measured = [i for i, f in enumerate(series.features) if f.kind == "continuous"] or [0]
    feature = measured[0]
    chosen = example_indices(series)
    lines = [f"{len(chosen)} of them, {series.features[feature].label} by step:"]
    for i in chosen:
        x = series[i][:, feature]
        numbers = f"{x.min():.4g} to {x.max():.4g}"
        lines.append(f"  {_bars(x)}  {numbers}, {len(x):,} steps")
    return lines


def example_indices(series: SeriesSet, n: int = N_EXAMPLES) -> list[int]:
    """Return which series are shown: of lengths about the middle one."""
    order = np.argsort(series.lengths, kind="stable")
    places = np.linspace(0.4, 0.6, min(n, len(series))) * (len(series) - 1)
    return [int(order[int(place)]) for place in places]


def _bars(x: Sequence[float] | np.ndarray) -> str:
    """Return numbers as bars, means of equal parts where they are many."""
    parts = np.array_split(np.asarray(x, dtype=np.float64), min(len(x), WIDTH))
    means = np.array([part.mean() for part in parts])
    low = means.min()
    height = max(means.max() - low, 1e-30)
    levels = np.minimum((means - low) / height * len(BARS), len(BARS) - 1).astype(int)
    return "".join(BARS[level] for level in levels).ljust(WIDTH)
