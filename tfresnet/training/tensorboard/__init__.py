"""TensorBoard: `TensorBoard` writes while a run trains, `write_test` at its end."""

from tfresnet.training.tensorboard.answers import write_test
from tfresnet.training.tensorboard.board import TensorBoard

__all__ = ["TensorBoard", "write_test"]
