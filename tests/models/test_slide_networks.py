"""AlexNet, VGG, Network in Network, GoogLeNet, Inception v3: counts, structure, stems."""

import re

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfresnet
from tfresnet import complexity, models
from tfresnet.data import load_dataset
from tfresnet.errors import InputError
from tfresnet.runs.network import build_network
from tfresnet.settings.config import TrainConfig

SMALL = (32, 32, 3)

# Published counts of the same variant, and where they come from.
PUBLISHED = {
    "alexnet-2014": ("alexnet", {"widths": "2014", "input_shape": (224, 224, 3)}, 61_100_840),
    "vgg16": ("vgg16", {}, 138_357_544),  # Keras Applications, torchvision
    "vgg19": ("vgg19", {}, 143_667_240),  # likewise
    "nin": ("nin", {}, 7_595_176),  # the authors' Caffe model
    "nin-cifar": ("nin", {"stem": "cifar", "batch_norm": False}, 966_986),  # likewise
    "googlenet": ("googlenet", {}, 6_998_552),  # bvlc_googlenet without auxiliary classifiers
    "googlenet-auxiliary": ("googlenet", {"auxiliary": True}, 13_378_280),  # and with
    "inception_v3": ("inception_v3", {}, 23_851_784),  # Keras Applications
}


@pytest.fixture
def structure():
    """No values for the weights of the networks made in the test: much faster."""
    with complexity.structure_only():
        yield


@pytest.mark.usefixtures("structure")
@pytest.mark.parametrize("case", PUBLISHED)
def test_parameters_are_the_published_ones(case):
    name, options, expected = PUBLISHED[case]
    assert tfresnet.create_model(name, **options).count_params() == expected


@pytest.mark.usefixtures("structure")
def test_alexnet_in_the_widths_of_the_original_by_hand():
    convolutions = [(96, 11 * 11 * 3), (256, 25 * 96), (384, 9 * 256), (384, 9 * 384)]
    dense = [(4096, 6 * 6 * 256), (4096, 4096), (1000, 4096)]
    layers = [*convolutions, (256, 9 * 384), *dense]
    expected = sum(filters * (weights + 1) for filters, weights in layers)
    assert expected == 62_378_344
    for side in (227, 224):
        model = tfresnet.create_model("alexnet", input_shape=(side, side, 3))
        assert model.count_params() == expected
        assert model.get_layer("conv1").output.shape[1:] == (55, 55, 96)


@pytest.mark.usefixtures("structure")
def test_auxiliary_head_of_inception_v3_by_hand():
    plain = tfresnet.create_model("inception_v3")
    trained = tfresnet.create_model("inception_v3", auxiliary=True)
    head = 768 * 128 + 128 + 25 * 128 * 768 + 768 + 768 * 1000 + 1000  # beta alone, no gamma
    statistics = 2 * (128 + 768)
    assert trained.count_params() - plain.count_params() == head + statistics
    assert trained.get_layer("auxiliary_conv2").output.shape[1:] == (1, 1, 768)


@pytest.mark.usefixtures("structure")
@pytest.mark.parametrize(
    ("name", "depth"),
    [("alexnet", 8), ("vgg16", 16), ("vgg19", 19), ("googlenet", 22), ("inception_v3", 48)],
)
def test_depth_is_the_one_in_the_title(name, depth):
    assert complexity.count(tfresnet.create_model(name)).depth == depth


@pytest.mark.usefixtures("structure")
def test_googlenet_has_the_output_sizes_of_its_table():
    model = tfresnet.create_model("googlenet")
    expected = {
        "conv1": (112, 64),
        "pool1": (56, 64),
        "conv2_block2": (56, 192),
        "pool2": (28, 192),
        **{"inception3a": (28, 256), "inception3b": (28, 480), "pool3": (14, 480)},
        **{"inception4a": (14, 512), "inception4b": (14, 512), "inception4c": (14, 512)},
        **{"inception4d": (14, 528), "inception4e": (14, 832), "pool4": (7, 832)},
        **{"inception5a": (7, 832), "inception5b": (7, 1024)},
    }
    assert {n: model.get_layer(n).output.shape[2:] for n in expected} == expected


