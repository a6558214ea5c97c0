"""docs/flowers.md on pictures made for it: numbered in one flat folder, as Oxford's are."""

import re
import shlex
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from support.picture_folders import noise

import tfresnet
from tfresnet.training import flags as train_flags

PAGE = (Path(__file__).parent.parent / "docs" / "flowers.md").read_text()
COMMANDS = re.findall(r"^python (train\.py .*)$", PAGE, re.MULTILINE)


@pytest.fixture
def flowers(tmp_path, monkeypatch):
    """A folder in which the page's code has been run; every class has a colour of its own."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "jpg").mkdir()
    small = [noise(seed, 60, 45) for seed in range(80)]
    for number in range(1, 1361):
        colour = np.random.default_rng((number - 1) // 80).integers(0, 256, 3).tolist()
        picture = Image.blend(small[number % 80], Image.new("RGB", (60, 45), tuple(colour)), 0.6)
        picture.save(tmp_path / "jpg" / f"image_{number:04}.jpg")
    exec(re.search(r"```python\n(.*?)```", PAGE, re.DOTALL)[1], {})
    return tmp_path


def test_the_code_of_the_page_makes_class_folders(flowers):
    data = tfresnet.load_dataset("folder", flowers / "flowers")
    assert data.num_classes == 17
    assert np.bincount(data.test.labels).tolist() == [16] * 17
    train, validation = data.holdout(None, seed=0)
    assert (len(train), len(validation)) == (979, 109)
    tulips = (flowers / "flowers" / "tulip").iterdir()
    assert sorted(path.name for path in tulips) == [f"image_{n:04}.jpg" for n in range(561, 641)]


def test_the_commands_of_the_page_are_possible():
    assert len(COMMANDS) == 4
    for command in COMMANDS:
        config = train_flags.parse(shlex.split(command)[1:])["config"].resolved()
        assert config.dataset == "folder"


@pytest.mark.slow
@pytest.mark.parametrize("command", COMMANDS)
def test_the_networks_of_the_page_train(command, flowers):
    flags = [*shlex.split(command)[1:], "--train-size", "64", "--batch-size", "16", "--epochs", "1"]
    run = tfresnet.train(**train_flags.parse(flags))
    assert run.result["n"] == 272
    assert tfresnet.evaluate(run.path)["top1"] == run.result["top1"]
