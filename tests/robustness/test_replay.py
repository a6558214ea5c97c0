"""A replay: an honest run agrees bit for bit; what was changed by hand is found."""

import json
import shutil
from dataclasses import replace

import keras
import pytest
from support.small import shrink_networks, shrink_shapes10

import tfresnet
from tfresnet.errors import InputError
from tfresnet.runs.checkpoints import read
from tfresnet.runs.folder import RunFolder
from tfresnet.runs.verification import verify
from tfresnet.training.replay import replay
from tfresnet.verify import main

SETTINGS = {"model": "resnet20", "dataset": "shapes10", "val_size": 40, "batch_size": 16}
STEPS = 20  # of an epoch


@pytest.fixture(scope="module")
def honest(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        small(patch)
        config = tfresnet.TrainConfig(
            **SETTINGS, epochs=3, output_dir=str(tmp_path_factory.mktemp("runs")), name="run"
        )
        return tfresnet.train(config).path


def small(patch):
    shrink_shapes10(patch)
    shrink_networks(patch)


@pytest.fixture(autouse=True)
def _small(monkeypatch):
    small(monkeypatch)


@pytest.fixture
def run(honest, tmp_path):
    return RunFolder(shutil.copytree(honest, tmp_path / "run"))


def content(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        (None, "steps 21 to 60 and the test: "),
        (1, "steps 1 to 1: the folder keeps nothing"),
        pytest.param(STEPS, "steps 1 to 20: ", marks=pytest.mark.slow),
        (STEPS + 5, "steps 1 to 25: "),
        (1000, "steps 1 to 60 and the test: "),
    ],
)
def test_an_honest_run(steps, said, run):
    before = content(run.path)
    good, text = replay(run.path, steps)
    assert text.startswith(said)
    assert good == text.endswith("agree (bit for bit)") == (steps != 1)
    assert content(run.path) == before


def change_states(run, change):
    """Writes all checkpoints anew, with good checksums."""
    for path in run.checkpoints.paths():
        state = read(path)
        change(state)
        run.checkpoints.save(state)


def better_history(run):
    def change(state):
        state.history[0]["val_top1"] = 0.99

    change_states(run, change)
    rows = run.read_history()
    rows[0]["val_top1"] = 0.99
    run.write_history(rows)


def other_weights(run):
    state = read(run.checkpoints.paths()[1])
    state.arrays["model/conv/kernel"] = state.arrays["model/conv/kernel"] + 1e-7
    run.checkpoints.save(state)


def other_position(run):
    path = run.checkpoints.paths()[1]
    state = read(path)
    path.unlink()
    run.checkpoints.save(replace(state, step=state.step + 1))


def other_model(run):
    model = tfresnet.load_model(run.model)
    model.layers[-1].set_weights([weights + 1e-6 for weights in model.layers[-1].get_weights()])
    model.save(run.model)


def better_result(run):
    run.write_result(run.read_result() | {"top5": 1.0})


def other_settings(run):
    content = run.read_config()
    run.write_config(content["settings"] | {"lr": 0.05}, content["environment"])


def other_validation(run):
    """The chart by epoch of another run."""
    for path in run.validation.iterdir():
        path.unlink()
    shutil.copy(next(run.train.glob("*tfevents*")), run.validation)


@pytest.mark.parametrize(
    ("forge", "steps", "said"),
    [
        (better_history, 1000, "step 20: checkpoints/step-000000020.npz, position ("),
        (other_weights, None, "step 40: checkpoints/step-000000040.npz, model/conv/kernel ("),
        (other_position, 50, "step 41: checkpoints/step-000000041.npz, model/bn/beta ("),
        (other_model, None, "step 60: model.keras, model/predictions/bias ("),
        (better_result, None, "step 60: result.json, top5 (1.0 there, "),
        (other_settings, 20, "step 20: checkpoints/step-000000020.npz, model/"),
        (other_validation, None, "validation/, "),
    ],
)
def test_what_was_changed_by_hand(forge, steps, said, run):
    forge(run)
    good, text = replay(run.path, steps)
    assert not good
    assert said in text
    assert "\n" not in text


def test_a_forged_history_passes_the_check_of_the_files(run):
    """That is what the replay is for."""
    for events in (run.train, run.validation):
        shutil.rmtree(events)
    better_history(run)
    run.write_result(run.read_result())  # with new checksums
    assert verify(run.path).sound


def test_other_hardware_is_said_and_only_measures_are_compared(run):
    content = run.read_config()
    run.write_config(content["settings"], content["environment"] | {"processor": "Z80"})
    other_weights(run)
    good, text = replay(run.path)
    assert good, text
    assert "bits cannot be expected: processor Z80 there and " in text
    better_history(run)
    assert "history.csv, val_top1 (0.99 there" in replay(run.path, 1000)[1]


def test_an_unfinished_run(run):
    run.result.unlink()
    run.checkpoints.paths()[-1].unlink()
    assert replay(run.path)[0]
    run.checkpoints.paths()[-1].unlink()
    with pytest.raises(InputError, match="two kept checkpoints, or a number of steps"):
        replay(run.path)


def test_callbacks_must_be_given_again(tmp_path):
    def patience():
        return [keras.callbacks.EarlyStopping(patience=5, monitor="loss")]

    config = tfresnet.TrainConfig(**SETTINGS, epochs=2, output_dir=str(tmp_path), name="run")
    path = tfresnet.train(config, callbacks=patience()).path
    with pytest.raises(InputError, match="Keras callbacks"):
        replay(path)
    good, text = replay(path, callbacks=patience())
    assert good, text


def test_the_command(run, capsys):
    assert main([str(run.path), "--replay", "20"]).sound
    assert "ok   replay: steps 1 to 20" in capsys.readouterr().out
    result = json.loads(run.result.read_text())
    run.write_result(result | {"loss": result["loss"] / 2})
    with pytest.raises(SystemExit) as end:
        main([str(run.path), "--replay"])
    assert end.value.code == 1
