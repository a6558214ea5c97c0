"""Runs that were stopped at awkward places, in one process."""

import json
import os
import shutil
import time

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.small import leave_pages_out, shrink_networks, shrink_shapes10, without_times

import tfresnet
from tfresnet import TrainConfig
from tfresnet.errors import InputError, RunError
from tfresnet.layers import conv_forms
from tfresnet.runs.checkpoints import read
from tfresnet.runs.folder import RunFolder
from tfresnet.system import hardware
from tfresnet.system.signals import Interrupted, StopRequest
from tfresnet.training import loop, setup, testing
from tfresnet.training import run as run_module
from tfresnet.training.run import DivergedError, Run


def config(folder, **more):
    common = {"model": "resnet20", "dataset": "shapes10", "epochs": 2, "batch_size": 80}
    return TrainConfig(**common | {"val_size": 40, "output_dir": str(folder), "name": "run"} | more)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A run that was never stopped, and its last checkpoint."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("KERAS_HOME", str(tmp_path_factory.mktemp("keras")))
        small(patch)
        run = tfresnet.train(config(tmp_path_factory.mktemp("whole")))
    return run, newest(run.path)


def small(patch):
    """Few images, a small network with everything that has a state, and no pictures."""
    shrink_shapes10(patch)
    shrink_networks(patch)
    leave_pages_out(patch)


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    small(monkeypatch)


def newest(path):
    return read(sorted(path.glob("checkpoints/step-*.npz"))[-1])


def assert_as_whole(run, whole):
    expected, state = whole
    assert (run.path / "history.csv").read_bytes() == (expected.path / "history.csv").read_bytes()
    assert without_times(run.result) == without_times(expected.result)
    resumed = newest(run.path)
    assert resumed.history == state.history
    assert resumed.arrays.keys() == state.arrays.keys()
    for name, array in state.arrays.items():
        np.testing.assert_array_equal(resumed.arrays[name], array, name)


class StopAt(keras.callbacks.Callback):
    """Asks to stop as a signal would, at the given moment of the training."""

    request = None

    def __init__(self, moment, count):
        super().__init__()
        self.moment, self.left = moment, count

    def on_train_batch_end(self, batch, logs=None):
        self.count("train")

    def on_test_batch_end(self, batch, logs=None):
        self.count("test")

    def count(self, moment):
        self.left -= moment == self.moment
        if self.left == 0 and moment == self.moment:
            StopRequest.signum = 15


@pytest.mark.parametrize(
    ("moment", "count"),
    [("train", 1), ("train", 4), ("test", 1), pytest.param("train", 6, marks=pytest.mark.slow)],
)
def test_a_stop_anywhere_changes_nothing(moment, count, whole, tmp_path, monkeypatch):
    # 4 is the last step of an epoch, whose validation is left to the resume.
    monkeypatch.setattr(StopRequest, "signum", None)
    with pytest.raises(Interrupted, match="everything is saved"):
        tfresnet.train(config(tmp_path), callbacks=[StopAt(moment, count)])
    monkeypatch.setattr(StopRequest, "signum", None)
    assert_as_whole(tfresnet.train(resume=tmp_path / "run"), whole)


@pytest.mark.parametrize("arguments", [{}, {"config": TrainConfig(), "resume": "run"}])
def test_either_a_config_or_a_run(arguments):
    with pytest.raises(InputError, match="either a config or a run"):
        tfresnet.train(**arguments)


def test_an_empty_name_is_no_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match=r"must hold a readable config\.json"):
        tfresnet.train(resume="")


class Killed(BaseException):
    pass


def die(*_args, **_kwargs):
    raise Killed


