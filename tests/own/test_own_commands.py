"""Who may run a user's code, and what the commands make of it."""

import json

import keras
import numpy as np
import pytest

import tfresnet
from tfresnet.errors import InputError
from tfresnet.evaluation.evaluate import evaluate
from tfresnet.evaluation.flags import parse as parse_evaluate
from tfresnet.models import train_last_stages
from tfresnet.own.student import load
from tfresnet.report.__main__ import main as write_report
from tfresnet.results.facts import RunFacts
from tfresnet.runs.verification import verify
from tfresnet.training.flags import parse as parse_train

CODE = """
import keras
from keras import layers

class Double(layers.Layer):
    def call(self, x):
        return 2 * x

class Net(keras.Model):
    def __init__(self, num_classes=10):
        super().__init__()
        self.first = layers.Conv2D(4, 5, 4, activation="relu")
        self.double = Double()
        self.fc = layers.Dense(num_classes)

    def call(self, x):
        return self.fc(layers.Flatten()(self.double(self.first(x / 255))))

    def get_config(self):
        return {}

    def build(self, shape):
        x = self.first(keras.Input(shape[1:]))
        self.fc.build((None, x.shape[1] * x.shape[2] * x.shape[3]))
"""


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "nets" / "student.py"
    path.parent.mkdir()
    path.write_text(CODE)
    return path


@pytest.fixture
def run(file, tiny):
    return tfresnet.train(tiny(model=f"{file}:Net"))


def test_stored_code_runs_only_where_it_is_trusted(run, file, tmp_path, capsys):
    flags = [str(run.path)]
    with pytest.raises(InputError, match="or, for a run, --trust-code"):
        evaluate(**arguments(flags))
    for more in (["--trust-code"], ["--model", f"{file}:Net"]):
        assert evaluate(**arguments(flags + more))["top1"] == run.result["top1"]
    where = ["--runs", str(run.path), "--output-dir", str(tmp_path / "report")]
    write_report([*where, "--trust-code"])
    assert "student.py:Net" in (tmp_path / "report" / "report.md").read_text()
    assert RunFacts(run.path).parameters == run.model.count_params()


def arguments(flags):
    args = vars(parse_evaluate(flags))
    args.pop("json")
    return args


def test_a_run_goes_on_with_the_code_that_it_began_with(run, file):
    (run.path / "result.json").unlink()
    file.write_text(CODE.replace("2 * x", "3 * x"))
    with pytest.raises(InputError, match="--trust-code"):
        tfresnet.train(resume=run.path)
    again = tfresnet.train(**parse_train(["--resume", str(run.path), "--trust-code"]))
    assert again.result["loss"] == run.result["loss"]
    (run.path / "result.json").unlink()
    file.write_text(CODE)
    assert tfresnet.train(resume=run.path).result["loss"] == run.result["loss"]


def test_the_stored_code_is_verified(run):
    assert "ok   network.py: " in str(verify(run.path))
    stored, config = run.path / "network.py", run.path / "config.json"
    stored.write_text(CODE.replace("2 * x", "3 * x"))
    assert "BAD  network.py: differs" in str(verify(run.path))
    old = json.loads(config.read_text())
    del old["environment"]["code_sha256"], old["sha256"]
    config.write_text(json.dumps(old))
    assert "without a checksum" in str(verify(run.path))


def test_a_run_cannot_name_its_own_file_as_the_users(run, file):
    content = run.folder.read_config()
    own = content["settings"]["model"].replace(str(file), str(run.path / "network.py"))
    run.folder.write_config(content["settings"] | {"model": own}, content["environment"])
    (run.path / "result.json").unlink()
    with pytest.raises(InputError, match="--trust-code"):
        tfresnet.train(resume=run.path)
    with pytest.raises(SystemExit):
        parse_train(["--weights", str(run.path)])


def test_runs_of_other_code_are_other_runs(run, file, tiny):
    from tfresnet.results.table import settings_but

    file.write_text(CODE.replace("2 * x", "3 * x"))
    other = tfresnet.train(tiny(model=f"{file}:Net", name="other"))
    assert settings_but(RunFacts(run.path), "seed") != settings_but(RunFacts(other.path), "seed")


