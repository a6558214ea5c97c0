"""A short training, stopped and resumed, read over HTTP from a real TensorBoard."""

import os
import re
import signal
import urllib.parse

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.server import tensorboard
from support.small import shrink_shapes10

import tfresnet
from tfresnet.data import shapes10
from tfresnet.system.signals import Interrupted

EPOCHS, STEPS, IMAGES, HELD_OUT, TESTS = 4, 10, 360, 40, 60
STOPPED_AT = 25
EPOCH_ENDS, POINTS = [10, 20, 30, 40], [20, 40]
STAGES = ("conv1", "conv2", "conv3", "conv4", "predictions")
BY_EPOCH = {"loss", "top1", "top5", "error"}
BY_STEP = {
    *("learning_rate", "images_per_second", "time/input", "time/step", "time/checkpoint"),
    *("loss_parts/data", "loss_parts/decay", "memory/resident", "gradient_norm/all"),
    *(f"{group}/{stage}" for group in ("gradient_norm", "update_ratio") for stage in STAGES),
}
TEXTS = {f"run/{tag}" for tag in ("config", "versions", "reproduce", "parameters", "summary")}
FINAL = {"final/train_loss", "final/train_top1", "final/validation_loss", "final/validation_top1"}


class StopAt(keras.callbacks.Callback):
    """Asks to stop in mid-epoch; not by SIGINT, which jobs in the background ignore."""

    def on_train_batch_end(self, batch, logs=None):
        if int(self.model.optimizer.iterations) == STOPPED_AT:
            os.kill(os.getpid(), signal.SIGTERM)


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run, which was interrupted, then lost a few more events to a kill, and resumed."""
    logs = tmp_path_factory.mktemp("logs")
    config = tfresnet.TrainConfig(
        model="resnet8",
        dataset="shapes10",
        epochs=EPOCHS,
        batch_size=32,
        val_size=HELD_OUT,
        precision="float32",
        histograms=2,
        profile_steps="3,4",
        output_dir=logs,
        name="tried",
    )
    with pytest.MonkeyPatch.context() as patch:
        shrink_shapes10(patch, IMAGES, TESTS)
        with pytest.raises(Interrupted):
            tfresnet.train(config, callbacks=[StopAt()])
        writer = tf.summary.create_file_writer(str(logs / "tried" / "train"))
        with writer.as_default():
            tf.summary.scalar("learning_rate", 99.0, step=STOPPED_AT + 2)
        writer.close()
        yield tfresnet.train(resume=logs / "tried")


@pytest.fixture(scope="module")
def server(run):
    with tensorboard(run.path.parent, "tried/test") as server:
        yield server


def test_every_scalar_has_its_steps_once_and_in_order(server):
    tags = {name: set(of_run) for name, of_run in server.json("scalars/tags").items()}
    assert tags == {
        "tried/train": BY_EPOCH | BY_STEP,
        "tried/validation": BY_EPOCH,
        "tried/test": BY_EPOCH | FINAL,
    }
    for name, of_run in tags.items():
        for tag in of_run:
            by_epoch = [EPOCHS * STEPS] if name.endswith("test") else EPOCH_ENDS
            expected = POINTS if tag in BY_STEP else by_epoch
            assert server.steps(name, tag) == expected, (name, tag)


def test_numbers_are_those_of_the_run(server, run):
    def values(name, tag):
        return [value for *_, value in server.json("scalars/scalars", run=name, tag=tag)]

    for name, prefix in (("tried/train", ""), ("tried/validation", "val_")):
        for tag in ("loss", "top1", "top5"):
            wanted = [row[prefix + tag] for row in run.history]
            np.testing.assert_allclose(values(name, tag), wanted, rtol=1e-5)
    wanted = [100 * (1 - row["top1"]) for row in run.history]
    np.testing.assert_allclose(values("tried/train", "error"), wanted, rtol=1e-5)
    np.testing.assert_allclose(values("tried/test", "top1"), [run.result["top1"]], rtol=1e-5)
    stages = [values("tried/train", f"gradient_norm/{stage}") for stage in STAGES]
    together = np.sqrt(np.sum(np.square(stages), axis=0))
    np.testing.assert_allclose(values("tried/train", "gradient_norm/all"), together, rtol=1e-4)
    assert all(value > 0 for tag in BY_STEP for value in values("tried/train", tag)[:1])


def test_images_are_pictures(server):
    tags = server.json("images/tags")
    expected = {
        "tried/train": {"augmentation": [0], "first_filters": [0, *EPOCH_ENDS]},
        "tried/validation": {
            "confusion_matrix": EPOCH_ENDS,
            "mistakes": EPOCH_ENDS,
            "activations": EPOCH_ENDS,
        },
    }
    assert {name: set(of_run) for name, of_run in tags.items()} == {
        name: set(of_run) for name, of_run in expected.items()
    }
    for name, of_run in expected.items():
        for tag, steps in of_run.items():
            samples = server.json("images/images", run=name, tag=tag, sample=0)
            assert [sample["step"] for sample in samples] == steps
            png = server.get(
                "images/individualImage", **dict(urllib.parse.parse_qsl(samples[-1]["query"]))
            )
            picture = tf.io.decode_png(png).numpy()
            assert min(picture.shape[:2]) > 60
            assert picture.std() > 10, "an empty picture"


def test_text_says_what_and_how(server):
    def text(name, tag):
        return server.json("text/text", run=name, tag=tag)[-1]["text"]

    tags = {name: set(of_run) for name, of_run in server.json("text/tags").items() if of_run}
    assert tags == {
        "tried/train": TEXTS,
        "tried/validation": {"confusion_table"},
    }
    assert "python train.py --model resnet8 --dataset shapes10" in text(
        "tried/train", "run/reproduce"
    )
    assert "conv2_block1" in text("tried/train", "run/parameters")
    assert "75,770" in text("tried/train", "run/parameters")
    assert "75,770" in text("tried/train", "run/summary")
    assert "tensorflow" in text("tried/train", "run/versions")
    assert "triangle" in text("tried/validation", "confusion_table")


def test_graphs_are_of_the_step_and_of_the_units(server):
    info = server.json("graphs/info")["tried/train"]
    assert info["run_graph"]
    assert info["tags"]["keras"]["conceptual_graph"]
    step = server.get("graphs/graph", run="tried/train", conceptual="false").decode()
    assert "FusedBatchNormGradV3" in step
    assert "conv4_block1" in step
    boxes = set(re.findall(r'^  name: "([^"/]+)/', step, re.MULTILINE))
    assert {"batch", "loss", "backward", "metrics", "charts", "optimizer"} <= boxes
    assert len(boxes) <= 10, "too many to see on one screen"
    units = server.get("graphs/graph", run="tried/train", tag="keras", conceptual="true").decode()
    for layer in ("conv1", "conv2_block1", "conv4_block1", "predictions", "IdentityBlock"):
        assert layer in units


def test_curves_of_every_class(server):
    tags = server.json("pr_curves/tags")
    expected = {f"classes/{name}/pr_curves" for name in shapes10.SHAPES}
    assert set(tags["tried/validation"]) == set(tags["tried/test"]) == expected
    curves = server.json("pr_curves/pr_curves", run="tried/validation", tag=min(expected))
    assert [curve["step"] for curve in curves["tried/validation"]] == EPOCH_ENDS


def test_hparams_compare_settings_with_final_metrics(server, run):
    body = {"experimentName": "", "hparamsLimit": 0, "includeMetrics": True}
    experiment = server.json("hparams/experiment", body)
    names = {info["name"] for info in experiment["hparamInfos"]}
    assert {"model", "lr", "epochs", "seed", "parameters"} <= names
    assert not names & {"output_dir", "name"}
    assert not names & {"augment", "class_weight"}, "columns of settings that nobody has changed"
    metrics = [info["name"] for info in experiment["metricInfos"]]
    assert {metric["tag"] for metric in metrics} == BY_EPOCH | FINAL
    body = {
        "experimentName": "",
        "colParams": [{"metric": metric, "includeInResult": True} for metric in metrics],
        "allowedStatuses": ["STATUS_SUCCESS", "STATUS_RUNNING", "STATUS_UNKNOWN"],
        "sliceSize": 10,
    }
    (group,) = server.json("hparams/session_groups", body)["sessionGroups"]
    assert group["name"] == "tried"
    assert group["sessions"][0]["status"] == "STATUS_SUCCESS"
    found = {value["name"]["tag"]: value["value"] for value in group["metricValues"]}
    assert found["top1"] == pytest.approx(run.result["top1"])


def test_projector_has_points_labels_and_thumbnails(server):
    assert server.json("projector/runs") == ["tried/test"]
    (info,) = server.json("projector/info", run="tried/test")["embeddings"]
    query = {"run": "tried/test", "name": info["tensorName"]}
    points = np.frombuffer(server.get("projector/tensor", **query), np.float32)
    assert points.size == TESTS * 64
    labels = server.get("projector/metadata", **query).decode().splitlines()
    assert len(labels) == TESTS + 1
    sprite = tf.io.decode_jpeg(server.get("projector/sprite_image", **query))
    assert sprite.shape == (256, 256, 3)


def test_histograms_of_weights_and_gradients(server):
    tags = set(server.json("histograms/tags")["tried/train"])
    for group in ("weights", "gradients"):
        assert f"{group}/conv3_block1/conv1/kernel" in tags
    query = {"run": "tried/train", "tag": "gradients/conv3_block1/conv1/kernel"}
    histograms = server.json("histograms/histograms", **query)
    assert [step for _, step, _ in histograms] == [20, 40]
    low, *_, high = histograms[-1][2]
    assert low[0] < 0 < high[1]


def test_layout_opens_on_charts_that_exist(server):
    categories = server.json("custom_scalars/layout")["category"]
    patterns = [
        pattern
        for category in categories
        for chart in category["chart"]
        for pattern in chart["multiline"]["tag"]
    ]
    assert len(categories) == 3
    for pattern in patterns:
        assert any(re.match(pattern, tag) for tag in BY_EPOCH | BY_STEP), pattern


def test_profile_was_recorded(run):
    assert list(run.path.glob("train/plugins/profile/*/*.xplane.pb"))


def test_events_are_small(run):
    sizes = [path.stat().st_size for path in run.path.rglob("events.out.tfevents.*")]
    assert sum(sizes) < 3_000_000
