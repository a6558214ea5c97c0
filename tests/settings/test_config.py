"""Settings: types, ranges, recipes, files."""

import dataclasses
import json
import math

import numpy as np
import pytest

from tfresnet import TrainConfig
from tfresnet.errors import InputError
from tfresnet.runs.folder import RunFolder
from tfresnet.settings.recipes import RECIPES, recipe_for
from tfresnet.settings.values import as_text


@pytest.mark.parametrize(
    ("setting", "value", "rule"),
    [
        ("epochs", 0, "at least 1"),
        ("epochs", -3, "at least 1"),
        ("epochs", 1.5, "of type int"),
        ("epochs", True, "of type int"),
        ("epochs", False, "of type int"),
        ("epochs", "0", "of type int"),
        ("seed", [0], "of type int"),
        ("lr", True, "of type float"),
        ("lr", 1j, "of type float"),
        ("lr", np.array([0.1]), "of type float"),
        ("augment", 1, "of type bool"),
        ("name", 3, "of type str"),
        ("batch_size", 0, "at least 1"),
        ("val_size", -1, "at least 0"),
        ("lr", math.nan, "above 0"),
        ("lr", math.inf, "above 0"),
        ("lr", 0.0, "above 0"),
        ("lr", "fast", "of type float"),
        ("label_smoothing", 1.5, "from 0 to below 1"),
        ("label_smoothing", 1.0, "from 0 to below 1"),
        ("label_smoothing", math.nan, "from 0 to below 1"),
        ("momentum", 1.0, "from 0 to below 1"),
        ("weight_decay", -1e-4, "from 0"),
        ("weight_decay", math.inf, "from 0"),
        ("warmup_epochs", -1.0, "from 0"),
        ("seed", -1, "from 0 to 2"),
        ("seed", 2**31, "from 0 to 2"),
        ("recipe", "slow", "one of fast, paper"),
        ("precision", "float8", "one of auto"),
        ("lr_scheduler", "step", "one of cosine"),
        ("name", "a/b", "plain folder name"),
        ("name", "..", "plain folder name"),
        ("checkpoint_minutes", 0.0, "above 0"),
        ("augment", "yes", "of type bool"),
        ("model", None, "of type str"),
        ("data_dir", "a\0b", "zero byte"),
        ("image_sizes", "32,24", "rising sides"),
        ("image_sizes", "24,24,32", "rising sides"),
        ("image_sizes", "4,32", "rising sides"),
        ("image_sizes", "a", "rising sides"),
        ("target_top1", 0.0, "above 0 and at most 100"),
        ("target_top1", 101.0, "above 0 and at most 100"),
        ("ema", 1.0, "from 0 to below 1"),
        ("uncropped_fraction", 1.01, "a number from 0 to 1"),
        ("uncropped_fraction", math.nan, "a number from 0 to 1"),
    ],
)
def test_a_bad_value_is_answered_in_one_line(setting, value, rule):
    with pytest.raises(InputError) as caught:
        TrainConfig(**{setting: value})
    message = str(caught.value)
    assert message.startswith(f"{setting} must")
    assert rule in message
    assert f"Received: {value!r}" in message
    assert "\n" not in message


@pytest.mark.parametrize("recipe", RECIPES)
@pytest.mark.parametrize("model", ["resnet18", "resnet20"])
def test_a_recipe_fills_in_what_is_not_set(recipe, model):
    config = TrainConfig(model=model, recipe=recipe, lr=0.3).resolved()
    assert config.lr == 0.3
    expected = recipe_for(model, recipe) | {"lr": 0.3}
    fraction = expected.pop("warmup_fraction")
    assert {name: getattr(config, name) for name in expected} == expected
    assert config.warmup_epochs == fraction * (config.epochs or 0)
    assert config.resolved() == config


def test_false_and_zero_are_values_of_their_own():
    config = TrainConfig(nesterov=False, weight_decay=0, warmup_epochs=0).resolved()
    assert (config.nesterov, config.weight_decay, config.warmup_epochs) == (False, 0.0, 0.0)


def test_the_default_is_resnet18_on_cifar10_in_at_most_15_epochs():
    config = TrainConfig().resolved()
    assert (config.model, config.dataset) == ("resnet18", "cifar10")
    assert config.epochs <= 15


