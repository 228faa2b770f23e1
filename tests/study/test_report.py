"""Laws of the site: it says what the tables say, needs no network, and reads on a phone."""

import html
import json
import re
import shutil
from html.parser import HTMLParser
from urllib.parse import unquote

import nbformat
import pandas as pd
import pytest
from browser import Browser

from tst.__main__ import main
from tst.errors import DataError
from tst.io import paths
from tst.study import checks, claims, screens, tables
from tst.study.report import committed, findings, readme
from tst.study.report import site as pages_of

pytestmark = pytest.mark.slow  # the site of all committed copies is made once

LAPTOP = paths.ROOT / "results" / "laptop"
WIDTHS = (390, 768, 1024, 1280)
PAGES = ("index", "claims", "claim-C8", "figures", "01-data-gcut", "05-fidelity-gcut", "13-claims")
SIDEWAYS = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
IMAGES = "Array.from(document.images).map(i => [i.complete && i.naturalWidth > 1, i.alt])"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The site of the committed results, built in a copy of their folder."""
    folder = tmp_path_factory.mktemp("report") / "laptop"
    shutil.copytree(LAPTOP, folder, ignore=shutil.ignore_patterns("artifacts", "site", "logs"))
    large = folder.parent / "paper" / "tables"
    large.mkdir(parents=True)
    shutil.copy(LAPTOP.parent / "paper" / "tables" / "07-differences.csv", large)
    return pages_of.build(folder)


class Seen(HTMLParser):
    """The ids, addresses and pictures of a page."""

    def __init__(self, path):
        super().__init__()
        self.ids, self.links, self.images, self.sources, self.path = set(), [], [], [], path
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attrs):
        """Collect what points somewhere."""
        found = dict(attrs)
        self.ids |= {found["id"]} if "id" in found else set()
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        if tag == "img":
            self.images.append(found)
        if tag in ("img", "script", "link", "iframe", "source"):
            self.sources.append(found.get("src") or found.get("href", ""))


@pytest.fixture(scope="module")
def pages(site):
    """Every page of the site, read."""
    return {path.name: Seen(path) for path in site.glob("*.html")}


@pytest.mark.long
def test_one_page_a_notebook(site, pages):
    """Front page, claims, and each executed copy."""
    stems = {p.stem for p in LAPTOP.glob("[0-9]*.ipynb") if not p.stem.endswith(".failed")}
    assert {f"{s}.html" for s in stems} | {"index.html", "claims.html"} <= set(pages)
    assert {f"claim-{claim}.html" for claim in readme.SHORT} <= set(pages)


def test_an_ablation_goes_by_its_name(site):
    """Links to executed ablations say which, not the data set that they share."""
    links = re.findall(
        r'href="08-ablation-(\w+)\.html">(\w+)</a>', (site / "index.html").read_text()
    )
    assert len(links) > 5
    assert all(stem == text for stem, text in links)


def test_every_internal_link_resolves(site, pages):
    """The file is there, and the place in it; nothing points into the folders of the run."""
    for name, page in pages.items():
        for link in page.links:
            if re.match(r"https?://", link):
                continue
            target, _, place = link.partition("#")
            assert (site / unquote(target or name)).is_file(), f"{name} -> {link}"
            if place:
                assert unquote(place) in pages[target or name].ids, f"{name} -> {link}"


def test_nothing_is_loaded_from_elsewhere(site, pages):
    """No CDN, no script: pictures and the style sheet lie in the folder."""
    for name, page in pages.items():
        assert all((site / s).is_file() for s in page.sources if s != "data:,"), name
        assert "<script" not in page.path.read_text(), name
    assert not re.search(r"url\(|@import", (site / "site.css").read_text())


def test_every_picture_has_its_alt_text(pages):
    """The one its notebook gave it; the page of a notebook has as many as the notebook shows."""
    for name, page in pages.items():
        alts = [image.get("alt", "") for image in page.images]
        assert all(len(alt) > 10 and "No description" not in alt for alt in alts), name
        source = LAPTOP / f"{name.removesuffix('.html')}.ipynb"
        if source.is_file():
            outputs = [o for c in nbformat.read(source, 4).cells for o in c.get("outputs", [])]
            assert alts == [
                o.metadata["image/png"]["alt"] for o in outputs if "image/png" in o.get("data", {})
            ]


def test_the_claims_page_says_what_the_table_says(site):
    """Each claim and data set with its number, interval and verdict; a claim's page has checks."""
    frame = pd.read_csv(LAPTOP / "tables" / "13-claims.csv")
    rows = re.findall(
        r"<tr>\s*<th scope=\"row\"><a href=\"claim-(\w+).html\">(.*?)</tr>",
        (site / "claims.html").read_text(),
        re.DOTALL,
    )
    judged = readme.overall(frame)
    assert [claim for claim, _ in rows] == list(judged["claim"])
    for (_, text), row in zip(rows, judged.itertuples(), strict=True):
        assert f">{screens.value_of(row)}<" in text
        assert f">{row.verdict}<" in text
        assert row.origin in text or row.dataset == checks.NO_DATA
    counted = {}
    for claim in set(frame["claim"]):
        text = (site / f"claim-{claim}.html").read_text()
        counted[claim] = text.count('<th scope="row"')
    assert counted == frame["claim"].value_counts().to_dict(), "a row a check and a data set"


