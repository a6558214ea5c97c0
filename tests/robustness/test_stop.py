"""Ctrl-C and SIGTERM: the step is finished, the state saved, the way to go on said."""

import signal

from processes import Training, assert_equal_runs, checkpoints, complete


def settings(folder, name):
    common = ("--model", "resnet20", "--dataset", "shapes10", "--epochs", 1, "--val-size", 150)
    return (*common, "--batch-size", 32, "--output-dir", folder, "--name", name)


def test_a_stop_in_an_epoch_and_one_in_a_validation(tmp_path):
    run = tmp_path / "stopped"
    with Training(*settings(tmp_path, "stopped")) as training:
        assert training.wait_for(lambda: (run / "log.txt").is_file())
        training.signal(signal.SIGTERM)
        status, _, err = training.end()
    assert (status, err.count("\n")) == (143, 1)
    assert err.startswith("train.py: stopped")
    assert err.endswith(f"Go on with: python train.py --resume {run}\n")
    assert "Traceback" not in err
    # images: 150 of 300 are left, four steps of 32.
    with Training("--resume", run, "--checkpoint-minutes", 1) as training:
        assert training.end()[0] == 2  # all settings are the run's
    complete("--resume", run)
    complete(*settings(tmp_path, "whole"))
    assert_equal_runs(run, tmp_path / "whole")


def test_ctrl_c_before_there_is_anything(tmp_path):
    with Training(*settings(tmp_path, "never")) as training:
        training.process.stdout.close()
        training.signal(signal.SIGTERM)
        training.process.wait(60)
    assert training.process.returncode in (143, -15)  # -15: before Python was up
    assert checkpoints(tmp_path / "never") == []
