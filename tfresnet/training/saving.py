"""When the state of a run is saved, and when the run stops because it was asked to."""

import time
from collections.abc import Callable

from tfresnet.system.signals import Interrupted, StopRequest
from tfresnet.training.run import Run


class Saver:
    """Saves every few minutes and when `stop` asks for it, but first calls `before_save`, which
    puts on the disk what a checkpoint stands for."""

    def __init__(self, run: Run, stop: StopRequest, before_save: Callable[[], None]):
        self.run, self.stop, self.before_save = run, stop, before_save
        self._saved_at = time.monotonic()

    def save(self) -> None:
        self.before_save()
        self.run.save()
        self._saved_at = time.monotonic()

    def save_if_due(self) -> None:
        """Between two steps.

        Raises:
            Interrupted: by a signal; all is saved.
        """
        late = time.monotonic() - self._saved_at > 60 * self.run.config.checkpoint_minutes
        signum = self._asked()
        if late or signum:
            self.save()
        self._stop(signum)

    def stop_if_asked(self) -> None:
        """After something that has just been saved; raises as `save_if_due`."""
        self._stop(self._asked())

    def _asked(self):
        return self.run.devices.asked_to_stop(self.stop.signum)

    def _stop(self, signum):
        if signum:
            raise Interrupted(
                signum,
                f"stopped after {self.run.where_it_is()}; everything is saved. "
                f"{self.run.folder.how_to_go_on()}",
                saved=True,
            )