@pytest.mark.parametrize(
    ("owner", "name"),
    [
        *((keras.Model, "save"), (testing, "write_test"), (RunFolder, "write_result")),
        *((Run, "save"), (Run, "batches"), (Run, "close_epoch"), (loop, "test")),
    ],
)
def test_a_death_at_a_turn_changes_nothing(owner, name, whole, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(owner, name, die)
        with pytest.raises(Killed):
            tfresnet.train(config(tmp_path))
    assert_as_whole(tfresnet.train(resume=tmp_path / "run"), whole)


def test_a_run_keeps_the_forms_of_its_convolutions_on_another_processor(tmp_path, monkeypatch):
    used, use = [], conv_forms.use
    monkeypatch.setattr(conv_forms, "use", lambda kind: used.append(kind) or use(kind))
    monkeypatch.setattr(hardware, "processor_flags", lambda: {"avx2"})
    monkeypatch.setattr(StopRequest, "signum", None)
    with pytest.raises(Interrupted):
        tfresnet.train(config(tmp_path), callbacks=[StopAt("train", 1)])
    monkeypatch.setattr(StopRequest, "signum", None)
    monkeypatch.setattr(hardware, "processor_flags", lambda: {"amx_bf16"})
    run = tfresnet.train(resume=tmp_path / "run")
    assert run.config.conv_forms == "avx2"
    assert used == ["avx2", "avx2"]


def test_the_data_may_have_moved_since(whole, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(loop, "test", die)
        with pytest.raises(Killed):
            tfresnet.train(config(tmp_path, data_dir="before"))
    asked, load = [], setup.load_dataset
    monkeypatch.setattr(
        setup, "load_dataset", lambda name, folder, **_: asked.append(folder) or load(name)
    )
    run = tfresnet.train(resume=tmp_path / "run", data_dir="after")
    assert_as_whole(run, whole)
    assert "other_work" not in run.result  # what went on before the death is not known
    assert asked == [os.path.abspath("after")]
    # A later evaluation finds it without being told again.
    assert RunFolder(run.path).read_config()["settings"]["data_dir"] == os.path.abspath("after")


def test_a_place_of_the_data_that_is_gone_gives_way_to_the_usual_ones(
    whole, tmp_path, monkeypatch, caplog
):
    with monkeypatch.context() as patch:
        patch.setattr(loop, "test", die)
        with pytest.raises(Killed):
            tfresnet.train(config(tmp_path, data_dir="gone"))
    asked, load = [], setup.load_dataset
    monkeypatch.setattr(
        setup, "load_dataset", lambda name, folder, **_: asked.append(folder) or load(name)
    )
    assert_as_whole(tfresnet.train(resume=tmp_path / "run"), whole)
    assert asked == [None]
    assert "gone is gone: looking for the data in the usual places" in caplog.text


def test_a_damaged_checkpoint_costs_only_time(whole, tmp_path, caplog, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(loop, "test", die)
        with pytest.raises(Killed):
            tfresnet.train(config(tmp_path))
    path = sorted((tmp_path / "run" / "checkpoints").glob("step-*.npz"))[-1]
    content = bytearray(path.read_bytes())
    weights = max(read(path).arrays.values(), key=lambda array: array.nbytes)
    content[content.index(weights.tobytes())] ^= 1
    path.write_bytes(content)
    assert_as_whole(tfresnet.train(resume=tmp_path / "run"), whole)
    assert f"passing over {path}" in caplog.text


def test_a_finished_run_is_left_alone(whole, capsys):
    run, _ = whole
    before = {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in run.path.rglob("*")}
    again = tfresnet.train(resume=run.path)
    assert "is finished" in capsys.readouterr().out
    assert {p: (p.stat().st_mtime_ns, p.stat().st_size) for p in run.path.rglob("*")} == before
    assert again.result == run.result
    assert again.history == run.history


@pytest.mark.parametrize("content", [None, "", "{", "[]", '{"settings": 3}', "[" * 100_000])
def test_a_folder_without_settings_is_refused(content, tmp_path):
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(InputError) as caught:
        tfresnet.train(resume=tmp_path)
    assert "\n" not in str(caught.value)


def content_of(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("left", ["result.json", "history.csv", "train"])
def test_a_run_whose_checkpoints_were_left_out_is_not_started_over(left, whole, tmp_path):
    run, _ = whole
    shutil.copy(run.path / "config.json", tmp_path)
    if left == "train":
        with tf.summary.create_file_writer(str(tmp_path / left)).as_default(step=20):
            tf.summary.scalar("loss", 1.0)
    else:
        shutil.copy(run.path / left, tmp_path)
    before = content_of(tmp_path)
    with pytest.raises(InputError, match=r"needs a checkpoint to be continued.* Received: "):
        tfresnet.train(resume=tmp_path)
    assert content_of(tmp_path) == before


def test_one_training_at_a_time(tmp_path):
    class Second(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            before = (tmp_path / "run" / "config.json").read_bytes()
            with pytest.raises(InputError, match="one training at a time"):
                tfresnet.train(resume=tmp_path / "run", strategy="none")
            assert (tmp_path / "run" / "config.json").read_bytes() == before

    tfresnet.train(config(tmp_path, epochs=1), callbacks=[Second()])


class Poison(keras.callbacks.Callback):
    """A weight that is not finite, before the loss shows it."""

    def on_train_batch_end(self, batch, logs=None):
        if batch == 1:
            self.model.trainable_variables[0].assign(
                self.model.trainable_variables[0] * float("inf")
            )


def test_weights_that_are_not_finite_are_not_saved(tmp_path):
    with pytest.raises(DivergedError, match=r"after step 2 with learning rate .* step 1 is saved"):
        tfresnet.train(config(tmp_path, checkpoint_minutes=1e-9), callbacks=[Poison()])
    assert newest(tmp_path / "run").step == 1


def test_a_clock_that_goes_backwards(whole, tmp_path, monkeypatch):
    now = iter(range(2 * 10**9, 0, -1))
    monkeypatch.setattr(time, "time", lambda: float(next(now)))
    assert_as_whole(tfresnet.train(config(tmp_path)), whole)


def test_a_failing_worker_of_the_pipeline(whole, tmp_path, monkeypatch):
    train_batches = run_module.train_batches

    def spoiled(split, **settings):
        def fail(step, batch):
            with tf.control_dependencies(
                [tf.debugging.assert_less(step, tf.constant(5, tf.int64), "the worker is ill")]
            ):
                return tf.identity(batch[0]), batch[1]

        return train_batches(split, **settings).enumerate().map(fail)

    with monkeypatch.context() as patch:
        patch.setattr(run_module, "train_batches", spoiled)
        with pytest.raises(RunError, match=r"the worker is ill.*step 4 is saved") as caught:
            tfresnet.train(config(tmp_path))
    assert "\n" not in str(caught.value)
    assert "Traceback" in (tmp_path / "run" / "log.txt").read_text()
    assert_as_whole(tfresnet.train(resume=tmp_path / "run"), whole)


@pytest.mark.parametrize(
    "error", [PermissionError(13, "no"), OSError(5, "I/O error"), MemoryError()]
)
def test_an_error_of_the_system_destroys_no_progress(error, whole, tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(loop, "test", die)
        with pytest.raises(Killed):
            tfresnet.train(config(tmp_path))
    before = sorted((tmp_path / "run" / "checkpoints").iterdir())

    def fail(path):
        raise error

    with monkeypatch.context() as patch:
        patch.setattr(type(tmp_path), "read_bytes", fail)
        with pytest.raises(RunError, match=r"is saved\. Go on with"):
            tfresnet.train(resume=tmp_path / "run")
    assert sorted((tmp_path / "run" / "checkpoints").iterdir()) == before
    assert_as_whole(tfresnet.train(resume=tmp_path / "run"), whole)


def test_a_run_with_nothing_but_damaged_checkpoints_is_not_started_over(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(loop, "test", die)
        with pytest.raises(Killed):
            tfresnet.train(config(tmp_path))
    for path in (tmp_path / "run" / "checkpoints").iterdir():
        path.write_bytes(b"")
    for _ in range(2):
        with pytest.raises(InputError, match="all are damaged"):
            tfresnet.train(resume=tmp_path / "run")


def test_a_checkpoint_of_an_earlier_version_is_refused(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(loop, "test", die)
        with pytest.raises(Killed):
            tfresnet.train(config(tmp_path))
    position = {"epoch": 1, "step": 2, "history": [], "logs": {}, "arrays": []}
    content = {"position.json": np.frombuffer(json.dumps(position).encode(), np.uint8)}
    for path in (tmp_path / "run" / "checkpoints").iterdir():
        with open(path, "wb") as file:
            np.savez(file, **content)
    before = {p: p.read_bytes() for p in (tmp_path / "run").rglob("*.npz")}
    with pytest.raises(InputError, match="by the version of the program that made it"):
        tfresnet.train(resume=tmp_path / "run")
    assert {p: p.read_bytes() for p in (tmp_path / "run").rglob("*.npz")} == before
