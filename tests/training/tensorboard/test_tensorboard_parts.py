"""The parts of what is written for TensorBoard, each without a training."""

import json
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfresnet import models
from tfresnet.data import shapes10
from tfresnet.data.dataset import Split
from tfresnet.training.config import TrainConfig
from tfresnet.training.tensorboard import graph, pictures, projector, text
from tfresnet.training.tensorboard.event_files import drop_events_after
from tfresnet.training.tensorboard.figures import heat, matrix
from tfresnet.training.tensorboard.schedule import page_is_due
from tfresnet.training.tensorboard.stages import by_stage, stage_of
from tfresnet.training.tensorboard.steps import is_step_chart


@pytest.fixture(scope="module")
def network():
    return models.create_model("resnet20", num_classes=10, input_shape=(32, 32, 3))


def write(folder, points):
    writer = tf.summary.create_file_writer(str(folder))
    with writer.as_default():
        for tag, step in points:
            tf.summary.scalar(tag, 0.5, step=step)
    writer.close()


def read(folder):
    found = []
    for path in sorted(folder.glob("events*")):
        for record in tf.data.TFRecordDataset(str(path)):
            event = tf.compat.v1.Event.FromString(record.numpy())
            found += [(value.tag, event.step) for value in event.summary.value]
    return found


def test_events_after_the_checkpoint_are_dropped(tmp_path):
    write(tmp_path, [("text", 0), ("loss", 10), ("time/step", 20), ("loss", 30)])
    drop_events_after(tmp_path, 20)
    assert read(tmp_path) == [("text", 0), ("loss", 10), ("time/step", 20)]


def test_an_open_epoch_loses_the_points_of_its_end(tmp_path):
    write(tmp_path, [("loss", 10), ("time/step", 20), ("loss", 20), ("run/config", 0)])
    drop_events_after(tmp_path, 20, is_step_chart)
    assert read(tmp_path) == [("loss", 10), ("time/step", 20), ("run/config", 0)]


def test_half_a_record_is_dropped(tmp_path):
    write(tmp_path, [("loss", 10), ("loss", 20)])
    (path,) = tmp_path.glob("events*")
    path.write_bytes(path.read_bytes()[:-7])
    drop_events_after(tmp_path, 20)
    assert read(tmp_path) == [("loss", 10)]


@pytest.mark.parametrize("epochs", [1, 2, 3, 5, 10, 15, 20, 164])
def test_pages_come_at_the_first_the_last_and_few_others(epochs):
    due = [epoch for epoch in range(1, epochs + 1) if page_is_due(epoch, epochs)]
    assert due[0] == 1
    assert due[-1] == epochs
    assert len(due) <= 10
    assert len(due) >= min(epochs, 5)


def test_stages_have_the_names_of_the_paper(network):
    variables = network.trainable_variables
    sums = by_stage(variables, np.ones(len(variables)))
    assert list(sums) == ["conv1", "conv2", "conv3", "conv4", "predictions"]
    assert sum(sums.values()) == len(variables)
    assert stage_of("conv3_block12/bn1/gamma") == "conv3"


@pytest.mark.parametrize(
    "name", [n for n in ("resnet18", "googlenet") if n in models.list_models()]
)
def test_activation_maps_and_filters_are_pictures(name):
    data = shapes10.load()
    model = models.create_model(name, num_classes=10, input_shape=(32, 32, 3))
    maps = pictures.activation_maps(model, data.test.images[0], data)
    assert maps.dtype == np.uint8
    assert maps.std() > 10
    assert pictures.first_filters(model).std() > 10


def test_mistakes_are_the_most_confident_ones():
    images = shapes10.load().test.take(np.arange(6))
    probabilities = np.full((6, 10), 0.01)
    probabilities[np.arange(6), images.labels] = 0.91
    assert pictures.mistakes(probabilities, images, shapes10.load().class_names) is None
    probabilities[3] = np.roll(probabilities[3], 1)
    assert pictures.mistakes(probabilities, images, shapes10.load().class_names).shape[2] == 3


def test_augmentation_shows_images_unchanged_beside_their_varied_form():
    data = shapes10.load()
    same = pictures.augmentation(data, data.train, seed=0, augment=False)
    varied = pictures.augmentation(data, data.train, seed=0, augment=True)
    assert same.shape == varied.shape
    assert not np.array_equal(same, varied)


def test_matrix_and_heat_take_extremes():
    assert matrix(np.zeros((2, 2), int), ("a", "b")).dtype == np.uint8
    assert np.isfinite(heat(np.full((3, 3), 7.0))).all()
    assert heat(np.arange(4.0).reshape(2, 2))[1, 1].sum() > heat(np.eye(2))[0, 1].sum()


@pytest.fixture
def bfloat16():
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    yield
    keras.config.set_dtype_policy(before)


@pytest.mark.usefixtures("bfloat16")
def test_layer_graph_has_plain_dtypes_and_no_closed_box():
    model = models.create_model("resnet20", num_classes=10, input_shape=(32, 32, 3))
    config = json.loads(graph.layer_graph(model))["config"]
    dtypes = {layer["config"].get("dtype") for layer in config["layers"]}
    assert dtypes <= {"bfloat16", "float32"}
    assert config["name"] == ""


def test_a_graph_too_large_for_a_browser_is_left_out(network, monkeypatch, tmp_path):
    @tf.function
    def step(x):
        return x + 1

    model = SimpleNamespace(
        inputs=network.inputs,
        outputs=network.outputs,
        name="resnet20",
        step_graph=step.get_concrete_function(tf.constant(1.0)).graph,
    )
    monkeypatch.setattr(graph, "MOST_OPERATIONS", 1)
    writer = tf.summary.create_file_writer(str(tmp_path))
    with writer.as_default(step=0):
        assert "too many for a browser" in graph.write_graphs(model)
    writer.close()
    assert [tag for tag, _ in read(tmp_path)] == ["keras"]


def test_command_gives_the_settings_again():
    config = TrainConfig(
        model="resnet20",
        dataset="shapes10",
        epochs=7,
        lr=0.3,
        augment=False,
        zero_init_residual=True,
        name="x",
        histograms=2,
        data_dir="a folder",
    ).resolved()
    words = text.command(config)
    assert words == (
        "python train.py --model resnet20 --dataset shapes10 --data-dir 'a folder' --epochs 7 "
        "--lr 0.3 --no-augment --zero-init-residual"
    )
    assert text.command(TrainConfig().resolved()) == "python train.py --model resnet18"


def test_long_features_become_principal_components(tmp_path):
    random = np.random.default_rng(0)
    features = random.normal(size=(40, 300))
    kept = projector.principal_components(features, 30)
    assert kept.shape == (40, 30)
    assert (np.diff(kept.var(axis=0)) <= 1e-9).all()
    images = Split(random.integers(0, 255, (40, 64, 64, 3), np.uint8), np.zeros(40, np.int32))
    logits = random.normal(size=(40, 2))
    projector.write_projector(tmp_path, features, logits, images, ("a", "b"))
    lines = (tmp_path / "features.tsv").read_text().splitlines()
    assert len(lines) == 40
    assert "principal components of 300" in (tmp_path / "projector_config.pbtxt").read_text()
    sprite = tf.io.decode_jpeg((tmp_path / "features_sprite.jpg").read_bytes())
    assert sprite.shape == (7 * 32, 7 * 32, 3)
