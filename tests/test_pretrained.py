"""Models that come with the package: each is small, has a card, and is as good as that says."""

import os
import re
from pathlib import Path

import numpy as np
import pytest

import tfresnet
from tfresnet import pretrained
from tfresnet.settings.model_names import CIFAR_NETWORKS, MODELS
from tfresnet.ship import main

ROOT = Path(__file__).parent.parent
SHIPPED = pretrained.names()


def card(name):
    return (pretrained.FOLDER / f"{name}.md").read_text(encoding="utf-8")


def stated(name):
    (found,) = re.findall(r"(\d\d\.\d\d) % of the [\d,]+ test images", card(name))
    return float(found) / 100


def test_nothing_lies_beside_the_models_but_their_cards():
    files = {path.name for path in pretrained.FOLDER.iterdir() if path.is_file()}
    models = {f"{name}{ending}" for name in SHIPPED for ending in (".keras", ".md")}
    assert files == models | {"__init__.py"}
    assert all(name.partition("-")[0] in MODELS for name in SHIPPED)


def test_the_thin_networks_are_small_together():
    thin = [name for name in SHIPPED if name.partition("-")[0] in CIFAR_NETWORKS]
    assert sum((pretrained.FOLDER / f"{name}.keras").stat().st_size for name in thin) < 13e6


@pytest.mark.parametrize("name", SHIPPED)
def test_a_card_says_where_its_model_comes_from_and_how_good_it_is(name):
    assert stated(name) > 0.5
    for needed in (rf"python train\.py .*--model {name.partition('-')[0]}\b", "seed", "commit"):
        assert re.search(needed, card(name)), needed
    assert not re.search(r'["\s(`]/(home|root|work|tmp)/', card(name))


@pytest.mark.parametrize("page", ["docs/results.md", "docs/results.zh.md"])
def test_the_results_lead_to_every_card(page):
    text = (ROOT / page).read_text(encoding="utf-8")
    assert [name for name in SHIPPED if f"(../tfresnet/pretrained/{name}.md)" not in text] == []


@pytest.mark.parametrize("name", SHIPPED)
def test_a_model_is_its_network_with_what_pictures_need(name):
    network, _, data = name.partition("-")
    classifier = tfresnet.load(name)
    assert classifier.image_size == 32
    assert classifier.class_names[0] != "0"
    # Fast on every processor.
    assert {layer.dtype_policy.name for layer in classifier.model.layers} == {"float32"}
    shape = {"num_classes": 10, "input_shape": (32, 32, 3)}  # resnet18's own are of ImageNet
    model = tfresnet.create_model(network, weights=data, **shape)
    for ours, theirs in zip(model.get_weights(), classifier.model.get_weights(), strict=True):
        assert (ours == theirs).all()


def test_a_finished_run_is_made_into_a_model(tiny, tmp_path, monkeypatch):
    run = tfresnet.train(tiny(precision="mixed_bfloat16"))
    monkeypatch.setattr(pretrained, "FOLDER", tmp_path)
    sizes = []
    for flags, exactness in (((), 0), (("--half",), 2**-11)):
        main([str(run.path), *flags])
        (path,) = tmp_path.glob("*.keras")
        assert path.name == "resnet8-shapes10.keras"
        sizes.append(path.stat().st_size)
        model = tfresnet.create_model("resnet8", weights="shapes10")
        for ours, theirs in zip(model.get_weights(), run.model.get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=exactness, atol=1e-7)
    assert sizes[1] < 0.8 * sizes[0] < 0.8 * (run.path / "model.keras").stat().st_size


@pytest.mark.slow
@pytest.mark.cifar10
@pytest.mark.parametrize("name", [name for name in SHIPPED if name.endswith("-cifar10")])
def test_a_model_is_as_good_as_its_card_says(name):
    data_dir = os.environ.get("TFRESNET_DATA_DIR")
    if not data_dir:
        pytest.skip("TFRESNET_DATA_DIR is not set")
    found = tfresnet.evaluate(name, data_dir=data_dir)
    assert found["top1"] == pytest.approx(stated(name), abs=0.001)
