"""Laws of README.md's numbers: they are the results', and stand between their markers."""

import io
import re
from pathlib import Path

import nbformat
import pandas as pd
import pytest

from tst.io import paths
from tst.study import screens
from tst.study.report import committed, contents, readme

CLAIMS = pd.read_csv(
    io.StringIO(
        "claim,source,paper,ours,low,high,n_seeds,dataset,origin,verdict,simulation,sentence,"
        "unit,direction,limit,margin,endpoint,mde\n"
        "C1,all endpoints,0.04,0.1,0.05,0.15,3,gcut,simulated,not tested,supported,Because.,"
        "accuracy,above,0,0,endpoint,0.07\n"
        "C1,TST - DG,0.04,0.1,0.05,0.15,3,gcut,simulated,not tested,supported,Because.,"
        "accuracy,above,0,0,endpoint,0.07\n"
        "C5,all endpoints,12635659,12635659,,,1,no_data,original,supported,,Exact: *yes*.,"
        "parameters,equal,12635659,0,endpoint,\n"
        "C3,all endpoints,0.0032,-0.01,-0.02,0.001,3,wwt,subset,inconclusive,,A|B.,"
        "R2,above,0,0,endpoint,0.02\n"
        "Q2,all endpoints,,0.01,0.002,0.02,3,wwt,subset,supported,,A.,"
        "R2,above,0,0.01,endpoint,0.02\n"
    )
)
TEXT = (
    "# Title\n\n<!-- claims:begin -->\nold\n<!-- claims:end -->\n\nText.\n\n"
    "<!-- numbers:begin -->\n<!-- numbers:end -->\n"
    "<!-- endpoints:begin -->\n<!-- endpoints:end -->\n"
    "<!-- questions:begin -->\n<!-- questions:end -->\n"
)
MAX_WORDS = 1000


@pytest.fixture
def page(tmp_path, monkeypatch):
    """A README with both pairs of markers, and the results that it quotes."""
    monkeypatch.setattr(paths, "ROOT", tmp_path)
    folder = tmp_path / committed.LAPTOP / "tables"
    folder.mkdir(parents=True)
    CLAIMS.to_csv(folder / "13-claims.csv", index=False)
    (tmp_path / "README.md").write_text(TEXT)
    return tmp_path / "README.md"


def test_readme_takes_its_numbers_from_the_results(page, capsys):
    """What stands between the markers is written, the rest stays, and a check then passes."""
    assert readme.main([]) == 0
    assert readme.main(["--check"]) == 0
    text = page.read_text()
    assert text.startswith("# Title\n\n<!-- claims:begin -->\n|")
    assert "\nText.\n" in text
    assert "old" not in text
    assert "12,635,659" in text
    assert "-0.010 [-0.020, 0.001]" in text
    assert "TST - DG" not in text
    assert text.index("| C1") < text.index("| C3") < text.index("| C5")
    assert "| accuracy, above 0 |" in text and "| R2, above -0.01 |" in text
    assert "*not tested* (simulation: supported)" in text
    assert "| no data |" in text
    for number, verdict in (
        ("-0.01 [-0.02, 0.001]", "inconclusive"),
        ("0.01 [0.002, 0.02]", "supp"),
    ):
        told = f"wwt: {number}, n = 3".replace(" ", "\u00a0")
        assert f"| {told}: *{verdict}" in text, "the interval on one line, its verdict behind it"
    short = text[: text.index("Text.")]
    assert "| difference in accuracy, above 0 |" in short
    assert "| parameters, 12,635,659 |" in short, "a count is no difference"
    assert "gcut" not in short, "simulated series are not counted"
    assert "| no number | *not tested* |" in short
    before = text
    assert readme.main([]) == 0
    assert page.read_text() == before


