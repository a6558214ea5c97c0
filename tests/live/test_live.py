"""The page with networks in it answers as the networks do, in a real browser too."""

import json
import shutil
import subprocess

import keras
import numpy as np
import pytest
from PIL import Image
from support import browser
from support.server import free_port

from tfresnet import models
from tfresnet.errors import InputError
from tfresnet.layers import Preprocessing
from tfresnet.live import page
from tfresnet.predict.classifier import Classifier

CLASSES = tuple("abcdefg")
TWINS = ("resnet20", "plain20")
NAMES = {"resnet20": {}, "plain20": {}, "resnet8": {"shortcut": "B"}}


def network(name, **options):
    """A network with statistics and offsets as after a training."""
    preprocessing = Preprocessing((0.4, 0.5, 0.6), (0.2, 0.25, 0.3), CLASSES)
    model = models.create_model(name, num_classes=7, preprocessing=preprocessing, **options)
    random = np.random.default_rng(0)
    for variable in model.variables:
        if variable.path.endswith(("beta", "moving_mean", "bias")):
            variable.assign(random.normal(0, 0.1, variable.shape))
        elif variable.path.endswith(("gamma", "moving_variance")):
            variable.assign(random.uniform(0.6, 0.9, variable.shape))
    return model


@pytest.fixture(scope="module")
def classifiers():
    keras.utils.set_random_seed(0)
    return {name: Classifier(network(name, **options)) for name, options in NAMES.items()}


@pytest.fixture(scope="module")
def picture():
    return np.random.default_rng(1).integers(0, 256, (32, 32, 3), np.uint8)


@pytest.fixture(scope="module")
def written(classifiers, picture, tmp_path_factory):
    """A page of a residual network and its plain twin."""
    folder = tmp_path_factory.mktemp("live")
    Image.fromarray(picture).save(folder / "picture.png")
    for name in TWINS:
        classifiers[name].model.save(folder / f"{name}.keras")
    sources = [str(folder / f"{name}.keras") for name in TWINS]
    return page.write(sources, [str(folder / "picture.png")], folder / "live.html")


def test_the_script_answers_as_the_networks_do(classifiers, picture, tmp_path):
    if not shutil.which("node"):
        pytest.skip("node is not installed")
    networks = json.dumps([page._describe(one) for one in classifiers.values()])
    calls = f"""
    const pixels = {picture.ravel().tolist()}, off = new Set(["conv3_block1"]), on = new Set();
    const answers = {networks}.map((one) => [[on, on], [off, on], [on, off]].map(
      (switches) => new Network(one).run(pixels, 32, ...switches).probabilities));
    console.log(JSON.stringify(answers));"""
    (tmp_path / "script.js").write_text((page.FILES / "network.js").read_text() + calls)
    shown = subprocess.run(["node", tmp_path / "script.js"], capture_output=True, check=True)
    answers = json.loads(shown.stdout)
    for name, (whole, no_branch, no_shortcut) in zip(classifiers, answers, strict=True):
        expected = classifiers[name].probabilities(picture[None])[0]
        np.testing.assert_allclose(whole, expected, atol=2e-5)
        assert np.abs(np.subtract(whole, no_branch)).max() > 1e-4
        changes = np.abs(np.subtract(whole, no_shortcut)).max()
        assert (changes > 1e-4) == (name != "plain20")  # which has no shortcut


def test_two_networks_of_the_paper_fit_into_3_megabytes_without_a_network(written):
    assert written.stat().st_size < 3e6
    assert "http" not in written.read_text()


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("resnet18", {"input_shape": (32, 32, 3)}, "600,000 parameters"),
        ("cnn3", {}, "residual or plain units"),
        ("resnet110v2", {}, "parameters|units"),
    ],
)
def test_refuses_what_it_cannot_run(name, options, message, tmp_path):
    network(name, **options).save(tmp_path / "model.keras")
    with pytest.raises(InputError, match=message):
        page.write([str(tmp_path / "model.keras")], [], tmp_path / "live.html")
    assert not (tmp_path / "live.html").exists()


@pytest.mark.slow
@pytest.mark.skipif(bool(browser.missing()), reason="no browser")
def test_a_browser_shows_the_answers_and_the_effect_of_a_switch(written, classifiers, picture):
    with browser.open_browser(free_port()) as found:
        found.open(written.as_uri())
        found.until(lambda b: b.run("return views[0].probabilities"), "answer")
        for number, name in enumerate(TWINS):
            shown = found.run(f"return Array.from(views[{number}].probabilities)")
            expected = classifiers[name].probabilities(picture[None])[0]
            np.testing.assert_allclose(shown, expected, atol=1e-3)
            assert found.run(f"return views[{number}].milliseconds") < 2000
        before = found.run("return Array.from(views[0].probabilities)")
        found.run("document.querySelector('[data-kind=shortcut][data-unit=conv3_block1]').click()")
        after = found.run("return Array.from(views[0].probabilities)")
        assert np.abs(np.subtract(before, after)).max() > 1e-4
        found.click("button", "中文")
        assert "残差网络" in found.text()
