"""Exported weights, loaded by the libraries themselves, give our logits."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
from support import environments

import tfresnet
from tfresnet import models
from tfresnet.export.pytorch import export_weights

IMAGES = 1000
PACKAGES = {
    "torch": ["torch==2.13.0"],
    "torchvision": ["torch==2.14.1", "torchvision==0.29.1"],
    "timm": ["timm", "torch==2.14.1", "torchvision==0.29.1"],
}
SMALL = (
    "network.conv1 = torch.nn.Conv2d(3, 64, 3, 1, 1, bias=False)\n"
    "network.maxpool = torch.nn.Identity()"
)
MAKERS = {
    "torch": "from support.torch_resnet import ResNet\n"
    "network = ResNet((3, 3, 3), 16, False, option_a=True)",
    "torchvision": "import torchvision\nnetwork = torchvision.models.{name}(num_classes=10)",
    "timm": "import timm\nnetwork = timm.create_model('{name}', num_classes=10)",
}
COMPARE = """if True:
    import json, numpy as np, sys
    from safetensors.torch import load_file
    network.load_state_dict(load_file("m.safetensors"))
    given = np.load("ours.npz")
    with torch.no_grad():
        images = torch.from_numpy(given["images"]).split(100)
        logits = torch.cat([network.eval()(some) for some in images]).numpy()
    print(json.dumps({
        "difference": float(np.abs(logits - given["logits"]).max()),
        "largest": float(np.abs(logits).max()),
        "agree": int((logits.argmax(1) == given["logits"].argmax(1)).sum()),
    }))
"""
CASES = [("torch", "resnet20", "cifar")]
for _library in ("torchvision", "timm"):
    CASES += [(_library, "resnet18", "cifar"), (_library, "resnet18", "imagenet")]
    CASES += [(_library, "resnet50", "cifar"), (_library, "resnet50", "imagenet")]


def pictures(stem):
    """The first test images, as large as the stem needs to leave several pixels."""
    data = os.environ.get("TFRESNET_DATA_DIR")
    images = tfresnet.load_dataset("cifar10" if data else "shapes10").test.images[:IMAGES]
    return images if stem == "cifar" else images.repeat(2, 1).repeat(2, 2)


def network(name, stem):
    """Trained where we ship it; else with statistics of its own images, and with branches that add
    little, as in a trained one: after fifty layers of noise rounding is all that is left."""
    if stem == "cifar" and name != "resnet50":
        return tfresnet.load(f"{name}-cifar10").model
    options = {"stride_in_3x3": True} if name == "resnet50" else {}
    side = pictures(stem).shape[1]
    pixels = tfresnet.layers.Preprocessing((0.5,) * 3, (0.25,) * 3)
    shape = {"num_classes": 10, "input_shape": (side, side, 3), "preprocessing": pixels}
    model = models.create_model(name, stem=stem, **shape, **options)
    for variable in model.trainable_variables:
        if variable.path.endswith(("/bn2/gamma", "/bn3/gamma")):
            variable.assign(0.2 * variable)
    for _ in range(30):  # moves the averages to the images
        model(pictures(stem)[:100].astype("f4"), training=True)
    return model


@pytest.mark.slow
@pytest.mark.parametrize(("library", "name", "stem"), CASES)
def test_the_logits_are_ours(library, name, stem, tmp_path):
    python = environments.python_with(library, *PACKAGES[library], "numpy", "safetensors")
    model, images = network(name, stem), pictures(stem).astype("f4")
    export_weights(model, tmp_path / "m.safetensors")
    normalised = models.preprocessing_of(model)(images).numpy().transpose(0, 3, 1, 2)
    logits = model.predict(images, batch_size=100, verbose=0)
    np.savez(tmp_path / "ours.npz", images=normalised, logits=logits)
    make = MAKERS[library].format(name=name)
    if stem == "cifar" and library != "torch":
        make = f"{make}\n{SMALL}"
    code = f"import torch\n{make}\n{COMPARE}"
    here = {"PYTHONPATH": str(Path(__file__).parents[1])}
    found = json.loads(environments.run(python, code, cwd=tmp_path, **here))
    print(library, name, stem, found)
    assert found["agree"] == IMAGES
    assert found["difference"] <= 1e-5 * max(1, found["largest"])