def test_the_front_page_is_the_first_screen_of_the_readme(site):
    """The same sentences, findings, values and verdicts, as text."""

    def words(text):
        """Return text without marks, tags and addresses."""
        text = re.sub(r"<[^>]*>|\]\([^)]*\)|[*`\[>]", "", text.replace("&#39;", "'"))
        return " ".join(html.unescape(text).split())

    page = words((site / "index.html").read_text())
    text = (paths.ROOT / "README.md").read_text()
    first, *_ = text.partition("<!-- scale:begin -->")
    assert words(first.replace("# ", "", 1)) in page
    frame = pd.read_csv(LAPTOP / "tables" / "13-claims.csv")
    cost = pd.read_csv(tables.find(LAPTOP / "tables", "11-long-sequences"))
    large = committed.at_papers_size(LAPTOP.parent, "07-differences")
    lines = findings.findings(
        frame, cost, large
    ).splitlines()  # README.md has them of the run it quotes
    assert len(lines) == 3
    for line in lines:
        assert words(line[3:]) in page
    for row in readme.short_rows(frame, list(readme.SHORT)):
        assert words(row.text) in page
        for value, verdict in row.judged:
            assert words(f"{value} {verdict}") in page


def test_every_figure_is_in_the_gallery(site, pages):
    """Once, with its alt text, and leads to its notebook."""
    shown = [image["src"] for image in pages["figures.html"].images]
    of_notebooks = []
    for name, page in pages.items():
        if (LAPTOP / f"{name.removesuffix('.html')}.ipynb").is_file():
            of_notebooks += [image["src"] for image in page.images]
    assert len(shown) > 50 and sorted(shown) == sorted(of_notebooks)


def test_tables_are_there_as_csv_and_markdown(site):
    """The same rows and columns."""
    for name in tables.names(LAPTOP / "tables"):
        path = tables.find(LAPTOP / "tables", name)
        lines = (site / "tables" / f"{name}.md").read_text().splitlines()
        frame = pd.read_csv(path)
        pd.testing.assert_frame_equal(pd.read_csv(site / "tables" / f"{name}.csv"), frame)
        assert len(lines) == len(frame) + 2
        assert lines[0] == f"| {' | '.join(frame)} |"


