"""The README tells the truth: its figures are those of the kept runs, its commands exist."""

import json
import os
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

import tfresnet
from tfresnet.experiments import study_names

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
RUNS = ROOT / "docs" / "runs"
INDEX = (RUNS / "README.md").read_text()


def kept_runs():
    return sorted(path.parent for path in RUNS.glob("*/config.json"))


def test_the_chinese_page_has_the_same_commands_and_results():
    def blocks(text):
        shell = "".join(re.findall(r"```bash\n(.*?)```", text, re.DOTALL))
        python = re.search(r"```python\n(.*?)```", text, re.DOTALL)[1]
        return [line.partition("#")[0].rstrip() for line in shell.splitlines()], python

    chinese = (ROOT / "README.zh.md").read_text()
    assert blocks(chinese) == blocks(README)
    assert set(re.findall(r"\]\((docs/[^)]+\.png)", chinese)) == set(
        re.findall(r"\]\((docs/[^)]+\.png)", README)
    )


@pytest.mark.parametrize("run", kept_runs(), ids=lambda run: run.name)
class TestKeptRun:
    def test_has_all_that_proves_its_figure(self, run):
        for name in ("config.json", "history.csv", "log.txt", "result.json"):
            assert (run / name).exists(), name
        folders = run, ROOT / "logs" / run.name
        events = [str(path.relative_to(f)) for f in folders for path in f.rglob("*tfevents*")]
        if not events:
            with tarfile.open(run / "events.tar.gz") as packed:
                events = packed.getnames()
        assert any(name.startswith("train/events.out.tfevents.") for name in events)
        assert not (run / "checkpoints").exists()

    def test_names_no_path_of_the_machine_that_made_it(self, run):
        for name in ("config.json", "log.txt"):
            assert not re.search(r'["\s]/(home|root|work|tmp)/', (run / name).read_text())

    def test_result_agrees_with_its_own_confusion_matrix(self, run):
        result = json.loads((run / "result.json").read_text())
        confusion = result["confusion"]
        assert sum(map(sum, confusion)) == result["n"]
        right = sum(row[i] for i, row in enumerate(confusion))
        assert right / result["n"] == pytest.approx(result["top1"])


@pytest.mark.cifar10
@pytest.mark.parametrize(
    "run", [run for run in kept_runs() if (run / "model.keras").exists()], ids=lambda run: run.name
)
def test_a_kept_model_still_gives_its_result(run):
    data_dir = os.environ.get("TFRESNET_DATA_DIR")
    if not data_dir:
        pytest.skip("TFRESNET_DATA_DIR is not set")
    found = tfresnet.evaluate(run, data_dir=data_dir)
    kept = json.loads((run / "result.json").read_text())
    assert found["confusion"] == kept["confusion"]


def test_the_table_of_studies_has_the_kept_verdicts():
    kept = {name: ROOT / "docs" / "studies" / name / "results.json" for name in study_names()}
    rows = dict(re.findall(r"^\| `(\w+)` \| .* \| \[(\w+)\]\(docs/studies/", README, re.MULTILINE))
    assert rows == {name: json.loads(path.read_text())["verdict"] for name, path in kept.items()}


def test_the_reading_path_is_as_long_as_it_says():
    rows = re.findall(r"^\| \[`[\w./]+`\]\((tfresnet/[\w./]+)\) \| (\d+) \|", README, re.MULTILINE)
    assert rows
    lines = {path: len((ROOT / path).read_text().splitlines()) for path, _ in rows}
    assert lines == {path: int(count) for path, count in rows}
    assert f"| all | {sum(lines.values()):,} |" in README
    assert sum(lines.values()) < 1500


def folders_that_git_keeps(pattern):
    """Folders of the committed files that match `pattern`."""
    git = ["git", "-C", str(ROOT), "ls-files", f":(glob){pattern}"]
    done = subprocess.run(git, capture_output=True, text=True)
    if done.returncode:
        pytest.skip("not a git checkout")
    return {Path(line).parent for line in done.stdout.splitlines()}


def test_the_index_lists_every_kept_run():
    listed = re.findall(r"^\| \[`[\w.-]+`\]\(([\w.-]+)/\)", INDEX, re.MULTILINE)
    assert sorted(listed) == [run.name for run in kept_runs()]
    assert all((RUNS / link).exists() for link in re.findall(r"\]\(([^)]+)\)", INDEX))


def test_git_keeps_no_run_in_the_folder_of_the_user_but_one_for_tensorboard():
    assert folders_that_git_keeps("logs/**/*.json") == set()
    events = folders_that_git_keeps("logs/**/*tfevents*")
    assert len({folder.parent for folder in events}) == 1


def test_tensorboard_can_draw_all_kept_runs():
    """With more than 40 rows it opens with none of them drawn."""
    assert len(folders_that_git_keeps("docs/runs/**/*tfevents*")) <= 40


def test_every_module_command_of_the_readme_exists():
    for module in set(re.findall(r"python -m (tfresnet\.\w+)", README)):
        assert (ROOT / (module.replace(".", "/") + ".py")).exists() or (
            ROOT / module.replace(".", "/") / "__main__.py"
        ).exists(), module


def test_commands_of_ci_stand_in_the_readme():
    commands = re.findall(r"^readme '(.*)'$", (ROOT / ".ci" / "run").read_text(), re.MULTILINE)
    assert len(commands) > 3
    for command in commands:
        assert command in README.splitlines()


def test_the_tree_of_the_readme_is_that_of_the_package():
    tree = README[README.index("## The tree") :]
    for path in (ROOT / "tfresnet").iterdir():
        if path.name not in ("__init__.py", "__pycache__"):
            assert path.name in tree, path.name


def test_the_python_of_the_readme_runs_up_to_the_training():
    code = re.search(r"```python\n(.*?)```", README, re.DOTALL)[1]
    before_training = code[: code.index("run = ")]
    names = {}
    exec(before_training, names)
    assert names["model"].count_params() == 11_183_562
    assert tfresnet.complexity.count(names["model"]).multiply_adds > 5e8
