"""Searches settings with Optuna: `pip install optuna`, then `python docs/sweep.py`."""

import csv
import datetime
from pathlib import Path

import keras
import optuna

import tfresnet

FOLDER, TRIALS = Path("logs/sweep"), 20
FIXED = {"model": "resnet20", "dataset": "cifar10", "epochs": 6, "opt": "sgd"}
COLUMNS = "date,network,images,seed,epochs,done,settings,train_top1,val_top1,val_top1_flip,note"


class Prune(keras.callbacks.Callback):
    """Ends a trial that is behind the median of the earlier ones."""

    def __init__(self, trial):
        super().__init__()
        self.trial = trial

    def on_epoch_end(self, epoch, logs=None):
        self.trial.report(logs["val_top1"], epoch)
        self.model.stop_training |= self.trial.should_prune()


def run_trial(trial):
    lr = trial.suggest_float("lr", 0.02, 0.5, log=True)
    config = tfresnet.TrainConfig(**FIXED, lr=lr, output_dir=str(FOLDER))
    run = tfresnet.train(config, callbacks=[Prune(trial)])
    last, done, seed = run.history[-1], len(run.history), config.seed
    shares = [f"{100 * last[name]:.2f}" for name in ("top1", "val_top1")]
    images = len(run.dataset.holdout(config.val_size, seed)[0])
    row = [datetime.date.today(), config.model, images, seed, config.epochs, done, f"lr {lr:.3g}"]
    with open(FOLDER / "trials.csv", "a", newline="") as file:
        csv.writer(file).writerow([*row, *shares, "", run.name])
    if done < config.epochs:
        raise optuna.TrialPruned
    return last["val_top1"]


if __name__ == "__main__":
    FOLDER.mkdir(parents=True)
    (FOLDER / "trials.csv").write_text(COLUMNS + "\n")
    sampler, pruner = optuna.samplers.TPESampler(seed=0), optuna.pruners.MedianPruner(3)
    study = optuna.create_study(sampler=sampler, pruner=pruner, direction="maximize")
    study.optimize(run_trial, TRIALS)
    print(study.best_params, study.best_value)