def notebook(folder, *outputs, number=2):
    """Write an executed notebook of one cell that printed `outputs`, and return its path."""
    made = [nbformat.v4.new_output("stream", text=text) for text in outputs]
    code = nbformat.v4.new_code_cell(
        "# NBVAL_CHECK_OUTPUT\nprint(x)", outputs=made, execution_count=1
    )
    links = "[us](02-a.ipynb) [other](../laptop/02-a.ipynb) [web](https://x.org) [gone](no.ipynb)"
    head = nbformat.v4.new_markdown_cell(f"# {number}. Does it <b> work?\n\n{links}\n\n## Verdict")
    path = folder / "mine" / "02-a.ipynb"
    path.parent.mkdir(exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=[head, code]), path)
    return path


def test_a_folder_with_one_notebook_and_no_tables(tmp_path):
    """Unfinished bars are left out, a printed tag is text, links without a page become text."""
    path = notebook(
        tmp_path, "a:  4%|4  | 1/9 [x]\ra: 100%|###| 9/9 [x]\n", "TST <wins> *not reproduced*.\n"
    )
    built = pages_of.build(path.parent)
    page, seen = (built / "02-a.html").read_text(), Seen(built / "02-a.html")
    assert "100%|" in page
    assert " 4%|" not in page
    assert "TST &lt;wins&gt; <em>not reproduced</em>" in page
    assert "Does it &lt;b&gt; work?" in page
    assert {"02-a.html", "https://x.org"} <= set(seen.links)
    assert not any(".ipynb" in link for link in seen.links)
    assert "No claim has been judged" in (built / "index.html").read_text()


def test_a_claim_without_an_endpoint_on_a_set_has_its_checks_all_the_same(tmp_path):
    """Its rule decides nothing there: no verdict of the claim, each check with its own."""
    path = notebook(tmp_path, "x\n")
    check = {"claim": "C4", "dataset": "iot", "origin": "subset", "profile": "p", "verdict": "x"}
    check |= {"ours": 2.0, "low": 1.0, "high": 3.0, "n_seeds": 3, "limit": 1, "margin": 0.5}
    check |= {"direction": "below", "unit": "distance", "code_version": "0"}
    check |= dict.fromkeys(("paper", "mde", "p"), float("nan"))
    check |= dict.fromkeys(("simulation", "sentence"), "")
    rows = [
        check
        | {"source": claims.OVERALL, "endpoint": "endpoint", "verdict": "contradicted"}
        | {"mde": 0.25, "p": 0.02, "worst": "TST - ar, mlp", "change": "more seeds"},
        check | {"source": "beside", "endpoint": "control"},
        check | {"source": "first", "endpoint": "endpoint", "verdict": "contradicted"},
        check
        | {"source": "second", "endpoint": "supporting", "verdict": "supported"}
        | {"dataset": "mba"},
    ]
    folder = path.parent / "tables"
    folder.mkdir()
    pd.DataFrame(rows).to_csv(folder / "13-claims.csv", index=False)
    laptop = tmp_path / "laptop" / "tables"
    laptop.mkdir(parents=True)
    pd.DataFrame([rows[0] | {"paper": 0.0475}]).to_csv(laptop / "13-claims.csv", index=False)
    built = pages_of.build(path.parent)
    assert "0.0475" in (built / "index.html").read_text(), "the paper's, of a set not run here"
    page = (built / "claim-C4.html").read_text()
    screen, iot, mba = page.split("<h2 id=")
    for told in ("iot, subset", "TST - AR, MLP: distance, below 1.5", "2.00 [1.00, 3.00]"):
        assert f">{told}<" in screen
    assert all(f">{told}<" in screen for told in ("0.250", "0.020", "contradicted", "more seeds"))
    assert "mba" not in screen, "nothing decides there"
    assert "All checks on iot" in iot and "contradicted" in iot.partition("</h2>")[0]
    assert iot.index("first") < iot.index("beside"), "endpoints first, controls last"
    heading, _, checks_of = mba.partition("</h2>")
    assert "All checks on mba" in heading and "no endpoint here" in heading
    assert "verdict" not in heading and "second" in checks_of and "supported" in checks_of


