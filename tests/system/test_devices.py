"""Several devices and several workers, through the real train.py."""

import json
import re
import shutil
import signal
import socket
import time

import numpy as np
import pytest
from support.cable import Cable
from support.processes import ROOT, assert_equal_runs
from support.workers import SMALL, Worker, tf_configs, two_workers

from tfresnet.errors import InputError
from tfresnet.system import devices
from tfresnet.system.devices import Devices, meet, read_cluster

# A small rate: at 2e-3 the first steps are so wild that differences of rounding triple in each.
NIN = ("--model", "nin", "--model-option", "batch_norm=False,dropout=False", "--lr", 1e-4)


def flags(folder, name, *more, model=("--model", "resnet8")):
    return *SMALL, *model, *more, "--output-dir", folder, "--name", name


def cluster(type="worker", index=0, **jobs):
    jobs = jobs or {"worker": ["a:1", "b:2"]}
    return json.dumps({"cluster": jobs, "task": {"type": type, "index": index}})


def test_the_chief_is_the_first_worker():
    assert read_cluster(cluster(index=1)) == (["a:1", "b:2"], 1)
    assert read_cluster(cluster(worker=["a:1"], chief=["c:3"])) == (["c:3", "a:1"], 1)
    assert read_cluster(cluster("chief", worker=["a:1"], chief=["c:3"])) == (["c:3", "a:1"], 0)


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("{", "be JSON with cluster and task"),
        ("[]", "be JSON with cluster and task"),
        ('{"cluster": {"worker": ["a:1"]}}', r"cluster and task \(no such key: 'task'\)"),
        (cluster(worker=5), "be JSON with cluster and task"),
        (cluster(ps=["a:1"]), "a cluster of workers and at most one chief"),
        (cluster(chief=["a:1", "b:2"]), "at most one chief"),
        (cluster(worker=[]), "a cluster of workers"),
        (cluster(worker=["a", "b:2"]), "each worker as HOST:PORT. Received: 'a'"),
        (cluster(worker=["a:1", "a:1"]), "name each worker once"),
        (cluster("ps"), "a task of type worker. Received: 'ps'"),
        (cluster(index=2), "a task index from 0 to 1. Received: 2"),
        (cluster(index=-1), "a task index"),
        (cluster(index="0"), "a task index"),
    ],
)
def test_a_wrong_cluster_is_answered_by_one_line(text, rule, monkeypatch):
    monkeypatch.setenv("TF_CONFIG", text)
    for strategy in ("auto", "multiworker"):
        with pytest.raises(InputError, match=f"^TF_CONFIG must .*{rule}"):
            Devices.choose(strategy)
    assert Devices.choose("none").replicas == 1


def test_several_workers_need_a_cluster(monkeypatch):
    monkeypatch.delenv("TF_CONFIG", raising=False)
    with pytest.raises(InputError, match="needs the environment variable TF_CONFIG"):
        Devices.choose("multiworker")
    monkeypatch.setenv("TF_CONFIG", cluster(worker=["a:1"]))
    assert Devices.choose("auto").workers == 1


def test_a_worker_that_does_not_come_is_named_in_time(monkeypatch):
    with socket.create_server(("", 0)) as taken, socket.create_server(("", 0)) as free:
        addresses = [f"127.0.0.1:{server.getsockname()[1]}" for server in (taken, free)]
        free.close()
        with pytest.raises(InputError, match=f"a free port .*in use.*{addresses[0]}"):
            meet(addresses, 0, 5)
        meet(addresses, 1, 5)  # the other answers
    monkeypatch.setattr(devices, "START_SECONDS", 0.5)
    monkeypatch.setenv("TF_CONFIG", cluster(worker=addresses))
    began = time.monotonic()
    with pytest.raises(InputError, match=rf"answer within 0 s. Received: \['{addresses[1]}'\]"):
        Devices.choose("auto")
    assert time.monotonic() - began < 5


def test_two_workers_stay_the_same_and_the_chief_writes(tmp_path):
    """With batch normalisation, whose averages are those of both."""
    one, other = two_workers(tmp_path, flags(tmp_path, "run", "--max-steps", 3, "--ema", 0.9))
    with one, other:
        seen, same = one.seen(), other.seen()
    assert len(seen["losses"]) == 3
    for name, value in seen.items():
        np.testing.assert_array_equal(value, same[name])
    assert {path.name for path in tmp_path.iterdir()} == {"run", "0.npz", "1.npz"}
    log = (tmp_path / "run" / "log.txt").read_text()
    assert "2 replicas on 2 workers share the 8 images of each step" in log
    assert log.count("epoch   1/1") == 1
    assert json.loads((tmp_path / "run" / "result.json").read_text())["n"] == 61


