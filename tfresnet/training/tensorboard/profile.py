"""The Profile page: where the time of some steps goes."""

import tensorflow as tf


class Profiler:
    """Records steps `first` to `last` (from 1, both included) of a run into `folder`."""

    def __init__(self, folder, steps: str | None):
        self.folder = folder
        self.first, self.last = map(int, steps.split(",")) if steps else (0, -1)
        self._recording = False

    def before_step(self, step: int) -> None:
        if step == self.first:
            tf.profiler.experimental.start(str(self.folder))
            self._recording = True

    def after_step(self, step: int) -> None:
        if step == self.last:
            self.stop()

    def stop(self) -> None:
        if self._recording:
            self._recording = False
            tf.profiler.experimental.stop()