def test_a_model_file_with_layers_of_a_users_own(run, file, tmp_path):
    network = load(str(file), "Net").thing()
    network(np.zeros((1, 32, 32, 3)))
    network.save(tmp_path / "own.keras")
    result = evaluate(tmp_path / "own.keras", model=str(file), dataset="shapes10")
    logits = network.predict(run.dataset.test.images[:], verbose=0)
    assert result["top1"] == np.mean(logits.argmax(1) == run.dataset.test.labels)
    with pytest.raises(InputError, match="--model FILE"):
        evaluate(tmp_path / "own.keras", dataset="shapes10")


def test_a_stock_model_file_that_scales_its_pixels_is_not_scaled_twice(run, tmp_path):
    layers = [keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(10)]
    network = keras.Sequential([keras.Input((32, 32, 3)), *layers])
    network.save(tmp_path / "stock.keras")
    result = evaluate(tmp_path / "stock.keras", dataset="shapes10")
    logits = network.predict(run.dataset.test.images[:], verbose=0)
    assert result["top1"] == np.mean(logits.argmax(1) == run.dataset.test.labels)


class Objects(keras.Model):
    def __init__(self, num_classes):
        super().__init__()
        self.flat, self.fc = keras.layers.Flatten(), keras.layers.Dense(num_classes)

    def call(self, x):
        return self.fc(self.flat(x))


def test_a_python_object_is_trained_and_taken_up_again(tiny):
    run = tfresnet.train(tiny(), model=Objects)
    assert run.config.model == ":Objects"
    (run.path / "result.json").unlink()
    with pytest.raises(InputError, match="--model"):
        tfresnet.train(resume=run.path)
    again = tfresnet.train(resume=run.path, model=Objects)
    assert again.result["loss"] == run.result["loss"]
    assert evaluate(run.path, model=Objects)["loss"] == pytest.approx(run.result["loss"])


def test_a_longer_training_begins_with_the_weights(run, file, tiny):
    weights = str(run.path / "model.keras")
    longer = tfresnet.train(tiny(model=f"{file}:Net", name="longer", weights=weights))
    assert longer.config.mean == (0, 0, 0)


@pytest.mark.parametrize(
    ("flags", "rule"),
    [
        (["--model", "missing.py"], "--model must be a network's name or a file"),
        (["--trust-code"], "--trust-code must come with --resume"),
        (["--model", "resnet9"], "did you mean"),
    ],
)
def test_impossible_flags(flags, rule, capsys):
    with pytest.raises(SystemExit) as end:
        parse_train(flags)
    assert end.value.code == 2
    assert rule in capsys.readouterr().err


def test_a_model_file_that_scales_its_pixels_predicts(tmp_path):
    layers = [keras.layers.Rescaling(1 / 255), keras.layers.Flatten(), keras.layers.Dense(10)]
    network = keras.Sequential([keras.Input((8, 8, 3)), *layers])
    network.save(tmp_path / "stock.keras")
    pictures = np.random.default_rng(0).integers(0, 256, (2, 8, 8, 3)).astype(np.uint8)
    found = tfresnet.load(tmp_path / "stock.keras").probabilities(pictures)
    np.testing.assert_allclose(found, keras.ops.softmax(network(pictures)), rtol=1e-5)


def test_a_file_that_trains_where_it_is_read_is_refused(file):
    file.write_text(CODE + "\nNet().fit(None)\n")
    with pytest.raises(InputError, match=r"student.py, line 26: .*__main__"):
        tfresnet.train(tfresnet.TrainConfig(model=f"{file}:Net", dataset="shapes10"))


def test_settings_that_a_network_of_ones_own_meets(run, file, tiny):
    small = tfresnet.train(tiny(model=f"{file}:Net", name="small", max_steps=3, epochs=None))
    assert small.history[-1]["step"] == 3
    with pytest.raises(InputError, match="image_sizes must be sides"):
        tfresnet.train(tiny(model=f"{file}:Net", name="sides", image_sizes=(16, 32)))
    with pytest.raises(InputError, match="transfer must be all"):
        train_last_stages(run.model, 1)
    with pytest.raises(InputError, match="must compute in"):
        evaluate(run.path, trust_code=True, precision="mixed_float16")
