"""Networks in 8-bit integers: what they answer, what they cost, and what the card says."""

import keras
import numpy as np
import pytest

import tfresnet
from tfresnet import models
from tfresnet.errors import InputError, RunError
from tfresnet.export import __main__ as command
from tfresnet.export.integers import export_integers
from tfresnet.export.interpreter import TFLiteFile
from tfresnet.predict.classifier import Classifier


@pytest.fixture(scope="module")
def data():
    return tfresnet.load_dataset("shapes10")


@pytest.fixture(scope="module")
def classifier(data):
    keras.utils.set_random_seed(2)
    pixels = tfresnet.layers.Preprocessing(data.mean, data.std, data.class_names)
    return Classifier(models.create_model("resnet8", preprocessing=pixels))


@pytest.fixture(scope="module")
def trained(classifier, data):
    """Trained for a moment, so that its answers are no noise."""
    model = classifier.model
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.SGD(0.05, momentum=0.9), loss)
    some = data.train.take(range(3000))
    model.fit(some.images, some.labels, batch_size=32, epochs=2, verbose=0)
    return Classifier(model)


@pytest.fixture
def few(data):
    return tfresnet.data.Dataset(**vars(data) | {"test": data.test.take(range(300))})


@pytest.mark.slow
@pytest.mark.parametrize("whole", [False, True])
def test_integers_answer_as_the_network(whole, trained, few, tmp_path):
    output = tmp_path / "m.tflite"
    shown = export_integers(trained, few, output, whole)
    assert shown.count("\n") == 0
    file = TFLiteFile(output)
    kinds = [name.partition(",")[0] for name in (file.input, file.output)]
    assert kinds == [["float32", "int8"][whole]] * 2
    expected = trained.probabilities(few.test.images).argmax(1)
    got = file(few.test.images.astype("f4")).argmax(1)
    assert np.mean(got == expected) > 0.97
    card = (tmp_path / "m.md").read_text()
    top1 = 100 * np.mean(got == few.test.labels)
    assert f"| int8 | {output.stat().st_size / 1e6:.2f} | {top1:.2f} |" in card
    assert f"- Input: {file.input}, pixels from 0 to 255, RGB." in card
    assert "500 training" in card


def test_a_converter_that_fails_is_one_line(classifier, few, tmp_path, monkeypatch):
    def fails(*_args, **_options):
        raise ValueError("no kernel for ROLL\nat 0x1234")

    monkeypatch.setattr("keras.Model.export", fails)
    rule = r"TFLite's converter cannot convert resnet8 \(no kernel for ROLL\)$"
    with pytest.raises(RunError, match=rule):
        export_integers(classifier, few, tmp_path / "m.tflite")
    assert not [*tmp_path.iterdir()]


def test_other_classes_are_refused(classifier, data, tmp_path):
    two = data.select_classes("0-1")
    with pytest.raises(InputError, match="dataset must have the 10 classes of the network"):
        export_integers(classifier, two, tmp_path / "m.tflite")


def test_the_command_needs_a_place_for_the_card(classifier, tmp_path, capsys):
    classifier.model.save(tmp_path / "m.keras")
    (tmp_path / "m.md").touch()
    flags = ["--format", "tflite", "--int8", "--output", str(tmp_path / "m.tflite")]
    with pytest.raises(SystemExit):
        command.main([str(tmp_path / "m.keras"), *flags])
    assert f"--output must not exist yet. Received: {tmp_path}/m.md" in capsys.readouterr().err
