"""Formats results for the screen and writes them to files."""

import json
from pathlib import Path

from tfresnet.errors import InputError
from tfresnet.system.atomic import write_text


def summary_line(result: dict) -> str:
    """One line; with the mean of top-1 over the classes where these differ in size."""
    line = (
        f"{result['split']}: {result['n']} images  loss {result['loss']:.4f}  "
        f"top-1 {100 * result['top1']:.2f} %  top-5 {100 * result['top5']:.2f} %"
    )
    mean = result.get("mean_per_class", result["top1"])
    differs = abs(mean - result["top1"]) > 5e-5
    return line + (f"  mean per class {100 * mean:.2f} %" if differs else "")


def report(result: dict) -> str:
    """Totals, top-1 by class in percent, and the confusion matrix, for the screen."""
    model = result["model"]
    if "unfinished" in result:
        model += f" (unfinished, {result['unfinished']})"
    model += " with mirrored images (--tta)" if result.get("tta") else ""
    head = f"{model} on {result['dataset']}, {summary_line(result)}"
    head += f"  {result['images_per_second']:.0f} images/s"
    return "\n".join([head, "", *confusion_table(result)])


def confusion_table(result: dict) -> list[str]:
    """Lines with the top-1 of each class in percent, and how often it was taken for each class."""
    names = list(result["per_class"])
    width = max(10, *map(len, names))
    lines = [f"{'class':{width}} top-1 %   predicted as (columns in the same order)"]
    for name, row in zip(names, result["confusion"], strict=True):
        counts = " ".join(f"{count:4d}" for count in row)
        lines.append(f"{name:{width}} {100 * result['per_class'][name]:7.2f}   {counts}")
    return lines


def write_json(result: dict, path: str | Path) -> None:
    """Writes a result to a file atomically. Raises `InputError` if that fails."""
    try:
        write_text(path, json.dumps(result, indent=2) + "\n")
    except OSError as error:
        raise InputError(
            f"--json must be a file that can be written ({error.strerror}). Received: {path}"
        ) from error
