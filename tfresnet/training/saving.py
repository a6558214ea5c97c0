"""Saves the state of a run at intervals, and stops the run when asked to."""

import time
from collections.abc import Callable, Iterable

from tfresnet.system.signals import Interrupted, StopRequest
from tfresnet.training.hooks import Hook
from tfresnet.training.run import Run


class KeepBest(Hook):
    """Keeps the model of the epoch that was best on validation: `best.keras`."""

    only_observes = False

    def __init__(self, run: Run):
        self.run = run

    def after_epoch(self, row, validation):
        if row is self.run.best_epoch:
            self.run.save_model(self.run.folder.best)


class Saver:
    """Saves every `checkpoint_minutes` and on a stop request; `before_save` is called first."""

    def __init__(self, run: Run, stop: StopRequest, before_save: Iterable[Callable]):
        self.run, self.stop, self.before_save = run, stop, before_save
        self._saved_at = time.monotonic()

    def save(self) -> None:
        for prepare in self.before_save:
            prepare()
        self.run.save()
        self._saved_at = time.monotonic()

    def save_if_due(self) -> None:
        """Saves between two steps. Raises `Interrupted`, with all saved, on a stop request."""
        late = time.monotonic() - self._saved_at > 60 * self.run.config.checkpoint_minutes
        signum = self.run.devices.agree_on_stop(self.stop.signum)
        if late or signum:
            self.save()
        self._stop(signum)

    def stop_if_asked(self) -> None:
        """As `save_if_due`, right after a save."""
        self._stop(self.run.devices.agree_on_stop(self.stop.signum))

    def _stop(self, signum):
        if signum:
            hint = self.run.folder.resume_hint()
            message = f"stopped after {self.run.position()}; everything is saved. {hint}"
            raise Interrupted(signum, message, saved=True)
