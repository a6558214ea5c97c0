"""The command `python -m tfresnet.param_count`: every format read back, errors, exit status."""

import csv
import io
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tfresnet.complexity import Complexity, LayerCount, StageCount
from tfresnet.errors import InputError
from tfresnet.param_count import reports
from tfresnet.param_count.__main__ import main
from tfresnet.param_count.reports import RENDERERS, Report

ROOT = Path(__file__).parents[1]

# Section 4.2 of the paper by hand: trainable, BN statistics, multiply-adds of ResNet-20.
RESNET20 = {
    "name": "resnet20",
    "input_shape": [32, 32, 3],
    "num_classes": 10,
    "params": 271_098,
    "trainable_params": 269_722,
    "non_trainable_params": 1_376,
    "multiply_adds": 40_551_040,
    "layers": 20,
}
RESNET20_STAGES = [  # kernels and 4 BN numbers a channel; half a kernel where a stage widens
    {"name": "conv1", "params": 27 * 16 + 4 * 16},
    {"name": "conv2", "params": 6 * (9 * 16 * 16 + 4 * 16)},
    {"name": "conv3", "params": 6 * (9 * 32 * 32 + 4 * 32) - 9 * 16 * 32},
    {"name": "conv4", "params": 6 * (9 * 64 * 64 + 4 * 64) - 9 * 32 * 64},
    {"name": "predictions", "params": 650},
]


def report(name="tiny", params=1_234_567, input_shape=(32, 32, 3), num_classes=10):
    """A report of a network that does not exist, to try the formats on."""
    conv = LayerCount("conv1_block1/conv", "Conv2D", (32, 32, 16), params - 7, params - 7, 4_056)
    unused = LayerCount("auxiliary", "Dense", None, 7, 0, 0)
    stages = (StageCount("conv1", params - 7, params - 7, 4_056), StageCount("auxiliary", 7, 0, 0))
    found = Complexity(params, params - 7, 7, 1_815_000_000, 20, (conv, unused), stages)
    return Report(name, input_shape, num_classes, found)


RESNETS = [report("resnet50", 1_000_000), report("resnet101", 1_500_000)]


def run(capsys, *argv):
    """Standard output of the command, which must succeed and say nothing on standard error."""
    main(list(argv))
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out


def cells(line):
    return re.split(r"\s{2,}", line.strip())


def test_json(capsys):
    (found,) = json.loads(run(capsys, "resnet20", "--format", "json"))
    stages = found.pop("stages")
    assert found == RESNET20
    assert [{"name": s["name"], "params": s["params"]} for s in stages] == RESNET20_STAGES
    assert sum(stage["multiply_adds"] for stage in stages) == RESNET20["multiply_adds"]


def test_csv(capsys):
    flags = ("--input-size", "48", "--num-classes", "7", "--format", "csv")
    first, second = csv.DictReader(io.StringIO(run(capsys, "resnet20", "plain20", *flags)))
    assert list(first) == list(RESNET20)
    assert (first["name"], second["name"]) == ("resnet20", "plain20")
    for row in (first, second):
        assert (row["input_shape"], row["num_classes"]) == ("48x48x3", "7")
        assert int(row["params"]) == RESNET20["params"] - 3 * 65
        convolutions = RESNET20["multiply_adds"] - 640
        assert int(row["multiply_adds"]) == convolutions * 48**2 // 32**2 + 64 * 7


def test_table_of_one_network_has_its_stages(capsys):
    networks, stages = run(capsys, "resnet20").split("\n\n")
    titles, _, row = map(cells, networks.splitlines())
    assert dict(zip(titles, row, strict=True)) == {
        "name": "resnet20",
        "input shape": "32x32x3",
        "num classes": "10",
        "params": "271,098",
        "trainable params": "269,722",
        "non trainable params": "1,376",
        "multiply adds": "40.55 M",
        "layers": "20",
    }
    rows = [cells(line) for line in stages.splitlines()[2:]]
    expected = [[stage["name"], f"{stage['params']:,}"] for stage in RESNET20_STAGES]
    assert [row[:2] for row in rows] == expected


# Trainable, BN statistics: the verified counts of the paper's networks.
COMPARED = {
    ("resnet18", 224, 1000): (11_689_512, 9_600),
    ("resnet50", 224, 1000): (25_557_032, 53_120),
    ("resnet101", 224, 1000): (44_549_160, 105_344),
    ("resnet18", 32, 10): (11_173_962, 9_600),
    ("resnet50", 32, 10): (23_520_842, 53_120),
    ("resnet101", 32, 10): (42_512_970, 105_344),
}


def check_comparison(text):
    networks, difference = text.split("\n\n")
    rows = [cells(line) for line in networks.splitlines()[2:]]
    found = [tuple(row[:4]) for row in rows]
    assert found == [
        (name, f"{size}x{size}x3", f"{classes:,}", f"{trainable + statistics:,}")
        for (name, size, classes), (trainable, statistics) in COMPARED.items()
    ]
    # 44,654,504 / 25,610,152 = 1.7436 and 42,618,314 / 23,573,962 = 1.8079
    assert difference.splitlines() == [
        "resnet101 has 19,044,352 more parameters than resnet50 (+74.4%) "
        "at 224x224x3, 1000 classes.",
        "resnet101 has 19,044,352 more parameters than resnet50 (+80.8%) at 32x32x3, 10 classes.",
    ]


def test_without_a_model_three_networks_at_two_inputs(capsys, monkeypatch):
    def measure(name, size, classes):
        return report(name, sum(COMPARED[name, size, classes]), (size, size, 3), classes)

    monkeypatch.setattr(reports, "measure", measure)
    check_comparison(run(capsys))


