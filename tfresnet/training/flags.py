"""The flags of train.py, generated from the settings."""

import argparse
import contextlib
import dataclasses
import json
import os
import shlex
import types
import typing
from pathlib import Path

from tfresnet import pretrained
from tfresnet.data import check_dataset_name
from tfresnet.settings.config import TrainConfig
from tfresnet.settings.model_names import MODELS, check_model, own_code
from tfresnet.settings.recipes import RECIPES, defaults
from tfresnet.system.arguments import ArgumentParser, check_flag, existing, flag, path

# The first setting of each group in --help. The groups follow the order of the settings.
_GROUPS = {
    "model": "network and data",
    "recipe": "optimisation (a value takes the place of the recipe's)",
    "image_sizes": "images, averages, early stop",
    "shortcut": "form of the network",
    "weights": "trained weights to start from",
    "precision": "arithmetic and devices",
    "output_dir": "the run's folder and what it keeps",
}


def parse(argv: list[str] | None = None) -> dict:
    """Parses the flags of train.py into the arguments of `tfresnet.train`."""
    about = "Trains a network and tests it once at the end."
    parser = ArgumentParser("train.py", about, f"Networks: {', '.join(MODELS)}.")
    about = "run folder to continue exactly, with all of its settings"
    parser.add_argument("--resume", type=existing, metavar="RUN", help=about)
    about = "print all settings as JSON, with the recipe's values, and train nothing"
    parser.add_argument("--show-settings", action="store_true", default=None, help=about)
    about = "with --resume: run the code of its own network that the run holds"
    parser.add_argument("--trust-code", action="store_true", default=None, help=about)
    hints = typing.get_type_hints(TrainConfig)
    for item in dataclasses.fields(TrainConfig):
        if item.name in _GROUPS:
            group = parser.add_argument_group(_GROUPS[item.name])
        _add_setting(group, item, hints[item.name])
    values = {name: v for name, v in vars(parser.parse_args(argv)).items() if v is not None}
    if "resume" in values:
        if others := values.keys() - {"resume", "trust_code", "data_dir", "strategy"}:
            flags = ", ".join(flag(name) for name in sorted(others))
            longer = shlex.quote(os.path.join(values["resume"], "model.keras"))
            parser.error(
                "--resume takes all settings but --data-dir and --strategy from the run (to train "
                f"longer, begin a new one with --weights {longer}). Received also: {flags}"
            )
        return values
    if "trust_code" in values:
        parser.error("--trust-code must come with --resume. Received: no --resume")
    is_shown = values.pop("show_settings", False)
    if "weights" in values and "model" not in values:
        values = check_flag(parser, network_of, values["weights"]) | values
        if own_code(values.get("model", "")):  # a stranger's run could name any file
            parser.error(
                "--model must be given with weights of a network of your own. "
                f"Received: none, for {values['model']}"
            )
    config = check_flag(parser, TrainConfig, **values)
    check_flag(parser, check_model, config.model)
    check_flag(parser, check_dataset_name, config.dataset)
    resolved = check_flag(parser, config.resolved)
    if config.muon_lr and resolved.opt != "muon":
        parser.error(f"--muon-lr must come with --opt muon. Received: --opt {resolved.opt}")
    if is_shown:
        print(json.dumps(resolved.to_dict(), indent=2))
        parser.exit()
    return {"config": config}


def network_of(weights: str) -> dict:
    """The settings that make the network of a run or of a shipped model; none for another file."""
    path = Path(weights)
    run = path if path.is_dir() else path.parent
    if path == run or path.name == "model.keras":
        with contextlib.suppress(OSError, ValueError, LookupError, TypeError):  # no run's file
            settings = json.loads((run / "config.json").read_text("utf-8"))["settings"]
            names = ("model", "shortcut", "model_option")
            return {name: settings[name] for name in names if settings.get(name) is not None}
    shipped = None if path.exists() else pretrained.find(weights)
    return {"model": shipped.stem.partition("-")[0]} if shipped else {}


def _add_setting(parser, item, hint):
    """Adds the flag of one setting; without it the parsed values lack the setting."""
    kind = typing.get_args(hint)[0] if isinstance(hint, types.UnionType) else hint
    about, metavar = item.metadata, item.metadata["metavar"]
    default = item.default
    if item.name in RECIPES["fast"]:
        default = defaults(item.name)
    elif item.name == "warmup_epochs":
        default = f"{defaults('warmup_fraction')}; as a share of the epochs"
    default = "" if default is None else f" (default: {default})"
    options = {"default": argparse.SUPPRESS, "help": about["help"] + default}
    if kind is bool:
        options["action"] = argparse.BooleanOptionalAction
    elif about["choices"]:
        options["choices"] = about["choices"]
    elif metavar in ("DIR", "SOURCE"):
        options |= {"type": path, "metavar": metavar}
    elif about["parse"]:
        options["metavar"] = metavar
    else:
        options |= {"type": kind, "metavar": {int: "N", float: "X", str: "NAME"}[kind]}
    parser.add_argument(flag(item.name), **options)
