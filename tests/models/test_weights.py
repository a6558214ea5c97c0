"""Weights by name: what fits, what stays fresh, what is refused."""

import keras
import numpy as np
import pytest

import tfresnet
from tfresnet import models, pretrained
from tfresnet.errors import InputError
from tfresnet.layers import IdentityBlock, Preprocessing, ProjectionBlock
from tfresnet.models.weights import Weights

PIXELS = Preprocessing((0.5,) * 3, (0.25,) * 3, tuple("abcdefghij"))


def by_path(model):
    return {v.path: np.asarray(v) for v in model.variables if "seed_gen" not in v.path}


@pytest.fixture(scope="module")
def trained():
    keras.utils.set_random_seed(5)
    return models.create_model("resnet8", preprocessing=PIXELS)


@pytest.fixture
def folder(trained, tmp_path, monkeypatch):
    """A run, two files, and a folder of shipped models, of the same network."""
    (tmp_path / "run").mkdir()
    (tmp_path / "shipped").mkdir()
    trained.save(tmp_path / "run" / "model.keras")
    trained.save(tmp_path / "m.keras")
    trained.save(tmp_path / "shipped" / "resnet8-letters.keras")
    trained.save_weights(tmp_path / "m.weights.h5")
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path / "shipped")
    return tmp_path


def test_every_kind_of_source(folder, trained):
    sources = [folder / name for name in ("run", "m.keras", "m.weights.h5")]
    for source in (*sources, "resnet8", "letters", "resnet8-letters"):
        model = tfresnet.create_model("resnet8", weights=source)
        for one, other in zip(model.get_weights(), trained.get_weights(), strict=True):
            np.testing.assert_array_equal(one, other)
    assert models.read_weights(folder / "run").preprocessing.mean == (0.5,) * 3
    assert models.read_weights(folder / "m.weights.h5").preprocessing is None


def test_what_there_is_not(folder):
    rule = r"shipped \(resnet8-letters\)\. Received: "
    for source, message in (
        ("nowhere.keras", rule + "nowhere.keras"),
        ("cifar10", rule + "cifar10"),
        (folder / "shipped", "a run must be finished"),
        (__file__, r"must end in one of .keras, .safetensors, .h5, .* Received: .*test_weights.py"),
    ):
        with pytest.raises(InputError, match=message):
            tfresnet.create_model("resnet8", weights=source)
    assert pretrained.find("resnet20") is None


@pytest.mark.parametrize(
    ("source", "options", "has"),
    [
        ("m.weights.h5", {"num_classes": 7}, "10"),
        (
            "m.keras",
            {"preprocessing": Preprocessing((0.5,) * 3, (0.25,) * 3, "ABCDEFGHIJ")},
            "others",
        ),
    ],
)
def test_other_classes_leave_the_head_fresh_and_say_so(
    source, options, has, folder, trained, caplog
):
    keras.utils.set_random_seed(1)
    fresh = by_path(models.create_model("resnet8", **options))
    weights = models.read_weights(folder / source)
    keras.utils.set_random_seed(1)
    model = models.create_model("resnet8", **options, weights=weights)
    assert f"the classifier of {options.get('num_classes', 10)} classes begins anew" in caplog.text
    assert caplog.text.rstrip().endswith(f"{source} has {has}")
    theirs = by_path(trained)
    for path, value in by_path(model).items():
        kept = fresh if path.startswith("predictions") else theirs
        np.testing.assert_array_equal(value, kept[path])


def test_a_backbone_takes_a_whole_network_and_the_other_way_round(folder, trained, caplog):
    backbone = models.create_model("resnet8", include_top=False, weights=folder / "m.keras")
    assert caplog.text == ""
    arrays = by_path(backbone)
    model = Weights("backbone", arrays).fill(models.create_model("resnet8"))
    assert "backbone has none" in caplog.text
    for path, value in arrays.items():
        np.testing.assert_array_equal(by_path(model)[path], value)
        np.testing.assert_array_equal(by_path(trained)[path], value)


def test_every_mismatch_is_named_and_nothing_is_changed():
    model = models.create_model("resnet8")
    before, arrays = by_path(model), by_path(model)
    arrays["extra/kernel"] = arrays.pop("conv1/conv/kernel")
    arrays["conv2_block1/bn1/gamma"] = np.zeros(3)
    with pytest.raises(InputError) as caught:
        Weights("here", arrays).fill(model)
    assert str(caught.value) == (
        "weights must be those of resnet8 (missing: conv1/conv/kernel; unknown: extra/kernel; "
        "other: conv2_block1/bn1/gamma is (3,) and must be (16,)). Received: here"
    )
    for path, value in by_path(model).items():
        np.testing.assert_array_equal(value, before[path])
    with pytest.raises(InputError, match=r"conv1/bn/moving_variance and 30 more"):
        Weights("here", {}).fill(model)


def test_auxiliary_classifiers_keep_their_own():
    x = keras.Input((4,))
    features = keras.layers.Dense(3, name="features")(x)
    ends = [keras.layers.Dense(2, name=name)(features) for name in ("predictions", "a_predictions")]
    whole = keras.Model(x, ends)
    before = by_path(whole)
    arrays = {n: a + 1 for n, a in before.items() if not n.startswith("a_")}
    after = by_path(Weights("plain", arrays).fill(whole))
    for path, value in before.items():
        np.testing.assert_array_equal(after[path], arrays.get(path, value))


