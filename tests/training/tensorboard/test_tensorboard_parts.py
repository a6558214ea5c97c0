"""The parts of what is written for TensorBoard, each without a training."""

import json
import re
import time

import numpy as np
import pytest
import tensorflow as tf
from support.memory import takes_at_most

from tfresnet import models
from tfresnet.data import shapes10
from tfresnet.data.dataset import Split
from tfresnet.layers import Preprocessing
from tfresnet.runs.events import drop_events_after
from tfresnet.runs.folder import RunFolder
from tfresnet.settings.command_line import command
from tfresnet.settings.config import TrainConfig
from tfresnet.training.tensorboard import graph, projector
from tfresnet.training.tensorboard import images as pages
from tfresnet.training.tensorboard.board import page_is_due
from tfresnet.training.tensorboard.steps import by_stage


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
    drop_events_after(tmp_path, 20, kept_by=("time/",))
    assert read(tmp_path) == [("loss", 10), ("time/step", 20), ("run/config", 0)]


def test_half_a_record_is_dropped(tmp_path, caplog):
    write(tmp_path, [("loss", 10), ("loss", 20)])
    (path,) = tmp_path.glob("events*")
    path.write_bytes(path.read_bytes()[:-7])
    drop_events_after(tmp_path, 20)
    assert read(tmp_path) == [("loss", 10)]
    assert not caplog.text


def test_a_damaged_record_does_not_hide_what_it_costs(tmp_path, caplog):
    write(tmp_path, [("loss", 10), ("loss", 20), ("loss", 30)])
    (path,) = tmp_path.glob("events*")
    content = bytearray(path.read_bytes())
    content[content.rindex(b"loss") - 40] ^= 1  # in the last record but one
    path.write_bytes(content)
    drop_events_after(tmp_path, 30)
    assert read(tmp_path) == [("loss", 10)]
    assert re.search(r"corrupted record at \d+, and all that follows is lost", caplog.text)


def test_a_clock_that_was_set_back_does_not_turn_the_order_of_the_files(tmp_path):
    for step in (10, 20, 30):  # TensorBoard reads them by name
        drop_events_after(tmp_path, step)
        write(tmp_path, [("loss", step)])
        *_, path = tmp_path.glob("events.out.tfevents.1*")
        path.rename(
            path.with_name(f"events.out.tfevents.{time.time() + 10**6 / step:.0f}.host.1.v2")
        )
    assert read(tmp_path) == [("loss", 10), ("loss", 20), ("loss", 30)]


def test_the_events_of_a_long_run_need_not_fit_into_memory(tmp_path):
    writer = tf.summary.create_file_writer(str(tmp_path))
    with writer.as_default():
        for step in range(80):
            tf.summary.text("long", "x" * 10**6, step=step)
    writer.close()
    with takes_at_most(30):
        drop_events_after(tmp_path, 78)
    assert len(read(tmp_path)) == 79


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


@pytest.mark.parametrize(
    "name", [n for n in ("resnet18", "googlenet") if n in models.list_models()]
)
def test_activation_maps_and_filters_are_pictures(name):
    data = shapes10.load()
    preprocessing = Preprocessing(data.mean, data.std)
    shape = {"num_classes": 10, "input_shape": (32, 32, 3)}
    model = models.create_model(name, preprocessing=preprocessing, **shape)
    maps = pages.activation_maps(model, data.test.images[0])
    assert maps.dtype == np.uint8
    assert maps.std() > 10
    assert pages.first_filters(model).std() > 10