def test_readme_takes_weak_points_and_costs_where_it_asks_for_them(page, tmp_path):
    """Markers that stand there are filled from their tables, sentences as they stand."""
    folder = tmp_path / committed.LAPTOP / "tables"
    weak = {"point": ["W1", "W4"], "verdict": ["confirmed", "not testable here"]}
    weak["sentence"] = ["0.3 of it: confirmed.", "not testable here, because no rows."]
    pd.DataFrame(weak).to_csv(folder / "13-weak-points.csv", index=False)
    pd.DataFrame({"metric": ["train_speedup"], "value": [123.4]}).to_csv(
        folder / "12-cost.csv", index=False
    )
    page.write_text(
        TEXT + "<!-- weak:begin -->\n<!-- weak:end -->\n<!-- cost:begin -->\n<!-- cost:end -->\n"
    )
    assert readme.main([]) == 0
    assert "| *confirmed* | 0.3 of it: confirmed. |" in page.read_text()
    assert "| *not testable here* | not testable here, because no rows. |" in page.read_text()
    assert "| 123 | training the paper's model" in page.read_text()


def test_other_pages_are_written_and_checked(page, tmp_path, capsys):
    """A marker of another README is filled; a number edited there by hand is noticed, by name."""
    other = tmp_path / "results" / "README.md"
    other.write_text("<!-- numbers:begin -->\n<!-- numbers:end -->\n")
    assert readme.main([]) == 0
    assert "Of 2 claims" in other.read_text()
    other.write_text(other.read_text().replace("Of 2", "Of 4"))
    assert readme.main(["--check"]) == 1
    assert "results/README.md differs from" in capsys.readouterr().err


def test_a_full_run_heads_the_page_where_it_was_judged(page, tmp_path):
    """Its numbers, and links to its copies; what it lacks is laptop's. Half a run heads nothing."""
    laptop, full = tmp_path / committed.LAPTOP, tmp_path / committed.FULL
    (full / "tables").mkdir(parents=True)
    copy = nbformat.v4.new_notebook()
    for folder, stem in ((laptop, "07-regression-wwt"), (full, "07-regression-wwt")):
        nbformat.write(copy, folder / f"{stem}.ipynb")
    nbformat.write(copy, laptop / "02-train-tst-wwt.ipynb")
    marked = "<!-- {0}:begin -->\n<!-- {0}:end -->\n"
    page.write_text(TEXT + marked.format("figure") + marked.format("calibrated"))
    readme.main([])
    text = page.read_text()
    assert "results/full" not in text, "it has not been judged"
    assert "(results/laptop/13-claims.ipynb)" in text
    real = CLAIMS[CLAIMS["dataset"] != "gcut"]
    real.assign(n_seeds=10).to_csv(full / committed.JUDGED, index=False)
    nbformat.write(copy, full / "13-claims.ipynb")
    assert readme.main(["--check"]) == 1
    assert readme.main([]) == 0
    text = page.read_text()
    text = text.replace("\u00a0", " ")
    assert "n = 10" in text and "n = 3" not in text
    assert "| 0.04 |" in text, "the paper's number of C1 is of gcut, which full lacks"
    assert "| gcut, simulated |" in text, "whose verdicts are laptop's"
    assert "(results/full/13-claims.ipynb)" in text
    assert "(results/full/07-regression-wwt.ipynb)" in text
    assert "(results/full/figures/13-claims.png)" in text
    assert "(results/laptop/02-train-tst-wwt.ipynb)" in text, "full has no copy of it"
    found = committed.copies(tmp_path, "0")
    assert [path.parent.name for path in found] == ["laptop", "full"]
    assert [path.stem for path in found] == ["02-train-tst-wwt", "07-regression-wwt"]


def test_what_laptop_lacks_is_full_s_before_that_was_judged(tmp_path):
    """A full run appears in parts: its budgets at once, its copies of laptop's at the end."""
    for results, stem in (
        (committed.LAPTOP, "07-regression-wwt"),
        (committed.FULL, "07-regression-wwt"),
        (committed.FULL, "18-budget-wwt"),
    ):
        (tmp_path / results).mkdir(parents=True, exist_ok=True)
        nbformat.write(nbformat.v4.new_notebook(), tmp_path / results / f"{stem}.ipynb")
    assert committed.place(tmp_path) == committed.LAPTOP
    for stem, results in (("07", "laptop"), ("18", "full")):
        (path,) = committed.copies(tmp_path, stem)
        assert path.parent.name == results


