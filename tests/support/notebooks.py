"""The notebooks of docs/: `PYTHONPATH=tests python -m support.notebooks` writes their outputs."""

import shutil
import tempfile
from pathlib import Path

from support import environments

ROOT = Path(__file__).parents[2]
NOTEBOOKS = sorted((ROOT / "docs").glob("*.ipynb"))
METADATA = ("pyproject.toml", "README.md", "LICENSE", "requirements-run.txt")
EXECUTE = """if True:
    import sys, nbformat
    from nbclient import NotebookClient
    notebook, source = nbformat.read(sys.argv[1], as_version=4), sys.argv[3]
    install = notebook.cells[1]
    shown, address = install.source, install.source.split('"')[1]
    install.source = shown.replace(address, source)
    NotebookClient(notebook, timeout=600).execute()
    install.source = shown
    for cell in notebook.cells:
        cell.metadata = {}  # the times
    nbformat.write(notebook, sys.argv[2])
"""


def execute(notebook: Path, output: Path) -> None:
    """Runs all cells in an environment of their own. Their first installs a copy of this package,
    in place of what lies at the address."""
    packages = ("nbclient", "ipykernel", "scikit-image")
    python = environments.python_with("notebook", *packages, on_top=True)
    with tempfile.TemporaryDirectory() as source, tempfile.TemporaryDirectory() as elsewhere:
        copy_source(Path(source))
        environments.run(python, EXECUTE, notebook, output, source, cwd=Path(elsewhere))


def copy_source(folder: Path) -> None:
    """Copies what the package is built from."""
    for name in METADATA:
        shutil.copy(ROOT / name, folder)
    shutil.copytree(ROOT / "tfresnet", folder / "tfresnet")


if __name__ == "__main__":
    for notebook in NOTEBOOKS:
        execute(notebook, notebook)
