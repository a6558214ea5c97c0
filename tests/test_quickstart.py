"""The notebooks ship with their outputs, run the same code, and do so from the first cell on."""

import json
import time

import pytest
from support.notebooks import NOTEBOOKS, execute

MINUTES = 5  # on two cores that do nothing else


def cells(notebook):
    return json.loads(notebook.read_text(encoding="utf-8"))["cells"]


def code(notebook):
    return [cell["source"] for cell in cells(notebook) if cell["cell_type"] == "code"]


def check_outputs(notebook):
    outputs = [output for cell in cells(notebook) for output in cell.get("outputs", ())]
    assert not any(output["output_type"] == "error" for output in outputs)
    assert sum("image/png" in output.get("data", {}) for output in outputs) == 2
    text = "".join("".join(output.get("text", "")) for output in outputs)
    assert "cat: 0.9" in text
    assert "test: 2000 images" in text
    assert "[('circle', 0.9" in text


def test_the_notebooks_share_their_code():
    english, chinese = sorted(NOTEBOOKS)
    assert code(english) == code(chinese)
    assert [cell["cell_type"] for cell in cells(english)] == [
        cell["cell_type"] for cell in cells(chinese)
    ]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_shows_its_outputs(notebook):
    check_outputs(notebook)


@pytest.mark.slow
@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_runs(notebook, tmp_path):
    began = time.monotonic()
    execute(notebook, tmp_path / notebook.name)
    check_outputs(tmp_path / notebook.name)
    assert time.monotonic() - began < 60 * MINUTES
