"""`python -m tfresnet.verify`: a sound run, and every kind of damage."""

import shutil

import keras
import numpy as np
import pytest
from support.processes import checkpoints, pages
from support.small import shrink_shapes10

import tfresnet
from tfresnet.errors import InputError
from tfresnet.runs.folder import RunFolder
from tfresnet.runs.verification import verify
from tfresnet.verify import main


@pytest.fixture(scope="module")
def sound(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        shrink_shapes10(patch)
        folder = str(tmp_path_factory.mktemp("verify"))
        small = {"model": "resnet8", "dataset": "shapes10", "epochs": 1, "val_size": 50}
        return tfresnet.train(tfresnet.TrainConfig(**small, output_dir=folder, name="run")).path


@pytest.fixture
def run(sound, tmp_path):
    shutil.copytree(sound, tmp_path / "run")
    return tmp_path / "run"


def bad(run):
    return {what: text for good, what, text in verify(run).lines if not good}


def flip(path):
    content = bytearray(path.read_bytes())
    # More than the header of a zip member, of which not every bit matters.
    for index in range(len(content) // 2, min(len(content), len(content) // 2 + 300)):
        content[index] ^= 1
    path.write_bytes(content)


def test_a_sound_run(run, capsys):
    assert len(pages(run / "train")) > 0
    report = main([str(run)])
    assert report.sound, str(report)
    assert len(report.usable) == 2
    assert "BAD" not in capsys.readouterr().out


class SetsOtherWeights(keras.callbacks.Callback):
    """As `EarlyStopping(restore_best_weights=True)` does."""

    def on_train_end(self, logs=None):
        self.model.set_weights([weights + 0.01 for weights in self.model.get_weights()])


@pytest.mark.parametrize(("ema", "callbacks"), [(0.9, []), (None, [SetsOtherWeights()])])
def test_averages_and_weights_that_a_callback_sets_are_sound(
    ema, callbacks, tiny, small_model, monkeypatch
):
    whole = tfresnet.train(tiny(ema=ema), callbacks=callbacks)
    assert "model.keras" not in bad(whole.path)
    # Killed in the test: the resumed run has the same weights, and so the same figures.
    with monkeypatch.context() as patch:
        patch.setattr(RunFolder, "write_result", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            tfresnet.train(tiny(ema=ema, name="killed"), callbacks=callbacks)
    resumed = tfresnet.train(resume=whole.path.with_name("killed"))
    assert resumed.result["loss"] == whole.result["loss"]


def test_a_run_without_its_checkpoints_is_not_told_to_resume(run):
    shutil.rmtree(run / "checkpoints")
    assert len(verify(run).usable) == 1


def test_a_damaged_checkpoint_is_found_and_the_one_before_still_serves(run):
    newest = checkpoints(run)[-1]
    flip(run / "checkpoints" / newest)
    assert list(bad(run)) == [f"checkpoints/{newest}"]
    assert len(verify(run).usable) == 2


@pytest.mark.parametrize("name", ["model.keras", "config.json", "history.csv", "result.json"])
def test_other_damaged_files_are_found(name, run):
    (run / name).write_bytes((run / name).read_bytes()[:50])
    assert name in bad(run)
    with pytest.raises(SystemExit) as end:
        main([str(run)])
    assert end.value.code == 1


def test_a_finished_run_without_model_and_checkpoints_has_its_figures(run):
    """Evidence of a result is kept so; its events may be packed."""
    shutil.rmtree(run / "checkpoints")
    shutil.rmtree(run / "train")
    (run / "model.keras").unlink()
    report = verify(run)
    assert report.sound
    assert report.usable == ["the figures; the run is finished and its model was left out"]
    with pytest.raises(InputError, match="finished; its model was left out"):
        tfresnet.evaluate(run)
    (run / "result.json").unlink()
    assert verify(run).usable == []


def test_files_of_different_runs_are_found(run):
    text = (run / "history.csv").read_text()
    (run / "history.csv").write_text(text.replace(",0.", ",0.9", 1))
    config = RunFolder(run).read_config()
    RunFolder(run).write_config(config["settings"] | {"model": "resnet32"}, {})
    assert {"history.csv", "model.keras", "result.json"} <= bad(run).keys()


def test_weights_that_are_not_those_of_the_checkpoint_are_found(run):
    path = run / "checkpoints" / checkpoints(run)[-1]
    arrays = dict(np.load(path))
    arrays["model/conv1/bn/gamma"] += 1
    np.savez(path, **arrays)
    assert "conv1/bn/gamma differs" in bad(run)["model.keras"]


def test_events_that_are_damaged_are_found(run):
    event_file = next((run / "train").glob("*tfevents*"))
    event_file.write_bytes(event_file.read_bytes()[:200])
    assert "train/ (events)" in bad(run)


def test_no_folder(tmp_path):
    with pytest.raises(InputError, match="RUN must be a run folder"):
        verify(tmp_path / "missing")
