"""Whole small trainings through `tfresnet.train`."""

import csv
import json
from pathlib import Path

import keras
import numpy as np
import pytest
from support.small import leave_pages_out, shrink_shapes10, without_times

import tfresnet
from tfresnet.errors import InputError
from tfresnet.runs.checkpoints import State
from tfresnet.runs.folder import RunFolder
from tfresnet.training import loop
from tfresnet.training.learner import Learner
from tfresnet.training.run import DivergedError, Run
from tfresnet.training.setup import load_material
from tfresnet.training.testing import times


@pytest.fixture
def settings(settings_with_pages, small_model, monkeypatch):
    leave_pages_out(monkeypatch)
    return settings_with_pages


def train(settings, **more):
    callbacks = more.pop("callbacks", ())
    return tfresnet.train(tfresnet.TrainConfig(**settings | more), callbacks=callbacks)


def weights_of(path):
    return tfresnet.load_model(path / "model.keras").get_weights()


def note_images(monkeypatch):
    """A list to which each step adds its images."""
    shown = []

    class Note(loop.TrainStep):
        def __call__(self, images, *args, **kwargs):
            shown.append(images)
            return super().__call__(images, *args, **kwargs)

    monkeypatch.setattr(loop, "TrainStep", Note)
    return shown


def test_a_run_leaves_what_the_design_promises(settings_with_pages, capsys):
    run = train(settings_with_pages)
    files = {p.name for p in run.path.iterdir() if not p.name.startswith(".")}
    assert files == {
        *("config.json", "history.csv", "log.txt", "model.keras", "result.json"),
        *("checkpoints", "train", "validation", "test"),
    }
    with open(run.path / "history.csv") as file:
        rows = list(csv.DictReader(file))
    assert [row["epoch"] for row in rows] == ["1", "2"]
    assert [row["step"] for row in rows] == ["5", "10"]
    assert {"loss", "top1", "top5", "val_loss", "val_top1", "val_top5"} <= set(rows[0])
    assert float(rows[1]["val_loss"]) == run.history[1]["val_loss"]

    config = json.loads((run.path / "config.json").read_text())
    assert config["settings"]["lr"] == 0.1
    assert config["environment"]["dtype_policy"] in ("float32", "mixed_bfloat16")
    assert {"tensorflow", "keras", "numpy", "commit", "processor"} <= set(config["environment"])

    result = json.loads((run.path / "result.json").read_text())
    assert {name: result[name] for name in run.result} == run.result
    assert "history.csv" in result["files"]
    assert result["n"] == 60
    assert np.sum(result["confusion"]) == 60
    printed = capsys.readouterr().out
    assert "epoch   2/2  loss" in printed
    assert (run.path / "log.txt").read_text() == printed

    evaluated = tfresnet.evaluate(run.path)
    assert evaluated["model"] == "resnet8"


def test_the_first_lines_say_how_long_it_will_take(settings, capsys, monkeypatch):
    from tfresnet.training.progress import Progress

    monkeypatch.setattr(Progress, "MEASURED_SECONDS", 0.0)
    train(settings)
    lines = capsys.readouterr().out.splitlines()
    estimate = next(i for i, line in enumerate(lines) if " an epoch, " in line)
    assert estimate < next(i for i, line in enumerate(lines) if line.startswith("epoch"))
    assert "for the 7 steps left" in lines[estimate]