@pytest.mark.usefixtures("structure")
def test_naive_module_lets_channels_pile_up():
    model = tfresnet.create_model("googlenet", naive=True, input_shape=SMALL)
    assert model.get_layer("inception3a").output.shape[-1] == 64 + 128 + 32 + 192
    assert model.get_layer("inception3b").output.shape[-1] == 128 + 192 + 96 + 416


@pytest.mark.usefixtures("structure")
def test_nin_pads_where_the_slides_say():
    model = tfresnet.create_model("nin")
    sides = {
        layer.name: layer.output.shape[1] for layer in model.layers if layer.name != "avg_pool"
    }
    assert [sides[n] for n in ("conv1_block1", "pool1", "conv2_block1", "pool2")] == [
        54,
        26,
        26,
        13,
    ]
    assert [sides[n] for n in ("conv3_block1", "pool3", "conv4_block1")] == [13, 6, 6]


@pytest.mark.parametrize(
    "name", ["googlenet", pytest.param("inception_v3", marks=pytest.mark.slow)]
)
def test_auxiliary_classifiers_are_for_training_only(name):
    assert models.has_auxiliary(name)
    keras.utils.set_random_seed(0)
    network = tfresnet.create_model(name, num_classes=10, input_shape=SMALL, auxiliary=True)
    x = tf.random.stateless_normal((2, *SMALL), (1, 2))
    outputs = network(x)
    assert [tuple(one.shape) for one in outputs] == [(2, 10)] * len(network.outputs)
    plain = models.without_auxiliary(network)
    np.testing.assert_array_equal(plain(x), outputs[0])
    fresh = tfresnet.create_model(name, num_classes=10, input_shape=SMALL)
    assert [w.shape for w in plain.weights] == [w.shape for w in fresh.weights]
    assert not any("auxiliary" in layer.name for layer in plain.layers)


def test_weights_without_auxiliary_classifiers_start_a_training_with_them(tmp_path):
    options = {"num_classes": 10, "input_shape": SMALL}
    plain = tfresnet.create_model("googlenet", **options)
    plain.save(tmp_path / "m.keras")
    network = tfresnet.create_model(
        "googlenet", auxiliary=True, weights=tmp_path / "m.keras", **options
    )
    x = tf.random.stateless_normal((2, *SMALL), (1, 2))
    np.testing.assert_array_equal(network(x)[0], plain(x))


def test_networks_without_auxiliary_classifiers_do_not_offer_them():
    assert not models.has_auxiliary("resnet18")
    with pytest.raises(InputError, match="resnet18 has no such option"):
        tfresnet.create_model("resnet18", auxiliary=True)


@pytest.mark.usefixtures("structure")
@pytest.mark.parametrize("name", ["alexnet", "vgg19", "nin", "googlenet"])
def test_batch_normalisation_belongs_to_the_cifar_stem_and_is_an_option(name):
    def has_bn(**options):
        model = tfresnet.create_model(name, **options)
        return any(".bn" in w.path or "/bn/" in w.path for w in model.weights)

    shape = {"input_shape": SMALL}
    assert has_bn(**shape)
    assert not has_bn(**shape, batch_norm=False)
    assert not has_bn(stem="imagenet")


# ---- Ports from Keras Applications ----


def randomise(model):
    """Random statistics, offsets and biases, so that no term of the formulas is trivial, and
    kernels that keep the signal alive to the end (Glorot's, under a ReLU, halve it each time)."""
    random = np.random.default_rng(3)
    for variable in model.variables:
        shape = variable.shape
        if len(shape) > 1:
            value = random.normal(0, (2 / np.prod(shape[:-1])) ** 0.5, shape)
        elif variable.name == "moving_variance":
            value = random.uniform(0.7, 1.3, shape)
        else:
            value = random.uniform(-0.1, 0.1, shape)
        variable.assign(value)


