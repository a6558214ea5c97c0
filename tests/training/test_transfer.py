"""What of a network is trained: all, the last stages, or the classifier alone."""

import itertools
from dataclasses import replace
from types import SimpleNamespace

import keras
import numpy as np
import pytest

import tfresnet
from tfresnet import TrainConfig, models
from tfresnet.errors import InputError
from tfresnet.layers import Preprocessing
from tfresnet.models.weights import Weights
from tfresnet.runs.folder import RunFolder
from tfresnet.training.flags import parse
from tfresnet.training.learner import Learner
from tfresnet.training.setup import fit_to_weights, load_material


def by_path(model):
    return {v.path: np.asarray(v) for v in model.variables}


@pytest.fixture
def weights(tmp_path):
    """A network for other classes, with statistics that are not the initial ones."""
    keras.utils.set_random_seed(3)
    model = models.create_model("resnet8", num_classes=7)
    for variable in model.variables:
        if len(variable.shape) == 1:
            variable.assign(keras.random.uniform(variable.shape, 0.5, 1.5, seed=1))
    model.save(tmp_path / "m.keras")
    return tmp_path / "m.keras"


@pytest.mark.parametrize(
    ("transfer", "stages", "trained"),
    [
        ("last", 2, {"conv3", "conv4", "predictions"}),
        ("head", None, {"predictions"}),
    ],
)
def test_what_is_frozen_stays_bit_for_bit(transfer, stages, trained, weights, tiny):
    run = tfresnet.train(tiny(weights=str(weights), transfer=transfer, train_stages=stages))
    before, after = by_path(tfresnet.load_model(weights)), by_path(run.model)
    changed = {models.stage_of(p) for p in before if not np.array_equal(before[p], after[p])}
    assert changed == trained
    kept = [p for p in before if models.stage_of(p) not in trained]
    assert any("moving_mean" in path for path in kept)
    found = tfresnet.evaluate(run.path, split="val")["loss"]
    assert found == pytest.approx(run.history[-1]["val_loss"], rel=1e-3)


def test_the_time_of_the_features_counts(weights, tiny, monkeypatch):
    clock = SimpleNamespace(monotonic=itertools.count(0, 1000).__next__)
    monkeypatch.setattr("tfresnet.training.features.time", clock)
    run = tfresnet.train(tiny(weights=str(weights), transfer="head"))
    assert 1000 < run.result["epoch_seconds"][0] < 2000


@pytest.mark.slow
def test_a_head_resumes_bit_for_bit(weights, tiny):
    class Stop(keras.callbacks.Callback):
        def on_epoch_begin(self, epoch, logs=None):
            if epoch == 1:
                raise RuntimeError("stopped")

    options = {"weights": str(weights), "transfer": "head", "epochs": 2}
    whole = tfresnet.train(tiny(**options))
    with pytest.raises(RuntimeError, match="stopped"):
        tfresnet.train(tiny(**options, name="part"), callbacks=[Stop()])
    resumed = tfresnet.train(resume=whole.path.with_name("part"))
    assert resumed.history == whole.history
    for path, value in by_path(whole.model).items():
        np.testing.assert_array_equal(value, by_path(resumed.model)[path])


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ({"transfer": "head"}, "transfer must be all without weights"),
        ({"weights": "m", "train_stages": 2}, "train_stages must come with transfer=last"),
        (
            {"weights": "m", "transfer": "last", "train_stages": 5},
            r"train_stages must be at most 4, the stages of resnet8 \(conv1, conv2, conv3, conv4\)",
        ),
        ({"weights": "m", "transfer": "head", "model": "nin"}, "transfer must not be head: nin"),
        (
            {"weights": "m", "transfer": "head", "image_sizes": "16,32"},
            "image_sizes must not be given with transfer=head.* Received: 16,32",
        ),
    ],
)
def test_what_cannot_be(bad, message, tiny, weights, tmp_path):
    if bad.get("weights") == "m":
        bad = bad | {"weights": str(weights)}
    with pytest.raises(InputError, match=message):
        tfresnet.train(tiny(**bad))
    assert not (tmp_path / "logs").exists()


def test_the_network_is_that_of_the_weights(tmp_path):
    options = {"shortcut": "B", "model_option": {"dropout": 0.1}}
    settings = TrainConfig(model="resnet56", output_dir=tmp_path, name="run", **options)
    run = RunFolder.create(settings.to_dict(), {})
    for source in (run.path, run.model):
        config = parse(["--weights", str(source), "--transfer", "head"])["config"]
        assert (config.model, config.shortcut) == ("resnet56", "B")
        assert config.model_option == options["model_option"]
    other = ["--weights", str(run.path), "--model", "resnet18"]
    assert parse(other)["config"].shortcut == "auto"
    assert parse(["--weights", "resnet20-cifar10"])["config"].model == "resnet20"
    run.config.write_text("[]")
    assert parse(["--weights", str(run.path)])["config"].model == TrainConfig().model


