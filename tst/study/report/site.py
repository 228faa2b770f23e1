"""The study as a static site: `tst report results/laptop` writes results/laptop/site.

Pages: the answers (index), all claims and one a claim with all its checks, one a notebook, all
figures, one a card; the tables as CSV and Markdown. Plain HTML and one style sheet, no script,
nothing loaded from elsewhere. Notebooks are rendered by nbconvert with a small template of our own,
for its own templates load scripts from a server. The folder is built beside its place and renamed.
"""

import contextlib
import html
import re
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import nbformat
import pandas as pd
from nbconvert import HTMLExporter
from nbconvert.filters import markdown2html
from traitlets.config import Config

from tst.errors import DataError
from tst.io import files
from tst.study import claims, run_notebook, screens, tables
from tst.study.checks import NO_DATA
from tst.study.report import committed, contents, findings, readme
from tst.study.report.markdown import number, table

TEMPLATES = Path(__file__).parent / "templates"
JUDGE = "13-claims"  # notebook and table of the verdicts
COSTS = "11-long-sequences"  # and of what attention costs
ROLES = ("endpoint", "supporting", "control")  # of checks, as a page lists them
N_ANSWER_LINES = 3  # lines of a notebook's verdict that are repeated at its top
TIDY_COLUMNS = ("dataset", "origin", "profile", "model", "metric", "seed", "value", "code_version")


@dataclass(frozen=True, kw_only=True)
class Page:
    """An executed notebook as a page.

    Parameters
    ----------
    stem
        Of its file.
    number, question
        What its title says.
    about
        Its data set or ablation, "" where it has none.
    answer
        The lines of its verdict.
    body
        Its cells, HTML.
    pictures
        Its figures, each an <img> with its alt text.
    """

    stem: str
    number: str
    question: str
    about: str
    answer: list[str]
    body: str
    pictures: list[str]


def build(folder: Path) -> Path:
    """Write `folder`/site from the notebooks, tables and cards of a run; return its path.

    Raises
    ------
    DataError
        Where `folder` holds no executed notebook.
    """
    site = folder / "site"
    stems = sorted(p.stem for p in folder.glob("[0-9]*.ipynb") if not p.stem.endswith(".failed"))
    if not stems:
        raise DataError(
            f"no executed notebook in {folder}: run make reproduce PROFILE={folder.name} first."
        )
    with files.replacing_folder(site) as part:
        for name in ("figures", "tables", "cards"):
            (part / name).mkdir()
        _fill(folder, part, stems)
    return site


def standalone_page(notebook: Path) -> str:
    """Return an executed notebook as one HTML file that holds its figures and its style."""
    page = _page(notebook, [])
    style = (TEMPLATES / "site.css").read_text(encoding="utf-8")
    template = _environment().get_template("notebook.html.j2")
    return template.render(here=page.stem, page=page, style=style)


def _fill(folder: Path, site: Path, stems: Sequence[str]) -> None:
    """Write all files of the site of `folder` into the empty folder `site`."""
    pages = [_page(folder / f"{stem}.ipynb", stems, site) for stem in stems]
    frames = {}
    for name in tables.names(folder / "tables"):
        frames[name] = pd.read_csv(tables.find(folder / "tables", name))
    titles = {}
    card_texts = {}
    for path in sorted((folder / "cards").glob("*.md")):
        card_texts[path.stem] = path.read_text(encoding="utf-8")
        titles[path.stem] = card_texts[path.stem].splitlines()[0].removeprefix("# ")
    environment = _environment()
    environment.globals |= {
        "profile": folder.name,
        "pages": pages,
        "judged": frames.get(JUDGE),
        "cards": titles,
        "navigation": _navigation(titles),
        "stems": stems,
    }

    def render(template: str, stem: str, **values: Any) -> None:
        """Write one page from its template."""
        text = environment.get_template(f"{template}.html.j2").render(here=stem, **values)
        (site / f"{stem}.html").write_text(text, encoding="utf-8")

    parts = _readme_parts(folder, frames)
    in_short = _claims_in_short(frames.get(JUDGE), folder.parent / "laptop" / "tables")
    picture = _picture(pages)
    render("index", "index", picture=picture, parts=parts, tables=_table_list(frames), **in_short)
    render("claims", "claims", weak=parts.get("weak"), numbers=parts.get("numbers", ""))
    for row in (*in_short["claims"], *in_short["questions"]):
        notebook = row.notebook if row.notebook in stems else ""
        render("claim", f"claim-{row.claim}", claim=row.claim, notebook=notebook)
    render("figures", "figures", shown=_with_pictures(pages))
    for before, page, after in zip([None, *pages], pages, [*pages[1:], None], strict=False):
        render("notebook", page.stem, page=page, before=before, after=after)
    for name, text in card_texts.items():
        shutil.copy(folder / "cards" / f"{name}.md", site / "cards")
        render("page", f"card-{name}", title=titles[name], body=_prose(text))
    for name in frames:
        _write_table(folder / "tables", name, site / "tables")
    shutil.copy(TEMPLATES / "site.css", site)


