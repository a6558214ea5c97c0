"""What a run writes for TensorBoard: `TensorBoard` while it trains, `write_test` at its end."""

from tfresnet.training.tensorboard.board import TensorBoard
from tfresnet.training.tensorboard.final import write_test

__all__ = ["TensorBoard", "write_test"]
