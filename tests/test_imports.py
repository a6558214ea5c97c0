"""Imports point one way: layers <- models <- training, evaluation <- everything else."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "tfresnet"

# What each part may import besides itself. A part that is not named here may import all of them.
FOUNDATION = {"errors", "atomic"}
ALLOWED = {
    "errors": set(),
    "atomic": set(),
    "data": FOUNDATION,
    "layers": FOUNDATION,
    "models": FOUNDATION | {"layers"},
    "complexity": FOUNDATION | {"layers", "models"},
    "evaluation": FOUNDATION | {"layers", "models", "data", "training"},
    "training": FOUNDATION | {"layers", "models", "data", "evaluation"},
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
                names = [f"tfresnet.{alias.name}" for alias in node.names]
        yield from (n.split(".")[1] for n in names if n.startswith("tfresnet."))


@pytest.mark.parametrize(
    "path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE))
)
def test_imports_point_one_way(path):
    allowed = ALLOWED.get(part(path))
    if part(path) != "__init__" and allowed is not None:
        assert set(imports(path)) - {part(path)} <= allowed


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