@pytest.mark.slow
@pytest.mark.parametrize("batch_norm", [False, True])
def test_shared_batches_train_as_whole_ones(batch_norm, tmp_path):
    def training(name, *more):
        more = ("--max-steps", 20, *more)
        return (
            flags(tmp_path, name, *more) if batch_norm else flags(tmp_path, name, *more, model=NIN)
        )

    whole = Worker(tmp_path / "whole.npz", training("whole")).seen()
    workers = two_workers(tmp_path, training("workers"))
    seen, same = [worker.seen() for worker in workers]
    mirrored = training("mirrored", "--strategy", "mirrored")
    mirrored = Worker(tmp_path / "mirrored.npz", mirrored, CPUS="2").seen()
    for name, value in whole.items():
        np.testing.assert_array_equal(seen[name], same[name])
        np.testing.assert_array_equal(seen[name], mirrored[name])
        if not batch_norm:
            np.testing.assert_allclose(seen[name], value, atol=1e-4)
    if batch_norm:
        # Each replica normalises its half by its own statistics: close in the mean, not the same.
        assert 1e-3 < np.abs(seen["losses"] - whole["losses"]).max() < 1
    for name in ("whole", "workers", "mirrored"):
        assert json.loads((tmp_path / name / "result.json").read_text())["n"] == 61


PIXELS = ("--mean", "0.5,0.5,0.5", "--std", "0.25,0.25,0.25")
OPTIONS = {
    "augment": ["--no-augment"],
    "reflect": ["--padding-mode", "reflect"],
    "smoothing": ["--label-smoothing", 0.1],
    "plain momentum": ["--no-nesterov"],
    "muon": ["--opt", "muon"],
    "averages": ["--ema", 0.9],
    "averages and smaller images": ["--ema", 0.9, "--image-sizes", "24,32"],
    "smaller images": ["--image-sizes", "24,32"],
    "remat": ["--remat"],
    "best epoch": ["--keep-best"],
    "class weights": ["--class-weight", "balanced"],
    "RMSProp": ["--opt", "rmsprop", "--lr", 1e-4],
    "histograms": ["--histograms", 1],
    "last": ["--weights", "WEIGHTS", "--transfer", "last", *PIXELS],
    "head": ["--weights", "WEIGHTS", "--transfer", "head", "--model", "resnet8", *PIXELS],
}


@pytest.mark.slow
@pytest.mark.parametrize("option", OPTIONS)
def test_an_option_trains_on_two_devices_as_on_one(option, tmp_path):
    from tfresnet import models

    more = [*map(str, NIN), "--epochs", "2", "--warmup-epochs", "0", *map(str, OPTIONS[option])]
    if "WEIGHTS" in more:
        name = "resnet8" if "resnet8" in more else "nin"
        other = {} if name == "resnet8" else {"batch_norm": False, "dropout": False}
        model = models.create_model(name, num_classes=10, input_shape=(32, 32, 3), **other)
        model.save(tmp_path / "m.keras")
        more = [str(tmp_path / "m.keras") if part == "WEIGHTS" else part for part in more]
        if name == "resnet8":
            more.remove("--model-option")
            more.remove(NIN[3])
    histories = {}
    for strategy in ("none", "mirrored"):
        chosen = flags(tmp_path, strategy, *more, "--strategy", strategy, model=())
        tests = 501  # the last batch of the test has one image for two devices
        worker = Worker(tmp_path / f"{strategy}.npz", chosen, CPUS="2", TESTS=str(tests))
        status, _, err = worker.end()
        assert status == 0, err
        rows = (tmp_path / strategy / "history.csv").read_text().splitlines()[1:]
        histories[strategy] = np.array([row.split(",") for row in rows], float)
        assert json.loads((tmp_path / strategy / "result.json").read_text())["n"] == tests
    (ours, one) = (histories[strategy] for strategy in ("mirrored", "none"))
    losses = [3, 6]
    np.testing.assert_allclose(ours[:, losses], one[:, losses], rtol=2e-3)
    # Rounding may turn an answer or two of the 41 images held out.
    np.testing.assert_allclose(ours, one, rtol=2e-3, atol=2.5 / 41)


def wait_for_step(run, step):
    def newest():
        return max((int(path.stem[5:]) for path in run.glob("checkpoints/step-*.npz")), default=-1)

    deadline = time.monotonic() + 300
    while newest() < step:
        assert time.monotonic() < deadline
        time.sleep(0.01)


TWO_EPOCHS = ("--epochs", 2, "--checkpoint-minutes", 1e-9)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """(folder, what each worker saw) of a run of two workers that is never stopped."""
    folder = tmp_path_factory.mktemp("whole")
    workers = two_workers(folder, flags(folder, "run", *TWO_EPOCHS))
    return folder / "run", [worker.seen() for worker in workers]


NAMES = "(worker 0|the chief)", "worker 1"


