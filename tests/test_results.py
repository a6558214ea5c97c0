"""The table of results against the runs that git keeps."""

import csv
import json
import shutil
from pathlib import Path
from statistics import mean, stdev

import pytest

from tfresnet.results.__main__ import main
from tfresnet.results.table import table, undisturbed
from tfresnet.runs.folder import RunFolder

DOCS = Path(__file__).parent.parent / "docs"
RUNS = DOCS / "runs"
README = " ".join((DOCS.parent / "README.md").read_text(encoding="utf-8").split())  # one line


def rows(text):
    titles, _, *lines = [[cell.strip() for cell in x[2:-2].split(" | ")] for x in text.splitlines()]
    return [dict(zip(titles, line, strict=True)) for line in lines]


def with_standard_error(values):
    return f"{mean(values):.2f} ± {stdev(values) / len(values) ** 0.5:.2f}"


@pytest.fixture
def run(tmp_path):
    """A function that copies a kept run, with other settings and another result."""

    def copied(name, settings=(), result=()):
        path = tmp_path / name
        path.mkdir()
        for file in ("config.json", "result.json"):
            shutil.copy(RUNS / "resnet20-cifar10" / file, path)
            content = json.loads((path / file).read_text())
            content.get("settings", {}).update(settings)
            content.update(result if file == "result.json" else ())
            (path / file).write_text(json.dumps(content))
        return path

    return copied


def test_runs_that_differ_in_their_seed_are_one_row(run, tmp_path):
    times = {"epoch_seconds": [600.0, 60.0, 66.0, 54.0, 90.0]}
    slow = {"epoch_seconds": [600.0] * 5}
    paths = [
        run(
            f"s{seed}",
            {"seed": seed, "name": f"s{seed}"},
            {"top1": top1, "top1_flip": 0.9} | (slow if seed else times),
        )
        for seed, top1 in ((2, 0.86), (0, 0.87), (1, 0.88))
    ]
    (row,) = rows(table(paths, tmp_path))
    assert row["seeds"] == "3"
    assert row["error"] == "13.00 ± 1.00 %"
    assert row["with flip"] == "10.00 ± 0.00 %"
    assert row["minutes"] == "5"
    assert row["epochs"] == "5"
    assert row["parameters"] == "269,722"
    assert row["paper"] == "8.75 %"
    assert row["images"] == "45,000"
    assert row["runs"] == "[0](s0/) [1](s1/) [2](s2/)"


def test_epochs_of_small_images_are_counted_among_themselves(run):
    small, whole = [33.0, 30.0, 30.0, 90.0, 30.0, 30.0, 30.0], [80.0, 60.0, 70.0]
    settings = {"image_sizes": "24,32", "epochs": 10}
    (row,) = rows(table([run("a", settings, {"epoch_seconds": small + whole})]))
    assert row["minutes"] == "7"


def test_what_small_images_save_and_cost_is_said_as_the_kept_runs_have_it():
    lost: dict[str, list[float]] = {"held out": [], "test": []}
    seconds = {"val": 0.0, "sizes": 0.0}
    for seed in range(3):
        runs = [
            RunFolder(RUNS / f"resnet20-cifar10-10epochs-{kind}-seed{seed}") for kind in seconds
        ]
        results = [run.read_result() for run in runs]
        held_out = [run.read_history()[-1]["val_top1"] for run in runs]
        lost["held out"].append(100 * (held_out[0] - held_out[1]))
        lost["test"].append(100 * (results[0]["top1"] - results[1]["top1"]))
        for kind, result in zip(seconds, results, strict=True):
            seconds[kind] += sum(result["epoch_seconds"])
    said = {kind: with_standard_error(values) for kind, values in lost.items()}
    assert f"{said['held out']} points lower on the images held out, {said['test']} on" in README
    assert f"take {100 * (1 - seconds['sizes'] / seconds['val']):.0f} % less time" in README


def test_what_smaller_images_cost_resnet20_is_said_as_the_trials_have_it():
    lost = []
    for trial in csv.DictReader((DOCS / "trials.csv").read_text(encoding="utf-8").splitlines()):
        if "--image-sizes 20,32" in trial["settings"]:
            run = RunFolder(RUNS / f"resnet20-cifar10-10epochs-val-seed{trial['seed']}")
            whole = run.read_history()[-1]["val_top1"]
            lost.append(100 * whole - float(trial["val_top1"]))
    assert len(lost) == 3
    cost = f"[{with_standard_error(lost)} points](docs/trials.csv)"
    assert f"{cost} of the images held out" in README


def test_what_small_images_do_to_resnet18_is_said_as_the_kept_runs_have_it():
    runs = [RunFolder(RUNS / f"resnet18-cifar10-3epochs{kind}") for kind in ("", "-sizes")]
    whole, sizes = (run.read_result()["epoch_seconds"] for run in runs)
    saved = 1 - (2 * min(sizes[:2]) + sizes[2]) / (3 * min(whole))  # undisturbed epochs
    points = [100 * run.read_history()[-1]["val_top1"] for run in runs]
    top1s = [100 * run.read_result()["top1"] for run in runs]
    said = f"take {100 * saved:.0f} % less and end {points[0] - points[1]:.1f} points lower on the "
    assert f"{said}images held out, {top1s[0] - top1s[1]:.1f} on the test images" in README


@pytest.mark.parametrize("kind", ["-sizes", "-sizes20"])
def test_what_small_images_do_to_a_whole_training_is_said_as_the_kept_runs_have_it(kind):
    runs = [RunFolder(RUNS / f"resnet18-cifar10-15epochs{k}-seed0") for k in ("", kind)]
    whole, sizes = (run.read_result() for run in runs)
    seconds = sizes["epoch_seconds"]
    small, large = undisturbed(seconds[:10]) / 10, undisturbed(seconds[10:]) / 5
    saved = 1 - (2 * small + large) / (3 * large)  # of a machine as fast as it was that day
    lost = 100 * (whole["top1"] - sizes["top1"])
    said = f"{100 * saved:.0f} % less ({small:.0f} s an epoch, then {large:.0f})"
    assert f"{said} and end {lost:.1f} points lower" in README


def test_any_other_setting_is_another_row_whose_command_says_it(run):
    usual, smoothed = run("a"), run("b", {"label_smoothing": 0.1, "augment": False})
    commands = [row["command"] for row in rows(table([usual, smoothed]))]
    assert len(commands) == 2
    assert sum("--label-smoothing 0.1 --no-augment" in command for command in commands) == 1
    assert all("--model resnet20 --epochs 10" in command for command in commands)


def test_what_has_no_result_is_no_row(run, tmp_path):
    unfinished = run("a")
    (unfinished / "result.json").unlink()
    others = run("b", result={"dataset": "shapes10"}), run("c", result={"split": "val"})
    assert rows(table([unfinished, *others])) == []


def test_the_command_writes_what_is_in_a_folder(run, tmp_path, capsys):
    path = run("a")
    (tmp_path / "notes.txt").write_text("no run")
    (tmp_path / "empty").mkdir()
    main([str(tmp_path)])
    assert capsys.readouterr().out == table([path]) + "\n"
