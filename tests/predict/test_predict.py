"""Pictures in, classes out: Python and the command."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

import tfresnet
from tfresnet import models, pretrained
from tfresnet.errors import InputError, RunError
from tfresnet.layers import Preprocessing
from tfresnet.predict import __main__ as command
from tfresnet.predict import cam

NAMES = tuple("abcdefghij")
BGR = np.array([103.939, 116.779, 123.68], np.float32)  # of preprocess_input


@pytest.fixture(scope="module")
def model():
    keras.utils.set_random_seed(5)
    return models.create_model(
        "resnet8", preprocessing=Preprocessing((0.5,) * 3, (0.25,) * 3, NAMES)
    )


@pytest.fixture
def file(model, tmp_path):
    model.save(tmp_path / "m.keras")
    return str(tmp_path / "m.keras")


def pictures(n, side=32):
    return np.random.default_rng(1).integers(0, 256, (n, side, side, 3), np.uint8)


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def test_classes_with_their_probabilities(file, model):
    classifier = tfresnet.load(file)
    answers = classifier.predict(pictures(3), top=2)
    expected = softmax(model.predict(pictures(3), verbose=0))
    for answer, row in zip(answers, expected, strict=True):
        first, second = np.argsort(-row)[:2]
        assert [name for name, _ in answer] == [NAMES[first], NAMES[second]]
        np.testing.assert_allclose([share for _, share in answer], row[[first, second]], rtol=1e-3)
    assert classifier.predict(pictures(0)) == []
    assert isinstance(classifier.model, keras.Model)


@pytest.mark.parametrize(
    "bad", [pictures(1)[0], pictures(1, 30), pictures(1).astype("float32"), pictures(1)[..., :1]]
)
def test_what_are_no_pictures_of_the_networks_size(bad, file):
    with pytest.raises(InputError, match=r"uint8 of shape \(n, 32, 32, 3\)"):
        tfresnet.load(file).probabilities(bad)


@pytest.mark.parametrize("bad", [pictures(1) / 255, pictures(1)[..., 0], [pictures(1)], 3, [None]])
def test_what_are_no_pictures(bad, file):
    with pytest.raises(InputError, match=r"must be .*uint8 of shape "):
        tfresnet.load(file).predict(bad)


def test_a_picture_is_seen_alike_as_file_and_as_array(file, tmp_path):
    classifier = tfresnet.load(file)
    paths = []
    for side in (32, 30, 50, 200):
        paths.append(tmp_path / f"{side}.png")
        Image.fromarray(pictures(1, side)[0]).save(paths[-1])
    arrays = [np.asarray(Image.open(path)) for path in paths]
    answers = classifier.predict(paths, top=3)
    assert classifier.predict(arrays, top=3) == answers
    assert [classifier.predict(str(path), top=3) for path in paths] == answers
    assert [classifier.predict(array, top=3) for array in arrays] == answers
    assert classifier.predict(arrays[2][None], top=3) == answers[2:3]
    [(name, share), *_] = answers[0]
    assert name in NAMES
    assert 0 < share < 1


def test_weights_that_do_not_say_how_pixels_are_prepared(model, tmp_path):
    model.save_weights(tmp_path / "m.weights.h5")
    with pytest.raises(InputError, match="mean and std must be given"):
        tfresnet.load(tmp_path / "m.weights.h5", model="resnet8")
    how = {"mean": "0.5,0.5,0.5", "std": "0.25,0.25,0.25"}
    classifier = tfresnet.load(tmp_path / "m.weights.h5", model="resnet8", **how)
    np.testing.assert_allclose(
        classifier.probabilities(pictures(2)), softmax(model.predict(pictures(2), verbose=0)), 1e-3
    )
    assert classifier.class_names == tuple("0123456789")
    bare = models.create_model("resnet8")
    bare.save(tmp_path / "bare.keras")
    with pytest.raises(InputError, match="must say how its pixels are prepared"):
        tfresnet.load(tmp_path / "bare.keras")


def test_the_command_on_files_and_folders(file, tmp_path, capsys):
    folder = tmp_path / "猫 and dogs"
    (folder / "below").mkdir(parents=True)
    Image.fromarray(pictures(1, 48)[0]).save(folder / "b.png")
    Image.fromarray(pictures(1, 20)[0]).save(folder / "below" / "a.JPG")
    (folder / ".hidden.png").touch()
    for hidden in (".thumbnails", "__MACOSX", ".git/below"):
        (folder / hidden).mkdir(parents=True)
        Image.fromarray(pictures(1)[0]).save(folder / hidden / "c.png")
    (folder / "Thumbs.db").touch()
    found = command.main([file, str(folder), "--top", "3"])
    assert [one["image"] for one in found] == [str(folder / "b.png"), str(folder / "below/a.JPG")]
    assert all(len(one["classes"]) == 3 for one in found)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith(f"{folder / 'b.png'}: {found[0]['classes'][0]['class']} ")
    command.main([file, str(folder / "b.png"), "--json", "--cam", str(tmp_path / "cam.png")])
    shown = capsys.readouterr()
    assert json.loads(shown.out)[0]["image"] == str(folder / "b.png")
    assert f"written to {tmp_path / 'cam.png'}" in shown.err


@pytest.mark.parametrize("size", [(48, 20), (32, 32), (700, 500), (1, 40), (3000, 1)])
def test_a_map_stands_beside_the_whole_picture(size, file, tmp_path, capsys):
    picture = np.random.default_rng(2).integers(0, 256, (*reversed(size), 3), np.uint8)
    Image.fromarray(picture).save(tmp_path / "a.png")
    command.main([file, str(tmp_path / "a.png"), "--cam", str(tmp_path / "cam.png")])
    page = Image.open(tmp_path / "cam.png").convert("RGB")
    scale = max(1, 320 // max(size))
    if max(size) <= 2048:
        left = page.crop((0, 0, scale * size[0], scale * size[1]))
        np.testing.assert_array_equal(np.asarray(left)[::scale, ::scale], picture)
    assert page.width > 2 * scale * min(size[0], 2048)


def test_a_broken_picture_is_left_out_and_named(file, tmp_path, capsys, caplog):
    (tmp_path / "b.png").write_text("no picture")
    for name in "ac":
        Image.fromarray(pictures(1)[0]).save(tmp_path / f"{name}.png")
    with pytest.raises(RunError, match="1 of 3 pictures could not be read"):
        command.main([file, str(tmp_path), "--json"])
    assert [one["image"][-5:] for one in json.loads(capsys.readouterr().out)] == ["a.png", "c.png"]
    assert "b.png" in caplog.text


def test_what_comes_first_is_a_model_or_pictures(file, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    for name in ("A", "B", "run"):
        (tmp_path / name).mkdir()
        Image.fromarray(pictures(1)[0]).save(f"{name}/a.png")
    (tmp_path / "run" / "config.json").write_text("{}")
    assert (command.parse(["A", "B"]).source, command.parse(["A"]).source) == (None, None)
    assert command.parse(["run", "A"]).source == "run"
    assert command.parse(["resnet20", "A"]).source == "resnet20"
    for alone in ("run", "m.keras", "resnet20"):
        with pytest.raises(SystemExit):
            command.parse([alone])
        assert "pictures must come after the run or model" in capsys.readouterr().err
    with pytest.raises(InputError, match="must not be a run"):
        command.main([file, "A", "run"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["nowhere.png"], "a picture must exist"),
        (["no.png"], "a picture must be a whole PNG"),
        (["empty"], "a folder must hold pictures"),
        (["a.png", "a.png", "--cam", "cam.png"], "--cam must be of one picture. Received: 2"),
        (["a.png", "--cam", "cam.what"], "--cam must be a picture file"),
    ],
)
def test_bad_pictures(arguments, message, file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "no.png").write_text("no picture")
    (tmp_path / "empty").mkdir()
    Image.fromarray(pictures(1)[0]).save("a.png")
    before = sorted(tmp_path.iterdir())
    with pytest.raises(InputError, match=message):
        command.main([file, *arguments])
    assert sorted(tmp_path.iterdir()) == before


def test_without_a_model_it_is_the_shipped_one(model, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
    Image.fromarray(pictures(1)[0]).save(tmp_path / "a.png")
    with pytest.raises(SystemExit):
        command.main([str(tmp_path / "a.png")])
    assert "a run or a model must come before pictures" in capsys.readouterr().err
    model.save(tmp_path / "resnet8-cifar10.keras")
    assert command.main([str(tmp_path / "a.png")])[0]["classes"][0]["class"] in NAMES
    said = "by resnet8-cifar10, which comes with the package:\n"
    assert capsys.readouterr().out.startswith(said)
    command.main(["resnet8", str(tmp_path / "a.png")])
    assert said not in capsys.readouterr().out
    command.main([str(tmp_path / "a.png"), "--json"])
    assert json.loads(capsys.readouterr().out)
    assert tfresnet.load("resnet8").class_names == NAMES


def test_a_map_is_that_of_zhou_behind_average_pooling(model):
    picture = pictures(1)[0]
    heat = cam.activation_map(model, picture, 3)
    last = model.layers[-3].output
    maps = keras.Model(model.inputs[0], last)(picture[None])[0].numpy()
    kernel = np.asarray(model.get_layer("predictions").kernel)[:, 3]
    expected = tf.image.resize(np.maximum(maps @ kernel, 0)[..., None], (32, 32))[..., 0]
    np.testing.assert_allclose(heat, expected / np.max(expected), atol=1e-4)
    assert cam.overlay(picture, heat).shape == picture.shape


def test_networks_of_others_go_through_every_command(tmp_path, capsys):
    images = keras.Input((32, 32, 3))
    x = keras.layers.Conv2D(4, 3, activation="relu", name="convolution")(images)
    x = keras.layers.GlobalAveragePooling2D()(x)
    theirs = keras.Model(images, keras.layers.Dense(10)(x))
    theirs.save(tmp_path / "theirs.keras")
    pixels = pictures(2)
    want = softmax(theirs.predict(pixels[..., ::-1] - BGR, verbose=0))
    classifier = tfresnet.load(tmp_path / "theirs.keras", pixels="caffe")
    np.testing.assert_allclose(classifier.probabilities(pixels), want, atol=1e-4)
    assert cam.activation_map(classifier.model, pixels[0], 0).shape == (32, 32)
    Image.fromarray(pixels[0]).save(tmp_path / "a.png")
    how = ["--mean", "0.5,0.5,0.5", "--std", "0.5,0.5,0.5"]
    command.main([str(tmp_path / "theirs.keras"), str(tmp_path / "a.png"), *how, "--json"])
    found = json.loads(capsys.readouterr().out)[0]["classes"]
    best = softmax(theirs.predict(pixels[:1] / np.float32(127.5) - 1, verbose=0)).max()
    assert found[0]["probability"] == pytest.approx(best, abs=1e-4)
    with pytest.raises(SystemExit):
        command.main([str(tmp_path / "theirs.keras"), str(tmp_path / "a.png"), "--stem", "cifar"])
    assert "--stem must come with --model" in capsys.readouterr().err


def test_shortcuts_and_stem_by_flag(tmp_path):
    options = {"num_classes": 4, "input_shape": (32, 32, 3)}
    theirs = models.create_model("resnet18", stem="cifar_pool", **options)
    theirs.save_weights(tmp_path / "m.weights.h5")
    how = {"model": "resnet18", "stem": "cifar_pool", "shortcut": "B", "pixels": "unit"}
    ours = tfresnet.load(tmp_path / "m.weights.h5", **how)
    pixels = pictures(2)
    want = softmax(theirs.predict(pixels / np.float32(255), verbose=0))
    np.testing.assert_allclose(ours.probabilities(pixels), want, atol=1e-4)
