"""The folder of a finished run as a hub for models takes it, with a card."""

import json
import os
import shutil
import tempfile
from pathlib import Path

from tfresnet.errors import InputError
from tfresnet.experiments.engine import figures
from tfresnet.export.pytorch import export_weights, unsayable
from tfresnet.results.facts import RunFacts, commits, machine
from tfresnet.runs.folder import RunFolder
from tfresnet.settings.command_line import command
from tfresnet.settings.config import TrainConfig
from tfresnet.system import tables

WEIGHTS, CURVES = "model.safetensors", "curves.png"
# Names of the hub; other sets have none there.
DATASETS = {"cifar10": "uoft-cs/cifar10", "cifar100": "uoft-cs/cifar100"}


def export_folder(source: str | Path, output: str | Path, license: str) -> str:
    """Writes the model of a finished run with its settings, measured figures, log and a card.

    The folder is a run's folder itself, so whatever takes a run takes it. Paths of this machine are
    left out of its settings. Nothing is uploaded.

    Args:
        license: of the weights, as the hub writes it, such as "mit".

    Raises:
        InputError: `source` is no finished run with its model.
    """
    if not os.path.isdir(source):
        raise InputError(f"--format hub needs a finished run, with its figures. Received: {source}")
    run, output = RunFacts(Path(source)), Path(output)
    model = run.model
    with tempfile.TemporaryDirectory(dir=output.absolute().parent) as temporary:
        folder = Path(temporary) / "folder"
        folder.mkdir()
        model.save(folder / run.folder.model.name)
        for file in (run.folder.history, run.folder.result, run.folder.log, run.folder.code):
            if file.exists():  # only a user's own network has code
                shutil.copy(file, folder)
        places = {name: getattr(TrainConfig(), name) for name in ("data_dir", "output_dir")}
        RunFolder(folder).write_config(run.config.to_dict() | places, run.environment)
        reason = unsayable(model)
        if not reason:
            export_weights(model, folder / WEIGHTS)
        _draw(run, folder / CURVES)
        (folder / "README.md").write_text(_card(run, license, reason), encoding="utf-8")
        os.replace(folder, output)
    return f"{output}: {', '.join(sorted(path.name for path in output.iterdir()))}"


def _draw(run, file):
    figure, (axes,) = figures.chart(_title(run), x="epoch", y="top-1 error (%)")
    names = {"training": "top1", "validation": "val_top1"}
    known = {label: column for label, column in names.items() if column in run.history[0]}
    curves = {label: {0: run.curve(column)} for label, column in known.items()}
    figures.lines(axes, curves, counted=False)
    figure.savefig(file)


def _title(run):
    return f"{run.config.model} on {run.config.dataset}"


def _header(run, license):
    """The card's YAML, one key a line; JSON is YAML, too."""
    result, dataset = run.result, run.config.dataset
    metrics = [
        {"type": "accuracy", "name": f"top-{k}", "value": round(100 * result[f"top{k}"], 2)}
        for k in (1, 5)
    ]
    measured = {
        "task": {"type": "image-classification"},
        "dataset": {"type": DATASETS.get(dataset, dataset), "name": dataset, "split": "test"},
        "metrics": metrics,
    }
    header = {"library_name": "keras", "license": license, "pipeline_tag": "image-classification"}
    header |= {"datasets": [DATASETS[dataset]]} if dataset in DATASETS else {}
    header |= {"tags": ["resnet", "tensorflow", "tfresnet"]}
    header["model-index"] = [{"name": run.config.model, "results": [measured]}]
    return "\n".join(f"{name}: {json.dumps(value)}" for name, value in header.items())


def _card(run, license, reason):
    result, config = run.result, run.config
    shares = {"top-1": result["top1"], "top-5": result["top5"], **result["per_class"]}
    rows = [[name, f"{100 * share:.2f}"] for name, share in shares.items()]
    time = f"{run.minutes:.0f} minutes " if run.minutes else ""
    code = " and ".join(commits(run)) or "unknown"
    for_pytorch = f"There is no file for PyTorch: {reason}."
    if not reason:
        for_pytorch = f"""`{WEIGHTS}` holds the weights by the names of torchvision (four stages)
or akamaster/pytorch_resnet_cifar10 (three), and how pixels are prepared in its metadata."""
    return f"""---
{_header(run, license)}
---

# {_title(run)}

{run.parameters:,} trainable parameters, {len(run.history)} epochs. Of the {result["n"]:,} test
images it finds, in percent:

{tables.markdown(("", "%"), rows)}

![Error by epoch]({CURVES})

```python
import tfresnet

tfresnet.load(FOLDER).predict("picture.jpg")
```

`model.keras` takes pixels from 0 to 255 and holds its preprocessing and the names of its classes.
{for_pytorch}

Trained by `{command(config, ("data_dir",))}`, commit {code}, {time}on
{machine(run)}. `log.txt` is the log of the training, `history.csv` its figures by epoch,
`result.json` the one test at its end, `config.json` every setting.
"""
