"""Hooks: observers of a training, such as the progress bar and TensorBoard."""

import logging
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from functools import partialmethod

import tensorflow as tf

from tfresnet.evaluation.evaluator import Evaluation
from tfresnet.training.endings import cause
from tfresnet.training.step import Measured

_SYSTEM_ERRORS = (OSError, MemoryError, tf.errors.ResourceExhaustedError)
logger = logging.getLogger("tfresnet")


class Hook:
    """Is called at each event of a training; a subclass overrides the methods it needs."""

    only_observes = True  # an error becomes a warning and removes the hook

    # fmt: off

    def begin(self) -> None: ...
    def before_epoch(self) -> None: ...  # also before the first step after a resume
    def before_step(self) -> None: ...
    def after_step(self, measured: Measured, waited: float, seconds: float) -> None:
        """`waited`: seconds for the batch to arrive; `seconds`: for the step itself."""
    def after_epoch(self, row: dict, validation: Evaluation | None) -> None:
        """`row` is the newest of the history."""
    def end(self) -> None: ...

    # fmt: on


class Hooks(Hook):
    """Calls several hooks in order."""

    def __init__(self, hooks: Iterable[Hook]):
        self._hooks = list(hooks)

    def _call(self, event: str, *args):
        for hook in [*self._hooks]:
            if hook.only_observes:
                with warn_on_error(type(hook).__name__, lambda hook=hook: self._hooks.remove(hook)):
                    getattr(hook, event)(*args)
            else:
                getattr(hook, event)(*args)

    begin = partialmethod(_call, "begin")
    before_epoch = partialmethod(_call, "before_epoch")
    before_step = partialmethod(_call, "before_step")
    after_step = partialmethod(_call, "after_step")
    after_epoch = partialmethod(_call, "after_epoch")
    end = partialmethod(_call, "end")


@contextmanager
def warn_on_error(observer: str, then: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Turns an error of an observer into a warning, except errors of the system (a full disk)."""
    try:
        yield
    except _SYSTEM_ERRORS:
        raise
    except Exception as error:
        logger.warning("the training goes on without %s: %s", observer, cause(error))
        then()