@pytest.mark.slow
def test_without_a_model_for_real(capsys):
    check_comparison(run(capsys))


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        (([],), [("resnet18", 224, 1000), ("resnet18", 32, 10)]),
        (([], 64), [("resnet18", 64, None)]),
        (([], None, 5), [("resnet18", None, 5)]),
        ((["a", "b"],), [("a", None, None), ("b", None, None)]),
        ((["a"], 64, 5), [("a", 64, 5)]),
    ],
)
def test_what_is_measured(asked, expected, monkeypatch):
    monkeypatch.setattr(reports, "_COMPARED", ("resnet18",))
    monkeypatch.setattr(reports, "measure", lambda *request: request)
    assert reports.measure_all(*asked) == expected


@pytest.mark.parametrize("form", ["table", "markdown"])
def test_difference_is_noted_for_equal_inputs_only(form):
    line = "resnet101 has 500,000 more parameters than resnet50 (+50.0%) at 32x32x3, 10 classes."
    assert RENDERERS[form](RESNETS, False).endswith("\n\n" + line)
    other = [report("resnet50"), report("resnet101", num_classes=1000)]
    assert "more parameters" not in RENDERERS[form](other, False)
    assert "more parameters" not in RENDERERS[form](RESNETS[1:], False)


@pytest.mark.parametrize("by_layer", [False, True])
def test_machine_formats_hold_nothing_else(by_layer):
    records = json.loads(RENDERERS["json"](RESNETS, by_layer))
    assert [record["name"] for record in records] == ["resnet50", "resnet101"]
    assert all(("by_layer" in record) == by_layer for record in records)
    rows = list(csv.reader(io.StringIO(RENDERERS["csv"](RESNETS, by_layer))))
    assert len(rows) == 1 + 2 * (2 if by_layer else 1)
    assert {len(row) for row in rows} == {len(rows[0])}


def test_rows_by_layer():
    layer = {
        "path": "conv1_block1/conv",
        "kind": "Conv2D",
        "output_shape": [32, 32, 16],
        "params": 1_234_560,
        "trainable_params": 1_234_560,
        "multiply_adds": 4_056,
    }
    (record,) = json.loads(RENDERERS["json"]([report()], True))
    assert record["by_layer"][0] == layer
    assert record["by_layer"][1]["output_shape"] is None
    text = {key: str(value) for key, value in layer.items()}
    first, second = csv.DictReader(io.StringIO(RENDERERS["csv"]([report()], True)))
    assert first == {"name": "tiny"} | text | {"output_shape": "32x32x16"}
    assert second["output_shape"] == ""
    table = RENDERERS["table"]([report()], True).split("\n\n")[-1].splitlines()
    row = ["conv1_block1/conv", "Conv2D", "32x32x16", "1,234,560", "1,234,560", "4,056"]
    assert cells(table[2]) == row
    assert cells(table[3]) == ["auxiliary", "Dense", "-", "7", "0", "0"]


def test_markdown():
    lines = RENDERERS["markdown"]([report(), report("other", 987)], False).splitlines()
    split = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    assert len({len(row) for row in split}) == 1
    assert split[1] == ["---", "---", *["---:"] * 6]
    assert split[2][0] == "tiny"
    assert split[2][3:] == ["1,234,567", "1,234,560", "7", "1.81 G", "20"]
    assert split[3][3] == "987"


@pytest.mark.parametrize(
    ("argv", "message"),
    [
        (["resnet20", "resnet2o"], r"resnet20.*Received: 'resnet2o'"),
        (["--input-size", "0"], r"--input-size: must be an integer of at least 1\. Received: '0'"),
        (["--input-size", "big"], r"--input-size: must be .*Received: 'big'"),
        (["--num-classes", "-3"], r"--num-classes: must be .*Received: '-3'"),
        (["--format", "xml"], r"--format: .*'xml'"),
        (["--colour"], r"--colour"),
    ],
)
def test_errors_are_one_line_and_status_2(argv, message, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(argv)
    captured = capsys.readouterr()
    assert exit_.value.code == 2
    assert captured.out == ""
    assert re.fullmatch(rf"param_count: error: .*{message}.*\n", captured.err)


def test_an_input_that_the_network_cannot_take():
    with pytest.raises(InputError, match=r"Received: \(1, 1, 3\)"):
        main(["resnet20", "--input-size", "1"])


def command(*argv, **kwargs):
    line = [sys.executable, "-m", "tfresnet.param_count", *argv]
    return subprocess.run(line, cwd=ROOT, stderr=subprocess.PIPE, text=True, timeout=120, **kwargs)


def test_command_refuses_a_bad_flag():
    done = command("resnet18", "--input-size", "0", stdout=subprocess.PIPE)
    assert (done.returncode, done.stdout) == (2, "")
    assert re.fullmatch(r"param_count: error: .*--input-size.*Received: '0'\n", done.stderr)


def test_help_names_the_flags(capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["--help"])
    assert exit_.value.code == 0
    shown = capsys.readouterr().out
    for flag in ("--input-size", "--num-classes", "--format", "--by-layer"):
        assert flag in shown


def test_with_option_a_a_residual_network_has_no_more_parameters_than_a_plain_one(capsys):
    flags = ("--input-size", "32", "--format", "json")
    (plain,) = json.loads(run(capsys, "plain18", *flags))
    (residual,) = json.loads(run(capsys, "resnet18", "--shortcut", "A", *flags))
    assert residual["params"] == plain["params"]
    (projections,) = json.loads(run(capsys, "resnet18", *flags))
    assert projections["params"] > plain["params"]


def test_a_network_without_shortcuts_takes_no_option(capsys):
    with pytest.raises(InputError, match=r"shortcut of plain18 must be 'auto'\. Received: 'A'"):
        main(["plain18", "--shortcut", "A"])
