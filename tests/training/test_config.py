"""Settings: types, ranges, recipes, files."""

import dataclasses
import json
import math

import pytest

from tfresnet import TrainConfig
from tfresnet.errors import InputError
from tfresnet.training.recipes import RECIPES


@pytest.mark.parametrize(
    ("setting", "value", "rule"),
    [
        ("epochs", 0, "at least 1"),
        ("epochs", -3, "at least 1"),
        ("epochs", 1.5, "of type int"),
        ("epochs", True, "of type int"),
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
    ],
)
def test_a_bad_value_is_answered_in_one_line(setting, value, rule):
    with pytest.raises(InputError) as caught:
        TrainConfig(**{setting: value})
    message = str(caught.value)
    assert message.startswith(f"{setting} must")
    assert rule in message
    assert message.endswith(f"Received: {value!r}")
    assert "\n" not in message


@pytest.mark.parametrize("recipe", RECIPES)
def test_a_recipe_fills_in_what_is_not_set(recipe):
    config = TrainConfig(recipe=recipe, lr=0.3).resolved()
    assert config.lr == 0.3
    expected = RECIPES[recipe] | {"lr": 0.3}
    fraction = expected.pop("warmup_fraction")
    assert {name: getattr(config, name) for name in expected} == expected
    assert config.warmup_epochs == fraction * config.epochs
    assert config.resolved() == config


def test_false_and_zero_are_values_of_their_own():
    config = TrainConfig(nesterov=False, weight_decay=0, warmup_epochs=0).resolved()
    assert (config.nesterov, config.weight_decay, config.warmup_epochs) == (False, 0.0, 0.0)


def test_the_default_is_resnet18_on_cifar10_in_at_most_15_epochs():
    config = TrainConfig().resolved()
    assert (config.model, config.dataset) == ("resnet18", "cifar10")
    assert config.epochs <= 15


def test_warm_up_must_fit_into_the_run():
    with pytest.raises(InputError, match=r"warmup_epochs must be at most epochs \(2\)"):
        TrainConfig(epochs=2, warmup_epochs=3).resolved()


def test_every_setting_survives_the_file(tmp_path):
    config = TrainConfig(model="resnet20", lr=0.1, name="a").resolved()
    assert None not in (config.epochs, config.lr, config.momentum)
    text = json.dumps({"settings": config.to_dict()})
    (tmp_path / "config.json").write_text(text)
    assert TrainConfig.from_run(tmp_path) == config
    assert set(config.to_dict()) == {field.name for field in dataclasses.fields(TrainConfig)}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        ("{", "readable config.json"),
        ("[]", "must have an object 'settings'"),
        ('{"settings": 3}', "settings must be a mapping. Received: int"),
        ('{"settings": {"epoch": 3}}', r"fields of TrainConfig \(nearest: epochs\). .*'epoch'"),
        ('{"settings": {"epochs": "3"}}', "epochs must be of type int. Received: '3'"),
    ],
)
def test_a_broken_file_is_answered_in_one_line(content, message, tmp_path):
    if content is not None:
        (tmp_path / "config.json").write_text(content)
    with pytest.raises(InputError, match=message):
        TrainConfig.from_run(tmp_path)
