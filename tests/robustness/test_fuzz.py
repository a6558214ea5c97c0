"""Whatever the inputs hold, the answer is success or one clear line."""

import gzip
import io
import json
import tarfile
import tempfile
import time
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
import safetensors.numpy
from support import fuzz, torch_files
from support.fake_cifar10 import ROWS, FakeCifar10

from tfresnet import models, verify, weights
from tfresnet.data import array_cache, cifar10_files
from tfresnet.evaluation import flags as evaluate_flags
from tfresnet.runs.folder import RunFolder
from tfresnet.settings.config import TrainConfig
from tfresnet.training import flags as train_flags

DEFAULT, SLOW = 60, 1000  # cases of each input


@pytest.fixture(autouse=True)
def _few_rows(monkeypatch):
    monkeypatch.setattr(cifar10_files, "ROWS", ROWS)


def archives():
    contents = FakeCifar10().pickles()
    plain = io.BytesIO()
    with tarfile.open(fileobj=plain, mode="w") as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(f"cifar-10-batches-py/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    plain = plain.getvalue()
    headers = [i for i in range(0, len(plain), 512) if plain[i : i + 5] == b"cifar"]
    packed = gzip.compress(plain)

    def make(rng, folder):
        if rng.random() < 0.4:
            content = fuzz.mutate(packed, rng)
        else:  # below the gzip checksum, and mostly in the headers
            start = rng.choice(headers)
            header = fuzz.mutate(plain[start : start + 512], rng)
            content = gzip.compress(plain[:start] + header + plain[start + 512 :], 1)
        (folder / "cifar-10-python.tar.gz").write_bytes(content)
        return lambda: cifar10_files.read(cifar10_files.find(folder))

    return make


def batches():
    contents = FakeCifar10().pickles()

    def make(rng, folder):
        for name, content in contents.items():
            (folder / name).write_bytes(content)
        name = rng.choice([*contents])
        content = contents[name]
        # Not only pixels: half of the time the few bytes around them.
        head, tail = (80, 200) if rng.random() < 0.5 else (len(content), 0)
        first = fuzz.mutate(content[:head], rng)
        last = fuzz.mutate(content[len(content) - tail :], rng) if tail else b""
        (folder / name).write_bytes(first + content[head : len(content) - tail] + last)
        return lambda: cifar10_files.read(cifar10_files.find(folder))

    return make


def images():
    contents = FakeCifar10().binaries()

    def make(rng, folder):
        for name, content in contents.items():
            (folder / name).write_bytes(content)
        if rng.random() < 0.5:
            name = rng.choice([*contents])
            (folder / name).write_bytes(fuzz.mutate(contents[name], rng))
            return lambda: cifar10_files.read(cifar10_files.find(folder))
        array_cache.store(folder / "cache.npy", np.zeros((6, 3073), np.uint8))
        stored = (folder / "cache.npy").read_bytes()
        (folder / "cache.npy").write_bytes(fuzz.mutate(stored[:128], rng) + stored[128:])
        return lambda: array_cache.load(folder / "cache.npy")

    return make


VALUES = (None, True, 0, -1, 1, 10**400, -(10**400), 1e308, float("nan"), float("inf"), "", "x")
VALUES += ("\0", "\ud800", "../x", "\n", [], {}, [1], 0.5, 2**31, "resnet20", "a" * 5000, "1,2")


def configs():
    settings = TrainConfig().to_dict()

    def make(rng, folder):
        values = dict(settings)
        for _ in range(rng.randint(0, 3)):
            values[rng.choice([*settings, "lr ", "modle"])] = rng.choice(VALUES)
        content = json.dumps({"settings": values}).encode()
        if rng.random() < 0.4:
            content = fuzz.mutate(content, rng)
        (folder / "config.json").write_bytes(content)
        return lambda: TrainConfig.from_dict(RunFolder(folder).read_config()["settings"]).resolved()

    return make


def model_files():
    inputs = keras.Input((8, 8, 3))
    x = keras.layers.Conv2D(2, 3, name="conv")(inputs)
    x = keras.layers.GlobalAveragePooling2D()(keras.layers.BatchNormalization(name="bn")(x))
    model = keras.Model(inputs, keras.layers.Dense(10, name="top")(x))
    file = io.BytesIO()
    keras.src.saving.saving_lib._save_model_to_fileobj(model, file, "h5")
    whole = file.getvalue()
    with zipfile.ZipFile(file) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}

    def make(rng, folder):
        content = fuzz.mutate(whole, rng)
        if rng.random() < 0.7:
            parts = dict(members)
            name = rng.choice(["config.json", "config.json", "model.weights.h5", "metadata.json"])
            parts[name] = fuzz.mutate(parts[name], rng)
            file = io.BytesIO()
            with zipfile.ZipFile(file, "w") as archive:
                for member, part in parts.items():
                    archive.writestr(member, part)
            content = file.getvalue()
        (folder / "model.keras").write_bytes(content)
        return lambda: models.load_model(folder / "model.keras")

    return make


def weights_files():
    with tempfile.TemporaryDirectory() as folder:
        place, arrays = Path(folder), torch_files.some_arrays()
        torch_files.write_zip(place / "m.pth", torch_files.described(arrays), arrays)
        torch_files.write_legacy(place / "m.th", torch_files.described(arrays), arrays)
        safetensors.numpy.save_file(
            {n: np.array(a) for n, a in arrays.items()}, place / "m.safetensors"
        )
        keras.Sequential([keras.Input((8,)), keras.layers.Dense(4)]).save_weights(
            place / "m.weights.h5"
        )
        contents = {path.name: path.read_bytes() for path in place.iterdir()}

    def make(rng, folder):
        name = rng.choice([*contents])
        (folder / name).write_bytes(fuzz.mutate(contents[name], rng))
        return lambda: weights.read_arrays(folder / name)

    return make


def command_lines():
    flags = ["--" + name.replace("_", "-") for name in TrainConfig().to_dict()]
    values = [str(value) for value in VALUES] + ["1", "0.1", "-5", "cifar10", "--", "--help", "é"]
    programs = (train_flags.parse, evaluate_flags.parse, verify.parse)

    def make(rng, _folder):
        parse, pieces = rng.choice(programs), [*flags, "--resume", "--json", "--no-augment", "-x"]
        argv = [rng.choice([*pieces, *values]) for _ in range(rng.randrange(7))]
        if rng.random() < 0.5:
            argv = [f"{rng.choice(flags)}={rng.choice(values)}" for _ in range(rng.randrange(4))]

        def case():
            parsed = parse(argv)
            if parse is train_flags.parse and "config" in parsed:
                parsed["config"].resolved()

        return case

    return make


MAKERS = (archives, batches, images, configs, model_files, weights_files, command_lines)


@pytest.mark.filterwarnings("ignore")  # Keras and NumPy say a thing or two about damaged files
@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
def test_a_few_hundred_cases(maker, tmp_path, capsys):
    check(maker, tmp_path, DEFAULT, seed=0, capsys=capsys)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
def test_thousands_of_cases(maker, tmp_path, capsys):
    check(maker, tmp_path, SLOW, seed=time.time_ns(), capsys=capsys)


def check(maker, folder, cases, seed, capsys):
    outcomes = fuzz.run(maker.__name__, folder, cases, seed, maker())
    shown = capsys.readouterr().out
    with capsys.disabled():
        print("\n" + shown.strip().splitlines()[-1])
    assert not [name for name in outcomes if name.startswith("FAILURE")], shown
    assert outcomes["one clear line"] + outcomes["exit 2"] > 0
