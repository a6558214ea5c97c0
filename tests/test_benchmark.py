"""The benchmark compares like with like, by turns, in processes of their own."""

import dataclasses
import json
import os
import pkgutil
import re
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
from support.picture_folders import make_folder

from benchmarks import command, growth, keras_networks, ours, pictures, tensorflow_steps
from benchmarks.contest import Result, Worker, assignment, contest
from benchmarks.contestants import CONTESTANTS, TASKS
from tfresnet.complexity import structure_only
from tfresnet.errors import InputError, RunError
from tfresnet.models import create_model, registry
from tfresnet.models.resnet import NETWORKS

ROOT = Path(__file__).parent.parent
NAMES = ["resnet20", "resnet18", "resnet50", "plain20"]


@pytest.mark.parametrize("name", NAMES)
def test_the_stock_network_is_the_same_network(name):
    with structure_only():
        ours = create_model(name, num_classes=10, input_shape=(32, 32, 3))
        stock = keras_networks.stock_network(NETWORKS[name])
    assert stock.count_params() == ours.count_params()
    assert stock.output_shape == ours.output_shape


@pytest.mark.parametrize("name", ["resnet18", "resnet34"])
def test_the_network_of_keras_hub_is_the_same_network(name):
    pytest.importorskip("keras_hub", reason="KerasHub is not installed")
    with structure_only():
        ours = create_model(name, num_classes=10, input_shape=(32, 32, 3))
        theirs = keras_networks.hub_network(NETWORKS[name])
    assert theirs.count_params() == ours.count_params()
    assert theirs.output_shape == ours.output_shape


