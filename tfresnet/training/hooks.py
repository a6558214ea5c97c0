"""What follows a training without taking part in it."""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

import tensorflow as tf

from tfresnet.evaluation.evaluator import Evaluation
from tfresnet.training.step import Measured

_OF_THE_SYSTEM = (OSError, MemoryError, tf.errors.ResourceExhaustedError)
logger = logging.getLogger("tfresnet")


class Hook:
    """Is told what happens in a training; a subclass overrides what it needs."""

    only_observes = True  # its errors become warnings

    # fmt: off

    def begin(self) -> None: ...
    def before_epoch(self) -> None: ...  # also before the first step after a resume
    def before_step(self) -> None: ...
    def after_step(self, measured: Measured, waited: float, seconds: float) -> None:
        """A step took `seconds`, after the training had `waited` for its batch."""
    def after_epoch(self, row: dict, validation: Evaluation | None) -> None:
        """`row` is the newest of the history."""
    def end(self) -> None: ...

    # fmt: on


class Hooks(Hook):
    """Several hooks, told in order. One that only observes is dropped when it fails."""

    def __init__(self, hooks: Iterable[Hook]):
        self._hooks = list(hooks)

    def begin(self):
        self._tell(lambda hook: hook.begin())

    def before_epoch(self):
        self._tell(lambda hook: hook.before_epoch())

    def before_step(self):
        self._tell(lambda hook: hook.before_step())

    def after_step(self, measured, waited, seconds):
        self._tell(lambda hook: hook.after_step(measured, waited, seconds))

    def after_epoch(self, row, validation):
        self._tell(lambda hook: hook.after_epoch(row, validation))

    def end(self):
        self._tell(lambda hook: hook.end())

    def _tell(self, call: Callable[[Hook], None]):
        for hook in [*self._hooks]:
            if hook.only_observes:
                with harmless(type(hook).__name__, lambda hook=hook: self._hooks.remove(hook)):
                    call(hook)
            else:
                call(hook)


@contextmanager
def harmless(observer: str, then: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Turns an error of an observer into a warning. Errors of the system, a full disk, pass."""
    try:
        yield
    except _OF_THE_SYSTEM:
        raise
    except Exception as error:
        logger.warning("the training goes on without %s: %s", observer, error)
        then()
