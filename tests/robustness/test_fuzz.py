"""Whatever the inputs hold, the answer is success or one clear line."""

import gzip
import io
import json
import tarfile
import tempfile
import zipfile
from pathlib import Path

import keras
import numpy as np
import pytest
import safetensors.numpy
import tensorflow as tf
from PIL import Image
from support import fuzz, torch_files
from support.fake_cifar10 import ROWS, FakeCifar10
from support.memory import takes_at_most
from support.picture_folders import noise
from support.processes import ROOT
from support.small import shrink_networks, shrink_shapes10

import tfresnet
from tfresnet import models, verify, weights
from tfresnet.data import array_cache, cifar10_files, picture_files
from tfresnet.errors import InputError
from tfresnet.evaluation import flags as evaluate_flags
from tfresnet.report import sources
from tfresnet.results import trials
from tfresnet.results.comparison import compare
from tfresnet.results.table import table
from tfresnet.runs import events
from tfresnet.runs.folder import RunFolder
from tfresnet.runs.verification import verify as verify_run
from tfresnet.settings.config import TrainConfig
from tfresnet.system.devices import read_cluster
from tfresnet.training import flags as train_flags

DEFAULT, SLOW = 60, 1000  # cases of each input
MEMORY = 500  # megabytes that all of them may take


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
        facts = name.endswith(".safetensors") and rng.random() < 0.5
        return lambda: (weights.read_facts if facts else weights.read_arrays)(folder / name)

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


def pictures():
    colours = noise(0, 20, 16)
    kinds = {"gif": {}, "bmp": {}, "webp": {}, "jpg": {"exif": _turned()}, "png": {}}
    contents = [_encoded(colours, kind, **more) for kind, more in kinds.items()]
    for mode in ("P", "LA", "RGBA", "I;16"):
        contents.append(_encoded(colours.convert("L" if mode == "I;16" else mode).convert(mode)))
    deep = np.random.default_rng(0).integers(0, 2**16, (16, 20, 4), np.uint16)
    contents.append(tf.io.encode_png(deep).numpy())

    def make(rng, folder):
        (folder / "picture").write_bytes(fuzz.mutate(rng.choice(contents), rng))
        return lambda: picture_files.seen(folder / "picture", 32)

    return make


def _encoded(picture, kind="png", **more):
    file = io.BytesIO()
    picture.save(file, {"jpg": "jpeg"}.get(kind, kind), **more)
    return file.getvalue()


def _turned():
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif


def run_folders():
    """What a tiny run leaves, with damage to one file: verified, and read for a resume."""
    with pytest.MonkeyPatch.context() as patch, tempfile.TemporaryDirectory() as folder:
        shrink_shapes10(patch)
        shrink_networks(patch)
        small = {"model": "resnet8", "dataset": "shapes10", "epochs": 2, "val_size": 50}
        run = tfresnet.train(TrainConfig(**small, output_dir=folder, name="run")).path
        files = [path for path in run.rglob("*") if path.is_file() and path.name != ".lock"]
        contents = {path.relative_to(run): path.read_bytes() for path in files}
    damaged = [name for name in contents if name.parts[0] != "test" and name.suffix != ".txt"]

    def make(rng, folder):
        for name, content in contents.items():
            (folder / name).parent.mkdir(exist_ok=True)
            (folder / name).write_bytes(content)
        name = rng.choice(damaged)
        (folder / name).write_bytes(fuzz.mutate(contents[name], rng))
        run = RunFolder(folder)

        def case():
            report = verify_run(folder)
            state = run.checkpoints.newest()
            for part in (run.train, run.validation):
                events.drop_events_after(part, state.step)
            if not report.sound:
                raise InputError(str([line for line in report.lines if not line[0]]))

        return case

    return make


def tables_of_runs():
    """Settings, history and result of a kept run, for all that compare runs."""
    run = ROOT / "docs" / "runs" / "resnet20-cifar10-10epochs-seed0"
    contents = {name: (run / name).read_bytes() for name in FIGURES}
    columns = (ROOT / "docs" / "trials.csv").read_bytes().partition(b"\n")[0] + b"\n"

    def make(rng, folder):
        (folder / "run").mkdir(exist_ok=True)
        for name, content in contents.items():
            (folder / "run" / name).write_bytes(content)
        (folder / "trials.csv").write_bytes(columns)
        name = rng.choice(FIGURES)
        content = fuzz.mutate(contents[name], rng)
        if rng.random() < 0.5 and name != "history.csv":
            values = json.loads(contents[name])
            part = rng.choice([values, *(v for v in values.values() if isinstance(v, dict))])
            part[rng.choice([*part])] = rng.choice(VALUES)
            content = json.dumps(values).encode()
        (folder / "run" / name).write_bytes(content)
        runs = [folder / "run"]
        return rng.choice(
            (
                lambda: table(runs) or refuse(),
                lambda: compare(str(runs[0]), str(run)),
                lambda: sources.read(runs),
                lambda: trials.append(folder / "trials.csv", runs),
            )
        )

    return make


FIGURES = ("config.json", "history.csv", "result.json")


def refuse():
    raise InputError("left out with a warning")


def clusters():
    jobs = {"chief": ["c:3"], "worker": ["a:1", "[::1]:2"]}
    content = json.dumps({"cluster": jobs, "task": {"type": "worker", "index": 1}}).encode()

    def make(rng, _folder):
        text = fuzz.mutate(content, rng).decode("utf-8", "surrogateescape")
        return lambda: read_cluster(text)

    return make


MAKERS = (archives, batches, images, pictures, configs, model_files, weights_files, command_lines)
MAKERS += (run_folders, tables_of_runs, clusters)
TIMES_SLOWER = {run_folders: 10}


@pytest.mark.filterwarnings("ignore")  # Keras and NumPy say a thing or two about damaged files
@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
def test_a_few_hundred_cases(maker, tmp_path, capsys):
    check(maker, tmp_path, DEFAULT, seed=0, capsys=capsys)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("maker", MAKERS, ids=lambda maker: maker.__name__)
def test_thousands_of_cases(maker, times, seed, tmp_path, capsys):
    with takes_at_most(MEMORY):
        check(maker, tmp_path, round(SLOW * times), seed, capsys=capsys)


def check(maker, folder, cases, seed, capsys):
    cases //= TIMES_SLOWER.get(maker, 1)
    outcomes = fuzz.run(maker.__name__, folder, cases, seed, maker())
    shown = capsys.readouterr().out
    with capsys.disabled():
        print("\n" + shown.strip().splitlines()[-1])
    assert not [name for name in outcomes if name.startswith("FAILURE")], shown
    assert outcomes["one clear line"] + outcomes["exit 2"] > 0