def test_a_standalone_page_needs_no_other_file(tmp_path):
    """Figures and style stand in it; there is no link to pages that are not there."""
    path = notebook(tmp_path, "x\n")
    book = nbformat.read(path, 4)
    png = nbformat.v4.new_output("display_data", data={"image/png": "iVBORw0KGgo="})
    book.cells[-1].outputs.append(png)
    nbformat.write(book, path)
    page = tmp_path / "page.html"
    page.write_text(pages_of.standalone_page(path))
    seen = Seen(page)
    assert seen.sources == ["data:,", "data:image/png;base64,iVBORw0KGgo="]
    assert seen.links == ["https://x.org", "#Verdict"]
    assert "<style>" in page.read_text()


def test_a_standalone_page_shows_real_beside_synthetic_at_once(tmp_path):
    """The first such figure stands above all cells, and where its cell is; no other does."""
    path = notebook(tmp_path, "x\n")
    book = nbformat.read(path, 4)
    for alt in ("A loss", "Real beside synthetic", "More beside more"):
        about = {"image/png": {"alt": alt}}
        png = {"image/png": "iVBORw0KGgo="}
        book.cells[-1].outputs.append(nbformat.v4.new_output("display_data", png, metadata=about))
    nbformat.write(book, path)
    above, _, cells = pages_of.standalone_page(path).partition("<article>")
    assert above.count("<img ") == above.count('alt="Real beside synthetic"') == 1
    assert cells.count("<img ") == 3


def test_a_notebook_without_a_title_is_said(tmp_path):
    """The sentence names the file and what its first cell must hold."""
    path = notebook(tmp_path, "x\n")
    book = nbformat.read(path, 4)
    book.cells[0].source = "## Verdict"
    nbformat.write(book, path)
    with pytest.raises(DataError, match=r"02-a.ipynb has no title `# NUMBER. QUESTION`"):
        pages_of.build(path.parent)


def test_an_old_site_gives_way_whole(tmp_path):
    """What an earlier run left is gone; a folder without notebooks keeps the site that it has."""
    path = notebook(tmp_path, "x\n")
    (pages_of.build(path.parent) / "old.html").write_text("old")
    assert not (pages_of.build(path.parent) / "old.html").exists()
    path.unlink()
    with pytest.raises(DataError, match="run make reproduce"):
        pages_of.build(path.parent)
    assert (path.parent / "site" / "index.html").is_file()
    assert main(["report", str(path.parent)]) == 1


@pytest.mark.slow
@pytest.mark.skipif(
    Browser.find() is None, reason="no Chromium here: on Debian `apt-get install chromium`"
)
def test_in_a_real_browser(site):
    """On a phone and on a desk: nothing complains, is fetched from a server, or widens the page."""
    with Browser() as browser:
        for name, width in [(name, width) for name in PAGES for width in WIDTHS]:
            browser.open(site / f"{name}.html", width)
            where = f"{name} at {width} px"
            assert browser.complaints() == [], where
            assert all(re.match("file:|data:", url) for url in browser.fetched()), where
            assert browser.ask("innerWidth") == width and browser.ask(SIDEWAYS) == 0, where
            assert all(loaded and alt for loaded, alt in browser.ask(IMAGES)), where


@pytest.mark.slow
@pytest.mark.skipif(
    Browser.find() is None, reason="no Chromium here: on Debian `apt-get install chromium`"
)
def test_the_browser_check_can_fail(tmp_path):
    """A page that is too wide, lacks a picture and throws is found out."""
    page = tmp_path / "bad.html"
    page.write_text(
        "<div style='width:2000px'>x</div><img src='gone.png'><script>throw Error('no')</script>"
    )
    with Browser() as browser:
        browser.open(page, 390)
        assert browser.ask(SIDEWAYS) > 0
        assert browser.ask(IMAGES) == [[False, ""]]
        assert "no" in json.dumps(browser.complaints())
