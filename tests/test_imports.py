"""Imports point one way, from what is used to what uses it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tfresnet import _HOMES as HOMES

PACKAGE = Path(__file__).parent.parent / "tfresnet"

# What each part may import beside itself. Every file and folder of the package is a part.
FOUNDATION = {"errors", "atomic", "tables", "hardware", "devices", "signals", "model_names"}
BUILDING = FOUNDATION | {"data", "layers", "models"}
TRAINING = BUILDING | {"runs", "evaluation", "training"}
ALLOWED = {
    **{name: {"errors"} for name in FOUNDATION | {"backend"}},
    "data": FOUNDATION,
    "layers": FOUNDATION,
    "weights": {"errors"},
    "pretrained": {"errors"},
    "models": FOUNDATION | {"layers", "weights", "pretrained"},
    "complexity": FOUNDATION | {"layers", "models"},
    "runs": BUILDING,
    "evaluation": BUILDING | {"runs"},
    "training": TRAINING,
    "scripts": FOUNDATION,
    "results": TRAINING | {"cli", "scripts", "complexity"},
    "cli": FOUNDATION | {"training", "models", "data", "pretrained"},
    "predict": BUILDING | {"runs", "cli", "scripts", "pretrained"},
    "export": BUILDING | {"runs", "predict", "cli", "scripts"},
    "ship": {"models", "runs", "pretrained", "cli", "scripts"},
    "verify": FOUNDATION | {"cli", "scripts", "runs"},
    "param_count": BUILDING | {"complexity", "slides", "cli", "scripts"},
    "slides": BUILDING | {"complexity", "param_count"},
    "check_unit": BUILDING | {"cli", "scripts"},
    "experiments": TRAINING | {"cli", "scripts", "complexity", "param_count", "results"},
    "report": TRAINING | {"cli", "scripts", "experiments", "param_count", "results"},
    "benchmark": TRAINING | {"cli", "scripts", "complexity", "param_count"},
    "__init__": TRAINING | {"complexity", "backend", "predict"},
}


def part(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports(path):
    """Parts of the package that a file imports, at the top or inside a function."""
    for node in ast.walk(ast.parse(path.read_text())):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            names = [node.module]
            if node.module == "tfresnet":
                names = [HOMES.get(alias.name, f"tfresnet.{alias.name}") for alias in node.names]
        yield from (n.split(".")[1] for n in names if n.startswith("tfresnet."))


def test_imports_point_one_way():
    files = sorted(PACKAGE.rglob("*.py"))
    assert {part(path) for path in files} == set(ALLOWED)
    wrong = {
        str(path.relative_to(PACKAGE)): upward
        for path in files
        if (upward := set(imports(path)) - {part(path)} - ALLOWED[part(path)])
    }
    assert wrong == {}


def test_the_check_sees_a_wrong_arrow(tmp_path):
    file = tmp_path / "wrong.py"
    file.write_text(
        "def f():\n    from tfresnet.training import loop\n    import tfresnet.models\n"
    )
    assert set(imports(file)) == {"training", "models"}


def test_importing_the_package_has_no_side_effect():
    code = "import sys, tfresnet; assert 'tensorflow' not in sys.modules; tfresnet.list_models"
    subprocess.run([sys.executable, "-c", code], check=True, cwd=PACKAGE.parent)


def test_every_public_name_is_there():
    import tfresnet

    for name in tfresnet.__all__:
        assert getattr(tfresnet, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        tfresnet.nothing  # noqa: B018
