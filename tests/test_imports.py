"""Imports point one way, from what is used to what uses it."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from tfresnet import _HOMES as HOMES
from tfresnet import _MODULES as MODULES

PACKAGE = Path(__file__).parent.parent / "tfresnet"

# From the ground up: a part, which is a file or folder of the package, and what it imports.
ARROWS = """
errors:
pretrained:
settings: errors
system: errors
__init__: errors system
benchmark: errors system benchmarks
__main__: system
data: errors settings system
layers: errors settings system
weights: errors system
models: errors pretrained settings layers weights
complexity: errors layers models
own: errors settings layers models
check_unit: errors pretrained settings system data layers weights models own
runs: errors settings system data layers models own
slides: system layers models complexity
evaluation: errors pretrained settings system data layers models runs
param_count: settings system models complexity slides
ship: pretrained system models runs
predict: errors pretrained system data layers models runs evaluation
live: errors system data layers models predict
results: errors pretrained settings system data models complexity runs param_count
training: errors pretrained settings system data layers models own runs evaluation
verify: runs system training
experiments: errors settings system data layers models complexity runs param_count results training
export: errors settings system data layers weights models runs evaluation predict results experiments
report: errors settings system data check_unit own runs param_count results experiments
"""  # noqa: E501
ARROWS = {
    name: set(others.split())
    for name, _, others in (line.partition(":") for line in ARROWS.strip().splitlines())
}


def part(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def for_editors(tree):
    """The part of the package's first file that only editors and type checkers read."""
    return next(n for n in tree.body if ast.unparse(n).startswith("if TYPE_CHECKING:"))


def imports(path):
    """Parts of the package, or `benchmarks`, that a file imports, at the top or in a function."""
    tree = ast.parse(path.read_text())
    if path == PACKAGE / "__init__.py":
        tree.body.remove(for_editors(tree))
    for node in ast.walk(tree):
        names = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            names = [node.module]
            if node.module == "tfresnet":
                names = [HOMES.get(alias.name, f"tfresnet.{alias.name}") for alias in node.names]
        ours = [name for name in names if name.startswith(("tfresnet.", "benchmarks"))]
        yield from (name.removeprefix("tfresnet.").split(".")[0] for name in ours)


def arrows():
    """Part -> the other parts that its files import."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        found.setdefault(part(path), set()).update(imports(path))
    return {name: others - {name} for name, others in found.items()}


def test_every_arrow_is_named_and_none_is_granted_that_is_not_used():
    assert arrows() == ARROWS


def test_editors_know_every_public_name_from_its_home():
    tree = ast.parse((PACKAGE / "__init__.py").read_text())
    imported = for_editors(tree).body
    known = {alias.name: node.module for node in imported for alias in node.names}
    assert known == HOMES | dict.fromkeys(MODULES, "tfresnet")
    assert (PACKAGE / "py.typed").exists()


def test_imports_go_in_no_circle():
    left = dict(ARROWS)
    while left:
        ground = {name for name, others in left.items() if not others & left.keys()}
        assert ground, f"a circle: {left}"
        left = {name: others for name, others in left.items() if name not in ground}


def test_the_check_sees_a_wrong_arrow(tmp_path):
    file = tmp_path / "wrong.py"
    file.write_text(
        "def f():\n    from tfresnet.training import loop\n    import tfresnet.models\n"
    )
    assert set(imports(file)) == {"training", "models"}


def test_importing_the_package_has_no_side_effect():
    code = "import sys, tfresnet; assert 'tensorflow' not in sys.modules; tfresnet.list_models"
    done = subprocess.run(
        [sys.executable, "-c", code], check=True, cwd=PACKAGE.parent, stderr=subprocess.PIPE
    )
    assert done.stderr == b""


def test_every_public_name_is_there():
    import tfresnet

    for name in tfresnet.__all__:
        assert getattr(tfresnet, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        tfresnet.nothing  # noqa: B018
