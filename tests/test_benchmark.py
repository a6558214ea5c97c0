"""The benchmark compares like with like, by turns, in processes of their own."""

import dataclasses
import json
import re
import subprocess
import sys

import numpy as np
import pytest

from tfresnet.benchmark import __main__ as command
from tfresnet.benchmark import networks, pages
from tfresnet.benchmark.contest import Result, Worker, _share, assignment, contest
from tfresnet.benchmark.contestants import CONTESTANTS, TASKS
from tfresnet.complexity import structure_only
from tfresnet.errors import RunError
from tfresnet.models import create_model
from tfresnet.models.resnet import NETWORKS

NAMES = ["resnet20", "resnet18", "resnet50", "plain20"]


@pytest.mark.parametrize("name", NAMES)
def test_the_stock_network_is_the_same_network(name):
    with structure_only():
        ours = create_model(name, num_classes=10, input_shape=(32, 32, 3))
        stock = networks.stock_keras(NETWORKS[name])
    assert stock.count_params() == ours.count_params()
    assert stock.output_shape == ours.output_shape


@pytest.mark.parametrize("name", ["resnet18", "resnet34"])
def test_the_network_of_keras_hub_is_the_same_network(name):
    pytest.importorskip("keras_hub", reason="KerasHub is not installed")
    with structure_only():
        ours = create_model(name, num_classes=10, input_shape=(32, 32, 3))
        theirs = networks.keras_hub(NETWORKS[name])
    assert theirs.count_params() == ours.count_params()
    assert theirs.output_shape == ours.output_shape


@pytest.mark.parametrize("name", NAMES)
def test_the_pytorch_network_is_the_same_network(name):
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    with structure_only():
        ours = create_model(name, num_classes=10, input_shape=(32, 32, 3))
    theirs = networks.pytorch(NETWORKS[name])
    assert sum(p.numel() for p in theirs.parameters()) == sum(
        int(np.prod(w.shape)) for w in ours.trainable_weights
    )
    assert theirs(torch.zeros(2, 3, 32, 32)).shape == (2, 10)


def test_every_task_has_contestants():
    assert {name for others in TASKS.values() for name in others} == set(CONTESTANTS)


@pytest.mark.slow
@pytest.mark.parametrize("task", TASKS)
def test_a_contest_measures_everyone_who_is_installed(task, monkeypatch):
    # The others take longer to prepare than they teach here.
    keep = tuple(name for name in TASKS[task] if name in ("keras", "ours", "remat"))
    monkeypatch.setitem(TASKS, task, keep)
    results = contest(
        "resnet20",
        task,
        batch_size=8,
        precision="float32",
        rounds=2,
        seconds=0.0,
        multiply_adds=40_000_000,
    )
    assert len(results) == len(keep)
    for result in results:
        assert len(result.ratios) == 2
        assert min(result.our_speeds + result.other_speeds) > 0
        assert min(result.our_memory, result.other_memory) > 2**27


def test_share_counts_a_training_step_as_three_passes():
    assert _share([10.0, 10.0], [600.0, 300.0], 10**9) == pytest.approx((0.1 + 0.2) / 2)


def test_a_contestant_that_breaks_off_is_an_error(capfd):
    broken = dataclasses.replace(assignment("keras", "training", "resnet20", 1, "?"), units=None)
    with pytest.raises(RunError, match="broke off"), Worker(broken):
        pass
    assert "TypeError" in capfd.readouterr().err


def test_pytorch_is_measured_without_tensorflow():
    code = (
        "import sys, tfresnet.benchmark.worker\n"
        "assert not {'tensorflow', 'keras'} & set(sys.modules), 'loaded'"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_command_writes_all_figures(tmp_path, capsys, monkeypatch):
    speeds = {
        "pipeline": ([300.0, 310.0], [330.0, 320.0]),
        "start-up": ([0.1, 0.1], [0.05, 0.1]),
    }

    def contest(model, task, **_):
        return [Result(model, task, "another", *speeds[task], 2**30, 2**31)]

    monkeypatch.setattr(command, "contest", contest)
    file = tmp_path / "speed.json"
    flags = ["--model", "resnet20", "--task", "pipeline", "start-up", "--precision", "float32"]
    command.main([*flags, "--json", str(file)])
    shown = capsys.readouterr().out
    assert re.search(r"pipeline +another +305 +325 +0\.94 +0\.91 to 0\.97 +1\.0 +2\.0", shown)
    assert re.search(r"start-up +another +10\.0 s +13\.3 s +1\.50 ", shown)
    content = json.loads(file.read_text())
    assert content["precision"] == "float32"
    assert content["results"][0]["ratios"] == [300 / 330, 310 / 320]


@pytest.mark.slow
def test_resnet1202_trains_on_128_images_within_8_gib():
    with Worker(assignment("remat", "training", "resnet1202", 128, "float32")) as worker:
        print(f"one step: {worker.memory / 2**30:.2f} GiB")
    assert worker.memory < 8 * 2**30


def cost(**changes):
    times = {"step": ([1.02, 1.02], [1.0, 1.0]), "end": ([3.0, 5.0], [2.0, 2.0])}
    return pages.Cost("m", "d", 2, 10, **times, begin=1.0, test=2.0, **changes)


def test_cost_of_pages_counts_steps_ends_and_what_comes_once():
    assert cost().more == pytest.approx((20 * 0.02 + 4 + 1 + 2) / (20 + 4))
    assert "2 epochs of 10 steps: +30.8 %" in str(cost())


@pytest.mark.slow
def test_pages_are_measured_over_all_epochs(tmp_path):
    file = tmp_path / "pages.json"
    flags = ["--dataset", "shapes10", "--epochs", "3", "--steps", "3", "--json", str(file)]
    measured = pages.main(flags)
    assert [len(side) for side in (*measured.step, *measured.end)] == [3, 3, 3, 3]
    assert measured.test > 0
    assert measured.begin > 0
    assert json.loads(file.read_text())["more"] == measured.more


def test_pages_take_two_epochs_at_least(capsys):
    with pytest.raises(SystemExit) as caught:
        pages.main(["--epochs", "1"])
    assert caught.value.code == 2
    assert "--epochs must be at least 2. Received: 1" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--rounds", "0"], "--rounds must be at least 1. Received: 0"),
        (["--model", "vgg19"], "--model must be one of resnet18"),
        (["--precision", "int4"], "--precision must be one of auto"),
        (["--task", "sleeping"], "invalid choice"),
    ],
)
def test_bad_flags(flags, message, capsys):
    with pytest.raises(SystemExit) as caught:
        command.main(flags)
    assert caught.value.code == 2
    assert message in capsys.readouterr().err
