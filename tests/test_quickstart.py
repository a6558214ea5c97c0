"""The notebook ships with its outputs, and runs from its first cell to its last."""

import json
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def test_the_notebook_shows_its_outputs():
    notebook = json.loads((ROOT / "docs" / "quickstart.ipynb").read_text(encoding="utf-8"))
    outputs = [output for cell in notebook["cells"] for output in cell.get("outputs", ())]
    assert not any(output["output_type"] == "error" for output in outputs)
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) == 2


@pytest.mark.slow
def test_the_notebook_runs():
    reason = "pip install nbclient ipykernel"
    nbclient = pytest.importorskip("nbclient", reason=reason)
    nbformat = pytest.importorskip("nbformat", reason=reason)
    notebook = nbformat.read(ROOT / "docs" / "quickstart.ipynb", as_version=4)
    where = {"metadata": {"path": str(ROOT / "docs")}}
    nbclient.NotebookClient(notebook, timeout=600, resources=where).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    texts = "".join(output.get("text", "") for output in outputs)
    assert "test: 2000 images" in texts
    assert "top-1" in texts
    pictures = [o for o in outputs if "image/png" in o.get("data", {})]
    assert len(pictures) == 2
