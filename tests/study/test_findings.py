"""The first words of README.md: numbers of the tables; words that no longer hold stop."""

import nbformat
import pandas as pd
import pytest

from tst.errors import DataError
from tst.study.report import findings

ADDED = ", r2, mlp_1, trained on synthetic+real"
FAR = " over real halves' 95 % quantile"
# Table 07-differences at the paper's size.
LARGE = pd.DataFrame(
    {
        "model": ["tst_paper - real"] * 3 + ["tst - real"],
        "dataset": "wwt",
        "metric": "r2",
        "train": "synthetic+real",
        "regressor": ["mlp_1", "mlp_5", "linear", "mlp_1"],
        "value": [-0.004, -0.001, 7.0, 0.3],
        "low": [-0.005, -0.002, 6.0, 0.2],
    }
)


@pytest.fixture
def results(tmp_path):
    """A folder of results with the rows and the notebooks that are read."""
    rows = [
        ("C3", f"TST - real{ADDED}", "wwt", -0.0021, 0.0032),
        ("C3", f"TST - real{ADDED.replace('mlp_1', 'mlp_5')}", "wwt", -0.00001, 0.0093),
        ("C8", f"TST, acf rms{FAR}", "wwt", 21.4, None),
        ("C8", f"TST, acf rms{FAR}", "borg2019", 2.0, None),
        ("Q2", f"TST (ours), acf rms{FAR}", "wwt", 1.26, None),
        ("C5", "TST, full size: padding", "no_data", 0.0, 0.0),
        ("C5", "all endpoints", "no_data", 12635659, 12635659),
    ]
    (tmp_path / "tables").mkdir()
    judged = pd.DataFrame(rows, columns=["claim", "source", "dataset", "ours", "paper"])
    judged["low"] = judged["ours"] - 0.001
    judged["origin"] = "subset"
    judged["n_seeds"] = judged["dataset"].map({"wwt": 10, "borg2019": 3, "no_data": 1})
    judged["endpoint"] = "endpoint"
    judged.loc[len(judged)] = [
        "C1",
        "all endpoints",
        "gcut",
        0.1,
        0.04,
        0.0,
        "simulated",
        30,
        "endpoint",
    ]
    judged.loc[len(judged)] = ["Q3", "F1", "wwt", 0.1, None, 0.0, "subset", 2, "supporting"]
    judged["high"] = judged["ours"] + 0.001
    judged.to_csv(tmp_path / "tables" / "13-claims.csv", index=False)
    cost = pd.DataFrame(
        {
            "metric": "peak_memory_mb",
            "length": [2500, 2500, 2500, 100],
            "attention": ["full", "probsparse:5", "patch:4", "full"],
            "value": [100.0, 110.0, 30.0, 1.0],
        }
    )
    cost.to_csv(tmp_path / "tables" / "11-long-sequences.csv", index=False)
    told = (("gcut", 7.2, "401,234"), ("wwt", 2.8, "76,100"), ("borg2019", 41.8, "79,000"))
    for name, epochs, size in told:
        text = f"the loss falls by 9% in {epochs} epochs of a model of {size} parameters.\n"
        said = nbformat.v4.new_output("stream", text=text)
        code = nbformat.v4.new_code_cell("print()", outputs=[said], execution_count=1)
        nbformat.write(
            nbformat.v4.new_notebook(cells=[code]), tmp_path / f"02-train-tst-{name}.ipynb"
        )
    return tmp_path


def read(results, name):
    """Return a table of the folder."""
    return pd.read_csv(results / "tables" / f"{name}.csv")


def found(results, large=LARGE):
    """Return the findings of the folder's tables."""
    return findings.findings(read(results, "13-claims"), read(results, "11-long-sequences"), large)


def test_the_scale_is_what_the_notebooks_print(results):
    """From the least to the most of sizes, passes and seeds on real series; the paper's beside."""
    said = findings.scale(results.glob("02-*.ipynb"), read(results, "13-claims"))
    assert "76 to 79 thousand parameters" in said and "3 to 42 times" in said
    assert "3 to 10 random seeds" in said
    assert "12.6 million" in said
    with pytest.raises(DataError, match="run make reproduce"):
        findings.scale([], read(results, "13-claims"))


def test_the_findings_are_the_tables(results):
    """Three, each with its numbers, of web traffic and of 2,500 steps."""
    first, second, third = found(results).splitlines()
    assert "by −0.0021 to 0.0000, no interval reaches above 0.0010 " in first
    assert "(2 forecasters; the paper: +0.0032 to +0.0093)" in first
    assert first.endswith("at the paper's size by −0.0040 to −0.0010.")
    assert found(results, None).splitlines()[0].endswith("+0.0093).")
    assert "21 times" in second and second.endswith("1.3 times.")
    assert "takes 110% of" in third and third.endswith("take 30%.")


@pytest.mark.parametrize(
    ("source", "column", "value"),
    [
        (f"TST - real{ADDED}", "low", 0.001),
        (f"TST, acf rms{FAR}", "ours", 1.0),
        (f"TST (ours), acf rms{FAR}", "ours", 20.0),
    ],
)
def test_words_that_no_longer_hold_stop(results, source, column, value):
    """A table that says otherwise ends in a sentence, not in a README that is wrong."""
    path = results / "tables" / "13-claims.csv"
    judged = pd.read_csv(path)
    judged.loc[judged["source"] == source, column] = value
    judged.to_csv(path, index=False)
    with pytest.raises(DataError, match="no longer hold"):
        found(results)
    judged[judged["claim"] != judged.loc[judged["source"] == source, "claim"].iloc[0]].to_csv(
        path, index=False
    )
    with pytest.raises(DataError, match="has no"):
        found(results)


def test_a_gain_at_the_papers_size_stops(results):
    """One forecaster that learns more there ends in the same sentence."""
    with pytest.raises(DataError, match="no longer hold"):
        found(results, LARGE.assign(low=[-0.005, 0.001, 6.0, 0.2]))