def test_same_seed_same_losses_other_seed_others(settings):
    settings |= {"epochs": 1}
    first = train(settings)
    second = train(settings, name="again")
    other = train(settings, name="other", seed=1)
    assert first.history == second.history
    assert first.history != other.history
    for a, b in zip(weights_of(first.path), weights_of(second.path), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.slow
def test_resume_after_a_finished_epoch_gives_the_same_weights(settings):
    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise RuntimeError("stopped")

    whole = train(settings)
    with pytest.raises(RuntimeError, match="stopped"):
        train(settings, name="part", callbacks=[Stop()])
    path = whole.path.with_name("part")
    assert not (path / "model.keras").exists()
    resumed = tfresnet.train(resume=path)
    assert resumed.history == whole.history
    assert without_times(resumed.result) == without_times(whole.result)
    assert (path / "history.csv").read_text() == (whole.path / "history.csv").read_text()
    for a, b in zip(weights_of(path), weights_of(whole.path), strict=True):
        np.testing.assert_array_equal(a, b)


def test_averaged_weights_on_growing_images_are_what_is_evaluated_and_saved(settings, monkeypatch):
    kept = []

    class Keep(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            kept.append(self.model.get_weights())
            if epoch == 0 and len(kept) == 1:
                raise RuntimeError("stopped")

    shown = note_images(monkeypatch)
    settings |= {"ema": 0.9, "image_sizes": "24,32", "uncropped_fraction": 0.5}
    whole = train(settings)
    assert [images.shape[1] for images in shown] == [24] * 5 + [32] * 5  # one of two epochs
    assert tfresnet.load(whole.path).model.input_shape == (None, 32, 32, 3)
    with pytest.raises(RuntimeError, match="stopped"):
        train(settings, name="part", callbacks=[Keep()])
    resumed = tfresnet.train(resume=whole.path.with_name("part"), callbacks=[Keep()])
    assert resumed.history == whole.history
    for a, b in zip(kept[-1], weights_of(whole.path), strict=True):
        np.testing.assert_array_equal(a, b)
    assert tfresnet.evaluate(whole.path)["top1"] == whole.result["top1"]
    state = RunFolder(whole.path).checkpoints.newest()
    averages, trained = (state.group(group) for group in ("average", "model"))
    assert len(averages) == len(trained)
    for name in trained:
        if name.endswith("kernel"):
            average = averages[name.replace("model/", "average/", 1)]
            assert not np.array_equal(trained[name], average), name


def test_the_last_epochs_show_whole_images(settings, monkeypatch):
    shown = note_images(monkeypatch)
    run = train(settings, epochs=3, uncropped_fraction=0.4)
    train_split = load_material(run.config)[1].train
    kept = {image.tobytes() for image in np.float32(train_split.images)}
    kept |= {image.tobytes() for image in np.float32(train_split.images[:, :, ::-1])}
    whole = [all(image.numpy().tobytes() in kept for image in images) for images in shown]
    assert whole == [False] * 10 + [True] * 5


def test_the_time_to_an_accuracy_is_kept_and_a_target_ends_the_run(settings):
    whole = train(settings, epochs=3, lr=1e-9, opt="sgd")
    assert len(whole.result["epoch_seconds"]) == 3
    assert all(seconds > 0 for seconds in whole.result["epoch_seconds"])
    assert whole.result["seconds_to"] == {"90": None, "93": None, "94": None}
    assert whole.result.get("other_work", 0) >= 0
    first = 100 * whole.history[0]["val_top1"]
    stopped = train(settings, name="stopped", epochs=3, lr=1e-9, opt="sgd", target_top1=first)
    assert stopped.history == whole.history[:1]
    assert "ends after epoch 1 of 3: validation top-1 is at least" in stopped.folder.log.read_text()
    assert tfresnet.train(resume=stopped.path).result == stopped.result


def test_seconds_to_an_accuracy_are_of_the_first_epoch_that_has_it():
    history = [{"val_top1": top1} for top1 in (0.5, 0.9, 0.935, 0.92)]
    found = times(State(history=history, seconds=[2.0, 3.0, 4.0, 5.0, 0.0]))
    assert found["epoch_seconds"] == [2.0, 3.0, 4.0, 5.0]
    assert found["seconds_to"] == {"90": 5.0, "93": 9.0, "94": None}


def test_a_target_is_in_percent(settings, caplog):
    train(settings, target_top1=0.9)
    assert "the training stops at 0.9 %, not 90 %" in caplog.text


def test_a_target_needs_images_to_be_measured_on(settings):
    with pytest.raises(InputError, match="target_top1 must have images"):
        train(settings, val_size=0, target_top1=50.0)
    assert not (Path(settings["output_dir"]) / settings["name"]).exists()


def test_without_validation_all_images_are_trained_on(settings):
    run = train(settings, val_size=0, epochs=1, batch_size=180)
    assert run.history[0]["step"] == 2
    assert "val_loss" not in run.history[0]


@pytest.mark.slow
def test_starting_from_the_weights_of_another_run(settings):
    first = train(settings, epochs=1)
    second = train(
        settings,
        name="second",
        epochs=1,
        lr=1e-12,
        weights=str(first.path / "model.keras"),
    )
    kernels = [(a, b) for a, b in zip(weights_of(first.path), weights_of(second.path), strict=True)]
    assert all(np.allclose(a, b, atol=1e-6) for a, b in kernels if a.ndim > 1)


@pytest.mark.parametrize(
    "precision", ["mixed_bfloat16", pytest.param("mixed_float16", marks=pytest.mark.slow)]
)
def test_other_precisions_train(settings_with_pages, precision, monkeypatch):
    # Few images: a processor without bfloat16 emulates it slowly.
    shrink_shapes10(monkeypatch, 32, 10)
    run = train(settings_with_pages, epochs=1, precision=precision, val_size=0, batch_size=16)
    assert np.isfinite(run.history[0]["loss"])
    assert keras.config.dtype_policy().name == "float32"


def test_a_loss_that_is_not_finite_ends_the_run(settings):
    with pytest.raises(
        DivergedError, match=r"the loss is (nan|inf) after step \d+ with learning rate"
    ):
        train(settings, lr=1e30, label_smoothing=0.0)


@pytest.mark.parametrize("precision", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_muon_multiplies_in_bfloat16_where_the_network_does(precision, settings_with_pages):
    options = {"opt": "muon", "precision": precision}
    config, material = load_material(
        tfresnet.TrainConfig(**settings_with_pages | options).resolved()
    )
    products = Learner.build(config, material.dataset).optimizer.products
    assert products == ("bfloat16" if precision == "mixed_bfloat16" else "float32")


def test_an_option_that_only_one_network_has(settings_with_pages):
    options = {"model": "wrn16_2", "model_option": "dropout=0.3", "precision": "float32"}
    config, material = load_material(
        tfresnet.TrainConfig(**settings_with_pages | options).resolved()
    )
    learner = Learner.build(config, material.dataset)
    rates = [unit.dropout for unit in learner.model.layers if hasattr(unit, "dropout")]
    assert rates
    assert set(rates) == {0.3}


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"model_option": "dropout"}, "model_option must be NAME=VALUE"),
        ({"model_option": "dropuot=0.3"}, "dropuot"),
        ({"model": "resnet19"}, "did you mean"),
        ({"batch_size": 1000}, "batch_size"),
        ({"val_size": 360}, "val_size"),
        ({"weights": "nowhere.keras"}, "must exist"),
        ({"model": "plain20", "shortcut": "B"}, "shortcut of plain20"),
    ],
)
def test_bad_settings_write_nothing(settings_with_pages, bad, message, tmp_path):
    with pytest.raises(InputError, match=message):
        train(settings_with_pages, **bad)
    assert not (tmp_path / "logs").exists()