def unit(stride_in_3x3):
    images = keras.Input((8, 8, 8))
    options = {"bottleneck": True, "stride_in_3x3": stride_in_3x3, "name": "conv2_block1"}
    return keras.Model(images, ProjectionBlock(2, strides=2, **options)(images))


@pytest.mark.parametrize("ours", [False, True])
def test_the_stride_of_bottlenecks_must_be_where_theirs_is(ours):
    arrays = by_path(unit(ours))
    for theirs in (None, ours):
        Weights("here", arrays, stride_in_3x3=theirs).fill(unit(ours))
    with pytest.raises(InputError, match=f"must have stride_in_3x3={not ours}"):
        Weights("here", arrays, stride_in_3x3=not ours).fill(unit(ours))


def test_a_network_is_made_with_the_stride_of_its_weights():
    arrays = by_path(models.create_model("resnet50", input_shape=(32, 32, 3), num_classes=2))
    weights = Weights("here", arrays, stride_in_3x3=True)
    model = models.create_model("resnet50", input_shape=(32, 32, 3), num_classes=2, weights=weights)
    assert model.get_layer("conv3_block1").stride_in_3x3
    basic = keras.Model(x := keras.Input((8, 8, 8)), IdentityBlock(8, name="a")(x))
    Weights("here", by_path(basic), stride_in_3x3=True).fill(basic)


@pytest.mark.parametrize(
    ("name", "shortcut"), [("resnet8", "B"), ("resnet8", "C"), ("resnet18", "A")]
)
def test_names_show_the_shortcuts(name, shortcut):
    shape = {"num_classes": 10, "input_shape": (32, 32, 3)}
    theirs = models.create_model(name, shortcut=shortcut, **shape)
    weights = Weights("here", by_path(theirs))
    ours = models.create_model(name, weights=weights, **shape)
    for path, value in by_path(ours).items():
        np.testing.assert_array_equal(value, by_path(theirs)[path])
    other = "B" if shortcut == "A" else "A"
    with pytest.raises(InputError, match=r"(missing|unknown): conv"):
        models.create_model(name, shortcut=other, weights=weights, **shape)


def test_whether_a_small_stem_pools_is_asked(caplog):
    small = {"num_classes": 3, "input_shape": (32, 32, 3), "stem": "cifar_pool"}
    arrays = by_path(models.create_model("resnet18", **small))
    weights = Weights("here", arrays, library="torchvision")
    model = models.create_model("resnet18", weights=weights)
    assert "here does not say whether max pooling follows its 3x3 stem" in caplog.text
    assert (model.input_shape, model.output_shape) == ((None, 32, 32, 3), (None, 3))
    caplog.clear()
    pooled = models.create_model("resnet18", stem="cifar_pool", weights=weights)
    assert pooled.get_layer("pool1").output.shape == (None, 16, 16, 64)
    kuangliu = Weights("here", arrays, library="torch")
    models.create_model("resnet18", weights=kuangliu)
    thin = by_path(models.create_model("resnet8"))
    models.create_model("resnet8", weights=Weights("thin", thin, library="torchvision"))
    assert caplog.text == ""


def test_weights_bring_their_preparation_of_pixels(folder, trained):
    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3))
    model = models.create_model("resnet8", weights=folder / "m.keras")
    want = trained.predict(pixels, verbose=0)
    np.testing.assert_allclose(model.predict(pixels, verbose=0), want, atol=1e-5)
    assert models.preprocessing_of(model).class_names == PIXELS.class_names
    bare = models.create_model("resnet8", weights=folder / "m.keras", preprocessing=None)
    normalised = (pixels / 255 - 0.5) / 0.25
    np.testing.assert_allclose(bare.predict(normalised, verbose=0), want, atol=1e-5)
    other = models.create_model("resnet8", weights=folder / "m.keras", num_classes=4)
    assert models.preprocessing_of(other).class_names == ()
    assert models.preprocessing_of(models.create_model("resnet8")) is None


@pytest.mark.parametrize("method", ["__call__", "predict", "predict_on_batch"])
def test_who_normalises_for_a_network_that_does_is_warned_once(method, folder, caplog):
    made = models.create_model("resnet8", weights=folder / "m.keras")
    for model in (made, tfresnet.load_model(folder / "m.keras")):
        for images in (np.full((1, 32, 32, 3), 200, "f4"), np.zeros((1, 32, 32, 3), "u1")):
            getattr(model, method)(images)
        assert "look normalised" not in caplog.text
        for _ in range(2):
            getattr(model, method)(np.random.default_rng(0).normal(size=(1, 32, 32, 3)))
        assert caplog.text.count("look normalised") == 1
        caplog.clear()


def test_pixels_by_name(folder, caplog):
    with pytest.raises(InputError, match="says how its pixels are prepared"):
        models.read_weights(folder / "m.keras", pixels="torch")
    with pytest.raises(InputError, match="pixels must be one of caffe, torch, tf, unit, raw"):
        models.read_weights(folder / "m.weights.h5", pixels="bgr")
    weights = models.read_weights(folder / "m.weights.h5", pixels="tf")
    assert weights.preprocessing.mean == (0.5,) * 3