def _environment() -> jinja2.Environment:
    loader = jinja2.FileSystemLoader(TEMPLATES)
    environment = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters |= {
        "number": number,
        "ours": screens.value_of,
        "data_of": readme.data_of,
        "where": claims.where,
        "overall": readme.overall,
        "spoken": screens.spoken,
        "by_role": _by_role,
        "inline": _inline,
    }
    environment.globals |= {
        "texts": claims.CLAIMS,
        "overall_name": claims.OVERALL,
        "no_data": NO_DATA,
        "n_answer_lines": N_ANSWER_LINES,
    }
    return environment


def _by_role(rows: pd.DataFrame) -> pd.DataFrame:
    """Return checks of table 13-claims, those that decide first, controls last."""
    return rows.sort_values("endpoint", key=lambda role: role.map(ROLES.index), kind="stable")


def _navigation(cards: dict[str, str]) -> list[tuple[str, str]]:
    """Return (address, text) of the links at the top of every page."""
    links = [
        ("index.html", "TST, reproduced"),
        ("claims.html", "Claims"),
        ("index.html#notebooks", "Notebooks"),
        ("figures.html", "Figures"),
        ("index.html#tables", "Tables"),
    ]
    if cards:
        links.append(("index.html#cards", "Cards"))
    return links


def _page(path: Path, stems: Sequence[str], site: Path | None = None) -> Page:
    """Return an executed notebook as a page.

    Parameters
    ----------
    path
        Of the notebook.
    stems
        Notebooks that have pages; links to them follow.
    site
        Folder whose figures/ its pictures go to; None: they stand in the page itself.
    """
    notebook = run_notebook.tidy(nbformat.read(path, 4))
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = _relinked(cell.source, stems)
    title = contents.title(notebook)
    if title is None:
        raise DataError(f"{path} has no title `# NUMBER. QUESTION` in its first cell: give it one.")
    notebook.cells[0].source = notebook.cells[0].source.partition("\n")[2]
    settings = notebook.metadata["papermill"]["parameters"]
    config = Config({"ExtractOutputPreprocessor": {"enabled": site is not None}})
    exporter = HTMLExporter(
        config=config, template_name="notebook", extra_template_basedirs=[str(TEMPLATES)]
    )
    resources = {"unique_key": path.stem, "output_files_dir": "figures"}
    body, exported = exporter.from_notebook_node(notebook, resources)
    if site is not None:
        for name, content in exported["outputs"].items():
            (site / name).write_bytes(content)
    return Page(
        stem=path.stem,
        number=title[0],
        question=title[1],
        about=settings.get("ablation") or settings.get("dataset", ""),
        answer=contents.answer(notebook),
        body=_scrolling(body),
        pictures=re.findall(r"<img [^>]*>", body),
    )


def _relinked(source: str, stems: Sequence[str]) -> str:
    """Return Markdown whose links to executed copies beside it lead to their pages.

    Other relative links become their text.
    """

    def link(match: re.Match) -> str:
        """Return what stands in the place of a link."""
        text, target = match.groups()
        if re.match(r"https?:|#", target):
            return match.group()
        stem = target.removesuffix(".ipynb")
        if stem in stems:
            return f"[{text}]({stem}.html)"
        return text

    return re.sub(r"(?<!!)\[([^]]*)\]\(([^)\s]*)\)", link, source)


