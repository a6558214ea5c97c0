"""Networks that users write: every form trains, is resumed bit for bit, evaluated and refused."""

import keras
import numpy as np
import pytest

import tfresnet
from tfresnet.errors import InputError
from tfresnet.predict.cam import activation_map
from tfresnet.runs.checkpoints import read
from tfresnet.runs.verification import verify

FUNCTIONAL = """
import keras
from keras import layers

def unit(x, filters, strides):
    shortcut = x
    y = layers.Conv2D(filters, 3, strides, padding="same", use_bias=False)(x)
    y = layers.ReLU()(layers.BatchNormalization()(y))
    y = layers.BatchNormalization()(layers.Conv2D(filters, 3, padding="same", use_bias=False)(y))
    if strides != 1 or x.shape[-1] != filters:
        shortcut = layers.BatchNormalization()(layers.Conv2D(filters, 1, strides)(x))
    return layers.ReLU()(y + shortcut)

def resnet(input_shape, num_classes):
    inputs = keras.Input(input_shape)
    x = layers.Conv2D(8, 3, padding="same", kernel_regularizer="l2")(inputs)
    for filters, strides in ((8, 1), (16, 2)):
        x = unit(x, filters, strides)
    outputs = layers.Dense(num_classes, "softmax")(layers.GlobalAveragePooling2D()(x))
    return keras.Model(inputs, outputs)
"""
SUBCLASSED = """
import keras
import tensorflow as tf
from keras import layers

class Unit(layers.Layer):
    def __init__(self, filters, strides=1):
        super().__init__()
        self.conv = layers.Conv2D(filters, 3, strides, padding="same")
        self.bn = layers.BatchNormalization()
        self.project = layers.Conv2D(filters, 1, strides)

    def call(self, x, training):
        return tf.nn.relu(self.bn(self.conv(x), training=training) + self.project(x))

class Net(keras.Model):
    def __init__(self, num_classes=10):
        super().__init__()
        self.units = [Unit(8), Unit(16, 2)]
        self.dropout = layers.Dropout(0.3)
        self.fc = layers.Dense(num_classes)
        self.pool = layers.GlobalAveragePooling2D()

    def call(self, x, training=False):
        x = x / 255.0
        for unit in self.units:
            x = unit(x, training=training)
        self.add_loss(1e-3 * tf.reduce_mean(x * x))
        return self.fc(self.dropout(self.pool(x), training=training))
"""
SEQUENTIAL = """
import keras
from keras import layers

model = keras.Sequential([
    layers.Rescaling(1 / 255),
    layers.Conv2D(8, 3, activation="relu"),
    layers.RandomFlip(),
    layers.MaxPooling2D(4),
    layers.Flatten(),
    layers.Dropout(0.5),
    layers.Dense(10),
])
if __name__ == "__main__":
    model.fit(None)
"""
FORMS = {"resnet": FUNCTIONAL, "Net": SUBCLASSED, "model": SEQUENTIAL}
STOCK = {"resnet", "model"}


@pytest.fixture(params=FORMS)
def file(request, tmp_path):
    path = tmp_path / "student.py"
    path.write_text(FORMS[request.param])
    return f"{path}:{request.param}"


def newest(path):
    return read(sorted(path.glob("checkpoints/step-*.npz"))[-1])


def test_a_file_is_trained_as_ours_are(file, settings_with_pages, caplog):
    run = tfresnet.train(tfresnet.TrainConfig(**settings_with_pages | {"model": file}))
    assert [r.message for r in caplog.records if r.name == "tfresnet"] == []
    name = file.rpartition(":")[2]
    assert (run.path / "network.py").read_text() == FORMS[name]
    trusted = {} if name in STOCK else {"trust_code": True}
    findings = verify(run.path, **trusted)
    assert findings.sound, str(findings)
    assert tfresnet.evaluate(run.path, **trusted)["top1"] == run.result["top1"]
    if trusted:
        for call in (tfresnet.evaluate, tfresnet.load):
            with pytest.raises(InputError, match="--trust-code"):
                call(run.path)
        assert not verify(run.path).sound
    pictures = np.zeros((1, 32, 32, 3), np.uint8)
    network = tfresnet.load(run.path, **trusted)
    assert network.predict(pictures)[0][0][0] in run.result["per_class"]
    assert activation_map(network.model, pictures[0], 0).shape == (32, 32)


@pytest.mark.parametrize(
    "file",
    ["Net", *(pytest.param(name, marks=pytest.mark.slow) for name in ("resnet", "model"))],
    indirect=True,
)
def test_a_run_is_resumed_bit_for_bit(file, tiny):
    settings = {"model": file, "epochs": 2, "ema": 0.9}
    whole = tfresnet.train(tiny(name="whole", **settings))

    class Stop(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            if self.model.optimizer.iterations.numpy() == 7:
                raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tfresnet.train(tiny(checkpoint_minutes=1e-9, **settings), callbacks=[Stop()])
    path = whole.path.parent / "run"
    assert newest(path).step == 6
    run = tfresnet.train(resume=path)
    resumed, state = newest(path), newest(whole.path)
    assert run.history == whole.history
    assert resumed.arrays.keys() == state.arrays.keys()
    for name, array in state.arrays.items():
        np.testing.assert_array_equal(resumed.arrays[name], array, name)
