"""The lab sheet: its file with gaps, and the way from there to what is handed in."""

import re
from pathlib import Path
from zipfile import ZipFile

import pytest

import tfresnet
from tfresnet.check_unit.comparison import compare
from tfresnet.errors import InputError
from tfresnet.own.student import load
from tfresnet.report.__main__ import main as write_report
from tfresnet.runs.verification import verify

STARTER = Path(__file__).parents[1] / "docs" / "lab" / "resnet18_starter.py"
FILLED = {
    1: """x = layers.Conv2D(filters, kernel, strides, padding="same", use_bias=False)(x)
    return layers.BatchNormalization(momentum=0.9)(x)""",
    2: "return conv_bn(x, filters, 1, strides)",
    3: """y = layers.ReLU()(conv_bn(x, filters, 3, strides))
    y = conv_bn(y, filters, 3)
    return layers.ReLU()(y if plain else y + shortcut(x, filters, strides))""",
    4: """for stage, (filters, units) in enumerate(STAGES):
        for unit in range(units):
            x = residual_unit(x, filters, 2 if stage and not unit else 1, plain)
    x = layers.Dense(num_classes)(layers.GlobalAveragePooling2D()(x))""",
}
NAMES = ("residual_unit", "resnet18", "plain18")


@pytest.fixture
def file(tmp_path):
    """A function that gives the file with some of its gaps filled."""

    def filled(*gaps):
        text = STARTER.read_text()
        for gap in gaps:
            found = re.search(rf'raise NotImplementedError\("gap {gap} .*"\)', text)[0]
            text = text.replace(found, FILLED[gap])
        path = tmp_path / "network.py"
        path.write_text(text)
        return str(path)

    return filled


@pytest.mark.parametrize(("name", "gaps"), [("residual_unit", (3, 1)), ("resnet18", (1, 4, 3, 2))])
def test_each_gap_is_named_until_it_is_filled(file, name, gaps):
    for number, gap in enumerate(gaps):
        with pytest.raises(InputError, match=rf"^network.py, line \d+: .*gap {gap} is ") as error:
            compare(load(file(*gaps[:number]), name))
        assert "\n" not in str(error.value)


def test_an_open_shortcut_is_named(file):
    plain, projection = compare(load(file(1, 3), "residual_unit")).trials
    assert not plain.differences
    assert "gap 2 is open" in projection.differences[0]


@pytest.mark.parametrize("name", NAMES)
def test_filled_in_it_is_the_paper_s(file, name):
    against = None if name == "residual_unit" else name
    assert compare(load(file(*FILLED), name), against).same


def test_it_is_trained_reported_handed_in_and_checked(file, tiny, tmp_path):
    """Without `--trust-code`: its layers are Keras' own."""
    run = tfresnet.train(tiny(model=f"{file(*FILLED)}:resnet18", epochs=None, max_steps=1))
    archive = tmp_path / "hand-in.zip"
    where = ["--runs", str(run.path), "--output-dir", str(tmp_path / "report")]
    write_report([*where, "--lang", "zh", "--hand-in", str(archive), "--model", file(*FILLED)])
    ZipFile(archive).extractall(tmp_path)
    got = tmp_path / "hand-in" / "run"
    assert verify(got).sound
    assert tfresnet.evaluate(got)["top1"] == run.result["top1"]
    report = (tmp_path / "hand-in" / "report" / "report.zh.md").read_text()
    assert "resnet18, 32x32x3 to 10 classes: the same" in report
    assert Path(got, "network.py").read_text() in report
