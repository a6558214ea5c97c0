"""Trackers and sweeps of others with our loop, in local stores: the real packages."""

import ast
import csv
import re
import textwrap
from pathlib import Path

import pytest
from support import environments

ROOT = Path(__file__).parents[2]
HERE = {"PYTHONPATH": str(ROOT), "CUDA_VISIBLE_DEVICES": ""}
SETUP = """if True:
    from tfresnet.system.commands import load_tensorflow; load_tensorflow()
    import tfresnet
    from tfresnet.data import shapes10
    shapes10.TRAIN, shapes10.TEST = 360, 60
    config = tfresnet.TrainConfig(
        model="resnet8", dataset="shapes10", val_size=40, batch_size=64, epochs=2, name="run"
    )
"""
WANDB = f"""{SETUP}
    import wandb
    from wandb.integration.keras import WandbMetricsLogger, WandbModelCheckpoint
    wandb.init(mode="offline", project="p")
    saved = WandbModelCheckpoint("saved-{{epoch}}.keras", monitor="val_top1")
    tfresnet.train(config, callbacks=[WandbMetricsLogger(log_freq=1), WandbMetricsLogger(), saved])
    print(wandb.run.summary._as_dict())
    wandb.finish()
"""
MLFLOW = f"""{SETUP}
    import mlflow
    from mlflow.keras.callback import MlflowCallback
    mlflow.set_tracking_uri("file:" + "store")
    with mlflow.start_run():
        tfresnet.train(config, callbacks=[MlflowCallback()])
        with mlflow.start_run(nested=True):
            callback = MlflowCallback(log_every_epoch=False, log_every_n_steps=2)
            config = tfresnet.TrainConfig(**vars(config) | {{"name": "steps"}})
            tfresnet.train(config, callbacks=[callback])
"""

pytestmark = pytest.mark.slow


def history(folder):
    with open(folder / "history.csv") as file:
        return [{name: float(v) for name, v in row.items()} for row in csv.DictReader(file)]


def test_weights_and_biases_offline(tmp_path):
    python = environments.python_with("wandb", "wandb", on_top=True)
    shown = environments.run(python, WANDB, cwd=tmp_path, **HERE)
    found = ast.literal_eval(next(line for line in shown.splitlines() if line.startswith("{")))
    last = history(tmp_path / "logs" / "run")[-1]
    for name in ("loss", "top1", "val_loss", "val_top1"):
        assert found[f"epoch/{name}"] == pytest.approx(last[name])
    assert found["epoch/epoch"] == 1
    assert found["batch/batch_step"] == 9
    assert found["epoch/learning_rate"] > 0
    assert len([*tmp_path.glob("saved-*.keras")]) == 2
    assert all(file.stat().st_size for file in tmp_path.glob("wandb/offline-run-*/run-*.wandb"))


def test_mlflow_in_a_folder(tmp_path):
    python = environments.python_with("mlflow", "mlflow-skinny", "pandas", on_top=True)
    environments.run(python, MLFLOW, cwd=tmp_path, MLFLOW_ALLOW_FILE_STORE="true", **HERE)
    rows = history(tmp_path / "logs" / "run")
    (file,) = [f for f in tmp_path.glob("store/*/*/metrics/val_top1") if f.read_text()]
    logged = [line.split() for line in file.read_text().splitlines()]
    assert [float(value) for _, value, _ in logged] == [row["val_top1"] for row in rows]
    assert any(tmp_path.glob("store/*/*/artifacts/model_summary.txt"))
    assert any(tmp_path.glob("store/*/*/params/optimizer_learning_rate"))


def test_optuna_prunes_and_its_trials_are_rows(tmp_path):
    python = environments.python_with("optuna", "optuna", on_top=True)
    small = {
        "model": "resnet8",
        "dataset": "shapes10",
        "epochs": 2,
        "val_size": 40,
        "batch_size": 64,
    }
    sweep = (ROOT / "docs" / "sweep.py").read_text()
    assert len([line for line in sweep.splitlines() if line]) <= 40
    sweep = sweep.replace('__name__ == "__main__"', f"FIXED.update({small}) is None")
    sweep = re.sub("TRIALS = (.*), 20", r"TRIALS = \1, 12", sweep)
    setup = SETUP.partition("config = ")[0].partition("\n")[2]
    environments.run(python, textwrap.dedent(setup) + sweep, cwd=tmp_path, **HERE)
    with open(tmp_path / "logs" / "sweep" / "trials.csv") as file:
        rows = [*csv.DictReader(file)]
    with open(ROOT / "docs" / "trials.csv") as file:
        assert [*rows[0]] == next(csv.reader(file))
    assert len(rows) == 12
    print([(row["settings"], row["done"], row["val_top1"]) for row in rows])
    assert {row["done"] for row in rows} == {"1", "2"}
    for row in rows:
        last = history(tmp_path / "logs" / "sweep" / row["note"])[-1]
        assert float(row["val_top1"]) == pytest.approx(100 * last["val_top1"], abs=0.01)
