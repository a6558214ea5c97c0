"""Metrics against their definitions, and what `evaluate` accepts."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf
from support.small import shrink_shapes10

import tfresnet
from tfresnet.data import shapes10
from tfresnet.errors import InputError
from tfresnet.evaluation import metrics, text
from tfresnet.evaluation.evaluator import EVAL_BATCH, Evaluator
from tfresnet.layers import Preprocessing
from tfresnet.runs.folder import RunFolder


@pytest.fixture
def data(monkeypatch):
    shrink_shapes10(monkeypatch, 5200, 510)
    return shapes10.load()


@pytest.fixture
def preprocessing(data):
    return Preprocessing(data.mean, data.std, data.class_names)


def made(preprocessing=None, **options):
    keras.utils.set_random_seed(0)
    return tfresnet.create_model(
        "resnet8", input_shape=(32, 32, 3), preprocessing=preprocessing, **options
    )


@pytest.fixture
def model(preprocessing):
    return made(preprocessing)


def test_metrics_follow_their_definitions():
    logits = np.array([[3, 2, 1, 0], [0, 3, 2, 1], [0, 1, 2, 3], [5, 0, 0, 0]], "float32")
    labels = np.array([0, 2, 0, 3])
    names = ("a", "b", "c", "d")
    result = metrics.metrics(logits, labels, names)
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    assert result["n"] == 4
    assert result["loss"] == pytest.approx(-np.log(probabilities[range(4), labels]).mean())
    assert result["top1"] == 0.25
    assert result["top5"] == 1.0
    assert result["per_class"] == {"a": 0.5, "b": 0.0, "c": 0.0, "d": 0.0}
    assert result["mean_per_class"] == pytest.approx(0.5 / 3)  # of the classes that are there
    line = text.summary_line(result | {"split": "test"})
    assert line.endswith("  mean per class 16.67 %")
    assert "mean" not in text.summary_line(result | {"split": "test", "mean_per_class": 0.25})
    assert result["confusion"] == [[1, 0, 0, 1], [0, 0, 0, 0], [0, 1, 0, 0], [1, 0, 0, 0]]


def test_top5_counts_ranks():
    logits = np.arange(10.0)[None].repeat(10, axis=0)
    result = metrics.metrics(logits, np.arange(10), tuple("abcdefghij"))
    assert (result["top1"], result["top5"]) == (0.1, 0.5)


def test_an_answer_that_is_no_number_is_not_right():
    random = np.random.default_rng(0)
    logits = random.normal(size=(1000, 10)).astype("float32")
    logits[:300] = np.nan
    labels = random.integers(0, 10, 1000, np.int32)
    found = metrics.metrics(logits, labels, tuple("abcdefghij"))
    kept = metrics.metrics(logits[300:], labels[300:], tuple("abcdefghij"))
    assert found["top1"] == pytest.approx(0.7 * kept["top1"])
    assert found["top5"] == pytest.approx(0.7 * kept["top5"])
    nothing = metrics.metrics(np.full((4, 10), np.nan, "float32"), labels[:4], tuple("abcdefghij"))
    assert (nothing["top1"], nothing["top5"]) == (0, 0)
    assert found["confusion"] == kept["confusion"]
    shares = [found["per_class"][name] * (labels == n).sum() for n, name in enumerate("abcdefghij")]
    assert sum(shares) == pytest.approx(1000 * found["top1"])


def test_of_equal_logits_the_lower_class_comes_first():
    ranks = metrics.ranks(tf.zeros((6, 6)), tf.range(6)).numpy()
    np.testing.assert_array_equal(ranks, range(6))


def test_the_last_partial_batch_counts(model, data):
    assert len(data.test) % EVAL_BATCH
    found = Evaluator(model, data.class_names)(data.test)
    assert found.metrics["n"] == 510
    assert np.sum(found.metrics["confusion"]) == 510
    expected = model.predict(data.test.images, batch_size=100, verbose=0)
    np.testing.assert_allclose(found.logits, expected, rtol=1e-3, atol=1e-4)


def test_an_evaluator_sees_the_present_weights(model, data):
    few = data.test.take(range(20))
    evaluator = Evaluator(model, data.class_names)
    before = evaluator(few)
    model.set_weights([w * 1.1 for w in model.get_weights()])
    after = evaluator(few)
    assert not np.allclose(before.logits, after.logits)
    np.testing.assert_allclose(
        after.logits, model.predict(few.images, verbose=0), rtol=1e-3, atol=1e-3
    )


def test_batches_are_told_as_they_come(model, data):
    seen = []
    whole = Evaluator(model, data.class_names)(
        data.test, lambda n: seen.append(n), lambda n, so_far: seen.append(so_far().metrics["n"])
    )
    assert seen == [0, 500, 1, 510]
    assert whole.metrics["n"] == 510


def test_mirrored_images_do_not_change_the_result_with_tta(model, data):
    mirrored = dataclasses.replace(data.test, images=data.test.images[:, :, ::-1].copy())
    evaluator = Evaluator(model, data.class_names)
    loss, other = (evaluator(images, tta=True).metrics["loss"] for images in (data.test, mirrored))
    assert loss == pytest.approx(other, rel=1e-5)
    plain = evaluator(data.test).metrics
    assert plain["loss"] != pytest.approx(loss, rel=1e-5)


@pytest.mark.parametrize("tta", [False, True])
def test_probabilities_are_told_from_logits(preprocessing, data, tta):
    results = [
        Evaluator(made(preprocessing, classifier_activation=activation), data.class_names)(
            data.test, tta=tta
        ).metrics
        for activation in (None, "softmax")
    ]
    assert results[1]["loss"] == pytest.approx(results[0]["loss"], rel=1e-4)
    assert results[1]["top1"] == results[0]["top1"]


def test_other_answers_are_refused(preprocessing, data):
    with pytest.raises(InputError, match="logits or softmax"):
        Evaluator(made(preprocessing, classifier_activation="sigmoid"), data.class_names)


@pytest.fixture
def model_file(model, tmp_path):
    model.save(tmp_path / "m.keras")
    return tmp_path / "m.keras"


def test_a_model_file_on_each_split(model_file):
    sizes = {
        split: tfresnet.evaluate(model_file, dataset="shapes10", split=split)["n"]
        for split in (None, "val", "train")
    }
    assert sizes == {None: 510, "val": 520, "train": 4680}


def test_a_result_says_that_mirrored_images_were_used(model_file):
    result = tfresnet.evaluate(model_file, dataset="shapes10", tta=True)
    assert result["tta"] is True
    assert "--tta" in text.report(result)


def test_keys_of_the_result(model_file, data):
    result = tfresnet.evaluate(model_file, dataset="shapes10")
    assert list(result) == [
        *("model", "dataset", "split", "precision"),
        *("n", "loss", "top1", "top5", "mean_per_class", "per_class", "confusion"),
        "images_per_second",
    ]
    shown = text.report(result)
    assert f"top-1 {100 * result['top1']:.2f} %" in shown
    assert all(name in shown for name in data.class_names)


def test_a_model_that_does_not_know_its_pixels_is_fed_as_the_data_has_it(model, tmp_path, caplog):
    bare = made()
    bare.set_weights(model.get_weights())
    results = []
    for number, one in enumerate((model, bare)):
        one.save(tmp_path / f"{number}.keras")
        results.append(tfresnet.evaluate(tmp_path / f"{number}.keras", dataset="shapes10"))
        assert caplog.text.count("fed as shapes10 has it") == number
    assert results[0]["loss"] == pytest.approx(results[1]["loss"], rel=1e-5)


def test_weights_of_classes_with_other_names_keep_their_classifier(model, data, tmp_path):
    other = made(Preprocessing(data.mean, data.std, tuple("abcdefghij")))
    other.set_weights(model.get_weights())
    losses = []
    for number, one in enumerate((model, other)):
        one.save(tmp_path / f"{number}.keras")
        options = {"model": "resnet8", "dataset": "shapes10"}
        losses.append(tfresnet.evaluate(tmp_path / f"{number}.keras", **options)["loss"])
    assert losses[0] == losses[1]


def test_weights_that_are_not_numbers_are_refused(model, tmp_path):
    model.layers[-1].bias.assign(model.layers[-1].bias * np.nan)
    model.save(tmp_path / "nan.keras")
    with pytest.raises(InputError, match=r"must answer with finite numbers.*510 of 510"):
        tfresnet.evaluate(tmp_path / "nan.keras", dataset="shapes10")


def test_a_run_that_is_not_finished(tiny, monkeypatch):
    def stop(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("tfresnet.training.loop.test", stop)
        with pytest.raises(KeyboardInterrupt):
            tfresnet.train(tiny())
    path = f"{tiny().output_dir}/run"
    result = tfresnet.evaluate(path)
    assert (result["split"], result["n"], result["unfinished"]) == ("val", 40, "step 5")
    assert "unfinished, step 5" in text.report(result)
    row = RunFolder(path).read_history()[-1]
    assert result["loss"] == pytest.approx(row["val_loss"], rel=1e-4)
    assert tfresnet.evaluate(path, split="test")["n"] == 60


def test_a_run_is_evaluated_in_its_own_precision(tiny):
    run = tfresnet.train(tiny(precision="mixed_bfloat16"))
    result = tfresnet.evaluate(run.path)
    assert result["precision"] == "mixed_bfloat16"
    assert result["loss"] == run.result["loss"]
    assert tfresnet.evaluate(run.path, precision="float32")["precision"] == "float32"


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
    for options, message in (
        ({"num_classes": 7}, r"tell the 10 classes of shapes10 apart.*\(None, 7\)"),
        ({"input_shape": (48, 48, 3)}, "must take images of shapes10"),
    ):
        tfresnet.create_model("resnet8", **options).save(tmp_path / "m.keras")
        with pytest.raises(InputError, match=message):
            tfresnet.evaluate(tmp_path / "m.keras", dataset="shapes10")


def test_unknown_precision(model_file):
    with pytest.raises(InputError, match="precision must be one of auto"):
        tfresnet.evaluate(model_file, dataset="shapes10", precision="float8")
