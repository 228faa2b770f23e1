"""The study as a static site: `python -m tst.study.report results/laptop` writes results/laptop/site from what a run left there.

Pages: the answers (index), every check (claims), one a notebook, one a card, the tables as CSV and Markdown. Plain HTML and
one style sheet, no script, nothing loaded from elsewhere. The folder is built beside its place and renamed.
"""

import argparse
import html
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

import jinja2
import nbformat
import pandas as pd
from nbconvert import HTMLExporter
from nbconvert.filters import markdown2html
from traitlets.config import Config

from tst.io import files, paths
from tst.study import cards, claims, readme, tables

SITE = Path(__file__).parent / "site"
PICTURE = "13-claims"  # the notebook whose first figure stands on the front page
SHOWN = 3  # lines of a notebook's verdict that are repeated at its top
WAITING = re.compile(r"^.*?\s\d{1,2}%\|.*(\n|$)|^.*TqdmWarning.*\n(  .*\n)?", re.MULTILINE)


@dataclass(frozen=True)
class Page:
    """An executed notebook as a page: file stem, number and question, data set or ablation, answer (lines) and body (HTML)."""

    stem: str
    number: str
    question: str
    about: str
    answer: list
    body: str


def build(folder):
    """Write `folder`/site from the executed notebooks, tables, figures and cards of `folder`; return its path.

    Raises DataError where `folder` holds no executed notebook.
    """
    folder, site = Path(folder), Path(folder) / "site"
    stems = sorted(p.stem for p in folder.glob("[0-9]*.ipynb") if not p.stem.endswith(".failed"))
    if not stems:
        raise tables.DataError(
            f"no executed notebook in {folder}: run make reproduce PROFILE={folder.name} first."
        )
    with files.replacing_folder(site) as part:
        for name in ("figures", "tables", "cards"):
            (part / name).mkdir()
        _fill(folder, part, stems)
    return site


def _fill(folder, site, stems):
    pages = [notebook_page(folder / f"{stem}.ipynb", site, stems) for stem in stems]
    frames = {p.stem: pd.read_csv(p) for p in sorted((folder / "tables").glob("*.csv"))}
    cards_ = {
        p.stem: p.read_text(encoding="utf-8") for p in sorted((folder / "cards").glob("*.md"))
    }
    facts = {
        "profile": folder.name,
        "pages": pages,
        "frames": frames,
        "judged": frames.get("13-claims"),
    }
    titles = {name: text.splitlines()[0].removeprefix("# ") for name, text in cards_.items()}
    facts |= {"texts": claims.CLAIMS, "cards": titles}
    render, parts = _renderer(site, facts), _parts(frames)
    render("index", picture=_picture(pages), parts=parts)
    render("claims", weak=parts.get("weak", ""))
    render("tables")
    for before, page, after in zip([None, *pages], pages, [*pages[1:], None], strict=False):
        render("notebook", page.stem, page=page, before=before, after=after)
    for name, text in cards_.items():
        (site / "cards" / f"{name}.md").write_text(text, encoding="utf-8")
        render("card", f"card-{name}", card=name, body=_prose(text))
    for name, frame in frames.items():
        shutil.copy(folder / "tables" / f"{name}.csv", site / "tables")
        (site / "tables" / f"{name}.md").write_text(markdown_table(frame), encoding="utf-8")
    shutil.copy(SITE / "site.css", site)


