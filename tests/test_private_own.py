"""Laws of a private copy: from Python and the command line, with its account; mistakes are told."""

import json

import numpy as np
import pandas as pd
import pytest
import yaml
from helpers import user_table

from tst import Synthesiser, __main__
from tst.errors import DataError
from tst.models.transformer import private, private_measures
from tst.table.table import Table

SAID = {
    "id": "host",
    "time": "when",
    "n_series": 70,
    "max_length": 8,
    "start": "2024-02-28",
    "interval": "15min",
    "columns": {
        "cpu": {"low": 0, "high": 1},
        "threads": {"low": 0, "high": 10, "whole": True},
        "state": {"categories": ["a", "b", "c"]},
        "status": {"categories": ["OK", "FAIL"], "attribute": True},
        "size": {"low": 0, "high": 1, "attribute": True},
    },
}
QUICK = {"max_steps": 3, "epsilon": 2.0, "public": SAID}


@pytest.fixture(autouse=True)
def few_rows(monkeypatch):
    """Attributes are learned from few rows, which takes a moment instead of seconds."""
    monkeypatch.setattr(private_measures, "N_ROWS", 60)


@pytest.fixture(scope="module")
def table():
    return user_table(60)


@pytest.mark.slow
def test_a_private_copy_has_the_columns_that_are_said(table, tmp_path):
    """And no others; its account is saved and loaded with the model."""
    model = Synthesiser(**QUICK).fit(table)
    made = model.sample(30)
    assert list(made) == ["host", "when", *SAID["columns"]]
    assert made["host"].nunique() == 30 and not made["host"].isin(table["host"]).any()
    assert made["cpu"].between(0, 1).all() and made["threads"].between(0, 10).all()
    assert made.groupby("host").size().max() <= 8
    assert made.groupby("host")["status"].nunique().max() == 1
    loaded = Synthesiser.load(model.save(tmp_path / "m"))
    assert loaded.account == model.account
    assert loaded.account.spent <= 2.0 and loaded.account.delta == pytest.approx(0.1 / 70)
    pd.testing.assert_frame_equal(loaded.sample(5), model.sample(5))
    given = loaded.sample(9, given={"status": "FAIL"})
    assert set(given["status"]) == {"FAIL"}


@pytest.mark.slow
def test_an_account_that_was_changed_is_told(table, tmp_path):
    """An epsilon made smaller in the file is no account: model and file belong together."""
    path = Synthesiser(**QUICK).fit(table).save(tmp_path / "m") / "model.json"
    facts = json.loads(path.read_text())
    path.write_text(json.dumps(facts | {"privacy": facts["privacy"] | {"epsilon": 0.1}}))
    with pytest.raises(DataError, match="were changed") as caught:
        Synthesiser.load(tmp_path / "m")
    assert "\n" not in str(caught.value)


@pytest.mark.slow
def test_a_group_is_the_unit(table):
    """Sixteen persons of sixty series are enough, fifteen are not, whatever the series are."""
    person = table["host"].str[1:].astype(int)
    said = SAID | {"group": "person"}
    model = Synthesiser(**QUICK | {"public": said}).fit(table.assign(person=person % 16))
    assert model.account.unit == "person"
    with pytest.raises(DataError, match="at least 16 series or groups"):
        Synthesiser(**QUICK | {"public": said}).fit(table.assign(person=person % 15))


def test_rows_of_other_columns_are_not_read(table, monkeypatch):
    """A column that is not said may hold anything: the same series are learned."""
    seen = []

    def keep(series, *_):
        seen.append(series)
        raise DataError("seen")

    monkeypatch.setattr(private, "fit", keep)
    for frame in (table, table.assign(secret=np.arange(len(table)), cpu2=table["cpu"])):
        with pytest.raises(DataError, match="seen"):
            Synthesiser(**QUICK).fit(frame)
    assert seen[0].sha256() == seen[1].sha256()


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"epsilon": 0}, "epsilon is 0"),
        ({"epsilon": -1.0}, "epsilon is -1"),
        ({"epsilon": float("nan")}, "epsilon is nan"),
        ({"delta": 1.5}, "delta is 1.5"),
        ({"delta": 0.02}, "must be below 1 / 60"),
        ({"public": None}, "epsilon needs `public`"),
        ({"public": SAID | {"group": "nobody"}}, "the group 'nobody'"),
        ({"epsilon": None}, "give its epsilon, too"),
        ({"roles": {"id": "host"}}, "say all in public"),
        ({"n_processes": 2}, "by one process"),
    ],
)
def test_a_mistake_is_told_before_anything_is_learned(table, monkeypatch, settings, sentence):
    monkeypatch.setattr(private_measures, "measure", None)
    with pytest.raises(DataError, match=sentence) as caught:
        Synthesiser(**QUICK | settings).fit(table)
    assert "\n" not in str(caught.value)


def test_series_that_were_read_by_guesses_are_refused(table):
    guessed, series = Table.fit(table)
    with pytest.raises(DataError, match="call fit"):
        Synthesiser(**QUICK).fit_series(series, guessed)
    with pytest.raises(DataError, match="promises nothing"):
        Synthesiser().account_text()


def run(*arguments):
    return __main__.main(["own", *map(str, arguments)])


@pytest.mark.slow
def test_the_command_writes_a_copy_and_its_account(table, tmp_path, capsys):
    """As many series as are said, not as there are; no report that looks at the real rows."""
    table.to_csv(tmp_path / "t.csv", index=False)
    (tmp_path / "said.yml").write_text(yaml.safe_dump(SAID))
    options = [
        "--epsilon",
        2,
        "--public",
        tmp_path / "said.yml",
        "--max-steps",
        2,
        "--name",
        "copy",
    ]
    assert run(tmp_path / "t.csv", *options) == 0
    names = sorted(path.name for path in (tmp_path / "copy").iterdir())
    assert names == ["model", "privacy.md", "synthetic.csv"]
    made = pd.read_csv(tmp_path / "copy" / "synthetic.csv")
    assert made["host"].nunique() == 70
    text = (tmp_path / "copy" / "privacy.md").read_text()
    assert text in capsys.readouterr().out
    assert "epsilon 2" in text and "| lengths | measured |" in text


@pytest.mark.parametrize(
    ("options", "sentence"),
    [
        (["--epsilon", "0", "--public", "said.yml"], "epsilon is 0"),
        (["--epsilon", "much", "--public", "said.yml"], "'much' is not a number"),
        (["--epsilon", "2"], "epsilon needs `public`"),
        (["--epsilon", "2", "--public", "gone.yml"], "no file at gone.yml"),
        (["--delta", "0.1"], "give --epsilon, too"),
        (["--public", "said.yml"], "give --epsilon, too"),
        (["--epsilon", "2", "--public", "said.yml", "--id", "host"], "say all in --public"),
        (["--epsilon", "2", "--public", "said.yml", "--delta", "0.02"], "must be below 1 / 60"),
    ],
)
def test_a_mistake_on_the_command_line_is_one_sentence(
    table, tmp_path, monkeypatch, capsys, options, sentence
):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(private_measures, "measure", None)
    table.to_csv("t.csv", index=False)
    (tmp_path / "said.yml").write_text(yaml.safe_dump(SAID))
    assert run("t.csv", *options) == 1
    error = capsys.readouterr().err
    assert sentence in error and error.count("\n") == 1