def test_what_full_did_not_test_is_laptop_s():
    """A pair of claim and data set comes whole from one table, from the first that tested it."""
    laptop = CLAIMS.assign(profile="laptop")
    full = laptop.assign(profile="full")
    full.loc[full["claim"] == "C5", ["verdict", "n_seeds"]] = "not tested", 0
    full = full[full["claim"] != "Q2"]
    both = committed.completed(full, laptop)
    assert len(both) == len(CLAIMS)
    by_claim = both.groupby("claim")["profile"].unique().map(list)
    assert by_claim.to_dict() == {
        "C1": ["full"],  # simulated, so that its verdict is "not tested", too
        "C3": ["full"],
        "C5": ["laptop"],
        "Q2": ["laptop"],
    }
    assert committed.completed(laptop, laptop).equals(laptop)


def test_a_claim_on_scores_of_two_kinds_names_both():
    """Accuracy on one set, R2 on another."""
    of_q2 = CLAIMS[CLAIMS["claim"] == "Q2"]
    other = of_q2.assign(dataset="iot", unit="accuracy")
    (row,) = readme.short_rows(pd.concat([of_q2, other]), ["Q2"])
    assert row.test == "difference in accuracy or R², above -0.01"


def test_a_compressed_table_is_read_as_a_plain_one(page, tmp_path):
    """Of full where it was judged and has the table, else of laptop; none at all is said."""
    laptop, full = (tmp_path / name / "tables" for name in (committed.LAPTOP, committed.FULL))
    full.mkdir(parents=True)
    CLAIMS.to_csv(full / "13-claims.csv", index=False)
    pd.DataFrame({"value": [1]}).to_csv(laptop / "12-cost.csv.gz", index=False)
    pd.DataFrame({"value": [2]}).to_csv(laptop / "05-fidelity.csv", index=False)
    pd.DataFrame({"value": [3]}).to_csv(full / "05-fidelity.csv.gz", index=False)
    assert committed.read(tmp_path, "12-cost")["value"].tolist() == [1]
    assert committed.read(tmp_path, "05-fidelity")["value"].tolist() == [3]
    with pytest.raises(FileNotFoundError, match="08-ablation"):
        committed.read(tmp_path, "08-ablation")


def test_an_answer_is_what_the_verdict_shows():
    """Cells under the heading Verdict and those marked for the replay, in order; no others."""

    def printed(source, text):
        """Return a cell that printed a text."""
        said = nbformat.v4.new_output("stream", text=f"{text}\n")
        return nbformat.v4.new_code_cell(source, outputs=[said], execution_count=1)

    cells = [printed("print(0)", "on the way"), printed("# NBVAL_CHECK_OUTPUT", "checked")]
    verdict = "A text that ends the part before.\n\n## Verdict"
    cells += [nbformat.v4.new_markdown_cell(verdict), printed("print(1)", "measured")]
    cells += [nbformat.v4.new_markdown_cell("## After"), printed("print(2)", "beside")]
    assert contents.answer(nbformat.v4.new_notebook(cells=cells)) == ["checked", "measured"]


def test_contents_show_the_lines_that_answer(page, tmp_path):
    """Of notebook 17 the errors and not what was tried; nothing where no line answers."""
    copies = tmp_path / committed.LAPTOP
    printed = {
        "16-privacy": "iot: epsilon 3.\n",
        "17-calibration": "Rules tried.\nAt most 0% end in a wrong verdict.\nC7: wrong on 1%.\n",
    }
    (tmp_path / "notebooks").mkdir()
    for stem, text in printed.items():
        said = nbformat.v4.new_output("stream", text=text)
        code = nbformat.v4.new_code_cell("# NBVAL_CHECK_OUTPUT", outputs=[said], execution_count=1)
        head = nbformat.v4.new_markdown_cell("# 5. How near?")
        notebook = nbformat.v4.new_notebook(cells=[head, code])
        for path in (tmp_path / "notebooks" / f"{stem}.ipynb", copies / f"{stem}-wwt.ipynb"):
            nbformat.write(notebook, path)
    rows = contents.listed(tmp_path).splitlines()[2:]
    assert "|  |  |" in rows[0]
    assert "| At most 0% end in a wrong verdict. |" in rows[1]


