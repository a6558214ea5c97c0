"""On every path a network sees a picture of its own size as it is."""

import dataclasses

import keras
import numpy as np
import pytest
from PIL import Image

import tfresnet
from tfresnet import data, models
from tfresnet.data import picture_files, shapes10
from tfresnet.export.converted import FORMATS, export
from tfresnet.layers import Preprocessing
from tfresnet.predict import __main__ as command

SIDE = 32
PARTS = ("train", "val", "test")


@pytest.fixture(scope="module")
def parts():
    """Images of two classes, as arrays."""
    random = np.random.default_rng(3)
    return {part: random.integers(0, 256, (8, SIDE, SIDE, 3), np.uint8) for part in PARTS}


@pytest.fixture(scope="module")
def root(parts, tmp_path_factory):
    """The same images as PNG files: the first four of each part are of the first class."""
    root = tmp_path_factory.mktemp("pictures")
    for part, images in parts.items():
        for number, image in enumerate(images):
            folder = root / part / ("circle" if number < 4 else "square")
            folder.mkdir(parents=True, exist_ok=True)
            Image.fromarray(image).save(folder / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    keras.utils.set_random_seed(5)
    model = models.create_model(
        "resnet8",
        num_classes=2,
        preprocessing=Preprocessing((0.5,) * 3, (0.25,) * 3, ("circle", "square")),
    )
    path = tmp_path_factory.mktemp("model") / "m.keras"
    model.save(path)
    return path


@pytest.fixture
def archive(parts, root, monkeypatch):
    """The images in place of shapes10's."""
    folder = data.load_dataset("folder", root, image_size=SIDE)
    splits = {part: getattr(folder, name) for part, name in zip(PARTS, NAMES, strict=True)}
    arrays = {n: data.Split(parts[p], splits[p].labels) for p, n in zip(PARTS, NAMES, strict=True)}
    dataset = dataclasses.replace(folder, name="shapes10", fingerprint="", **arrays)
    monkeypatch.setattr(shapes10, "load", lambda: dataset)


NAMES = ("train", "validation", "test")


def test_in_the_batches_of_training_validation_and_test(root, parts):
    dataset = data.load_dataset("folder", root, image_size=SIDE)
    for part, name in zip(PARTS, NAMES, strict=True):
        split = getattr(dataset, name)
        ((shown, _),) = data.eval_batches(split, batch_size=8)
        np.testing.assert_array_equal(shown, parts[part])
        np.testing.assert_array_equal(split.images[3], parts[part][3])
    settings = {"batch_size": 8, "seed": 0, "flip": False, "augment": False}
    whole = next(iter(data.train_batches(dataset.train, **settings)))[0].numpy()
    assert sorted(map(bytes, whole.astype(np.uint8))) == sorted(map(bytes, parts["train"]))
    smaller = next(iter(data.train_batches(dataset.train, image_size=16, **settings)))[0].numpy()
    by_hand = [
        Image.fromarray(x).resize((16, 16), Image.Resampling.BILINEAR) for x in parts["train"]
    ]
    assert sorted(map(bytes, smaller.astype(np.uint8))) == sorted(x.tobytes() for x in by_hand)


@pytest.mark.parametrize("split", ["test", "val", "train"])
def test_in_an_evaluation(split, file, root, archive):
    of_files = tfresnet.evaluate(file, dataset="folder", data_dir=root, split=split)
    of_arrays = tfresnet.evaluate(file, dataset="shapes10", split=split)
    assert of_files["loss"] == of_arrays["loss"]
    assert of_files["confusion"] == of_arrays["confusion"]


def test_in_a_prediction_an_export_and_a_map(file, root, parts, tmp_path, monkeypatch):
    classifier = tfresnet.load(file)
    expected = classifier.probabilities(parts["test"])
    paths = [str(root / "test" / ("circle" if n < 4 else "square") / f"{n}.png") for n in range(8)]
    found = command.main([str(file), *paths])
    for one, row in zip(found, expected, strict=True):
        named = {answer["class"]: answer["probability"] for answer in one["classes"]}
        assert [named[name] for name in ("circle", "square")] == row.tolist()

    export(classifier, "saved_model", tmp_path / "exported")
    logits = FORMATS["saved_model"][1](tmp_path / "exported")(parts["test"].astype("float32"))
    np.testing.assert_allclose(keras.ops.softmax(logits), expected, atol=1e-5)

    shown = []
    monkeypatch.setattr(
        "tfresnet.predict.command.activation_map",
        lambda model, picture, index: shown.append(picture) or np.zeros((SIDE, SIDE)),
    )
    command.main([str(file), paths[2], "--cam", str(tmp_path / "cam.png")])
    np.testing.assert_array_equal(shown[0], parts["test"][2])


@pytest.mark.parametrize("size", [(90, 70), (34, 40), (32, 48), (20, 28)])
def test_other_sizes_are_seen_alike_by_all(size, tmp_path):
    path = tmp_path / "a.png"
    random = np.random.default_rng(1)
    Image.fromarray(random.integers(0, 256, (*size[::-1], 3), np.uint8)).save(path)
    picture = picture_files.read(path, 2 * SIDE)
    shown = picture_files.seen(path, SIDE)
    np.testing.assert_array_equal(data.pictures.Pictures([str(path)], SIDE)[0], shown)
    if min(size) == SIDE:  # never cut below what the network takes
        np.testing.assert_array_equal(shown, np.asarray(picture)[8:40])
    if min(size) < SIDE:
        whole = picture.resize((SIDE, SIDE), Image.Resampling.BILINEAR, (0, 4, 20, 24))
        np.testing.assert_array_equal(shown, np.asarray(whole))


def test_evaluate_and_predict_take_the_same_side(root, tmp_path):
    """A model for images of any size is shown 224 pixels, weights the size of their network."""
    how = {"mean": "0.5,0.5,0.5", "std": "0.25,0.25,0.25"}
    bare = models.create_model("resnet8", num_classes=2)
    bare.save_weights(tmp_path / "m.weights.h5")
    weights = tfresnet.runs.source.Source(tmp_path / "m.weights.h5", "resnet8", **how)
    assert weights.dataset("folder", root).image_shape == (32, 32, 3)
    assert weights.dataset("folder", root, image_size=48).image_shape == (48, 48, 3)
    prepared = Preprocessing((0.5,) * 3, (0.25,) * 3, ("circle", "square"))
    anywhere = models.create_model(
        "resnet8", num_classes=2, input_shape=(None, None, 3), preprocessing=prepared
    )
    anywhere.save(tmp_path / "any.keras")
    source = tfresnet.runs.source.Source(tmp_path / "any.keras")
    assert source.dataset("folder", root).image_shape == (224, 224, 3)
    assert tfresnet.load(tmp_path / "any.keras").image_size == 224
