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
