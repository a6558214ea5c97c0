"""Ctrl-C and SIGTERM: the step is finished, the state saved, the way to go on said."""

import pytest
from support.processes import Training, assert_equal_runs, assert_stopped, checkpoints, complete

FLAGS = ("--model", "resnet8", "--dataset", "shapes10", "--epochs", 2, "--val-size", 150)
FLAGS += ("--batch-size", 32, "--histograms", 1)  # four steps an epoch


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    complete(*FLAGS, "--output-dir", folder, "--name", "run")
    return folder / "run"


@pytest.mark.slow  # a stop among the kills is not
@pytest.mark.parametrize(
    ("stop", "status", "where"),
    [
        ("on_train_batch_end 6 SIGTERM", 143, "1 epochs and 2 steps; everything is saved"),
        ("on_test_batch_end 1 SIGINT", 130, "0 epochs and 4 steps; everything is saved"),
        ("test 1 SIGINT", 130, "stopped at once; the state of step 8 is saved"),
    ],
    ids=["in an epoch", "in a validation", "in the test"],
)
def test_a_stop_changes_nothing(stop, status, where, whole, tmp_path):
    run = tmp_path / "run"
    with Training(*FLAGS, "--output-dir", tmp_path, "--name", "run", stop=stop) as training:
        assert_stopped(training, status, where, run)
    complete("--resume", run)
    assert_equal_runs(run, whole)


def test_a_signal_before_there_is_anything(tmp_path):
    with Training(*FLAGS, "--output-dir", tmp_path, "--name", "never") as training:
        training.process.stdout.close()
        training.signal(15)
        training.process.wait(60)
    assert training.process.returncode in (143, -15)  # -15: before Python was up
    assert checkpoints(tmp_path / "never") == []