def assert_left_by(who, worker):
    """It ended in time with one line that says who has gone and how to go on."""
    began = time.monotonic()
    status, _, err = worker.end(timeout=60)
    print(f"{time.monotonic() - began:.1f} s, {err}")
    assert (status, err.count("\n")) == (1, 1), err
    assert re.match(rf"train\.py: {who} has gone .* --resume .*\n$", err)


@pytest.mark.slow
@pytest.mark.parametrize(("victim", "signum"), [(0, 9), (1, 9), (1, 15), (0, 19), (1, 19)])
def test_a_stopped_worker_stops_all_and_nothing_is_lost(victim, signum, whole, tmp_path):
    workers = two_workers(tmp_path, flags(tmp_path, "stopped", *TWO_EPOCHS))
    with workers[0], workers[1]:
        wait_for_step(tmp_path / "stopped", 45)  # of 80: in the second epoch
        workers[victim].process.send_signal(signum)
        if signum == signal.SIGTERM:
            for worker in workers:
                status, _, err = worker.end(timeout=60)
                assert status == 143
                assert re.match(r"train.py: stopped after 1 epochs and \d+ steps; everything", err)
        else:
            assert_left_by(NAMES[victim], workers[1 - victim])
        if signum == signal.SIGSTOP:  # a frozen one that thaws has been left
            workers[victim].process.send_signal(signal.SIGCONT)
            assert_left_by(NAMES[1 - victim], workers[victim])
    resumed = two_workers(tmp_path, ("--resume", tmp_path / "stopped"))
    resumed = [worker.seen() for worker in resumed]
    for again, seen in zip(resumed, whole[1], strict=True):
        for name, value in seen.items():
            if "weight" in name:
                np.testing.assert_array_equal(again[name], value)
    assert_equal_runs(tmp_path / "stopped", whole[0])


@pytest.mark.slow
def test_a_worker_that_answers_but_hangs_ends_the_other(tmp_path, monkeypatch):
    monkeypatch.setenv("HANG_SECONDS", "20")
    workers = two_workers(tmp_path, flags(tmp_path, "run", *TWO_EPOCHS), {"HANGS": "45"})
    with workers[0], workers[1]:
        wait_for_step(tmp_path / "run", 44)
        assert_left_by("another worker", workers[0])


@pytest.mark.slow
def test_a_cut_network_ends_both_and_nothing_is_lost(whole, tmp_path):
    with Cable() as cable:
        configs = tf_configs([f"{address}:2222" for address in cable.addresses])
        files = tmp_path / "0.npz", tmp_path / "1.npz"
        run = flags(tmp_path, "run", *TWO_EPOCHS)
        workers = [
            Worker(file, run, launcher, TF_CONFIG=config)
            for file, launcher, config in zip(files, cable.launchers, configs, strict=True)
        ]
        with workers[0], workers[1]:
            wait_for_step(tmp_path / "run", 45)
            cable.cut()
            for number, worker in enumerate(workers):
                assert_left_by(NAMES[1 - number], worker)
    for worker in two_workers(tmp_path, ("--resume", tmp_path / "run")):
        worker.seen()
    assert_equal_runs(tmp_path / "run", whole[0])


@pytest.mark.slow
@pytest.mark.parametrize("what", ["code", "data"])
def test_a_worker_with_something_else_is_named(what, tmp_path):
    other = {"TESTS": "62"}
    if what == "code":
        shutil.copytree(ROOT / "tfresnet", tmp_path / "other" / "tfresnet")
        with open(tmp_path / "other" / "tfresnet" / "layers" / "pooling.py", "a") as file:
            file.write("# another\n")
        other = {"PYTHONPATH": f"{tmp_path / 'other'}:{ROOT}:{ROOT / 'tests'}"}
    workers = two_workers(tmp_path, flags(tmp_path, "run"), other)
    for number, worker in enumerate(workers):
        with worker:
            status, _, err = worker.end(timeout=60)
        print(err)
        assert (status, err.count("\n")) == (2, 1), err
        assert re.search(rf"all workers must have the same {what}.* at worker {1 - number}", err)
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
def test_a_run_goes_on_with_another_number_of_workers(tmp_path):
    more = ("--max-steps", 20, "--checkpoint-minutes", 1e-9)
    workers = two_workers(tmp_path, flags(tmp_path, "run", *more, model=NIN))
    with workers[0], workers[1]:
        wait_for_step(tmp_path / "run", 5)
        workers[0].process.send_signal(signal.SIGTERM)
        assert [worker.end()[0] for worker in workers] == [143, 143]
    with Worker(tmp_path / "one.npz", ("--resume", tmp_path / "run")) as worker:
        seen = worker.seen()
    assert "1 replica on 1 worker, 2 before" in (tmp_path / "run" / "log.txt").read_text()
    whole = Worker(tmp_path / "whole.npz", flags(tmp_path, "whole", *more, model=NIN)).seen()
    for name, value in whole.items():
        if "weight" in name:
            np.testing.assert_allclose(seen[name], value, atol=1e-4)
