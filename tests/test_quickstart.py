"""The notebook runs from its first cell to its last, and shows what it promises."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.mark.slow
def test_the_notebook_runs():
    reason = "pip install nbclient ipykernel matplotlib"
    nbclient = pytest.importorskip("nbclient", reason=reason)
    nbformat = pytest.importorskip("nbformat", reason=reason)
    pytest.importorskip("matplotlib", reason=reason)
    notebook = nbformat.read(ROOT / "docs" / "quickstart.ipynb", as_version=4)
    assert not any(cell.get("outputs") for cell in notebook.cells)
    where = {"metadata": {"path": str(ROOT / "docs")}}
    nbclient.NotebookClient(notebook, timeout=600, resources=where).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    texts = "".join(output.get("text", "") for output in outputs)
    assert "test: 2000 images" in texts
    assert "top-1" in texts
    pictures = [o for o in outputs if "image/png" in o.get("data", {})]
    assert len(pictures) == 2