def test_the_copy_that_stands_for_a_notebook():
    """WWT's, else borg2019's, else iot's, else the first by name."""
    ends = ["gcut", "iot", "borg2019", "wwt"]
    for n in (4, 3, 2):
        copies = [Path(f"09-lengths-{end}.ipynb") for end in ends[:n]]
        assert min(copies, key=contents.rank) == copies[-1]
    assert contents.rank(Path("12-cost.ipynb")) == contents.rank(Path("09-lengths-gcut.ipynb"))


def test_contents_take_questions_answers_and_pictures_from_the_notebooks(page, tmp_path):
    """A row an executed notebook; one without a copy has none, as its answer is not known."""
    sources, copies = tmp_path / "notebooks", tmp_path / committed.LAPTOP
    sources.mkdir()
    for stem in ("05-fidelity", "09-lengths"):
        head = nbformat.v4.new_markdown_cell("# 5. How near?\n\nText.")
        nbformat.write(nbformat.v4.new_notebook(cells=[head]), sources / f"{stem}.ipynb")
    said = nbformat.v4.new_output("stream", text="Near: 1 | 2.\nMore.\n")
    verdict = nbformat.v4.new_code_cell("# NBVAL_CHECK_OUTPUT", outputs=[said], execution_count=1)
    for name in ("05-fidelity-gcut", "05-fidelity-wwt"):
        nbformat.write(nbformat.v4.new_notebook(cells=[head, verdict]), copies / f"{name}.ipynb")
    (copies / "figures").mkdir()
    (copies / "figures" / "05-over-floor-wwt.png").touch()
    (sources / "README.md").write_text("<!-- contents:begin -->\n<!-- contents:end -->\n")
    assert readme.main([]) == 0
    rows = (sources / "README.md").read_text().splitlines()[3:-1]
    assert rows == [
        "| **5. How near?** [wwt](../results/laptop/05-fidelity-wwt.ipynb) · "
        "[gcut](../results/laptop/05-fidelity-gcut.ipynb) | Near: 1 \\| 2. | "
        '<img src="../results/laptop/figures/05-over-floor-wwt.png" width="260" '
        'alt="05-over-floor"> |'
    ]


def test_readme_check_fails_with_a_sentence(page, capsys):
    """A number edited by hand, or a result that changed, is noticed; the check writes nothing."""
    readme.main([])
    page.write_text(page.read_text().replace("12,635,659", "12,635,658"))
    edited = page.read_text()
    assert readme.main(["--check"]) == 1
    assert page.read_text() == edited
    assert "README.md differs from" in capsys.readouterr().err


def test_the_first_page_is_short():
    """The words that a reader sees: without addresses, marks of tables and comments."""
    text = (paths.ROOT / "README.md").read_text()
    text = re.sub(r"<!--.*?-->|\]\([^)]*\)|https?://\S+", " ", text)
    assert len(re.findall(r"\w[\w'’.,-]*", text)) <= MAX_WORDS


@pytest.mark.parametrize("marker", ["claims:end", "claims:begin", "numbers:begin", "claims:"])
def test_readme_without_a_marker_is_said(page, capsys, marker):
    """Half a pair of markers, or none around the claims, is an error and nothing is written."""
    page.write_text(TEXT.replace(f"<!-- {marker}", "<!-- "))
    assert readme.main([]) == 1
    assert "marker" in capsys.readouterr().err
    assert "old" in page.read_text()


def test_readme_without_results_is_said(page, tmp_path, capsys):
    """Before the first run the sentence names what is missing."""
    (tmp_path / committed.LAPTOP / "tables" / "13-claims.csv").unlink()
    assert readme.main(["--check"]) == 1
    assert "13-claims.csv is missing: run make reproduce" in capsys.readouterr().err