@pytest.mark.parametrize(
    ("given", "expected"),
    [({}, (None, 64_000)), ({"epochs": 3}, (3, None)), ({"max_steps": 7}, (None, 7))],
)
def test_the_paper_counts_steps_whatever_the_number_of_images(given, expected):
    config = TrainConfig(recipe="paper", **given).resolved()
    assert (config.epochs, config.max_steps) == expected
    assert config.resolved() == config


@pytest.mark.parametrize("value", [True, np.True_, 2.0, "3", None])
def test_a_wrong_type_is_answered_by_its_type(value):
    with pytest.raises(InputError, match=r"histograms must be of type int. Received: .* of type"):
        TrainConfig(histograms=value)


def test_either_epochs_or_steps():
    with pytest.raises(InputError, match="max_steps takes the place of epochs"):
        TrainConfig(epochs=2, max_steps=5).resolved()


def test_warm_up_must_fit_into_the_run():
    with pytest.raises(InputError, match=r"at most the epochs of the run \(2\)"):
        TrainConfig(epochs=2, warmup_epochs=3).resolved()
    with pytest.raises(InputError, match=r"at most the epochs of the run \(0.03\)"):
        TrainConfig(max_steps=3, warmup_epochs=50).resolved().with_warmup(100)


def test_steps_warm_up_for_the_share_of_the_recipe_too():
    config = TrainConfig(max_steps=500).resolved().with_warmup(100)
    fraction = recipe_for(config.model, config.recipe)["warmup_fraction"]
    assert config.warmup_epochs == pytest.approx(5 * fraction)
    assert config.with_warmup(100) == config


PARSED = [
    ("image_sizes", "24,32", (24, 32)),
    ("classes", "0-2,7", (0, 1, 2, 7)),
    ("classes", "cat,3", ("cat", 3)),
    ("mean", "0.1,0.2,0.3", (0.1, 0.2, 0.3)),
    ("profile_steps", "3,5", (3, 5)),
    ("model_option", "dropout=0.3,module=5x5", {"dropout": 0.3, "module": "5x5"}),
]


@pytest.mark.parametrize(("setting", "text", "value"), PARSED)
def test_text_is_parsed_once(setting, text, value):
    config = TrainConfig(**{setting: text})
    assert getattr(config, setting) == value
    again = [value, as_text(value), np.asarray(value) if setting == "mean" else value]
    for same in again:
        assert TrainConfig(**{setting: same}) == config
    assert TrainConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config


@pytest.mark.parametrize("value", [np.True_, np.float64(3), np.array([3])])
def test_what_is_no_whole_number_in_numpy_either(value):
    with pytest.raises(InputError, match="epochs must be of type int"):
        TrainConfig(epochs=value)


def test_numbers_of_numpy_are_numbers():
    config = TrainConfig(epochs=np.int64(3), lr=np.float32(0.5), augment=np.False_, seed=np.int8(7))
    assert config == TrainConfig(epochs=3, lr=0.5, augment=False, seed=7)
    assert {type(v) for v in config.to_dict().values()} <= {int, float, bool, str, type(None)}


@pytest.mark.parametrize(("number", "shown"), [(10**400, "inf"), (-(10**400), "-inf")])
def test_a_number_beyond_all_floats(number, shown):
    with pytest.raises(InputError, match=rf"lr must be a number above 0. Received: {shown}$"):
        TrainConfig(lr=number)


def test_every_setting_survives_the_file(tmp_path):
    config = TrainConfig(model="resnet20", lr=0.1, name="a").resolved()
    assert None not in (config.epochs, config.lr, config.momentum)
    text = json.dumps({"settings": config.to_dict()})
    (tmp_path / "config.json").write_text(text)
    assert TrainConfig.from_dict(RunFolder(tmp_path).read_config()["settings"]) == config
    assert set(config.to_dict()) == {field.name for field in dataclasses.fields(TrainConfig)}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        ("{", "readable config.json"),
        ("[]", "must have an object 'settings'"),
        ('{"settings": 3}', "must have an object 'settings'"),
        ('{"settings": {"epoch": 3}}', r"fields of TrainConfig \(nearest: epochs\). .*'epoch'"),
        ('{"settings": {"epochs": "3"}}', "epochs must be of type int. Received: '3'"),
    ],
)
def test_a_broken_file_is_answered_in_one_line(content, message, tmp_path):
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(InputError, match=message):
        TrainConfig.from_dict(RunFolder(tmp_path).read_config()["settings"])


def test_every_setting_is_documented_where_python_shows_it():
    for field in dataclasses.fields(TrainConfig):
        assert f"{field.name}: {field.metadata['help']}" in TrainConfig.__doc__
