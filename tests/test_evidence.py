"""The runs that git keeps: each has what proves its figures."""

import json
import os
import re
import subprocess
import tarfile
from pathlib import Path

import pytest

import tfresnet

ROOT = Path(__file__).parent.parent
RUNS = ROOT / "docs" / "runs"
INDEX = (RUNS / "README.md").read_text()


def kept_runs():
    return sorted(path.parent for path in RUNS.glob("*/config.json"))


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
