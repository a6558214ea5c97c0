"""Users' callbacks: Keras' calls in Keras' order, and what a callback may do to the model."""

import keras
import numpy as np
import pytest
from support.small import without_times

import tfresnet
from tfresnet.errors import InputError
from tfresnet.runs.verification import verify
from tfresnet.system.signals import Interrupted, StopRequest

pytestmark = pytest.mark.usefixtures("small_model")


class Recorder(keras.callbacks.Callback):
    """Writes down every call with its arguments."""

    def __init__(self):
        super().__init__()
        self.calls = []


def _recording(moment):
    def record(self, *args, logs=None, **kwargs):
        *numbers, last = [*args, *kwargs.values(), logs or {}]
        given = [x for x in (*numbers, last) if isinstance(x, dict)]
        numbers = [x for x in (*numbers, last) if not isinstance(x, dict)]
        self.calls.append((moment, *numbers, sorted({key for logs in given for key in logs})))

    return record


MOMENTS = [name for name in dir(keras.callbacks.Callback) if name.startswith("on_")]
MOMENTS = [m for m in MOMENTS if "predict" not in m and m not in ("on_batch_begin", "on_batch_end")]
for _moment in MOMENTS:
    setattr(Recorder, _moment, _recording(_moment))


def calls_of_keras(run, epochs, steps):
    """What `fit` calls, with as many steps and images held out."""
    recorder = Recorder()
    images = np.zeros((steps * 4, 2), "float32")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(10)])
    model.compile(
        "sgd",
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        metrics=[
            keras.metrics.SparseCategoricalAccuracy(name="top1"),
            keras.metrics.SparseCategoricalAccuracy(name="accuracy"),
            keras.metrics.SparseTopKCategoricalAccuracy(k=5, name="top5"),
        ],
    )
    labels = np.zeros(len(images), "int32")
    validation = (images[:1], labels[:1])
    model.fit(
        *(images, labels, 4, epochs), verbose=0, callbacks=[recorder], validation_data=validation
    )
    return recorder.calls


def test_calls_are_those_of_fit(tiny):
    recorder = Recorder()
    run = tfresnet.train(tiny(epochs=2), callbacks=[recorder])
    assert recorder.calls == calls_of_keras(run, epochs=2, steps=run.history[0]["step"])


@pytest.mark.parametrize("moment", ["on_train_batch_end", "on_test_batch_end"])
def test_each_call_comes_once_after_a_resume_too(tiny, moment):
    class Stop(keras.callbacks.Callback):
        pass

    setattr(Stop, moment, lambda self, batch, logs=None: setattr(StopRequest, "signum", 15))
    config = tiny(epochs=2)
    with pytest.raises(Interrupted):
        tfresnet.train(config, callbacks=[Stop()])
    StopRequest.signum = None
    recorder = Recorder()
    run = tfresnet.train(resume=f"{config.output_dir}/{config.name}", callbacks=[recorder])
    steps = run.history[0]["step"]
    whole = calls_of_keras(run, epochs=2, steps=steps)
    begun = 1 if moment == "on_train_batch_end" else steps  # of the first epoch
    batches = ("on_train_batch_begin", "on_train_batch_end")
    done = [(name, number) for number in range(begun) for name in batches]
    first_epoch = whole.index(next(call for call in whole if call[0] == "on_epoch_end"))
    expected = [call for call in whole[:first_epoch] if call[:2] not in done]
    assert recorder.calls == expected + whole[first_epoch:]


