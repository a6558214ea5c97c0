"""A flipped bit or a cut file is seen by `verify`, or changes nothing that is read."""

import dataclasses
import random
import shutil
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from support.small import shrink_shapes10

import tfresnet
from tfresnet import models
from tfresnet.data import array_cache
from tfresnet.runs.checkpoints import read
from tfresnet.runs.folder import RunFolder
from tfresnet.runs.verification import Findings, verify

SEED = 35
CASES = {  # by pattern of the files: 100,000
    "config.json": 15_000,
    "result.json": 15_000,
    "history.csv": 10_000,
    "network.py": 5_000,
    "checkpoints/*.npz": 20_000,
    "*.keras": 8_000,
    "*/*tfevents*": 9_000,
    "test/[fp]*": 8_000,  # features, their labels and thumbnails, projector
    "cache/*.npy": 10_000,
}


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A finished run with all its pages, code of a network, and an array of the data cache."""
    folder = tmp_path_factory.mktemp("rot")
    with pytest.MonkeyPatch.context() as patch:
        shrink_shapes10(patch)
        small = {"model": "resnet8", "dataset": "shapes10", "epochs": 1, "val_size": 50}
        config = tfresnet.TrainConfig(**small, keep_best=True, output_dir=str(folder), name="run")
        run = RunFolder(tfresnet.train(config).path)
    begun = RunFolder.create(config.to_dict() | {"name": "begun"}, {}, "def network():\n    ...\n")
    shutil.copy(begun.code, run.code)
    code, content = begun.read_config()["environment"], run.read_config()
    run.write_config(content["settings"], content["environment"] | code)
    rows = np.random.default_rng(SEED).integers(0, 256, (20, 3073), np.uint8)
    array_cache.store(run.path / "cache" / "cifar10.npy", rows)
    return run


def damage(content: bytes, rng: random.Random, cut: bool = True) -> bytes:
    """`content` with one flipped bit, or without its end."""
    content = bytearray(content)
    place = rng.randrange(len(content))
    if cut and rng.random() < 0.2:
        del content[place:]
    else:
        content[place] ^= 1 << rng.randrange(8)
    return bytes(content)


def what_is_read(run: RunFolder, file: Path):
    """What the program makes of the content of a file."""
    match file.name.rpartition(".")[2]:
        case "json":
            return run.read_config() if file == run.config else run.read_result()
        case "csv":
            return run.read_history()
        case "npz":
            state = read(file)
            arrays = {name: array.tobytes() for name, array in state.arrays.items()}
            return dataclasses.replace(state, arrays=arrays)
        case "keras":
            model = models.load_model(file)
            return model.to_json(), [weights.tobytes() for weights in model.get_weights()]
        case "npy":
            return array_cache.load(file).tobytes()
    return file.read_bytes()


@pytest.fixture
def check_only(monkeypatch):
    """Has `verify` leave out the checks of files that are whole: it would take hours."""
    check = Findings.check

    def choose(file):
        def only(report, what, *args):
            name = what.partition(" ")[0].rstrip("/")
            needed = name in str(file) or name in ("config.json", "result.json", "files")
            return check(report, what, *args) if needed else None

        monkeypatch.setattr(Findings, "check", only)

    return choose


@pytest.mark.parametrize("pattern", CASES)
@pytest.mark.parametrize("share", [0.001, pytest.param(1, marks=pytest.mark.slow)])
def test_damage_is_seen_or_changes_nothing(pattern, share, run, check_only):
    files = sorted(run.path.glob(pattern))
    whole = {file: (file.read_bytes(), what_is_read(run, file)) for file in files}
    rng, ends = random.Random(f"{SEED} {pattern}"), Counter()
    for case in range(round(share * CASES[pattern])):
        file = rng.choice(files)
        content, sound = whole[file]
        check_only(file.relative_to(run.path))
        try:
            file.write_bytes(damage(content, rng))
            if file.suffix == ".npy":
                is_seen = array_cache.load(file) is None  # it is read from the source again
            else:
                is_seen = not verify(run.path).sound
            assert is_seen or what_is_read(run, file) == sound, f"{file}, case {case}"
        finally:
            file.write_bytes(content)
        ends["seen" if is_seen else "without effect"] += 1
    print(f"{pattern}: {len(files)} files, {dict(ends)}")
    assert ends["seen"]


@pytest.mark.slow
@pytest.mark.parametrize("pattern", ["history.csv", "train/*", "validation/*"])
def test_an_unfinished_run(pattern, run, tmp_path, caplog):
    """A cut chart cannot be told from one that a kill has cut."""
    path = shutil.copytree(run.path, tmp_path / "run")
    for name in ("result.json", "model.keras", "best.keras"):
        (path / name).unlink()
    rng = random.Random(f"{SEED} {pattern}")
    files = sorted(path.glob(pattern))
    for case in range(200):
        file = rng.choice(files)
        content = file.read_bytes()
        file.write_bytes(damage(content, rng, cut=False))
        caplog.clear()
        assert not verify(path).sound or "corrupted record" in caplog.text, f"{file}, case {case}"
        file.write_bytes(content)