def test_weights_of_another_network_are_refused_by_its_name(weights):
    with pytest.raises(InputError, match=r"must be those of the network, resnet20.*model resnet8"):
        models.read_weights(weights).fill(models.create_model("resnet20"))


def test_pixels_are_prepared_as_for_the_weights(caplog):
    pixels = Preprocessing((0.1, 0.2, 0.3), (0.5, 0.6, 0.7))
    own = Weights("ours", {}, pixels)
    config = TrainConfig(weights="ours")
    fitted = fit_to_weights(config, own)
    assert (fitted.mean, fitted.std) == ((0.1, 0.2, 0.3), (0.5, 0.6, 0.7))
    assert fit_to_weights(fitted, own) == fitted
    assert caplog.text == ""
    other = replace(config, mean="0.5,0.5,0.5", std="0.5,0.5,0.5")
    assert fit_to_weights(other, own) == other
    assert "was trained on pixels of mean (0.1, 0.2, 0.3) and std (0.5, 0.6, 0.7)" in caplog.text
    with pytest.raises(InputError, match="mean must be given with std"):
        fit_to_weights(TrainConfig(mean="0.1,0.2,0.3"), None)


@pytest.mark.parametrize("option", [{}, {"shortcut": "B"}])
def test_the_stride_of_bottlenecks_comes_along(option):
    config = TrainConfig(model_option=option)
    fitted = fit_to_weights(config, Weights("v1.5", {}, stride_in_3x3=True)).model_option
    assert fitted == option | {"stride_in_3x3": True}


def test_options_that_the_weights_show_come_along(caplog):
    arrays = {f"conv{n}_block1/conv1/kernel": np.zeros(1) for n in (2, 3)}
    arrays |= {"conv3_block1/shortcut_conv/kernel": np.zeros(1), "conv5_block1/bn1/beta": 0}
    arrays["conv1/conv/kernel"] = np.zeros((3, 3, 3, 16))
    weights = Weights("theirs", arrays, library="torchvision")
    config = TrainConfig(model="resnet20", weights="theirs")
    assert fit_to_weights(config, weights).model_option == {"shortcut": "B", "stem": "cifar"}
    assert "does not say whether max pooling follows" in caplog.text
    caplog.clear()
    given = replace(config, shortcut="C", model_option={"stem": "cifar_pool"})
    assert fit_to_weights(given, weights) == given
    assert caplog.text == ""


def test_pixels_are_a_name_for_mean_and_std(tiny, tmp_path):
    models.create_model("resnet8").save_weights(tmp_path / "m.weights.h5")
    config = tiny(weights=str(tmp_path / "m.weights.h5"), pixels="tf")
    run = tfresnet.train(config)
    assert models.preprocessing_of(run.model).mean == (0.5,) * 3
    assert run.config.resolved().mean == (0.5,) * 3  # the recorded settings can train again
    for bad in ({"weights": None}, {"mean": "0,0,0", "std": "1,1,1"}):
        with pytest.raises(InputError, match="pixels must come with weights, in place of mean"):
            tfresnet.train(replace(config, name="bad", **bad))


def test_a_run_keeps_how_its_pixels_are_prepared(weights, tiny, caplog):
    how = {"mean": "0.1,0.2,0.3", "std": "0.5,0.6,0.7"}
    run = tfresnet.train(tiny(weights=str(weights), **how))
    assert models.preprocessing_of(run.model).mean == (0.1, 0.2, 0.3)
    assert "does not say" not in caplog.text
    tfresnet.train(tiny(weights=str(weights), name="guessed"))
    assert "m.keras does not say how its pixels are prepared" in caplog.text


def test_averages_begin_from_the_weights(weights, tiny):
    settings = {"weights": str(weights), "ema": 0.9, "precision": "float32"}
    config, material = load_material(tiny(**settings).resolved())
    learner = Learner.build(config, material.dataset, models.read_weights(weights, "resnet8"))
    given, averages = by_path(tfresnet.load_model(weights)), by_path(learner.averages.network)
    same = [path for path in given if "predictions" not in path]
    assert same
    for path in same:
        np.testing.assert_array_equal(averages[path], given[path])
