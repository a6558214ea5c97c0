"""`python -m tfresnet.param_count --slides`: what it counts, and its verdicts."""

import ast
import csv
import dataclasses
import io
import json
import re
from pathlib import Path

import pytest

from tfresnet import slides
from tfresnet.param_count.__main__ import main
from tfresnet.slides import stated, verdicts
from tfresnet.slides.stated import SLIDES, Stated

PACKAGE = Path(slides.__file__).parent
KEYS = [one.key for one in SLIDES]

# Worked out by hand from the papers' tables, with biases: rows of GoogLeNet that the slide has
# wrong (parameters; 5a's operations too), and what they are.
GOOGLENET_ERRORS = {"conv1": 9_472, "4a": 376_176, "4b": 449_160, "4c": 510_104, "4d": 605_376}
GOOGLENET_ERRORS |= {"4e": 868_352, "5a": 1_043_456, "5b": 1_444_080}


@pytest.fixture(scope="module")
def counted():
    from tfresnet.slides.counted import count_all

    return count_all()


@pytest.fixture(scope="module")
def checks(counted):
    return dict(zip(KEYS, slides.check(counted), strict=True))


def test_every_number_of_the_lecture_is_there():
    assert len(set(KEYS)) == len(KEYS)
    groups = {"dense": 4, "googlenet": 42, "factorisation": 5, "flops": 8, "unit": 5, "params": 8}
    groups |= {"ops": 2, "naive": 5, "inception_v3": 15, "more": 2}
    groups |= {"example": 2, "nin": 6, "grid": 4, "side": 5, "layers": 9}
    for group, size in groups.items():
        assert sum(key.startswith(group + "/") for key in KEYS) == size, group


def test_the_slides_numbers_live_in_one_frozen_table():
    with pytest.raises(dataclasses.FrozenInstanceError):
        SLIDES[0].text = "96"
    assert isinstance(SLIDES, tuple)
    printed = {one.text for one in SLIDES if len(one.text) > 2}
    for path in PACKAGE.glob("*.py"):
        constants = [n.value for n in ast.walk(ast.parse(path.read_text())) if hasattr(n, "value")]
        assert not printed & {str(value) for value in constants}, path


def test_what_is_wrong_and_nothing_else(checks):
    wrong = {key for key, one in checks.items() if one.verdict == verdicts.WRONG}
    assert wrong == {
        *(f"googlenet/{row}/params" for row in GOOGLENET_ERRORS),
        *("googlenet/conv1/ops", "googlenet/5a/ops"),
        *("grid/params first", "layers/alexnet"),
    }
    assert all(one.reason for one in checks.values() if one.verdict == verdicts.WRONG)
    assert all(one.reason is None for one in checks.values() if one.verdict != verdicts.WRONG)


def test_the_slide_on_inception_v3_has_the_papers_table(checks, counted):
    differ = {key for key, one in checks.items() if one.verdict == verdicts.IN_PAPER}
    rows = ("conv5", "conv6", "modules at 35x35")
    assert differ == {f"inception_v3/{row}" for row in rows}
    for key in differ:
        assert counted[f"paper/{key}"] == checks[key].slide != checks[key].counted


def test_a_number_that_a_slide_states_once_is_compared_once():
    assert [one.key for one in SLIDES if one.text == "95"] == ["dense/alexnet 2014"]
    assert all(not one.text for one in SLIDES if one.key.endswith("parallel"))


@pytest.mark.parametrize("row", GOOGLENET_ERRORS)
def test_exact_figure_of_googlenets_rows(row, checks):
    assert checks[f"googlenet/{row}/params"].exact == GOOGLENET_ERRORS[row]


def test_the_rows_two_numbers_of_5a_agree_with_each_other():
    text = {one.key: one.text for one in SLIDES}
    per_pixel = float(text["googlenet/5a/params"]) * stated.UNITS["K"] * 7 * 7
    assert round(per_pixel / stated.UNITS["M"]) == int(text["googlenet/5a/ops"])


