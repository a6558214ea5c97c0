"""Names and axes of other libraries."""

import numpy as np
import pytest

from tfresnet.models import create_model
from tfresnet.weights import layouts

KINDS = {"gamma": "weight", "beta": "bias", "moving_mean": "running_mean"}
KINDS |= {"moving_variance": "running_var", "kernel": "weight", "bias": "bias"}


def of_torch(path):
    """Our path as torchvision names it."""
    layer, _, kind = path.rpartition("/")
    if layer.startswith("conv1/"):
        layer = {"conv": "conv1", "bn": "bn1"}[layer.partition("/")[2]]
    elif layer == "predictions":
        layer = "fc"
    else:
        unit, _, child = layer.partition("/")
        stage, index = unit.removeprefix("conv").split("_block")
        child = {"shortcut_conv": "downsample.0", "shortcut_bn": "downsample.1"}.get(child, child)
        layer = f"layer{int(stage) - 1}.{int(index) - 1}.{child}"
    return f"{layer}.{KINDS[kind]}"


def torch_arrays(model):
    axes = {4: (3, 2, 0, 1), 2: (1, 0)}
    arrays = {of_torch(v.path): np.transpose(v, axes.get(len(v.shape))) for v in model.variables}
    return arrays | {"bn1.num_batches_tracked": np.zeros((), "<i8")}


def test_torch_names_of_a_network_with_projections():
    model = create_model("resnet8", shortcut="B")
    prefixes = ("", "module.", "_orig_mod.", "module.model.", "backbone.", "net.", "1.")
    for prefix in prefixes:
        theirs = {prefix + name: array for name, array in torch_arrays(model).items()}
        theirs["n_averaged"] = np.ones((), "<i8")  # of torch.optim.swa_utils
        ours, library = layouts.as_ours(theirs)
        assert library == "torchvision"
        assert ours.keys() == {v.path for v in model.variables}
        for v in model.variables:
            np.testing.assert_array_equal(ours[v.path], v)


def test_without_projections_the_channels_move_to_where_ours_are():
    ours, _ = layouts.as_ours(torch_arrays(create_model("resnet8")))
    first = ours["conv3_block1/conv2/kernel"]
    theirs = create_model("resnet8")
    theirs.set_weights([np.zeros(w.shape) for w in theirs.weights])
    marked = torch_arrays(theirs)
    marked["layer2.0.bn2.bias"] = np.arange(32.0)
    marked["layer3.0.bn2.bias"] = np.arange(64.0)
    found, _ = layouts.as_ours(marked)
    old = [*range(8, 24)]
    order = [*old, *range(8), *range(24, 32)]
    np.testing.assert_array_equal(found["conv3_block1/bn2/beta"], order)
    last = [16 + channel for channel in order]
    np.testing.assert_array_equal(found["conv4_block1/bn2/beta"][:32], last)
    assert sorted(found["conv4_block1/bn2/beta"]) == [*range(64)]
    assert first.shape == (3, 3, 32, 32)


def test_the_names_show_the_library():
    weight = {"conv1.weight": np.zeros((4, 3, 7, 7)), "layer1.0.conv3.weight": np.zeros((4,) * 4)}
    assert layouts.as_ours(weight)[1] == "torch"
    keras = {"conv1_conv/kernel": np.zeros((7, 7, 3, 4))}
    assert layouts.as_ours(keras)[1] == "keras.applications"
    assert layouts.as_ours({"conv1/conv/kernel": 0}) == ({"conv1/conv/kernel": 0}, "")


def test_names_that_are_not_understood_stay():
    arrays = {"conv1.weight": np.zeros((4, 3, 3, 3)), "head.norm.weight": np.zeros(4)}
    assert "head.norm.weight" in layouts.as_ours(arrays)[0]


def test_a_bias_that_does_not_fit_its_mean():
    """Broadcast, two vectors would become a matrix."""
    arrays = {"conv1_conv/kernel": np.zeros((7, 7, 3, 64)), "conv1_conv/bias": np.zeros(2**20)}
    arrays["conv1_bn/moving_mean"] = np.zeros((2**20, 1))
    with pytest.raises(ValueError, match=r"conv1_bn/moving_mean must have the shape"):
        layouts.as_ours(arrays)


@pytest.mark.parametrize("name", ["linear", "classifier", "head.fc", "fc.1"])
def test_a_lone_dense_layer_is_the_classifier(name):
    arrays = {f"backbone.{n}": a for n, a in torch_arrays(create_model("resnet8")).items()}
    for kind in ("weight", "bias"):
        arrays[f"{name}.{kind}"] = arrays.pop(f"backbone.fc.{kind}")
    assert layouts.as_ours(arrays)[0]["predictions/kernel"].shape == (64, 10)
    arrays["projection.weight"] = np.zeros((4, 4))
    assert "predictions/kernel" not in layouts.as_ours(arrays)[0]


def test_two_arrays_of_a_name():
    arrays = {"net.conv1.weight": np.zeros((4, 3, 3, 3)), "net.fc.bias": np.zeros(4)}
    with pytest.raises(ValueError, match=r"two arrays for fc\.bias"):
        layouts.as_ours(arrays | {"fc.bias": np.zeros(2)})
