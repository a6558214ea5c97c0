"""When the state of a run is saved, and when the run stops because it was asked to."""

import time
from collections.abc import Callable

import keras

from tfresnet.training.callbacks import DivergedError, Position, last_learning_rate
from tfresnet.training.checkpoints import all_variables, collect, not_finite
from tfresnet.training.run_folder import RunFolder
from tfresnet.training.signals import Interrupted, StopRequest


class Checkpointer(keras.callbacks.Callback):
    """Saves the full state each epoch and every few minutes, and when asked to stop.

    Comes last in the list, so that what a checkpoint stands for is on the disk before it.

    Args:
        position: where the run is.
        folder: where to save.
        minutes: most time between two saves.
        stop_request: asks to save and stop; answered between steps, also those of a validation.
        before_save: called before each save, for what other callbacks still hold in memory.
    """

    def __init__(
        self,
        position: Position,
        folder: RunFolder,
        minutes: float,
        stop_request: StopRequest,
        before_save: Callable[[], None] = lambda: None,
    ):
        super().__init__()
        self.position = position
        self.folder = folder
        self.seconds = minutes * 60
        self.stop_request = stop_request
        self.before_save = before_save
        self._saved_at = time.monotonic()

    def on_train_begin(self, logs=None):
        if not self.folder.checkpoints.paths():
            self.save()  # a disk too full, or not ours, is better known now than in an hour

    def on_train_batch_end(self, batch, logs=None):
        late = time.monotonic() - self._saved_at > self.seconds
        if self.stop_request.signum or late:
            self.save()
            self._stop_if_asked()

    def on_test_batch_end(self, batch, logs=None):
        if self.stop_request.signum:
            self.save()  # after the last step of the epoch: the validation is done again
            self._stop_if_asked()

    def on_epoch_end(self, epoch, logs=None):
        self.folder.write_history(self.position.state.history)
        self.save()
        self._stop_if_asked()

    def save(self):
        """Saves the state.

        Raises:
            DivergedError: a weight is not finite, which the loss of this step need not show.
        """
        state, step = self.position.state, self.position.global_step
        state.arrays = collect(all_variables(self.model))
        if broken := not_finite(state.group("model", "optimizer")):
            rate = last_learning_rate(self.model)
            raise DivergedError(
                f"{broken} is not finite after step {step} with learning rate {rate:.6g}"
            )
        self.before_save()
        self.folder.checkpoints.save(state, step)
        self._saved_at = time.monotonic()

    def _stop_if_asked(self):
        if self.stop_request.signum:
            state = self.position.state
            raise Interrupted(
                self.stop_request.signum,
                f"stopped after {state.epoch} epochs and {state.step} steps; everything is saved. "
                f"{self.folder.how_to_go_on()}",
                saved=True,
            )