def _inline(text: str) -> str:
    """Return one line of text as HTML: escaped, *so* in italics."""
    return re.sub(r"\*([^*]+)\*", r"<em>\1</em>", html.escape(text))


def _scrolling(body: str) -> str:
    """Return HTML whose tables scroll in a box of their own, instead of widening the page."""
    box = '<div class="scroll" role="region" aria-label="table" tabindex="0"><table'
    return re.sub(r"<table\b", box, body).replace("</table>", "</table></div>")


def _prose(markdown: str) -> str:
    return _scrolling(markdown2html(markdown))


def _readme_parts(folder: Path, frames: dict[str, pd.DataFrame]) -> dict[str, str]:
    """Return what the README files say of a run, as HTML, by marker; what is not known is absent.

    The scale and the findings are told only where the run has what they are told of.
    """
    writers: dict[str, tuple[str, Callable[[pd.DataFrame], str]]] = {
        "numbers": (JUDGE, screens.numbers),
        "held": (JUDGE, readme.held),
        "weak": ("13-weak-points", readme.weak_table),
        "cost": ("12-cost", readme.cost_table),
        "scale": (JUDGE, lambda judged: findings.scale(copies, judged)),
        "findings": (JUDGE, lambda judged: findings.findings(judged, frames[COSTS], large)),
    }
    copies = sorted(folder.glob("02-train-tst-*.ipynb"))
    large = committed.at_papers_size(folder.parent, "07-differences")
    parts = {}
    for marker, (name, writer) in writers.items():
        if name in frames:
            with contextlib.suppress(DataError, KeyError):
                parts[marker] = _prose(writer(frames[name]))
    return parts


def _claims_in_short(judged: pd.DataFrame | None, laptop: Path) -> dict[str, list[readme.ShortRow]]:
    """Return the rows of README.md's two tables of claims that a run has judged.

    The paper's numbers on sets that the run lacks are taken from the tables of profile laptop.
    """
    short: dict[str, list[readme.ShortRow]] = {"claims": [], "questions": []}
    if judged is None:
        return short
    there = set(judged["claim"])
    other = tables.find(laptop, JUDGE)
    fallback = None if other is None else pd.read_csv(other)
    for row in readme.short_rows(judged, list(readme.SHORT), fallback):
        if row.claim in there:
            short["claims" if row.claim.startswith("C") else "questions"].append(row)
    return short


def _with_pictures(pages: Sequence[Page]) -> list[Page]:
    """Return the pages that have figures."""
    return list(filter(lambda page: page.pictures, pages))


def _picture(pages: Sequence[Page]) -> tuple[str, str] | None:
    """Return the first figure of the notebook that judges, as (<img>, address); None without."""
    for page in pages:
        image = re.search(r'<img [^>]*src="([^"]*)"[^>]*>', page.body)
        if page.stem == JUDGE and image:
            return image[0], image[1]
    return None


def _table_list(frames: dict[str, pd.DataFrame]) -> str:
    """Return the list of tables, with links to their files, as HTML."""
    rows = []
    for name, frame in frames.items():
        own_columns = ", ".join(c for c in frame.columns if c not in TIDY_COLUMNS)
        links = f"[CSV](tables/{name}.csv) [Markdown](tables/{name}.md)"
        rows.append((name, len(frame), own_columns, links))
    return _prose(table(["table", "rows", "columns of its own", "files"], rows))


def _write_table(tables_dir: Path, name: str, folder: Path) -> None:
    """Copy a table into a folder, as CSV and as Markdown."""
    frame = pd.read_csv(tables.find(tables_dir, name), dtype=str, keep_default_na=False)
    frame.to_csv(folder / f"{name}.csv", index=False, lineterminator="\n")
    text = table(list(frame), frame.to_numpy()) + "\n"
    (folder / f"{name}.md").write_text(text, encoding="utf-8")