def in_order_of_creation(model):
    """Layers with weights: Keras Applications numbers its unnamed ones as it makes them."""

    def number(layer):
        found = re.fullmatch(r"(?:conv2d|batch_normalization)(?:_(\d+))?", layer.name)
        return int(found[1] or 0) if found else 10**6

    return sorted(model.layers, key=number)


def copy_by_kind(source, target):
    """Kernels to kernels, biases to biases and so on, in the order of both networks, which is
    the paper's from input to output and from branch to branch."""
    for kind in ("kernel", "bias", "beta", "moving_mean", "moving_variance"):
        layers = in_order_of_creation(source)
        theirs = [v for layer in layers for v in layer.variables if v.name == kind]
        ours = [v for v in target.variables if v.name == kind]
        for a, b in zip(theirs, ours, strict=True):
            b.assign(a)


@pytest.mark.parametrize(
    ("name", "builder", "side"),
    [
        ("vgg16", keras.applications.VGG16, 32),
        pytest.param("vgg19", keras.applications.VGG19, 64, marks=pytest.mark.slow),
        ("inception_v3", keras.applications.InceptionV3, 139),
    ],
)
def test_same_outputs_as_keras_applications(name, builder, side):
    keras.utils.set_random_seed(1)
    shape = (side, side, 3)
    theirs = builder(weights=None, input_shape=shape, classes=10, classifier_activation=None)
    randomise(theirs)
    ours = tfresnet.create_model(name, num_classes=10, input_shape=shape, stem="imagenet")
    copy_by_kind(theirs, ours)
    x = 3 * tf.random.stateless_normal((3, *shape), (1, 2))
    expected = theirs(x, training=False).numpy()
    got = ours(x, training=False).numpy()
    # Relative to how much the logits of the images differ: a constant would prove little.
    spread = np.ptp(expected, axis=0).max()
    assert spread > 0.02 * np.abs(expected).max()
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-4 * spread)


# ---- Sizes of images ----

GLOBAL_POOLING = ["nin", "googlenet", "resnet18", "inception_v3", "wrn16_4"]


@pytest.mark.parametrize("name", GLOBAL_POOLING)
def test_global_pooling_lets_one_network_take_several_sizes(name):
    model = tfresnet.create_model(name, num_classes=10, input_shape=(None, None, 3), stem="cifar")
    sizes = (32, 48, 224) if name in GLOBAL_POOLING[:3] else (32, 48)
    for size in sizes:
        logits = model(tf.random.stateless_normal((1, size, size, 3), (1, 2)))
        assert logits.shape == (1, 10)
        assert np.isfinite(logits).all()


