"""What TensorBoard costs: training with everything on against everything off, by turns.

python -m pytest -m slow -s tests/training/tensorboard/test_tensorboard_overhead.py
"""

import statistics
import time

import numpy as np
import pytest

import tfresnet
from tfresnet.data import eval_batches
from tfresnet.evaluation import EVAL_BATCH
from tfresnet.training import loop
from tfresnet.training.callbacks import Position
from tfresnet.training.job import build_network, prepare
from tfresnet.training.run_folder import RunFolder
from tfresnet.training.step import TrainingModel
from tfresnet.training.tensorboard import TensorBoard

ROUNDS = 7
STEPS = 175  # a quarter of an epoch of CIFAR-10: what is written each epoch counts four times
LIMIT = 0.03


class Contestant:
    """A training that goes on for a short epoch each time it is its turn."""

    def __init__(self, folder, with_board):
        config = tfresnet.TrainConfig(
            model="resnet20",
            dataset="cifar10",
            epochs=20,
            output_dir=folder,
            name="on" if with_board else "off",
        )
        self.job = job = prepare(config)
        self.model = TrainingModel(build_network(job))
        loop.compile_model(self.model, job)
        run = RunFolder.create(job.config)
        self.state = loop._first_state(run, job)
        position = Position(self.state, STEPS)
        self.callbacks = [position]
        if with_board:
            board = TensorBoard(run, position, job.config, job.dataset, job.validation)
            self.callbacks.append(board)
        images = {"mean": job.dataset.mean, "std": job.dataset.std}
        self.validation = eval_batches(job.validation, batch_size=EVAL_BATCH, **images)

    def turn(self):
        """(wall seconds, processor seconds) of the next epoch with its validation."""
        batches = loop._batches_from(self.state, self.job)
        epoch = self.state.epoch
        began = time.perf_counter(), time.process_time()
        self.model.fit(
            batches,
            initial_epoch=epoch,
            epochs=epoch + 1,
            steps_per_epoch=STEPS,
            validation_data=self.validation,
            callbacks=self.callbacks,
            shuffle=False,
            verbose=0,
        )
        return time.perf_counter() - began[0], time.process_time() - began[1]


@pytest.mark.slow
@pytest.mark.cifar10
def test_everything_on_costs_less_than_three_percent(tmp_path):
    contestants = {name: Contestant(tmp_path, name == "on") for name in ("on", "off")}
    ratios = []
    for turn in range(ROUNDS + 1):  # the first holds the tracing and the beginning of the run
        order = ("on", "off") if turn % 2 else ("off", "on")
        seconds = {name: contestants[name].turn() for name in order}
        ratios.append(np.array(seconds["on"]) / seconds["off"])
        print(
            f"turn {turn}: on {seconds['on'][0]:.2f} s, off {seconds['off'][0]:.2f} s; processor "
            f"on {seconds['on'][1]:.2f} s, off {seconds['off'][1]:.2f} s",
            flush=True,
        )
    wall, processor = (statistics.median(column) - 1 for column in zip(*ratios[1:], strict=True))
    print(f"median overhead: {wall:+.1%} of the time, {processor:+.1%} of the processor's")
    assert min(wall, processor) < LIMIT
