"""The folder for a hub is a run that everything here takes, with a card that a hub can read."""

import json
import re

import numpy as np
import pytest
from support import environments

import tfresnet
from tfresnet.errors import InputError
from tfresnet.export import __main__ as command

FILES = {"README.md", "config.json", "curves.png", "history.csv", "log.txt", "model.keras"}
FILES |= {"model.safetensors", "result.json"}


@pytest.fixture
def run(tiny, tmp_path):
    return tfresnet.train(tiny(data_dir=str(tmp_path), precision="float32"))


def export(run, output, *flags):
    command.main([str(run.path), "--format", "hub", "--output", str(output), *flags])
    return (output / "README.md").read_text()


def test_the_folder(run, tmp_path, capsys):
    output = tmp_path / "hub"
    card = export(run, output, "--license", "apache-2.0")
    assert {path.name for path in output.iterdir()} == FILES
    assert capsys.readouterr().out.endswith(f"{output}: {', '.join(sorted(FILES))}\n")
    header = dict(
        re.findall(r"^([\w-]+): (.*)$", card.partition("---\n")[2].partition("---\n")[0], re.M)
    )
    header = {name: json.loads(value) for name, value in header.items()}
    assert (header["library_name"], header["license"]) == ("keras", "apache-2.0")
    (measured,) = header["model-index"][0]["results"]
    values = {metric["name"]: metric["value"] for metric in measured["metrics"]}
    assert values == {name: round(100 * run.result[name.replace("-", "")], 2) for name in values}
    assert "`python train.py --model resnet8 --dataset shapes10" in card
    assert str(tmp_path) not in card + (output / "config.json").read_text()

    pixels = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    expected = tfresnet.load(run.path).predict(pixels)
    assert tfresnet.load(output).predict(pixels) == expected
    assert tfresnet.load(output / "model.safetensors", model="resnet8").predict(pixels) == expected
    assert tfresnet.evaluate(output)["top1"] == pytest.approx(run.result["top1"])


def test_what_pytorch_does_not_have_is_said(tiny, tmp_path, small_model):
    run = tfresnet.train(tiny())
    card = export(run, tmp_path / "hub")
    assert "There is no file for PyTorch: it has a layer bn" in card
    assert {path.name for path in (tmp_path / "hub").iterdir()} == FILES - {"model.safetensors"}


def test_only_a_finished_run_has_figures(run, tmp_path):
    for source in ("resnet20", str(run.path / "model.keras")):
        with pytest.raises(InputError, match="--format hub needs a finished run"):
            command.main([source, "--format", "hub", "--output", str(tmp_path / "hub")])
    (run.path / "result.json").unlink()
    with pytest.raises(InputError, match="a run must be finished"):
        export(run, tmp_path / "hub")
    assert not (tmp_path / "hub").exists()


@pytest.mark.slow
def test_the_hub_itself_reads_the_card(run, tmp_path):
    python = environments.python_with("huggingface_hub", "huggingface_hub")
    export(run, tmp_path / "hub")
    code = (
        "from huggingface_hub import ModelCard\n"
        "data = ModelCard.load('hub/README.md').data\n"
        "print(data.library_name, data.license, data.model_name)\n"
        "print([(r.metric_name, r.metric_value) for r in data.eval_results])"
    )
    shown = environments.run(python, code, cwd=tmp_path, HF_HUB_OFFLINE="1").splitlines()
    top1, top5 = (round(100 * run.result[name], 2) for name in ("top1", "top5"))
    assert shown == ["keras mit resnet8", f"[('top-1', {top1}), ('top-5', {top5})]"]
