"""`keep_best`: the model of the epoch that was best on validation."""

import keras
import numpy as np
import pytest

import tfresnet
from tfresnet import models
from tfresnet.errors import InputError
from tfresnet.system.signals import Interrupted

pytestmark = pytest.mark.usefixtures("small_model")


class Weights(keras.callbacks.Callback):
    """Those after each epoch; ends the process at the beginning of one."""

    def __init__(self, kill=None):
        super().__init__()
        self.kill, self.weights = kill, {}

    def on_epoch_begin(self, epoch, logs=None):
        if epoch == self.kill:
            raise KeyboardInterrupt

    def on_epoch_end(self, epoch, logs=None):
        self.weights[epoch] = self.model.get_weights()


@pytest.mark.parametrize("kill", [None, 3])
def test_the_best_epoch_is_kept_over_a_resume(kill, tiny, capsys):
    config = tiny(epochs=4, keep_best=True)
    first, second = Weights(kill), Weights()
    if kill:
        with pytest.raises(Interrupted):
            tfresnet.train(config, callbacks=[first])
        run = tfresnet.train(resume=f"{config.output_dir}/{config.name}", callbacks=[second])
    else:
        run = tfresnet.train(config, callbacks=[first])
    epoch = int(np.argmax([row["val_top1"] for row in run.history]))
    weights = first.weights | second.weights
    best = models.load_model(run.path / "best.keras")
    for ours, theirs in zip(best.get_weights(), weights[epoch], strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert f"best on validation: epoch {epoch + 1}, " in capsys.readouterr().out
    assert tfresnet.evaluate(run.path / "best.keras", dataset="shapes10")["n"] == 60


def test_the_whole_network_is_kept_when_only_its_head_is_trained(tiny):
    first = tfresnet.train(tiny(name="first"))
    run = tfresnet.train(
        tiny(name="head", keep_best=True, weights=str(first.path), transfer="head", epochs=2)
    )
    best, last = models.load_model(run.path / "best.keras"), run.model
    assert best.input_shape == last.input_shape
    np.testing.assert_array_equal(best.get_layer("conv").kernel, last.get_layer("conv").kernel)


def test_it_needs_validation_images(tiny, tmp_path):
    with pytest.raises(InputError, match="keep_best must have images to be measured on"):
        tfresnet.train(tiny(keep_best=True, val_size=0))
    assert not (tmp_path / "logs").exists()
