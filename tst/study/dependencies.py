"""What a notebook depends on: `python -m tst.study.dependencies` prints, for make, a line a notebook.

`plots` is left out for 01 to 04, which others read: a changed plot splits, trains and generates nothing.
"""

from tst.io.closure import ROOT, closure, data_files, notebook_source

WITHOUT_PLOTS = ("01", "02", "03", "04")


def main():
    """Print one line a notebook."""
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        needed = closure(notebook_source(path))
        if path.name.startswith(WITHOUT_PLOTS):
            needed = {p for p in needed if ROOT / "tst/plots" not in p.parents}
        needed |= data_files([path, *needed])
        print(f"deps_{path.stem} :=", *(p.relative_to(ROOT) for p in [path, *sorted(needed)]))


if __name__ == "__main__":
    main()
