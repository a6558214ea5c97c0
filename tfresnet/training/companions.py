"""What accompanies a training without taking part in it."""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import tensorflow as tf

from tfresnet.evaluation import Evaluation
from tfresnet.training.step import Measured

_OF_THE_SYSTEM = (OSError, MemoryError, tf.errors.ResourceExhaustedError)
logger = logging.getLogger("tfresnet")


class Companion:
    """Is told what happens; a subclass listens to what it cares for.

    `seconds` a step took, without the wait for its batch. `so_far()` is the evaluation of all
    images up to that batch. `row` is the newest of the history.
    """

    only_observes = True  # so that its faults are no reason to end a training

    # fmt: off

    def begin(self) -> None: ...
    def before_epoch(self) -> None: ...  # also before the first step after a resume
    def before_step(self) -> None: ...
    def after_step(self, measured: Measured, seconds: float) -> None: ...
    def before_validation(self) -> None: ...
    def before_validation_batch(self, batch: int) -> None: ...
    def after_validation_batch(self, batch: int, so_far: Callable[[], Evaluation]) -> None: ...
    def after_validation(self, evaluation: Evaluation) -> None: ...
    def after_epoch(self, row: dict, validation: Evaluation | None) -> None: ...
    def end(self) -> None: ...


class Companions(list):
    """Several of them, told one after the other."""

    def tell(self, moment: str, *about) -> None:
        """Calls the method `moment` of each; an observer that fails is told no more."""
        for companion in [*self]:
            if companion.only_observes:
                with harmless(type(companion).__name__, lambda one=companion: self.remove(one)):
                    getattr(companion, moment)(*about)
            else:
                getattr(companion, moment)(*about)


@contextmanager
def harmless(observer: str, then: Callable[[], object] = lambda: None) -> Iterator[None]:
    """Makes a fault of what only observes a warning; one of the system (a full disk) stays."""
    try:
        yield
    except _OF_THE_SYSTEM:
        raise
    except Exception as error:
        logger.warning("the training goes on without %s: %s", observer, error)
        then()
