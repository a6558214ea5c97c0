"""Networks in other formats answer as before."""

import importlib.util

import numpy as np
import pytest

from tfresnet import models
from tfresnet.errors import InputError, RunError
from tfresnet.export import __main__ as export
from tfresnet.export import converted
from tfresnet.layers import Preprocessing


@pytest.fixture
def file(tmp_path):
    pixels = Preprocessing((0.5,) * 3, (0.25,) * 3)
    models.create_model("resnet8", preprocessing=pixels).save(tmp_path / "m.keras")
    return str(tmp_path / "m.keras")


@pytest.mark.slow
@pytest.mark.parametrize("form", ["saved_model", "tflite", "onnx"])
def test_the_answers_are_the_same(form, file, tmp_path, capfd):
    output = tmp_path / f"out.{form}"
    command = [file, "--format", form, "--output", str(output)]
    if form == "onnx" and not all(map(importlib.util.find_spec, ("tf2onnx", "onnxruntime"))):
        with pytest.raises(InputError, match=r"onnx needs \S+") as caught:
            export.main(command)
        assert "\n" not in str(caught.value)
        assert not output.exists()
        return
    export.main(command)
    shown = capfd.readouterr()
    assert shown.out.startswith(f"{output}: {form} of resnet8, ")
    assert shown.out.count("\n") == 1
    assert "same class 100 times" in shown.out
    with pytest.raises(SystemExit):
        export.main(command)
    assert "error: --output must not exist yet" in capfd.readouterr().err


def fake(monkeypatch, answer):
    """A format that Keras need not write."""
    monkeypatch.setitem(converted.FORMATS, "saved_model", ("fake", answer))
    written = lambda _model, path, **_: path.mkdir()  # noqa: E731
    monkeypatch.setattr("keras.Model.export", written)


@pytest.mark.parametrize(
    ("flags", "rule"),
    [
        ("--format onnx --output out", "--output must end in .onnx. Received: out"),
        ("--int8", "--int8 must come with --format tflite. Received: saved_model"),
        ("--format tflite --int8-io", "--int8-io must come with --int8."),
    ],
)
def test_impossible_flags_are_refused(flags, rule, file, capsys):
    with pytest.raises(SystemExit):
        export.parse([file, *flags.split()])
    assert capsys.readouterr().err.startswith(f"tfresnet.export: error: {rule}")


def test_other_answers_leave_nothing(file, tmp_path, monkeypatch):
    fake(monkeypatch, lambda _path: lambda pictures: np.eye(10, dtype="f4")[:1])
    with pytest.raises(RunError, match="saved_model outputs differ: probabilities by up to"):
        export.main([file, "--output", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()


def test_a_missing_package_is_named(file, tmp_path, monkeypatch):
    def answer(_path):
        raise ModuleNotFoundError("No module named 'some_runtime'", name="some_runtime")

    fake(monkeypatch, answer)
    with pytest.raises(InputError, match=r"needs some_runtime .pip install 'tfresnet.export.'"):
        export.main([file, "--output", str(tmp_path / "out")])
    assert not (tmp_path / "out").exists()
