"""Laws of progress: how much, and how long the rest takes; one line that ends when all is done."""

import io
import sys

from tst.io import progress


class Terminal(io.StringIO):
    """Text that is shown on a terminal."""

    def isatty(self):
        """Return that it is one."""
        return True


def shown(file, monkeypatch, n_done=0):
    """Return what a bar of four steps writes."""
    monkeypatch.setattr(sys, "stdout", file)
    with progress.bar("train", "step", 4, n_done) as bar:
        for _ in range(4 - n_done):
            bar.update(1)
    return file.getvalue()


def test_the_last_state_stands_in_one_line(monkeypatch):
    """On a terminal and in a file; with the steps, the share and the time."""
    for file in (io.StringIO(), Terminal()):
        text = shown(file, monkeypatch)
        assert text.count("\n") == 1
        last = text.rstrip("\n").rpartition("\r")[2]
        assert last.startswith("train: 100%")
        assert "4/4" in last


def test_what_was_done_before_counts(monkeypatch):
    """A run that goes on begins where it was."""
    assert "3/4" in shown(io.StringIO(), monkeypatch, n_done=3).split("\r")[1]


def test_what_is_hidden_is_not_written(monkeypatch):
    """Nothing at all."""
    file = io.StringIO()
    monkeypatch.setattr(sys, "stdout", file)
    with progress.bar("train", "step", 4, hidden=True) as bar:
        bar.update(4)
    assert file.getvalue() == ""


def test_a_terminal_is_told_more_often(monkeypatch):
    """A log file, now and then."""
    seconds = []
    for file in (io.StringIO(), Terminal()):
        monkeypatch.setattr(sys, "stdout", file)
        with progress.bar("train", "step", 4) as bar:
            seconds.append(bar.mininterval)
    assert seconds[0] > seconds[1]
