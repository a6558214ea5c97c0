"""Ctrl-C and SIGTERM: the step is finished, the state saved, the way to go on said."""

import pytest
from processes import Training, assert_equal_runs, checkpoints, complete

FLAGS = ("--model", "resnet8", "--dataset", "shapes10", "--epochs", 2, "--val-size", 150)
FLAGS += ("--batch-size", 32)  # four steps an epoch


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole")
    complete(*FLAGS, "--output-dir", folder, "--name", "run")
    return folder / "run"


@pytest.mark.parametrize(
    ("stop", "status", "where"),
    [
        ("on_train_batch_end 6 SIGTERM", 143, "1 epochs and 2 steps; everything is saved"),
        pytest.param(
            *("on_test_batch_end 1 SIGINT", 130, "0 epochs and 4 steps; everything is saved"),
            marks=pytest.mark.slow,
        ),
        pytest.param(
            *("test 1 SIGINT", 130, "stopped at once; the state of step 8 is saved"),
            marks=pytest.mark.slow,
        ),
    ],
    ids=["in an epoch", "in a validation", "in the test"],
)
def test_a_stop_changes_nothing(stop, status, where, whole, tmp_path):
    run = tmp_path / "run"
    with Training(*FLAGS, "--output-dir", tmp_path, "--name", "run", stop=stop) as training:
        found, _, err = training.end()
    assert (found, err.count("\n")) == (status, 1), err
    assert err.startswith("train.py: stopped")
    assert where in err
    assert err.endswith(f"Go on with: python train.py --resume {run}\n")
    complete("--resume", run)
    assert_equal_runs(run, whole)


def test_all_settings_of_a_resumed_run_are_its_own(whole):
    with Training("--resume", whole, "--checkpoint-minutes", 1) as training:
        assert training.end()[0] == 2


def test_a_signal_before_there_is_anything(tmp_path):
    with Training(*FLAGS, "--output-dir", tmp_path, "--name", "never") as training:
        training.process.stdout.close()
        training.signal(15)
        training.process.wait(60)
    assert training.process.returncode in (143, -15)  # -15: before Python was up
    assert checkpoints(tmp_path / "never") == []
