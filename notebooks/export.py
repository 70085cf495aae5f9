"""Execute the notebooks and export them with their output, so that a reader on the web sees what comes out.

    python notebooks/export.py            executes every notebook into notebooks/exported/*.ipynb
    python notebooks/export.py --check    executes them without writing

Notebooks are kept as plain Python in the percent format. Needs the extra `notebooks`.
"""

from __future__ import annotations

import sys
from pathlib import Path

import jupytext
from nbclient import NotebookClient

HERE = Path(__file__).parent


def execute(source: Path) -> None:
    """Execute one notebook and, unless only checked, write it with its output."""
    notebook = jupytext.read(source)
    NotebookClient(notebook, timeout=600, kernel_name="python3", resources={"metadata": {"path": str(HERE)}}).execute()
    for number, cell in enumerate(notebook.cells):
        cell["id"] = f"cell-{number}"
        cell.metadata.pop("execution", None)
    notebook.metadata = {"kernelspec": {"display_name": "Python 3", "language": "python", "name": "python3"}}
    if "--check" in sys.argv:
        print(f"{source.name}: executes")
        return
    target = HERE / "exported" / f"{source.stem}.ipynb"
    target.parent.mkdir(exist_ok=True)
    jupytext.write(notebook, target)
    print(f"{source.name}: exported")


if __name__ == "__main__":
    for path in sorted(HERE.glob("[0-9]*.py")):
        execute(path)