def test_a_saved_best_model_can_be_loaded(tiny, tmp_path):
    best = tmp_path / "best.keras"
    saver = keras.callbacks.ModelCheckpoint(best, monitor="val_top1", save_best_only=True)
    run = tfresnet.train(tiny(epochs=1), callbacks=[saver])
    for load in (tfresnet.load_model, keras.saving.load_model):
        weights = load(best).get_weights()
        for ours, theirs in zip(run.model.get_weights(), weights, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_a_callback_may_evaluate_and_predict(tiny):
    class Curious(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            images, labels = np.zeros((3, 32, 32, 3), "uint8"), np.zeros(3, "int32")
            self.loss = self.model.evaluate(images, labels, verbose=0)[0]
            self.shape = self.model.predict(images, verbose=0).shape

    curious = Curious()
    alone = tfresnet.train(tiny(name="alone"))
    run = tfresnet.train(tiny(name="watched"), callbacks=[curious])
    assert curious.shape == (3, 10)
    assert np.isfinite(curious.loss)
    assert run.history == alone.history


class StopTraining(keras.callbacks.Callback):
    def __init__(self, batch):
        super().__init__()
        self.batch = batch

    def on_train_batch_end(self, batch, logs=None):
        if batch == self.batch:
            self.model.stop_training = True


def test_a_stopped_training_stays_stopped_after_a_resume(tiny, monkeypatch):
    config = tiny(epochs=3, checkpoint_minutes=1e-9)

    class Kill(keras.callbacks.Callback):
        def on_test_begin(self, logs=None):
            raise KeyboardInterrupt

    with pytest.raises(Interrupted):
        tfresnet.train(config, callbacks=[StopTraining(1), Kill()])
    run = tfresnet.train(resume=f"{config.output_dir}/{config.name}")
    whole = tfresnet.train(tiny(epochs=3, name="whole"), callbacks=[StopTraining(1)])
    assert [row["step"] for row in run.history] == [2]
    assert run.history == whole.history


@pytest.mark.slow
def test_a_callback_sets_the_highest_rate_and_a_checkpoint_keeps_it(tiny):
    class Halve(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            self.model.optimizer.learning_rate = float(self.model.optimizer.learning_rate) / 2

    usual = tfresnet.train(tiny(epochs=3, name="usual"))
    halved = tfresnet.train(tiny(epochs=3, name="halved"), callbacks=[Halve()])
    shares = [
        ours["learning_rate"] / theirs["learning_rate"]
        for ours, theirs in zip(halved.history, usual.history, strict=True)
    ]
    assert shares == pytest.approx([1, 0.5, 0.25])

    class Die(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 2:
                raise KeyboardInterrupt

    config = tiny(epochs=3, name="resumed")
    with pytest.raises(Interrupted):
        tfresnet.train(config, callbacks=[Halve(), Die()])
    resumed = tfresnet.train(resume=f"{config.output_dir}/resumed", callbacks=[Halve()])
    assert resumed.history == halved.history
    assert without_times(resumed.result) == without_times(halved.result)


def test_keras_own_schedules_set_it_too(tiny):
    rate = keras.callbacks.LearningRateScheduler(lambda epoch: 0.01)
    run = tfresnet.train(tiny(epochs=1, lr_scheduler="constant", warmup_epochs=0), callbacks=[rate])
    assert run.history[0]["learning_rate"] == pytest.approx(0.01)


class Remembering(keras.callbacks.Callback):
    """With a state of its own, of all kinds."""

    def __init__(self):
        super().__init__()
        self.state = {"epochs": [], "weights": None, "more": {"array": (1, None, "a")}}

    def on_epoch_end(self, epoch, logs=None):
        self.state["epochs"].append(np.float32(epoch))
        self.state["weights"] = {"a/b": np.arange(epoch + 2), "a": {"b": np.eye(2)}}

    def get_state(self):
        return self.state

    def set_state(self, state):
        self.state = state


class KillAt(keras.callbacks.Callback):
    """Ends the process at the beginning of an epoch."""

    def __init__(self, epoch):
        super().__init__()
        self.epoch = epoch

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.epoch:
            raise KeyboardInterrupt


def made(folder):
    """Callbacks with a memory; nothing is ever better than the first epoch."""
    kinds = keras.callbacks
    stop = kinds.EarlyStopping("loss", patience=3, min_delta=100, restore_best_weights=True)
    best = kinds.ModelCheckpoint(folder / "best.keras", "val_accuracy", save_best_only=True)
    rate = kinds.ReduceLROnPlateau("val_loss", patience=2, min_delta=100)
    table = kinds.CSVLogger(folder / "log.csv")
    return [stop, best, rate, table, Remembering()]


def test_callbacks_remember_over_a_resume(tiny, tmp_path):
    settings = {"epochs": 6, "lr_scheduler": "constant", "lr": 1e-3, "warmup_epochs": 0}
    whole = made(tmp_path)
    run = tfresnet.train(tiny(name="whole", **settings), callbacks=whole)
    assert len(run.history) == 4
    (tmp_path / "cut").mkdir()
    config = tiny(name="cut", **settings)
    with pytest.raises(Interrupted):
        tfresnet.train(config, callbacks=[*(first := made(tmp_path / "cut")), KillAt(2)])
    first[3].csv_file.close()  # as the end of the process would
    callbacks = made(tmp_path / "cut")
    again = tfresnet.train(resume=f"{config.output_dir}/cut", callbacks=callbacks)
    assert again.history == run.history
    for ours, theirs in zip(again.model.get_weights(), run.model.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    for name in ("best", "wait", "cooldown_counter", "stopped_epoch", "best_epoch"):
        found = [getattr(callback, name, None) for callback in callbacks]
        assert found == [getattr(callback, name, None) for callback in whole], name
    assert (tmp_path / "cut" / "log.csv").read_text() == (tmp_path / "log.csv").read_text()
    assert callbacks[-1].state["epochs"] == [0, 1, 2, 3]
    np.testing.assert_array_equal(callbacks[-1].state["weights"]["a/b"], np.arange(5))
    np.testing.assert_array_equal(callbacks[-1].state["weights"]["a"]["b"], np.eye(2))
    assert callbacks[-1].state["more"] == {"array": [1, None, "a"]}
    assert verify(again.path).sound


def test_what_a_checkpoint_does_not_keep_is_said(tiny, capsys):
    config = tiny(epochs=3)
    stop = keras.callbacks.EarlyStopping("loss")
    with pytest.raises(Interrupted):
        tfresnet.train(config, callbacks=[stop, KillAt(1)])
    tfresnet.train(resume=f"{config.output_dir}/{config.name}", callbacks=[KillAt(7), stop])
    said = capsys.readouterr().out
    assert "callback KillAt begins anew" in said
    assert "EarlyStopping" not in said


def test_a_state_that_no_checkpoint_can_hold(tiny):
    callback = Remembering()
    callback.state = {"lock": object()}
    with pytest.raises(InputError, match=r"state of Remembering must be .*Received: object"):
        tfresnet.train(tiny(), callbacks=[callback])


@pytest.mark.parametrize(
    ("callback", "settings", "message"),
    [
        (keras.callbacks.EarlyStopping("val_acc"), {}, "monitor of EarlyStopping .*'val_acc'"),
        (keras.callbacks.EarlyStopping(), {"val_size": 0}, "one of loss, top1, .*'val_loss'"),
        (keras.callbacks.ReduceLROnPlateau("f1"), {}, "monitor of ReduceLROnPlateau must be"),
        (
            keras.callbacks.ModelCheckpoint("a.keras", save_best_only=True, save_freq=3),
            {},
            "one of loss, top1, top5, accuracy. Received: 'val_loss'",
        ),
    ],
)
def test_a_monitor_that_will_never_exist(callback, settings, message, tiny, tmp_path):
    with pytest.raises(InputError, match=message):
        tfresnet.train(tiny(**settings), callbacks=[callback])
    assert not (tmp_path / "logs").exists()


def test_backup_and_restore_is_refused(tiny, tmp_path):
    backup = keras.callbacks.BackupAndRestore(tmp_path / "backup")
    with pytest.raises(InputError, match="BackupAndRestore"):
        tfresnet.train(tiny(), callbacks=[backup])


def test_monitors_that_others_may_add_are_left_alone(tiny, tmp_path):
    class Adds(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            logs["mine"] = float(epoch)

    kinds = keras.callbacks
    file = tmp_path / "{epoch}-{val_accuracy:.2f}.weights.h5"
    callbacks = [
        kinds.ModelCheckpoint(file, save_weights_only=True),
        kinds.ReduceLROnPlateau("accuracy"),
        kinds.EarlyStopping("learning_rate", mode="min"),
        Adds(),
        kinds.EarlyStopping("mine", mode="max"),
    ]
    tfresnet.train(tiny(epochs=1), callbacks=callbacks)
    assert callbacks[-1].best == 0
    assert list(tmp_path.glob("1-0.*.weights.h5"))