def _renderer(site, facts):
    """Return a function that writes one page from its template (default: of the same name)."""
    loader = jinja2.FileSystemLoader(SITE)
    engine = jinja2.Environment(
        loader=loader, autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    engine.filters |= {
        "number": readme.number,
        "ours": readme.ours,
        "overall": readme.overall,
        "inline": inline,
    }
    engine.globals |= facts | {"overall_name": claims.OVERALL, "shown": SHOWN}

    def _render(template, name=None, **more):
        text = engine.get_template(f"{template}.html.j2").render(here=name or template, **more)
        (site / f"{name or template}.html").write_text(text, encoding="utf-8")

    return _render


def notebook_page(path, site, stems):
    """Return an executed notebook as a `Page`; its pictures go to `site`/figures, links follow to the pages of `stems`."""
    notebook = nbformat.read(path, 4)
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = relinked(cell.source, path.parent.name, stems)
    number, question = re.match(r"# (\d+)\. (.*)", notebook.cells[0].source).groups()
    parameters = notebook.metadata.get("papermill", {}).get("parameters", {})
    about = parameters.get("ablation") or parameters.get("dataset", "")
    notebook.cells[0].source = notebook.cells[0].source.split("\n", 1)[-1]
    resources = {"unique_key": path.stem, "output_files_dir": "figures"}
    body, resources = _exporter().from_notebook_node(notebook, resources)
    for name, content in resources["outputs"].items():
        (site / name).write_bytes(content)
    return Page(path.stem, number, question, about, answer(notebook), scrolling(body))


def _exporter():
    settings = Config(
        {
            "ExtractOutputPreprocessor": {"enabled": True},
            "TemplateExporter": {"filters": {"quiet": quiet}},
        }
    )
    return HTMLExporter(
        config=settings, template_name="notebook", extra_template_basedirs=[str(SITE)]
    )


def relinked(source, folder, stems):
    """Return Markdown whose links to executed copies of `folder` lead to their pages; other relative links lose theirs."""

    def _link(match):
        text, target = match.groups()
        if re.match(r"https?:|#", target):
            return match.group()
        stem = target.rsplit("/", 1)[-1].removesuffix(".ipynb")
        return (
            f"[{text}]({stem}.html)" if f"results/{folder}/" in target and stem in stems else text
        )

    return re.sub(r"(?<!!)\[([^]]*)\]\(([^)\s]*)\)", _link, source)


def quiet(text):
    """Return a cell's output without what only says that it is not done yet: bars below 100 %, tqdm's warning."""
    return WAITING.sub("", text.replace("\r", "\n"))


def answer(notebook):
    """Return the lines that the cells marked for the replay print: the notebook's verdict."""
    marked = [c for c in notebook.cells if c.source.startswith("# NBVAL_CHECK_OUTPUT")]
    printed = "".join(
        o.text
        for c in marked
        for o in c.outputs
        if o.output_type == "stream" and o.name == "stdout"
    )
    return [line for line in quiet(printed).splitlines() if line.strip()]


def inline(text):
    """Return one line of text as HTML: escaped, *so* in italics."""
    return re.sub(r"\*([^*]+)\*", r"<em>\1</em>", html.escape(text))


def scrolling(body):
    """Return HTML whose tables scroll in a box of their own, by finger or keyboard, instead of widening the page."""
    box = '<div class="scroll" role="region" aria-label="table" tabindex="0"><table'
    return re.sub(r"<table\b", box, body).replace("</table>", "</table></div>")


def markdown_table(frame):
    """Return a frame as a Markdown table; empty cells stay empty."""
    cells = (
        frame.astype(object).where(frame.notna(), "").astype(str).replace(r"\|", r"\\|", regex=True)
    )
    rows = [list(cells), ["---"] * len(cells.columns), *cells.to_numpy().tolist()]
    return "\n".join(f"| {' | '.join(row)} |" for row in rows) + "\n"


def _parts(frames):
    """Return README's tables of weak points and costs, and its count of verdicts, as HTML; those that can be made."""
    made = {"numbers": ("13-claims", readme.numbers), "weak": ("13-weak-points", readme.weak_table)}
    made["cost"] = ("12-cost", readme.cost_table)
    return {key: _prose(make(frames[name])) for key, (name, make) in made.items() if name in frames}


def _picture(pages):
    """Return the first figure of the notebook that judges, as (<img>, address), for the front page; None without one."""
    found = [
        re.search(r'<img [^>]*src="([^"]*)"[^>]*>', p.body) for p in pages if p.stem == PICTURE
    ]
    return (found[0][0], found[0][1]) if found and found[0] else None


def _prose(text):
    return scrolling(markdown2html(text))


def main(arguments=None):
    """Read the command line, write the cards and the site; return 0, or 1 after one sentence on stderr."""
    parser = argparse.ArgumentParser(
        prog="python -m tst.study.report", description=__doc__.splitlines()[0]
    )
    parser.add_argument("folder", nargs="?", default=str(paths.ROOT / "results" / "laptop"))
    folder = Path(parser.parse_args(arguments).folder)
    try:
        written = cards.write(folder)
        site = build(folder)
    except (tables.DataError, files.WriteError) as error:
        print(error, file=sys.stderr)
        return 1
    print(
        f"wrote {len(written)} cards and {len(list(site.glob('*.html')))} pages; open {site}/index.html"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