def test_an_existing_folder_is_not_touched(settings, tmp_path):
    folder = tmp_path / "logs" / "run"
    folder.mkdir(parents=True)
    with pytest.raises(InputError, match="never overwritten"):
        train(settings)
    assert list(folder.iterdir()) == []


def test_an_output_folder_that_cannot_be_made(settings, tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="output_dir must be a folder that can be written"):
        train(settings, output_dir=str(tmp_path / "file" / "logs"))


@pytest.mark.parametrize(
    "name",
    [
        "write_validation",
        pytest.param("write_graphs", marks=pytest.mark.slow),
        pytest.param("texts", marks=pytest.mark.slow),
    ],
)
def test_a_page_that_fails_does_not_end_the_training(
    settings_with_pages, name, monkeypatch, caplog
):
    def fail(*_):
        raise TypeError("a page of no use\n\tFlushing first event.")

    monkeypatch.setattr(f"tfresnet.training.tensorboard.board.{name}", fail)
    run = train(settings_with_pages)
    assert len(run.history) == 2
    ours = [record.message for record in caplog.records if record.name == "tfresnet"]
    assert ours == ["the training goes on without TensorBoard: a page of no use"]


@pytest.mark.parametrize(
    "more", [{"image_sizes": "24,32"}, pytest.param({"ema": 0.9}, marks=pytest.mark.slow)]
)
def test_pages_are_there_whatever_is_evaluated(settings_with_pages, more, caplog):
    run = train(settings_with_pages, **more)
    assert "goes on without" not in caplog.text
    assert RunFolder(run.path).thumbnails.exists()


def test_pages_of_the_test_that_fail_leave_its_result(settings, monkeypatch, caplog):
    monkeypatch.setattr("tfresnet.training.testing.write_test", lambda *_: {}["nothing"])
    run = train(settings, epochs=1)
    assert (run.path / "result.json").exists()
    assert "goes on without the pages of the test" in caplog.text


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"image_sizes": "24"}, "image_sizes must end with 32"),
        ({"image_sizes": "16,64"}, "image_sizes must end with 32"),
        ({"image_sizes": "16,32", "model": "alexnet"}, "alexnet can be trained on"),
        ({"image_sizes": "24,32", "model": "googlenet"}, "googlenet can be trained on"),
    ],
)
def test_sides_that_do_not_fit(settings_with_pages, more, message, tmp_path):
    with pytest.raises(InputError, match=message):
        train(settings_with_pages, **more)
    assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize(("target", "stops"), [(56.6, True), (56.7, False)])
def test_a_target_that_is_reached_exactly_ends_the_training(target, stops):
    state = State(history=[{"val_top1": 0.566}])  # of which 100 times is 56.599999999999994
    run = Run(tfresnet.TrainConfig(target_top1=target), None, None, None, None, state)
    assert run._is_at_target == stops
