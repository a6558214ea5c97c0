"""The table of results: what it says of runs, and that the pages have it as the command does."""

import csv
import json
from pathlib import Path

import pytest

from tfresnet.errors import InputError
from tfresnet.results import depths
from tfresnet.results.__main__ import main
from tfresnet.results.facts import RunFacts, steady_seconds
from tfresnet.results.networks import networks
from tfresnet.results.table import table
from tfresnet.runs.finding import run_folders
from tfresnet.runs.folder import RunFolder

ROOT = Path(__file__).parent.parent
KEPT = ROOT / "docs" / "runs" / "resnet20-cifar10"
BEGIN, END = "<!-- results: begin -->", "<!-- results: end -->"
PAGES = [
    page for page in [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")] if BEGIN in page.read_text()
]
STEPS = range(703, 10 * 703 + 1, 703)  # after each epoch


def rows(text):
    titles, _, *lines = [[cell.strip() for cell in x[2:-2].split(" | ")] for x in text.splitlines()]
    return [dict(zip(titles, line, strict=True)) for line in lines]


@pytest.fixture
def run(tmp_path):
    """A function that copies a kept run, with other settings and another result."""

    def copied(name, settings=(), result=(), environment=(), steps=STEPS):
        path = tmp_path / name
        path.mkdir()
        changes = {"settings": settings, "environment": environment}
        config = json.loads((KEPT / "config.json").read_text())
        content = {part: config[part] | dict(changes[part]) for part in config}
        (path / "config.json").write_text(json.dumps(content))
        content = json.loads((KEPT / "result.json").read_text()) | dict(result)
        (path / "result.json").write_text(json.dumps(content))
        epochs = [{"epoch": n, "step": step} for n, step in enumerate(steps, start=1)]
        RunFolder(path).write_history(epochs)
        return path

    return copied


def test_runs_that_differ_in_their_seed_are_one_row(run, tmp_path):
    times = {"epoch_seconds": [600.0, 60.0, 66.0, 54.0, 90.0]}
    slow = {"epoch_seconds": [600.0] * 5}
    paths = [
        run(
            f"s{seed}",
            {"seed": seed, "name": f"s{seed}", "epochs": 5},
            {"top1": top1, "top1_flip": 0.9} | (slow if seed else times),
            steps=STEPS[:5],
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


def test_any_other_setting_is_another_row_whose_command_says_it(run):
    usual, smoothed = run("a"), run("b", {"label_smoothing": 0.1, "augment": False})
    commands = [row["command"] for row in rows(table([usual, smoothed]))]
    assert len(commands) == 2
    assert sum("--label-smoothing 0.1 --no-augment" in command for command in commands) == 1
    assert all("--model resnet20 --epochs 10" in command for command in commands)


def test_two_runs_of_one_seed_are_one_seed_without_a_deviation(run):
    paths = [run(f"s{n}", {"name": f"s{n}"}, {"top1": 0.87 + n / 100}) for n in range(3)]
    (row,) = rows(table(paths))
    assert (row["seeds"], row["error"], row["runs"].count("](")) == ("1", "12.00 %", 3)


def test_a_short_last_epoch_sets_no_pace(run):
    """Three epochs and a tenth of one, in which a minute is much."""
    settings = {"epochs": None, "max_steps": 2179}
    result = {"epoch_seconds": [60.0, 62.0, 64.0, 3.1]}
    path = run("a", settings, result, steps=[703, 1406, 2109, 2179])
    assert RunFacts(path).minutes == pytest.approx((3 + 70 / 703) * 62 / 60)
    assert steady_seconds([6.0], [0.1]) == pytest.approx(6.0)


def test_the_network_is_counted_with_its_own_options_and_classes(run):
    modules = {"naive": 246_058, "reduced": 91_458, "5x5": 78_250, "two3x3": 56_938}
    for module, parameters in modules.items():
        path = run(module, {"model": "inception3", "model_option": f"module={module}"})
        assert RunFacts(path).parameters == parameters
    per_class = dict.fromkeys("abcde", 0.9)
    (row,) = rows(
        table([run("few", {"classes": "0-4", "val_size": None}, {"per_class": per_class})])
    )
    assert row["parameters"] == f"{269_722 - 5 * 65:,}"
    assert (row["images"], row["paper"]) == ("22,500", "")
    (row,) = rows(table([run("B", {"shortcut": "B"})]))
    assert (row["images"], row["paper"]) == ("45,000", "")


@pytest.mark.parametrize(
    ("cores", "other_work", "said"),
    [(2, None, ""), (2, 0.8, ""), (2, 0.02, "2 cores "), (1, None, "1 core "), (None, 0.0, "")],
)
def test_cores_are_said_only_if_the_run_had_them(run, cores, other_work, said):
    result = {} if other_work is None else {"other_work": other_work}
    (row,) = rows(table([run("a", result=result, environment={"cores": cores})]))
    assert row["machine"] == f"{said}AMD EPYC, float32"


@pytest.mark.parametrize(
    ("resumed", "said"),
    [
        ({"processor": "AMD EPYC", "cores": 1}, "1 core AMD EPYC"),
        ({"processor": "AMD EPYC", "cores": 2}, "AMD EPYC"),
        ({"processor": "Xeon", "cores": 1}, "1 core AMD EPYC and Xeon"),
    ],
)
def test_a_run_resumed_elsewhere_names_what_all_its_sessions_had(run, resumed, said):
    (row,) = rows(table([run("a", environment={"cores": 1, "resumed": [resumed]})]))
    assert row["machine"] == f"{said}, float32"


def test_a_run_resumed_with_other_code_names_both_commits(run):
    resumed = [{"commit": "c" * 40}, {"commit": "b" * 40}, {"commit": "c" * 40}]
    (row,) = rows(table([run("a", environment={"commit": "b" * 40, "resumed": resumed})]))
    assert row["commit"] == f"{'b' * 7}, {'c' * 7}"


DAMAGES = {
    "config.json": ["", "[]", '{"a": 1}', '{"settings": {"depth": 3}}', '{"settings": []}'],
    "result.json": ["", "[]", '{"top1": 1}', '{"dataset": "cifar10", "split": "test"}'],
    "history.csv": ["epoch\n1\n", "epoch,step\n1,x\n"],
}


@pytest.mark.parametrize(
    ("file", "content"),
    [(file, text) for file, texts in DAMAGES.items() for text in [None, *texts]],
)
def test_a_folder_that_is_no_whole_run_is_left_out_with_a_line(run, file, content, caplog):
    whole, other = run("whole"), run("other")
    (other / file).unlink()
    if content is not None:
        (other / file).write_text(content)
    assert len(rows(table([other, whole]))) == 1
    (line,) = caplog.messages
    assert str(other) in line
    assert "\n" not in line


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("settings", {"model": "resnet19"}),
        ("settings", {"model_option": "depth=3"}),
        ("environment", {"resumed": [1]}),
        ("environment", {"resumed": [{"cores": [2]}]}),
        ("result", {"top1": "high"}),
        ("result", {"top1": 2.0}),
        ("result", {"per_class": {}}),
        ("result", {"epoch_seconds": [1.0, None]}),
    ],
)
def test_impossible_content_is_left_out_with_a_line(run, part, value, caplog):
    other = run("other", **{part: value})
    assert len(rows(table([other, run("whole")]))) == 1
    assert str(other) in caplog.messages[0]


def test_runs_of_other_data_are_no_rows(run, caplog):
    others = run("b", result={"dataset": "shapes10"}), run("c", result={"split": "val"})
    assert table(others) == ""
    assert caplog.messages == []


class TestCommand:
    def test_writes_the_runs_of_the_user(self, run, tmp_path, monkeypatch, capsys):
        """All folders in `logs` that hold a run, and nothing else that is there."""
        monkeypatch.chdir(tmp_path)
        Path("logs/report").mkdir(parents=True)
        Path("logs/README.md").write_text("no run")
        run("a").rename("logs/a")
        main([])
        assert capsys.readouterr().out == table([Path("logs/a")]) + "\n"

    def test_writes_other_runs(self, run, tmp_path, capsys):
        runs = [run("a"), run("b", {"lr": 0.3})]
        main(["--runs", str(tmp_path)])
        assert capsys.readouterr().out == table(runs) + "\n"
        main(["--runs", *map(str, runs)])
        assert capsys.readouterr().out == table(runs) + "\n"

    def test_without_a_run_ends_in_a_line(self, tmp_path):
        with pytest.raises(InputError, match="must have a finished CIFAR-10 run"):
            main(["--runs", str(tmp_path)])

    def test_writes_into_a_page_with_links_from_there(self, run, tmp_path):
        page = tmp_path / "docs" / "page.md"
        page.parent.mkdir()
        page.write_text(f"# A\n\n{BEGIN}\nold\n{END}\n\nB\n")
        main(["--runs", str(run("a")), "--into", str(page)])
        new = table([tmp_path / "a"], page.parent)
        assert "(../a/)" in new
        assert page.read_text() == f"# A\n\n{BEGIN}\n{new}\n{END}\n\nB\n"

    @pytest.mark.parametrize("text", ["", f"{END}\n{BEGIN}\n"])
    def test_leaves_a_page_without_marks_as_it_is(self, run, text, tmp_path):
        page = tmp_path / "page.md"
        page.write_text(text)
        with pytest.raises(InputError, match=r"must have the lines .*begin.*end.* Received: .*md"):
            main(["--runs", str(run("a")), "--into", str(page)])
        assert page.read_text() == text


def test_the_tables_in_the_pages_are_what_the_command_writes():
    """python -m tfresnet.results --runs docs/runs --into PAGE, and with --depths"""
    assert PAGES
    for page in PAGES:
        text, folders = page.read_text(), run_folders([KEPT.parent])
        assert f"{BEGIN}\n{table(folders, page.parent)}\n{END}" in text, page
        by_depth = f"{BEGIN}\n{depths.table(folders)}\n{END}".replace("results", "depths")
        assert by_depth in text, page


@pytest.fixture
def compared(run):
    """A function of {seed: points held out} of two sides to what the command says."""

    def made(a, b):
        for side, points in (("a", a), ("b", b)):
            for seed, top1 in points.items():
                path = run(f"{side}{seed}", {"seed": seed, "lr": 0.1 if side == "a" else 0.2})
                rows = [{"epoch": 1, "step": 703, "val_top1": top1 / 100}]
                RunFolder(path).write_history(rows)
        return main(["--compare", f"{path.parent}/a*", f"{path.parent}/b*"])

    return made


def test_paired_seeds_tell_a_gain_that_means_would_not(compared):
    text = compared({0: 80.0, 1: 85.0, 2: 90.0}, {0: 80.5, 1: 85.4, 2: 90.6})
    assert "they differ in lr (0.1, 0.2)\n" in text
    # Gains of 0.5, 0.4 and 0.6 have a deviation of 0.1.
    assert "B - A +0.50 ± 0.06 points (3 paired seeds, standard error)" in text
    assert "B is better, with 95 % confidence; to tell 0.1 points it takes 4 more" in text
    assert "test images, not for a choice: A 86.97 %" in text


@pytest.mark.parametrize(
    ("a", "b", "said"),
    [
        ({0: 80.0}, {0: 81.0}, "one pair has no standard error"),
        ({0: 80.0, 1: 85.0}, {0: 80.5, 1: 85.4}, "standard error)\nundecided"),
        ({0: 80.0, 1: 82.0}, {2: 81.0, 3: 82.0}, "no seed in common, standard error)\nundecided"),
    ],
)
def test_few_runs_decide_nothing(a, b, said, compared):
    assert said in compared(a, b)


def test_what_cannot_be_compared(run, tmp_path):
    with pytest.raises(InputError, match="needs finished runs that held images out"):
        main(["--compare", str(tmp_path / "nothing*"), str(tmp_path)])
    for name, lr in (("a0", 0.1), ("a1", 0.2)):
        path = run(name, {"lr": lr, "seed": int(name[1])})
        RunFolder(path).write_history([{"epoch": 1, "step": 703, "val_top1": 0.8}])
    with pytest.raises(InputError, match="must differ in the seed alone, not in lr"):
        main(["--compare", str(tmp_path / "a*"), str(tmp_path / "a*")])


def test_networks_have_the_newest_accuracy_the_pace_on_one_core_and_the_weights(run):
    epoch = {"epoch_seconds": [45.0] * 10}
    paths = [
        run("two", {}, {"top1": 0.86} | epoch, {"cores": 2}),
        run("one", {}, {"top1": 0.85} | {"epoch_seconds": [90.0] * 10}, {"cores": 1}),
        run("moved", {}, {"top1": 0.855} | epoch, {"cores": 1, "resumed": [{"cores": 2}]}),
        run("older", {"lr": 0.3}, {"top1": 0.95}, {"started": "2026-01-01T00:00:00+00:00"}),
        run("shorter", {"lr": 0.4}, {"top1": 0.97}, steps=STEPS[:5]),
        run("option", {"shortcut": "B"}, {"top1": 0.99}),
        run("tuned", {"weights": "a.keras"}, {"top1": 0.98}, {"started": "2030-01-01T00:00:00"}),
    ]
    table = {row["network"]: row for row in rows(networks(["resnet20", "resnet8"], paths))}
    assert [*table] == ["resnet8", "resnet20"]
    assert table["resnet8"]["accuracy"].strip() == ""
    assert table["resnet20"]["accuracy"] == "85.50 %"  # a mean, not chosen by the test
    assert table["resnet20"]["training"] == "10 epochs of 45,000 images"
    assert table["resnet20"]["images/s on a core"] == f"{703 * 64 / 90:.0f}"
    assert (table["resnet20"]["shipped"], table["resnet8"]["shipped"].strip("| ")) == ("yes", "")


class TestDepths:
    def test_are_those_of_the_recipe_with_the_most(self, run):
        paths = [
            run(f"{model}-{lr}-{seed}", {"model": model, "lr": lr, "seed": seed}, {"top1": top1})
            for model, lr, seed, top1 in (
                ("resnet56", 0.1, 0, 0.94),
                ("resnet20", 0.1, 0, 0.91),
                ("resnet20", 0.1, 1, 0.92),
                ("resnet20", 0.2, 0, 0.99),
                ("resnet32", 0.2, 0, 0.99),
                ("plain20", 0.1, 0, 0.99),
                ("resnet18", 0.1, 0, 0.99),
            )
        ]
        paths.append(run("option", {"model": "resnet110", "lr": 0.1, "shortcut": "B"}))
        for depth in (20, 32, 44):
            settings = {"model": f"resnet{depth}", "weights": "logs/pretraining"}
            paths.append(run(f"tuned-{depth}", settings))
        first, second = rows(depths.table(paths))
        assert [first[key] for key in ("network", "error", "seeds")] == ["resnet20", "8.50 %", "2"]
        assert [second[key] for key in ("network", "error", "seeds")] == ["resnet56", "6.00 %", "1"]
        assert (first["difference"], second["difference"]) == ("-0.25", "-0.97")

    def test_need_two_networks(self, run):
        assert depths.table([run("a"), run("b", {"seed": 1})]) == ""
        with pytest.raises(InputError, match="two networks of Table 6 by one recipe"):
            main(["--depths", "--runs", str(run("c"))])


def test_a_trial_is_a_line_with_its_settings(run, tmp_path):
    table = tmp_path / "trials.csv"
    table.write_text((ROOT / "docs" / "trials.csv").read_text().splitlines()[0] + "\n")
    path = run("a", {"seed": 3, "epochs": 10, "warmup_epochs": 2.0, "opt": "muon", "ema": 0.9})
    RunFolder(path).write_history([{"epoch": 1, "step": 703, "top1": 0.5, "val_top1": 0.4321}])
    main(["--runs", str(path), "--trials", str(table), "--note", "stopped"])
    (line,) = csv.DictReader(table.read_text().splitlines())
    assert line.pop("settings") == "opt muon; ema 0.9"
    assert line.pop("date").startswith("20")
    assert {*line.items()} == {
        *{"network": "resnet20", "images": "45000", "seed": "3", "epochs": "10"}.items(),
        *{"done": "1", "train_top1": "50.00", "val_top1": "43.21", "val_top1_flip": ""}.items(),
        ("note", "stopped"),
    }


def test_a_trial_without_held_out_images_is_refused(run, tmp_path):
    table = tmp_path / "trials.csv"
    table.write_text("date\n")
    with pytest.raises(InputError, match="must have held images out"):
        main(["--runs", str(run("a")), "--trials", str(table)])


@pytest.mark.parametrize("instead", [["--compare", "a*", "b*"], ["--trials", "FILE"]])
def test_a_page_takes_a_table_only(instead, tmp_path, capsys):
    page = tmp_path / "page.md"
    page.write_text(f"{BEGIN}\nold\n{END}\n")
    instead = [str(page) if word == "FILE" else word for word in instead]
    with pytest.raises(SystemExit, match="2"):
        main([*instead, "--into", str(page)])
    assert "--into must come without --compare and --trials" in capsys.readouterr().err
    assert "old" in page.read_text()


def test_a_note_belongs_to_trials(capsys):
    with pytest.raises(SystemExit, match="2"):
        main(["--note", "text"])
    assert "--note must come with --trials. Received: 'text'" in capsys.readouterr().err