def test_what_the_long_tests_found_is_told(tmp_path):
    """Sums over doors, copies and victims; a run that differs is told by how much."""
    fuzz = pd.DataFrame(
        {"door": ["a", "b"], "cases": [900, 200], "accepted": [300, 50], "refused": [600, 149]}
    )
    kills = pd.DataFrame(
        {
            "victim": ["a kernel", "make"],
            "kills": [20, 32],
            "survived": [20, 32],
            "studies": 4,
            "files": 7,
        }
    )
    first = {
        "run": "-j4",
        "against": "-j1",
        "files": 7,
        "identical": 7,
        "values": 10,
        "same_values": 10,
    }
    first |= {"relative_difference_p99": 0.0, "relative_difference_max": 0.0}
    other = first | {"run": "x", "identical": 5, "same_values": 9, "relative_difference_max": 0.5}
    copies = pd.DataFrame({"table": ["s", "s", "t"], "copies": 4, "red_copies": [0, 1, 0]})
    copies = copies.assign(lines=500, red_lines=[0, 2, 0])
    tables = {"fuzz": fuzz, "kills": kills, "reruns": pd.DataFrame([first, other])}
    for name, frame in (tables | {"own_error": copies}).items():
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    lines = readme.nightly_list(tmp_path).splitlines()
    assert lines[0].startswith(
        "- 1,100 malformed or hostile inputs at 2 entry points: 350 were read correctly"
    )
    assert lines[0].endswith("1 ended otherwise.")
    assert lines[1].startswith("- 1 of 12 known-good copies of 2 kinds of tables get a red verdict")
    assert lines[1].endswith("2 of 1,500 lines.")
    assert lines[2].startswith("- 52 of 52 kills survived (a kernel 20, make 32)")
    assert "4 miniature studies" in lines[2]
    assert lines[3].endswith("7 of 7 files are the same, byte for byte.")
    assert "5 of 7 files" in lines[4]
    assert "90.0% agree" in lines[4]
    assert lines[4].endswith("maximum 0.5.")


def test_the_levels_behind_a_difference():
    """Of real sets that C1 is judged on: the MLP's means over seeds, without real series added."""
    judged = CLAIMS[CLAIMS["claim"] == "C3"].assign(claim="C1", dataset="iot", origin="subset")
    rows = []
    for model, values in {
        "tst_paper": (0.08, 0.1),
        "doppelganger": (0.02, 0.04),
        "tst": (0.6,),
        "real": (0.7,),
    }.items():
        for value in values:
            rows.append({"dataset": "iot", "model": model, "value": value, "share": 0.0})
    rows.append({"dataset": "iot", "model": "real", "value": 0.1, "share": 0.5})
    rows.append({"dataset": "mba", "model": "real", "value": 0.1, "share": 0.0})
    table = pd.DataFrame(rows).assign(metric="accuracy", classifier="mlp")
    told = readme.levels(judged, table)
    assert told == "Accuracies (TST, DG, TST (ours), real): iot 0.09, 0.03, 0.6, 0.7."


def test_what_holds_is_told_in_a_line():
    """By claim and real set; intervals wholly on the wrong side are counted among the open."""
    text = readme.held(CLAIMS)
    lines = text.splitlines()
    assert lines[0] == "- **Supported**: architecture as stated (C5)."
    assert lines[1] == "- **Contradicted**: none."
    assert lines[3].endswith("supported: no conditioning steps (Q2: wwt).")
    assert "**Inconclusive**: 1 pair of claim and data set, 0 of them wholly" in text
    wrong = CLAIMS.assign(high=CLAIMS["high"].where(CLAIMS["claim"] != "C3", -0.005))
    assert ", 1 of them wholly" in readme.held(wrong)
    settled = CLAIMS.assign(verdict=CLAIMS["verdict"].replace("inconclusive", "contradicted"))
    assert "\n- **Inconclusive**: none.\n" in readme.held(settled)
    single = settled[settled["claim"] == "C3"].assign(source="one", verdict="inconclusive")
    single = single.assign(endpoint="supporting", paper=0.01)
    with_one = readme.held(pd.concat([settled, single]))
    assert "\n- **Inconclusive**: C3 as printed, real series added." in with_one
    both = pd.concat([settled, single, single.assign(source="two", verdict="supported")])
    assert "\n- **Inconclusive**: none.\n" in readme.held(both)
    opened = CLAIMS.assign(verdict=CLAIMS["verdict"].where(CLAIMS["claim"] != "Q2", "inconclusive"))
    assert readme.held(opened).endswith(": inconclusive: no conditioning steps (Q2: wwt).")


def test_simulated_series_are_not_counted():
    """Claims and open questions apart; what was simulated stands in neither number."""
    text = screens.numbers(CLAIMS)
    assert text.startswith("Of 2 claims, by data set: 1 supported, 1 inconclusive.")
    assert "Of 1 open questions, by data set: 1 supported." in text
