"""Files that would run code, write elsewhere or take all the memory; and what fuzzing found."""

import json
import os
import pickle
import zipfile

import keras
import numpy as np
import pytest

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
    "values", [{"lr": 10**400}, {"name": "\ud800"}, {"epochs": float("nan")}, {"modle": "x"}]
)
def test_settings_that_no_run_can_have(values, tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"settings": values}))
    with pytest.raises(InputError) as caught:
        TrainConfig.from_dict(RunFolder(tmp_path).read_config()["settings"])
    assert "\n" not in str(caught.value)
