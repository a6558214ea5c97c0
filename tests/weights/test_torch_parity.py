"""Networks of PyTorch with random weights, saved by it and read without it, give its outputs."""

import numpy as np
import pytest

import tfresnet

torch = pytest.importorskip("torch", reason="PyTorch, which makes the networks, is not installed")
NETWORKS = {
    "resnet18": {"units": (2, 2, 2, 2), "filters": 64, "bottleneck": False},
    "resnet50": {"units": (3, 4, 6, 3), "filters": 64, "bottleneck": True},
    "resnet20": {"units": (3, 3, 3), "filters": 16, "bottleneck": False, "option_a": True},
}


@pytest.mark.parametrize("is_zip", [True, False])
@pytest.mark.parametrize("name", NETWORKS)
def test_same_outputs_as_pytorch(name, is_zip, tmp_path):
    from support.torch_resnet import randomised

    theirs = randomised(**NETWORKS[name])
    state = theirs.state_dict()
    if name == "resnet20":
        state = {"best_prec1": 1.0, "state_dict": {f"module.{k}": v for k, v in state.items()}}
    torch.save(state, tmp_path / "m.pth", _use_new_zipfile_serialization=is_zip)
    side = 32 if name == "resnet20" else 65
    shape, stem = (side, side, 3), "cifar" if name == "resnet20" else "imagenet"
    ours = tfresnet.create_model(
        name, num_classes=10, input_shape=shape, stem=stem, weights=tmp_path / "m.pth"
    )
    x = np.random.default_rng(0).normal(size=(2, *shape)).astype("f4")
    with torch.no_grad():
        expected = theirs(torch.from_numpy(x.transpose(0, 3, 1, 2).copy())).numpy()
    got = ours(x, training=False).numpy()
    np.testing.assert_allclose(got, expected, rtol=0, atol=1e-4 * np.abs(expected).max())