def test_counts_by_hand(counted):
    assert counted["params/nin cifar"] == 966_986
    assert counted["params/alexnet groups"] == 60_965_224  # as in Caffe's bvlc_alexnet
    assert counted["naive/channels"] == 64 + 128 + 32 + 192
    assert counted["naive/params"] == 192 * (64 + 9 * 128 + 25 * 32)
    assert counted["naive/plain"] == 9 * 192 * 256
    assert counted["factorisation/5x5"] == pytest.approx(7 / 25)
    assert counted["factorisation/1x7"] == pytest.approx(35 / 49)
    assert counted["unit/basic 64"] == 2 * 9 * 64 * 64
    assert counted["unit/basic 256"] == 2 * 9 * 256 * 256
    assert counted["unit/bottleneck 256"] == 256 * 64 + 9 * 64 * 64 + 64 * 256
    assert counted["example/plain"] == pytest.approx(1 / 61)
    assert counted["example/residual"] == pytest.approx(1)
    # A pooling costs nothing; places x channels x filters of the one 3x3 convolution.
    widening_first, pooling_first, parallel = 4 * 1 * 2, 1 * 1 * 2, 1 * 1 * 1
    assert counted["grid/ops first"] == widening_first / pooling_first
    assert counted["grid/ops parallel"] == widening_first / parallel
    assert (counted["grid/params first"], counted["grid/params parallel"]) == (1, 2)
    assert counted["naive/wider"] == 416 / 192
    assert counted["ops/vgg19"] == pytest.approx((25088 * 4096 + 4096 * 5096) / 19_632_062_464)
    assert counted["layers/alexnet"] == 5 + 3
    convolutions = counted["nin/32/ops"]  # 224 is 7 times 32, and no pooling's rest is left over
    assert counted["nin/224/ops"] == 49 * convolutions
    assert counted["params/resnet1202"] == 19_421_274
    assert [counted[f"side/conv{n}"] for n in range(1, 6)] == [112, 56, 28, 14, 7]
    assert counted["unit/number"] == 3 * 18
    assert counted["101/more"] == 44_549_160 - 25_557_032
    assert counted["resnet101/alexnet"] == pytest.approx(44_549_160 / 62_378_344)


@pytest.mark.parametrize(
    ("text", "unit", "exact", "verdict"),
    [
        ("1.7", "M", 1_650_000, verdicts.EQUAL),
        ("1.7", "M", 1_750_000, verdicts.EQUAL),
        ("1.7", "M", 1_790_000, verdicts.ROUNDED_DOWN),
        ("1.7", "M", 1_800_000, verdicts.WRONG),
        ("1.7", "M", 1_640_000, verdicts.WRONG),
        ("112", "K", 112 * 1024, verdicts.EQUAL),
        ("112", "K", 112_000, verdicts.WRONG),
        ("28", "%", 0.28, verdicts.EQUAL),
        ("7x7x8", "", "7x7x8", verdicts.EQUAL),
        ("7x7x8", "", "7x7x9", verdicts.WRONG),
        ("", "", 5, verdicts.ASKED),
    ],
)
def test_verdicts(text, unit, exact, verdict):
    assert verdicts._verdict(Stated("B", "key", "what", text, unit), exact) == verdict


def run(capsys, monkeypatch, counted, *argv):
    monkeypatch.setattr("tfresnet.slides.counted.count_all", lambda: counted)
    main(["--slides", *argv])
    return capsys.readouterr().out


def test_formats(capsys, monkeypatch, counted, checks):
    table = run(capsys, monkeypatch, counted)
    assert all(len(line) <= 100 for line in table.splitlines())
    rows, reasons, summary = table.split("\n\n")
    assert len(rows.splitlines()) == 2 + len(KEYS)
    assert summary.rstrip() == verdicts.summary(list(checks.values()))
    row = next(line for line in rows.splitlines() if "GoogLeNet 4c: parameters" in line)
    assert re.search(r"463K +498\.1K +510,104 +wrong$", row)
    words = " ".join(reasons.split())
    wrong = [one for one in checks.values() if one.reason]
    assert all(one.what in words and f": {one.reason}" in words for one in wrong)
    records = json.loads(run(capsys, monkeypatch, counted, "--format", "json"))
    assert [record["what"] for record in records] == [one.what for one in SLIDES]
    rows = list(csv.DictReader(io.StringIO(run(capsys, monkeypatch, counted, "--format", "csv"))))
    assert len(rows) == len(KEYS)
    assert rows[0].keys() == records[0].keys()
    markdown = run(capsys, monkeypatch, counted, "--format", "markdown").splitlines()
    assert {line.count("|") for line in markdown[: len(KEYS) + 2]} == {7}


@pytest.mark.parametrize("more", [["resnet18"], ["--shortcut", "A"], ["--by-layer"]])
def test_slides_takes_no_network(more, capsys):
    with pytest.raises(SystemExit) as exit_:
        main(["--slides", *more])
    assert exit_.value.code == 2
    assert re.fullmatch(r"param_count: error: --slides .* Received.*\n", capsys.readouterr().err)