def test_mistakes_are_the_most_confident_ones(monkeypatch):
    images = shapes10.load().test.take(np.arange(30))
    names = shapes10.load().class_names
    probabilities = np.full((30, 10), 0.01)
    probabilities[np.arange(30), images.labels] = 0.91
    assert pages.mistakes(probabilities, images, names) is None
    shown = {}
    monkeypatch.setattr(
        pages,
        "image_grid",
        lambda pictures, captions: shown.update(zip(captions, pictures, strict=True)),
    )
    wrong = (images.labels + 1) % 10
    confidence = np.linspace(0.5, 0.9, 30)
    probabilities = np.repeat((1 - confidence[:, None]) / 9, 10, axis=1)
    probabilities[np.arange(30), wrong] = confidence
    pages.mistakes(probabilities, images, names)
    expected = range(29, 29 - pages.SHOWN, -1)
    assert list(shown) == [
        f"is {names[images.labels[i]]}\nsaid {names[wrong[i]]} {confidence[i]:.0%}"
        for i in expected
    ]
    for picture, i in zip(shown.values(), expected, strict=True):
        np.testing.assert_array_equal(picture, images.images[i])


def test_augmentation_shows_images_unchanged_beside_their_varied_form():
    data = shapes10.load()
    same = pages.augmentation(data, seed=0, augment=False)
    varied = pages.augmentation(data, seed=0, augment=True)
    reflected = pages.augmentation(data, seed=0, augment=True, padding_mode="reflect")
    assert (reflected != varied).any()
    assert same.shape == varied.shape
    assert not np.array_equal(same, varied)


def test_matrix_of_no_images_is_a_picture():
    assert pages.matrix(np.zeros((2, 2), int), ("a", "b")).dtype == np.uint8


def test_matrix_is_dark_where_the_share_of_the_row_is_large():
    picture = pages.matrix(np.array([[9, 1], [0, 5]]), ("a", "b"))
    (left, right), (below, _) = picture[[24, 58]][:, [24, 58]].sum(axis=-1)
    assert left < right < below


def test_tiles_lie_row_by_row_on_white():
    images = np.arange(1, 4, dtype=np.uint8)[:, None, None, None] * np.ones((2, 5, 3), np.uint8)
    picture = pages.tile_images(images, columns=2)
    assert picture.shape == (4, 10, 3)
    assert picture[::2, ::5, 0].tolist() == [[1, 2], [3, 255]]


def test_layer_graph_has_plain_dtypes_and_no_closed_box():
    model = models.create_model("resnet20", dtype="mixed_bfloat16")
    config = json.loads(graph.layer_graph(model))["config"]
    dtypes = {layer["config"].get("dtype") for layer in config["layers"]}
    assert dtypes <= {"bfloat16", "float32"}
    assert config["name"] == ""


def test_a_graph_too_large_for_a_browser_is_left_out(network, monkeypatch, tmp_path):
    @tf.function
    def step(x):
        return x + 1

    monkeypatch.setattr(graph, "MOST_OPERATIONS", 1)
    writer = tf.summary.create_file_writer(str(tmp_path))
    traced = step.get_concrete_function(tf.constant(1.0)).graph
    with writer.as_default(step=0):
        assert "too many for a browser" in graph.write_graphs(network, traced)
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
    words = command(config)
    assert words == (
        "python train.py --model resnet20 --dataset shapes10 --data-dir 'a folder' --epochs 7 "
        "--lr 0.3 --no-augment --zero-init-residual"
    )
    assert command(TrainConfig().resolved()) == "python train.py --model resnet18"


def test_projector_has_a_line_and_a_thumbnail_for_each_image(tmp_path):
    random = np.random.default_rng(0)
    images = Split(random.integers(0, 255, (40, 64, 64, 3), np.uint8), np.zeros(40, np.int32))
    folder = RunFolder(tmp_path)
    folder.test.mkdir()
    answers = random.integers(0, 2, 40)
    projector.write_projector(folder, random.normal(size=(40, 300)), answers, images, ("a", "b"))
    assert len(folder.features.read_text().splitlines()) == 40
    sprite = tf.io.decode_jpeg(folder.thumbnails.read_bytes())
    assert sprite.shape == (6 * 32, 7 * 32, 3)
