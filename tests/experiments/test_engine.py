"""The engine of the studies: what it finds, plans, trains once, stops and goes on with."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

import tfresnet
from tfresnet.experiments import __main__ as command
from tfresnet.experiments import study_names, transfer
from tfresnet.experiments.engine import command as engine_command
from tfresnet.experiments.engine import plan, runs
from tfresnet.experiments.engine.budget import BUDGET, make_config, run_name, with_seed
from tfresnet.experiments.engine.judging import combine, is_higher
from tfresnet.experiments.engine.runs import StudyRun
from tfresnet.experiments.engine.study import VERDICTS, load_studies
from tfresnet.runs.folder import RunFolder
from tfresnet.runs.record import RunRecord
from tfresnet.system.signals import Interrupted

KEPT = Path(__file__).parents[2] / "docs" / "studies"
STUDIES = load_studies(study_names())


@pytest.mark.parametrize("name", STUDIES)
def test_a_study_has_all_that_the_engine_asks_for(name):
    study = STUDIES[name]
    for needed in ("CLAIM", "SOURCE", "EXPECTED", "verdict", "figures"):
        assert getattr(study, needed), needed
    assert any(hasattr(study, hook) for hook in ("measure", "examine", "explore"))
    for differences in study.RUNS.values():
        assert differences["model"] in tfresnet.list_models()
        assert make_config(differences)


def test_the_four_runs_of_degradation_come_first():
    orders = [study.ORDER for study in STUDIES.values()]
    assert orders == sorted(set(orders))
    assert next(iter(STUDIES)) == "degradation"


def test_the_budget_decides_every_setting_that_changes_a_training():
    beside = {"model", "max_steps", "warmup_epochs", "muon_lr", "target_top1", "train_stages"}
    beside |= {"image_size", "skip_broken", "coarse_labels", "mean", "std", "pixels"}
    assert set(make_config({"model": "resnet20"}).identity) - beside == set(BUDGET)
    assert BUDGET["zero_init_residual"] is False


def test_the_same_settings_have_one_name_and_others_another():
    assert run_name({"model": "resnet20"}) == "resnet20"
    assert run_name({"model": "resnet20", "epochs": BUDGET["epochs"]}) == "resnet20"
    assert run_name({"shortcut": "B", "model": "resnet20"}) == "resnet20-shortcut_B"
    every = [run for study in STUDIES.values() for run in study.RUNS.values()]
    configs = {run_name(run): make_config(run) for run in every}
    assert all(configs[run_name(run)] == make_config(run) for run in every)


@pytest.mark.parametrize("name", STUDIES)
def test_kept_results_follow_from_the_kept_runs(name):
    """What is kept is what the code makes of the kept files."""
    file = KEPT / name / "results.json"
    if not file.exists():
        pytest.skip("not run yet")
    results, study = json.loads(file.read_text()), STUDIES[name]
    assert list(results) == ["claim", "source", "runs", "measured", "expected", "verdict", "why"]
    assert results["verdict"] in VERDICTS
    kept = {
        label: {run.config.seed: run for run in (RunRecord(KEPT / "runs" / n) for n in names)}
        for label, names in results["runs"].items()
    }
    measured = study.measure(kept) if hasattr(study, "measure") else {}
    measured = json.loads(json.dumps(measured))
    assert {key: results["measured"][key] for key in measured} == measured
    assert study.verdict(results["measured"]) == (results["verdict"], results["why"])


def test_a_quick_study_trains_each_run_once_and_writes_what_it_found(
    tmp_path, small_shapes10, monkeypatch, capsys
):
    from support.small import leave_pages_out

    leave_pages_out(monkeypatch)
    monkeypatch.setattr("tfresnet.experiments.engine.budget.QUICK", QUICK)
    for name in ("shortcuts", "cam"):  # two runs in all, of which they share one
        few = {k: v for k, v in STUDIES[name].RUNS.items() if k in ("A", "B", "resnet56")}
        monkeypatch.setattr(STUDIES[name], "RUNS", few)
    flags = ["--quick", "--output-dir", str(tmp_path)]
    trained = {"shortcuts": {"resnet8", "resnet8-shortcut_B"}, "cam": {"resnet8"}}
    found = command.main(["shortcuts", "cam", *flags])
    assert list(found) == ["shortcuts", "cam"]
    for name, results in found.items():
        assert json.loads((tmp_path / name / "rehearsal.json").read_text()) == results
        assert {run for same in results["runs"].values() for run in same} == trained[name]
        assert [*(tmp_path / name).glob("rehearsal-*.png")]
    assert not [*tmp_path.rglob("results.json")]
    shown = capsys.readouterr().out
    assert not re.search(r"claim  |verdict|holds|fails", shown)
    assert "\nshortcuts works with resnet8 for resnet20; " in shown
    made = {path: path.stat().st_mtime_ns for path in (tmp_path / "runs").rglob("history.csv")}
    command.main(["shortcuts", *flags])
    assert "epoch" not in capsys.readouterr().out
    assert {path: path.stat().st_mtime_ns for path in made} == made


QUICK = {"dataset": "shapes10", "val_size": 40, "train_size": 128, "epochs": 1}


@pytest.fixture
def quick_run(tmp_path, monkeypatch):
    monkeypatch.setattr("tfresnet.experiments.engine.budget.QUICK", QUICK)
    return StudyRun({"model": "resnet20"}, tmp_path, quick=True)


def made(needed, step, **changes):
    place = {"output_dir": str(needed.folder), "name": needed.path.name}
    folder = RunFolder.create(needed.config.to_dict() | place | changes, {})
    folder.checkpoints.folder.mkdir()
    (folder.checkpoints.folder / f"step-{step:09d}.npz").touch()
    return folder


def test_a_plan_lists_what_is_left_once(quick_run, tmp_path, monkeypatch):
    monkeypatch.setattr(plan, "_pace", lambda settings: (30.0, 1000.0))
    other = StudyRun({"model": "plain56"}, tmp_path, quick=True)
    made(quick_run, step=1)
    text = plan.table({"first": [quick_run, other], "second": [quick_run]})
    assert text.count("resnet8") == text.count("plain20") == 1
    assert "0.5 of 1" in text
    assert "0.0 of 1" in text
    finished = RunFolder(quick_run.path)
    finished.write_result({"top1": 0.5})
    assert "resnet8" not in plan.table({"first": [quick_run, other]})
    assert plan.table({"first": [quick_run]}) == "nothing is left to train"


def test_a_finished_run_in_another_folder_is_not_trained_again(tmp_path, quick_run):
    made(quick_run, step=1)
    elsewhere = replace(quick_run, folder=tmp_path / "mine", kept=(tmp_path,))
    assert not elsewhere.is_finished
    RunFolder(quick_run.path).write_result({"top1": 0.5})
    assert elsewhere.is_finished
    assert elsewhere.train(runs.TimeLimit(None)).path == quick_run.path


def test_a_plan_counts_the_seeds(tmp_path, monkeypatch, capsys):
    """From a clone in which nothing was trained; the kept runs leave no first seed to train."""
    monkeypatch.setattr(plan, "_pace", lambda settings: (30.0, 1000.0))
    flags = ["--output-dir", str(tmp_path), "--plan"]

    def planned(*more):
        command.main([*flags, *more])
        return set(re.findall(r"^\w+ +(\S+) +[\d.]+ of", capsys.readouterr().out, re.MULTILINE))

    names = {run_name(run) for study in STUDIES.values() for run in study.RUNS.values()}
    assert planned("--seeds", "1") == names
    assert {"plain56-seed_2", "transfer-head-seed1"} < planned()
    assert "alexnet-val_size_1000-train_size_5000-epochs_2-lr_0.02-seed_1" not in planned()
    without = names - {run_name(run) for run in STUDIES["variants"].RUNS.values()}
    assert not without & planned("--seeds", "1", "--runs", str(KEPT / "runs"))
    assert [*tmp_path.iterdir()] == []


def test_seeds_of_a_run_that_starts_from_another_are_those_of_both():
    run = with_seed(STUDIES["transfer"].RUNS["head"], 2)
    assert run_name(run) == "transfer-head-seed2"
    assert run_name(run["weights"]) == "transfer-pretraining-seed2"
    assert run_name(with_seed({"model": "plain20"}, 0)) == "plain20"
    assert run_name(with_seed({"model": "plain20"}, 1)) == "plain20-seed_1"


@pytest.mark.parametrize("name", ["transfer", "lesion"])
def test_a_study_concludes_from_what_is_finished(name, tmp_path):
    """The second has no model: it judges what was measured before."""
    shutil.copytree(KEPT / name, tmp_path / name)
    for picture in (tmp_path / name).glob("*.png"):
        picture.unlink()
    flags = ["--finished", "--runs", str(KEPT / "runs"), "--output-dir", str(tmp_path)]
    kept = json.loads((KEPT / name / "results.json").read_text())
    assert command.main([name, *flags]) == {name: kept}
    pictures = {picture.name for picture in (KEPT / name).glob("*.png")}
    assert {picture.name for picture in (tmp_path / name).glob("*.png")} == pictures


def test_what_is_not_trained_is_said(tmp_path, capsys):
    assert command.main(["depth", "--finished", "--output-dir", str(tmp_path)]) == {}
    assert "depth: not trained: resnet20, resnet32" in capsys.readouterr().out


def test_a_model_that_was_never_measured_is_needed(tmp_path):
    flags = ["--finished", "--runs", str(KEPT / "runs"), "--output-dir", str(tmp_path)]
    with pytest.raises(tfresnet.InputError, match="its model was left out"):
        command.main(["lesion", *flags])


@pytest.mark.parametrize("place", ["empty", "empty/file"])
def test_a_place_without_runs_is_refused(place, tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "file").touch()
    with pytest.raises(tfresnet.InputError, match=r"runs must .* folders of them. Received: "):
        command.main(["depth", "--runs", str(tmp_path / place), "--output-dir", str(tmp_path)])


def test_a_verdict_counts_all_finished_seeds_unless_it_is_told_how_many(tmp_path):
    kept, mine, name = KEPT / "runs", tmp_path / "mine", "resnet20-shortcut_B-seed_3"
    shutil.copytree(kept / "resnet20-shortcut_B-seed_2", mine / name)
    config = json.loads((mine / name / "config.json").read_text())
    config["settings"] |= {"seed": 3, "name": name}
    (mine / name / "config.json").write_text(json.dumps(config))
    flags = ["shortcuts", "--finished", "--runs", str(kept), str(mine)]
    flags += ["--output-dir", str(tmp_path / "out")]

    def seeds(*more):
        measured = command.main([*flags, *more])["shortcuts"]["measured"]
        return {option: len(errors) for option, errors in measured["test_error"].items()}

    assert seeds() == {"A": 3, "B": 4, "C": 3}
    assert seeds("--seeds", "2") == {"A": 2, "B": 2, "C": 2}


def test_a_run_that_was_stopped_in_its_test_is_not_finished(quick_run):
    folder = made(quick_run, step=quick_run.steps_per_epoch)
    assert quick_run.epochs_done == quick_run.config.epochs
    assert not quick_run.is_finished
    folder.write_result({"top1": 0.5})
    assert quick_run.is_finished


def test_a_run_of_other_settings_is_not_taken_for_the_studies(quick_run):
    made(quick_run, step=1, lr=0.5)
    with pytest.raises(tfresnet.InputError, match=r"other lr .* Received: .*resnet8"):
        quick_run.train(runs.TimeLimit(None))


def test_a_run_that_starts_from_another_trains_it_first(
    tmp_path, small_shapes10, monkeypatch, capsys
):
    from support.small import leave_pages_out

    leave_pages_out(monkeypatch)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tfresnet.experiments.engine.budget.QUICK", QUICK)
    first = {"model": "resnet20", "classes": "0-4", "name": "first"}
    second = {"model": "resnet20", "classes": "5-9", "name": "second", "transfer": "head"}
    needed = StudyRun(second | {"weights": first}, Path("runs"), quick=True)
    assert needed.train(runs.TimeLimit(None)).config.weights == "runs/first"
    assert [path.name for path in sorted(Path("runs").iterdir())] == ["first", "second"]
    Path("runs").rename("moved")
    moved = StudyRun(needed.differences, tmp_path / "moved", quick=True)
    assert moved.is_finished
    Path("moved/first/model.keras").unlink()
    assert moved.train(runs.TimeLimit(None)).config.transfer == "head"
    Path("moved/second").rename("moved/away")
    with pytest.raises(tfresnet.InputError, match=r"its model was left out.*moved/first"):
        moved.train(runs.TimeLimit(None))


def test_a_quick_study_has_one_seed():
    found = engine_command.list_runs(
        {"transfer": STUDIES["transfer"]}, StudyRun({}, Path("runs"), quick=True)
    )
    assert [*found["transfer"]] == ["pretraining", *transfer.RATES]
    assert all([*same] == [0] for same in found["transfer"].values())


def test_when_the_minutes_are_over_the_run_is_saved_and_goes_on(
    tmp_path, small_shapes10, monkeypatch, capsys
):
    from support.small import leave_pages_out

    leave_pages_out(monkeypatch)
    monkeypatch.setattr("tfresnet.experiments.engine.budget.QUICK", QUICK)
    flags = ["shortcuts", "--quick", "--output-dir", str(tmp_path)]
    monkeypatch.setattr(runs.TimeLimit, "is_over", property(lambda limit: limit.is_late))
    monkeypatch.setattr(runs.TimeLimit, "is_late", False, raising=False)
    monkeypatch.setattr(runs.TimeLimit, "on_train_batch_begin", _be_late)
    assert command.main([*flags, "--minutes", "0.5"]) == {}
    shown = capsys.readouterr().out
    assert "stopped after 0 epochs and 1 steps; everything is saved" in shown
    assert shown.endswith("the 0.5 minutes are over; the same command goes on\n")
    assert not (tmp_path / "shortcuts").exists()
    assert StudyRun({"model": "resnet20"}, tmp_path / "runs", quick=True).epochs_done == 0.5


def _be_late(limit, batch, logs=None):
    limit.is_late = True


def test_after_the_time_is_over_no_training_begins(quick_run):
    limit = runs.TimeLimit(1e-9)
    with pytest.raises(Interrupted, match="resnet8 is next"):
        quick_run.train(limit)
    assert not quick_run.path.exists()


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["depht"], "NAME must be one of batchnorm, .* Received: 'depht'"),
        (["--minutes", "0"], "--minutes: must be a number above 0. Received: '0'"),
        (["--runs", "nowhere"], "argument --runs: must exist. Received: 'nowhere'"),
    ],
)
def test_bad_flags_are_answered_in_one_line(argv, message, capsys):
    with pytest.raises(SystemExit) as exit_:
        command.main(argv)
    assert exit_.value.code == 2
    shown = capsys.readouterr().err
    assert shown.count("\n") == 1
    assert re.search(message, shown)


def test_other_runs_are_for_studies_without_trainings(tmp_path):
    run = str(KEPT / "runs" / "plain20-seed_1")
    with pytest.raises(tfresnet.InputError, match=r"no training of their own. Received: depth"):
        command.main(["depth", "--runs", run, "--output-dir", str(tmp_path)])


def test_the_seeds_of_the_compared_networks_decide():
    low, high = {"0": 10.0, "1": 10.4, "2": 10.2}, {"0": 12.0, "1": 12.4, "2": 12.4}
    found = is_higher(high, low)
    # Student's 97.5 % point for two degrees of freedom, times the deviation, by the root of 3.
    assert str(found) == f"yes (2.07 ± {4.30 * 0.11547 / 3**0.5:.2f} points, 3 seeds)"
    assert is_higher(low, high).yes is False
    assert found.negated().yes is False
    assert is_higher(high, low, margin=2).yes is None
    assert is_higher({"0": 12.0, "1": 9.0}, {"0": 10.0, "1": 10.4}).yes is None


def test_one_seed_decides_nothing_and_a_small_gain_says_what_it_takes():
    assert str(is_higher({"0": 44.0}, {"0": 16.0})) == "undecided (28.00 points, 1 seed)"
    gains = {"0": 1.0, "1": 3.0, "2": 2.0}
    found = str(is_higher(gains, dict.fromkeys(gains, 0.0)))
    assert found == "undecided (2.00 ± 2.48 points, 3 seeds; 4 seeds could tell)"


def test_a_verdict_follows_from_its_answers():
    assert combine([True, None]) == "undecided"
    assert combine([None, False]) == "fails"
    assert combine([True, True]) == "holds"
