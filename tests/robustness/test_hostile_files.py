"""Files that would run code, write elsewhere or take all the memory; and what fuzzing found."""

import io
import json
import os
import pickle
import random
import zipfile

import h5py
import keras
import numpy as np
import pytest
from support.memory import takes_at_most

from tfresnet import models
from tfresnet.data import array_cache
from tfresnet.errors import InputError
from tfresnet.runs.folder import RunFolder
from tfresnet.settings.config import TrainConfig


class Touch:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return open, (str(self.path), "w")


def model_members(tmp_path):
    inputs = keras.Input((4,))
    path = tmp_path / "good.keras"
    keras.Model(inputs, keras.layers.Dense(2, name="top")(inputs)).save(path)
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def write(path, members, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def refused(path) -> str:
    with pytest.raises(InputError) as caught:
        models.load_model(path)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("suffix", [".keras", ".h5", ".pkl", ".hdf5", ""])
def test_a_pickle_in_place_of_a_model_creates_nothing(suffix, tmp_path):
    target = tmp_path / "created"
    (tmp_path / f"model{suffix}").write_bytes(pickle.dumps(Touch(target)))
    refused(tmp_path / f"model{suffix}")
    assert not target.exists()


@pytest.mark.parametrize("name", ["assets/x.txt", "../../created", "/created", "extra.py"])
def test_other_members_are_refused(name, tmp_path):
    path = write(tmp_path / "m.keras", model_members(tmp_path) | {name: b"x"})
    before = set(os.listdir(tmp_path))
    assert "nothing but" in refused(path)
    assert set(os.listdir(tmp_path)) == before


def test_a_bomb_is_not_unpacked(tmp_path):
    members = model_members(tmp_path) | {"model.weights.h5": bytes(2**23)}
    assert "must not unpack" in refused(write(tmp_path / "m.keras", members, zipfile.ZIP_DEFLATED))


def test_a_bomb_with_a_stated_size_is_not_unpacked(tmp_path):
    """The list of contents at the end of a zip file says how large each member is, packed."""
    members = model_members(tmp_path) | {"model.weights.h5": bytes(2**23)}
    path = write(tmp_path / "m.keras", members, zipfile.ZIP_DEFLATED)
    content = bytearray(path.read_bytes())
    entry = content.rindex(b"PK\1\2")
    assert content[entry + 46 :].startswith(b"model.weights.h5")
    content[entry + 20 : entry + 24] = (2**23).to_bytes(4, "little")
    path.write_bytes(content)
    assert "must not unpack" in refused(path)


def test_layers_without_weights_in_the_file_are_not_made(tmp_path):
    members = model_members(tmp_path)
    config = json.loads(members["config.json"])
    layer = config["config"]["layers"][1]
    for units, weights in ((2**23, 5 * 2**23), (2**40, 5 * 2**40)):
        layer["config"]["units"] = units
        members["config.json"] = json.dumps(config).encode()
        with takes_at_most(50):
            message = refused(write(tmp_path / "m.keras", members))
        assert f"must not have {weights} weights in" in message


@pytest.mark.parametrize("stored", [False, True])
def test_weights_that_are_larger_than_the_file_are_not_read(stored, tmp_path):
    members = model_members(tmp_path)
    content = io.BytesIO(members["model.weights.h5"])
    with h5py.File(content, "r+") as file:
        kernel = file["layers/dense/vars"]
        del kernel["0"]
        made = kernel.create_dataset("0", (2**25,), "f4", compression="gzip", chunks=(2**22,))
        if stored:
            made[:] = 0
    path = write(tmp_path / "m.keras", members | {"model.weights.h5": content.getvalue()})
    with takes_at_most(50):
        message = refused(path)
    assert ("would take more than" if stored else "must lie in the file itself") in message


def test_loading_draws_no_random_numbers(tmp_path):
    model_members(tmp_path)
    random.seed(1)
    keras.saving.load_model(tmp_path / "good.keras", compile=False)
    expected = random.random()
    random.seed(1)
    models.load_model(tmp_path / "good.keras")
    assert random.random() == expected


def lambda_layer(target):
    code = compile(f"open({str(target)!r}, 'w')", "x", "eval")
    layer = keras.layers.Lambda(lambda x: x, name="top").get_config()
    import base64
    import marshal

    layer["function"] = {
        "class_name": "__lambda__",
        "config": {
            "code": base64.b64encode(marshal.dumps(code)).decode(),
            "defaults": None,
            "closure": None,
        },
    }
    return {"module": "keras.layers", "class_name": "Lambda", "config": layer}


def function(module, name):
    return {
        "module": "keras.layers",
        "class_name": "Activation",
        "config": {
            "name": "top",
            "activation": {
                "module": module,
                "class_name": "function",
                "config": name,
                "registered_name": "function",
            },
        },
    }


@pytest.mark.parametrize("kind", ["lambda", "os.system", "builtins.eval", "keras.utils.get_file"])
def test_code_in_a_configuration_does_not_run(kind, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    target = tmp_path / "created"
    members = model_members(tmp_path)
    config = json.loads(members["config.json"])
    evil = lambda_layer(target) if kind == "lambda" else function(*kind.rsplit(".", 1))
    config["config"]["layers"][1] |= evil
    members["config.json"] = json.dumps(config).encode()
    path = write(tmp_path / "m.keras", members)
    before = set(os.listdir(tmp_path))
    refused(path)
    assert set(os.listdir(tmp_path)) == before


def test_a_good_model_is_loaded(tmp_path):
    model_members(tmp_path)
    assert models.load_model(tmp_path / "good.keras").count_params() == 10


@pytest.mark.parametrize(
    "header",
    # Found by fuzzing: NumPy parses the header as Python, and raises what Python's parser raises.
    [b"{'descr': '|u1', 'fortran_order': False, 'shape': (6, 3073), }}}}}", b"{'descr': '|u1\0'"]
    + [b"{'descr': '|u1', 'fortvan_order': False, 'shape': (6, 3073), }", b"(" * 60],
)
def test_a_damaged_header_of_the_cache_is_no_cache(header, tmp_path):
    path = tmp_path / "cache.npy"
    array_cache.store(path, np.zeros((6, 3073), np.uint8))
    assert array_cache.load(path) is not None
    whole = path.read_bytes()
    path.write_bytes(whole[:10] + header.ljust(117) + b"\n" + whole[128:])
    assert array_cache.load(path) is None


@pytest.mark.parametrize(
    "values",
    [{"lr": 10**400}, {"name": "\ud800"}, {"epochs": float("nan")}, {"modle": "x"}]
    + [{"epochs": 10**400}, {"max_steps": 2**63}],
)
def test_settings_that_no_run_can_have(values, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"settings": values}))
    with pytest.raises(InputError) as caught:
        TrainConfig.from_dict(RunFolder(tmp_path).read_config()["settings"])
    assert "\n" not in str(caught.value)