@pytest.mark.parametrize("name", ["alexnet", "vgg19"])
def test_dense_layers_fix_the_size(name, tmp_path):
    with pytest.raises(InputError, match=rf"dense layers of {name} .* numbers. Received: \(None"):
        tfresnet.create_model(name, input_shape=(None, None, 3))
    model = tfresnet.create_model(name, input_shape=SMALL)
    with pytest.raises(ValueError, match=r"expected shape=\(None, 32, 32, 3\)"):
        model(tf.zeros((1, 48, 48, 3)))
    model.save(tmp_path / "m.keras")
    if name == "alexnet":  # with five halvings, 48 pixels leave VGG-19 as little as 32 do
        with pytest.raises(InputError, match="weights must be those of alexnet"):
            tfresnet.create_model(name, input_shape=(48, 48, 3), weights=tmp_path / "m.keras")
    maps = tfresnet.create_model(name, input_shape=(None, None, 3), include_top=False)
    assert maps.output_shape[:3] == (None, None, None)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("alexnet", {"input_shape": (66, 66, 3)}, "at least 67 pixels"),
        ("alexnet", {"widths": "2013"}, "widths of alexnet must be '2012' or '2014'"),
        ("vgg19", {"input_shape": (31, 31, 3)}, "at least 32 pixels"),
        ("nin", {"input_shape": (3, 3, 3)}, "at least 4 pixels"),
        ("nin", {"stem": "tiny"}, "stem of nin must be one of 'auto', 'imagenet', 'cifar'"),
        ("nin", {"num_classes": 0}, "num_classes must be at least 1"),
        ("googlenet", {"input_shape": (7, 7, 3)}, "at least 8 pixels"),
        ("googlenet", {"input_shape": (16, 16, 3), "auxiliary": True}, "with auxiliary class"),
        ("googlenet", {"input_shape": (None, None, 3), "auxiliary": True}, "must be numbers"),
        ("inception_v3", {"input_shape": (74, 74, 3)}, "at least 75 pixels"),
        ("inception_v3", {"input_shape": (298, 298, 3), "auxiliary": True}, "at least 299"),
        ("googlenet", {"auxiliary": True, "include_top": False}, "need include_top=True"),
        ("vgg19", {"shortcut": "A"}, "vgg19 has no such option, only stem, batch_norm. Received"),
    ],
)
def test_bad_options_are_answered_in_one_line(name, options, message):
    with pytest.raises(InputError, match=message) as caught:
        tfresnet.create_model(name, **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("alexnet", {"stem": "imagenet", "input_shape": (67, 67, 3)}),
        ("alexnet", {"stem": "cifar", "input_shape": (29, 29, 3)}),
        ("nin", {"stem": "imagenet", "input_shape": (51, 51, 3)}),
        ("nin", {"stem": "cifar", "input_shape": (4, 4, 3)}),
        ("googlenet", {"stem": "imagenet", "input_shape": (65, 65, 3), "auxiliary": True}),
        ("googlenet", {"stem": "cifar", "input_shape": (17, 17, 3), "auxiliary": True}),
        ("inception_v3", {"stem": "imagenet", "input_shape": (75, 75, 3)}),
        ("inception_v3", {"stem": "cifar", "input_shape": (16, 16, 3), "auxiliary": True}),
    ],
)
@pytest.mark.usefixtures("structure")
def test_the_smallest_size_leaves_every_layer_a_pixel(name, options):
    model = tfresnet.create_model(name, **options)
    for layer in model.layers:
        assert 0 not in layer.output.shape, layer.name


def test_nin_head_can_end_in_probabilities_or_features():
    options = {"stem": "cifar", "num_classes": 7, "input_shape": SMALL}
    model = tfresnet.create_model("nin", classifier_activation="softmax", **options)
    sums = tf.reduce_sum(model(tf.zeros((2, *SMALL))), axis=-1)
    np.testing.assert_allclose(sums, [1, 1], rtol=1e-5)
    features = tfresnet.create_model("nin", include_top=False, pooling="avg", **options)
    assert features.output_shape == (None, 192)


def test_a_training_can_leave_auxiliary_classifiers_out():
    def outputs(option):
        given = {"recipe": "paper", "precision": "float32", "model_option": option}
        config = TrainConfig(model="googlenet", **given).resolved()
        return len(build_network(config, load_dataset("shapes10")).outputs)

    with complexity.structure_only():
        assert (outputs(None), outputs({"auxiliary": False})) == (3, 1)


@pytest.mark.parametrize("grid", ["pool-widen", "widen-pool", "parallel"])
def test_grids_of_inception3_double_the_channels_in_each_way(grid):
    network = tfresnet.create_model("inception3", module="3x3", grid=grid)
    assert network.get_layer("conv3_block1").output.shape[1:] == (8, 8, 128)


def test_scale_and_shift_are_all_that_unscaled_normalisation_lacks():
    counted = [
        complexity.count(tfresnet.create_model("cnn3", norm=norm)).trainable_params
        for norm in ("before", "unscaled", "without")
    ]
    biases = 32 + 64 + 128
    assert counted == [counted[2] + biases, counted[2], counted[2]]
