"""Weights that Keras saved, by name."""

import h5py
import numpy as np
import pytest
from support.memory import takes_at_most

from tfresnet.errors import InputError
from tfresnet.models import create_model
from tfresnet.weights import hdf5, read_arrays

SMALL = {"num_classes": 10, "input_shape": (32, 32, 3)}


@pytest.mark.parametrize(
    ("name", "options"),
    [("resnet8", {}), ("nin", {}), ("wrn16_4", {"dropout": 0.3})],
)
def test_every_weight_has_its_path(name, options, tmp_path):
    model = create_model(name, **SMALL, **options)
    model.save_weights(tmp_path / "m.weights.h5")
    found = hdf5.read(tmp_path / "m.weights.h5")
    ours = {v.path: v for v in model.variables if not v.path.endswith("seed_generator_state")}
    assert found.keys() == ours.keys()
    for path, variable in ours.items():
        np.testing.assert_array_equal(found[path], variable)


def test_the_format_before_keras_3(tmp_path):
    with h5py.File(tmp_path / "m.h5", "w") as file:
        file.attrs["layer_names"] = [b"pool", b"conv"]
        file.create_group("pool").attrs["weight_names"] = np.array([], "S1")
        file.create_group("conv").attrs["weight_names"] = [b"conv/kernel:0", b"conv/bias:0"]
        file["conv"]["conv/kernel:0"], file["conv"]["conv/bias:0"] = [[1.0]], [2.0]
    found = hdf5.read(tmp_path / "m.h5")
    assert {name: array.tolist() for name, array in found.items()} == {
        "conv/kernel": [[1.0]],
        "conv/bias": [2.0],
    }


def layer(file):
    group = file.create_group("layers/dense/vars")
    group.attrs["name"] = "predictions"
    return group


def outside(file):
    layer(file)["0"] = h5py.ExternalLink("secret.h5", "/data")


def soft(file):
    layer(file)["0"] = h5py.SoftLink("/elsewhere")


def external(file):
    layer(file).create_dataset("0", (4,), "f4", external=[("secret", 0, 16)])


def virtual(file):
    layout = h5py.VirtualLayout((4,), "f4")
    layout[:] = h5py.VirtualSource("secret.h5", "/data", (4,))
    layer(file).create_virtual_dataset("0", layout)


def bomb(file):
    zeros = np.zeros(2**22, "f4")
    layer(file).create_dataset("0", data=zeros, compression="gzip", chunks=(2**20,))


def not_written(file):
    layer(file).create_dataset("0", (2**10,), "f4")


def not_written_chunks(file):
    layer(file).create_dataset("0", (2**26,), "f4", chunks=(1,))[0] = 1


def one_under_many_names(file):
    group = layer(file)
    group["0"] = np.ones(2**16, "f4")
    for number in range(1, 30):
        group[str(number)] = group["0"]


def groups_at_two_places(file):
    """A walk through all names takes 2 ** 17 steps."""
    group = file
    for _ in range(17):
        below = group.create_group("a")
        group["b"] = below
        group = below


def long_name(file):
    layer(file)["0"] = [1.0]
    file["layers/dense/vars"].attrs["name"] = "a" * 2000


def texts(file):
    layer(file)["0"] = ["text"]


def two_of_a_name(file):
    for number in range(2):
        group = file.create_group(f"layers/dense_{number}/vars")
        group.attrs["name"] = "predictions"
        group["0"] = [1.0]


def nothing(file):
    file["data"] = [1.0]


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (outside, "0 must not be a link"),
        (soft, "0 must not be a link"),
        (external, "must lie in the file itself"),
        (virtual, "must lie in the file itself"),
        (not_written, "must lie in the file itself"),
        (not_written_chunks, "must lie in the file itself"),
        (bomb, "would take more than"),
        (one_under_many_names, "would take more than"),
        (groups_at_two_places, "the group b must be at one place"),
        (long_name, "at most 1000 characters"),
        (texts, "predictions/kernel must hold numbers"),
        (two_of_a_name, "name each of them once"),
        (nothing, "must hold arrays"),
    ],
)
def test_links_bombs_and_other_files_are_one_line(made, reason, tmp_path):
    with h5py.File(tmp_path / "m.weights.h5", "w") as file:
        made(file)
    expected = rf"this weights file cannot be read \(.*{reason}"
    with takes_at_most(20), pytest.raises(InputError, match=expected) as caught:
        read_arrays(tmp_path / "m.weights.h5")
    assert "\n" not in str(caught.value)
    (tmp_path / "m.h5").write_text("no HDF5")
    with pytest.raises(InputError, match="cannot be read"):
        read_arrays(tmp_path / "m.h5")
