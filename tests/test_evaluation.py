"""Metrics against their definitions, and what `evaluate` accepts."""

import dataclasses

import keras
import numpy as np
import pytest

import tfresnet
from tfresnet import evaluation
from tfresnet.data import shapes10
from tfresnet.errors import InputError


@pytest.fixture(scope="module")
def data():
    whole = shapes10.load()
    return dataclasses.replace(whole, test=whole.test.take(range(510)))


@pytest.fixture
def model():
    keras.utils.set_random_seed(0)
    return tfresnet.create_model("resnet20")


def test_metrics_follow_their_definitions():
    logits = np.array([[3, 2, 1, 0], [0, 3, 2, 1], [0, 1, 2, 3], [5, 0, 0, 0]], "float32")
    labels = np.array([0, 2, 0, 3])
    names = ("a", "b", "c", "d")
    result = evaluation.metrics(logits, labels, names)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert result["n"] == 4
    assert result["loss"] == pytest.approx(-np.log(probabilities[range(4), labels]).mean())
    assert result["top1"] == 0.25
    assert result["top5"] == 1.0
    assert result["per_class"] == {"a": 0.5, "b": 0.0, "c": 0.0, "d": 0.0}
    assert result["confusion"] == [[1, 0, 0, 1], [0, 0, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0]]


def test_top5_counts_ranks():
    logits = np.arange(10.0)[None].repeat(10, axis=0)
    result = evaluation.metrics(logits, np.arange(10), tuple("abcdefghij"))
    assert (result["top1"], result["top5"]) == (0.1, 0.5)


def test_the_last_partial_batch_counts(model, data):
    assert len(data.test) % evaluation.EVAL_BATCH
    result = evaluation.evaluate_model(model, data.test, data)
    assert result["n"] == 510
    assert np.sum(result["confusion"]) == 510
    images = (data.test.images / 255.0 - data.mean) / data.std
    expected = model.predict(images.astype("float32"), batch_size=100, verbose=0)
    logits = evaluation.predict_logits(model, data.test, data)
    np.testing.assert_allclose(logits, expected, rtol=1e-3, atol=1e-4)


def test_mirrored_images_do_not_change_the_result_with_tta(model, data):
    mirrored = dataclasses.replace(data.test, images=data.test.images[:, :, ::-1].copy())
    result, other = (
        evaluation.evaluate_model(model, images, data, tta=True) for images in (data.test, mirrored)
    )
    assert result["loss"] == pytest.approx(other["loss"], rel=1e-5)
    plain = evaluation.evaluate_model(model, data.test, data)
    assert plain["loss"] != pytest.approx(result["loss"], rel=1e-5)


@pytest.fixture
def model_file(model, tmp_path):
    model.save(tmp_path / "m.keras")
    return tmp_path / "m.keras"


def test_a_model_file_on_each_split(model_file, monkeypatch, data):
    small = dataclasses.replace(data, train=data.train.take(range(5200)))
    monkeypatch.setattr(evaluation, "load_dataset", lambda name, data_dir=None: small)
    sizes = {
        split: tfresnet.evaluate(model_file, dataset="shapes10", split=split)["n"]
        for split in ("test", "val", "train")
    }
    assert sizes == {"test": 510, "val": 5000, "train": 200}


def test_keys_of_the_result(model_file, monkeypatch, data):
    monkeypatch.setattr(evaluation, "load_dataset", lambda name, data_dir=None: data)
    result = tfresnet.evaluate(model_file, dataset="shapes10")
    assert list(result) == [
        *("model", "dataset", "split", "precision"),
        *("n", "loss", "top1", "top5", "per_class", "confusion"),
        "images_per_second",
    ]
    text = evaluation.report(result)
    assert f"top-1 {100 * result['top1']:.2f} %" in text
    assert all(name in text for name in data.class_names)


def test_bad_sources(tmp_path, model):
    (tmp_path / "m.h5").write_bytes(b"")
    (tmp_path / "m.keras").write_text("no model")
    (tmp_path / "empty").mkdir()
    for source, message in (
        ("nowhere", "must exist"),
        ("m.h5", "h5 models can run code"),
        ("m.keras", "cannot read this model file"),
        ("empty", "must hold a readable config.json"),
    ):
        with pytest.raises(InputError, match=message):
            tfresnet.evaluate(tmp_path / source, dataset="shapes10")
    with pytest.raises(InputError, match="split must be one of"):
        tfresnet.evaluate(tmp_path, split="all")


def test_a_model_for_other_classes_or_images(data, tmp_path):
    other = tfresnet.create_model("resnet20", num_classes=7)
    with pytest.raises(InputError, match=r"tell the 10 classes of shapes10 apart.*\(None, 7\)"):
        evaluation.evaluate_model(other, data.test, data)
    large = tfresnet.create_model("resnet20", input_shape=(48, 48, 3))
    with pytest.raises(InputError, match="must take images of shapes10"):
        evaluation.evaluate_model(large, data.test, data)


def test_bfloat16_where_it_pays(model_file, monkeypatch, data):
    monkeypatch.setattr(evaluation, "load_dataset", lambda name, data_dir=None: data)
    monkeypatch.setattr(evaluation, "choose_precision", lambda _: ("mixed_bfloat16", "pays"))
    low = tfresnet.evaluate(model_file, dataset="shapes10")
    asked = tfresnet.evaluate(model_file, dataset="shapes10", precision="float32")
    assert (low["precision"], asked["precision"]) == ("mixed_bfloat16", "float32")
    assert low["loss"] != asked["loss"]
    assert low["loss"] == pytest.approx(asked["loss"], rel=0.02)


def test_unknown_precision(model_file):
    with pytest.raises(InputError, match="precision must be one of auto"):
        tfresnet.evaluate(model_file, dataset="shapes10", precision="float8")