@pytest.mark.parametrize("name", NAMES)
def test_the_pytorch_network_is_the_same_network(name):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    with structure_only():
        ours = create_model(name, num_classes=10, input_shape=(32, 32, 3))
    from benchmarks import pytorch

    theirs = pytorch.network_of(NETWORKS[name])
    assert sum(p.numel() for p in theirs.parameters()) == sum(
        int(np.prod(w.shape)) for w in ours.trainable_weights
    )
    assert theirs(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def test_every_task_has_contestants():
    assert {name for others in TASKS.values() for name in others} == set(CONTESTANTS)


@pytest.mark.parametrize("contestant", CONTESTANTS.values(), ids=CONTESTANTS)
def test_every_contestant_has_its_function(contestant):
    pytest.importorskip(contestant.package)
    assert callable(pkgutil.resolve_name(f"benchmarks.{contestant.make}"))


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_a_contest_measures_everyone_in_it(task):
    # The others take longer to prepare than they teach here.
    few = {"keras", "keras-bfloat16", "ours", "remat", "matrix"}
    results = contest(
        "resnet8",
        task,
        batch_size=8,
        precision="mixed_bfloat16",
        rounds=2,
        seconds=0.0,
        against=few,
    )
    assert [r.other for r in results] == [CONTESTANTS[n].title for n in TASKS[task] if n in few]
    for result in results:
        assert len(result.ratios) == 2
        assert min(result.our_speeds + result.other_speeds) > 0
        assert min(result.our_memory, result.other_memory) > 2**27


@pytest.mark.slow
def test_one_that_does_not_work_here_is_left_out(tmp_path, monkeypatch, capfd):
    broken = dataclasses.replace(CONTESTANTS["keras"], environment={"PYTHONHOME": "/nowhere"})
    monkeypatch.setitem(CONTESTANTS, "keras", broken)
    file = tmp_path / "speed.json"
    flags = ["--model", "resnet8", "--task", "training", "--against", "keras", "matrix"]
    flags += ["--batch-size", "8", "--rounds", "1", "--seconds", "0", "--precision", "float32"]
    command.main([*flags, "--json", str(file)])
    shown = capfd.readouterr()
    assert "left out: keras broke off with status 1 (training of resnet8)" in shown.err
    assert re.search(r"resnet8 +training +rate of a matrix product ", shown.out)
    content = json.loads(file.read_text())
    assert content["precision"] == "float32"
    (result,) = content["results"]
    assert result["ratios"] == [result["our_speeds"][0] / result["other_speeds"][0]]


def test_a_contestant_that_breaks_off_is_an_error(capfd):
    broken = dataclasses.replace(assignment("keras", "training", "resnet20", 1, "?"), units=None)
    with pytest.raises(RunError, match="broke off"), Worker(broken):
        pass
    assert "TypeError" in capfd.readouterr().err


def test_pytorch_is_measured_without_tensorflow():
    code = (
        "import sys, benchmarks.worker\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules), 'loaded'"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)


def test_without_a_checkout_the_command_says_that_it_needs_one(tmp_path):
    (tmp_path / "tfresnet").symlink_to(ROOT / "tfresnet")  # the package alone, as in a wheel
    command = [sys.executable, "-m", "tfresnet.benchmark", "--help"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (2, "")
    message = r"tfresnet\.benchmark: error: benchmarks need a checkout .*\n"
    assert re.fullmatch(message, done.stderr)


def test_the_command_finds_the_benchmarks_from_any_folder(tmp_path):
    (tmp_path / "benchmarks").mkdir()  # somebody else's
    command = [sys.executable, "-m", "tfresnet.benchmark", "--help"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.stdout.startswith("usage: tfresnet.benchmark "), done.stderr


def result(task, rival, other, ours, others):
    return Result("resnet20", task, rival, other, ours, others, 2**30, 2**31)


def test_report_shows_medians():
    shown = command.report(
        [
            result("pipeline", None, "another", [300.0, 310.0], [330.0, 320.0]),
            result("start-up", None, "another", [0.1, 0.1], [0.05, 0.1]),
        ]
    )
    assert re.search(r"pipeline +another +305 +325 +0\.94 +0\.91 to 0\.97 +1\.0 +2\.0", shown)
    assert re.search(r"start-up +another +10\.0 s +13\.3 s +1\.50 ", shown)
    assert "the best" not in shown


def test_report_compares_with_the_best_of_each_rival():
    ours = [100.0, 90.0]
    keras = "stock Keras"
    shown = command.report(
        [
            result("training", keras, "Keras, float32", ours, [50.0, 45.0]),
            result("training", keras, "Keras, mixed_bfloat16", ours, [80.0, 72.0]),
            result("training", "PyTorch", "PyTorch", ours, [100.0, 100.0]),
            result("training", "PyTorch", "PyTorch, compiled", ours, [125.0, 112.5]),
            result("training", None, "rate of a matrix product", ours, [400.0, 360.0]),
            result("inference", keras, "Keras, float32", ours, [200.0, 180.0]),
        ]
    )
    for form in ("Keras, float32", "Keras, mixed_bfloat16", "rate of a matrix product"):
        assert re.search(rf"^resnet20 +training +{form} ", shown, re.MULTILINE)
    assert shown.splitlines()[-3:] == [
        "resnet20 training: 1.25 times the best stock Keras (Keras, mixed_bfloat16)",
        "resnet20 training: 0.80 times the best PyTorch (PyTorch, compiled)",
        "resnet20 inference: 0.50 times the best stock Keras (Keras, float32)",
    ]


@pytest.fixture
def dtype_policy():
    before = keras.config.dtype_policy()
    yield
    keras.config.set_dtype_policy(before)


@pytest.mark.parametrize(
    ("contestant", "dtype"), [("keras", "float32"), ("keras-bfloat16", "bfloat16")]
)
def test_stock_keras_computes_in_the_precision_of_its_title(
    contestant, dtype, monkeypatch, dtype_policy
):
    monkeypatch.setattr(keras_networks, "inference", lambda network: network)
    what = assignment(contestant, "inference", "resnet8", 2, "mixed_bfloat16")
    with structure_only():
        network = keras_networks.stock_step(what, **CONTESTANTS[contestant].options)
    *hidden, logits = network.layers
    assert {layer.compute_dtype for layer in hidden[1:]} == {dtype}
    assert logits.compute_dtype == "float32"
    assert {weight.dtype for weight in network.trainable_weights} == {"float32"}


def test_stock_keras_computes_in_bfloat16_where_ours_does():
    for precision, takes_part in (("mixed_bfloat16", True), ("float32", False)):
        what = assignment("keras-bfloat16", "training", "resnet8", 2, precision)
        assert CONTESTANTS["keras-bfloat16"].can(what) == takes_part
        assert CONTESTANTS["keras"].can(what)


def test_the_matrix_product_takes_the_time_of_so_many_images():
    _, images = tensorflow_steps.matrix_product(
        assignment("matrix", "training", "resnet20", 128, "float32")
    )
    # Three passes of 40.55 M multiply-adds an image.
    assert images == pytest.approx(4096**3 / (3 * 40.55e6), rel=1e-3)


@pytest.mark.slow
def test_resnet1202_trains_on_128_images_within_8_gib():
    with Worker(assignment("remat", "training", "resnet1202", 128, "float32")) as worker:
        print(f"one step: {worker.memory / 2**30:.2f} GiB")
    assert worker.memory < 8 * 2**30


@pytest.mark.slow
def test_pages_are_measured_in_a_training(tmp_path):
    few = ["--val-size=20", "--batch-size=8", "--max-steps=21"]  # step 20 is observed
    command = [sys.executable, "-m", "benchmarks.pages", "--model=resnet8", "--dataset=shapes10"]
    command += [*few, f"--output-dir={tmp_path}"]
    shown = subprocess.run(command, check=True, cwd=ROOT, capture_output=True, text=True).stdout
    found = dict(re.findall(r"^(\w.*?)  +(-?[\d.]+)$", shown, re.MULTILINE))
    spent = {name: float(seconds) for name, seconds in found.items()}
    training, pages = spent.pop("the whole training"), spent.pop("all pages")
    parts = {"begin", "after_step", "after_epoch", "write_test", "what observed steps take more"}
    assert parts < spent.keys()
    assert sum(spent.values()) == pytest.approx(pages, abs=0.05)
    assert 0 < pages < training
    more = float(shown.splitlines()[-1].split()[0])
    assert more == pytest.approx(100 * pages / (training - pages), rel=0.02)


def kept_figures():
    """(ours, other's, ratio, lowest, highest) of every pairing in the kept files."""
    for file in (ROOT / "docs" / "benchmarks").glob("resnet*.json"):
        for result in json.loads(file.read_text())["results"]:
            ours, others = np.median(result["our_speeds"]), np.median(result["other_speeds"])
            ratios = result["ratios"]
            start_up = result["task"] == "start-up"
            sides = (1 / ours, 1 / others) if start_up else (ours, others)
            yield *sides, np.median(ratios), min(ratios), max(ratios)


def rows_of_the_page():
    page = (ROOT / "docs" / "speed.md").read_text(encoding="utf-8")
    number, seconds = r"([\d.]+)", r"([\d.]+)(?: s)?"
    row = rf"^\| .* \| {seconds} \| {seconds} \| {number} \| {number} to {number} \|$"
    return re.findall(row, page, re.MULTILINE)


def test_the_page_of_speed_has_the_kept_figures():
    rows, kept = rows_of_the_page(), list(kept_figures())
    assert len(rows) > 20
    for row in rows:
        decimals = [len(cell.partition(".")[2]) for cell in row]
        shown = [
            tuple(f"{value:.{n}f}" for value, n in zip(pairing, decimals, strict=True))
            for pairing in kept
        ]
        assert row in shown


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--rounds", "0"], "--rounds: must be an integer of at least 1. Received: '0'"),
        (["--precision", "int4"], "invalid choice"),
        (["--task", "sleeping"], "invalid choice"),
        (["--against", "nobody"], "invalid choice"),
    ],
)
def test_bad_flags(flags, message, capsys):
    with pytest.raises(SystemExit) as caught:
        command.main(flags)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err


def test_impossible_settings():
    with pytest.raises(InputError, match=r"--model must be one of resnet18.* Received: vgg19"):
        command.main(["--model", "vgg19"])
    with pytest.raises(InputError, match=r"one of the tasks .* Received: ours for training$"):
        command.main(["--task", "training", "--against", "ours"])


def test_each_kind_of_input_is_timed(tmp_path):
    make_folder(tmp_path / "data", {"train": 20, "test": 4})
    small = {"model": "resnet8", "image-size": 16, "batch-size": 8, "rounds": 1, "steps": 1}
    flags = [f"--{name}={value}" for name, value in small.items()]
    pictures.main([str(tmp_path / "data"), *flags, "--json", str(tmp_path / "found.json")])
    found = json.loads((tmp_path / "found.json").read_text())["milliseconds"]
    assert [*found] == [*pictures.KINDS]
    assert all(one["step"][0] > one["input"][0] >= 0 for one in found.values())


def test_growth_has_a_row_and_a_picture_for_all_points(tmp_path):
    points = [
        growth.Point(axis, value, 0.01 * value, value << 28)
        for axis, places in growth.plan("float32").items()
        for value, _ in places
    ]
    rows = growth.table(points)
    assert len(rows) == len(points)
    assert rows[1][-2:] == ["1.00", "1.00"]  # both grow in proportion
    growth.draw(points, tmp_path / "growth.png")
    assert (tmp_path / "growth.png").stat().st_size > 10_000


def test_growth_measures_networks_of_other_depth_width_and_side(monkeypatch):
    monkeypatch.setattr(registry, "_NETWORKS", dict(registry._NETWORKS))  # they are added there
    plan = {axis: dict(places) for axis, places in growth.plan("float32").items()}
    for what in (plan["width, 32 images"][2], plan["depth, 8 images"][8]):
        name = ours._network(what)
        kernels = create_model(name, input_shape=(32, 32, 3)).trainable_weights
        assert kernels[0].shape[-1] == what.filters[0]
    what = dataclasses.replace(plan["side in pixels, 32 images"][16], batch_size=2)
    step, images = ours.step(what)
    step()
    assert images == 2
