"""Does every network learn? A short training on CIFAR-10 of each, and a table of the outcome.

    python -m tfresnet.experiments short-training

trains the 32x32 form of each network for 3 epochs on 10,000 images, and writes `table.md` and
`table.csv` into `logs/short-training/` after each. Networks that cost much get a quarter of the
images, from which it is harder to learn. A network that has its row is not trained again, and one
that was interrupted is continued, so the command can be stopped at any time.
"""

import csv
import dataclasses
from argparse import ArgumentParser, Namespace
from pathlib import Path

from tfresnet.atomic import write_text
from tfresnet.cli import path
from tfresnet.errors import InputError
from tfresnet.param_count.reports import measure
from tfresnet.tables import csv_text, markdown

MODELS = ("alexnet", "nin", "googlenet", "inception_v3", "vgg19")
MODELS += ("wrn16_4", "resnet18d", "resnet110v2", "resnet50d", "resnet50v2", "wrn28_10")
SIDE, CLASSES = 32, 10
# The recipe's rate is tuned for residual networks; a fifth of it suits all of these.
LR = 0.02
PASS_TOP1 = 0.30


@dataclasses.dataclass(frozen=True)
class Row:
    """One network's outcome: losses are of the first and the last epoch, top-1 of validation.

    The loss of a network with auxiliary classifiers includes theirs.
    """

    model: str
    parameters: int
    multiply_adds: int
    images: int
    first_loss: float
    last_loss: float
    val_top1: float

    @property
    def learns(self) -> bool:
        return self.last_loss < self.first_loss and self.val_top1 > PASS_TOP1

    @classmethod
    def from_text(cls, record: dict[str, str]) -> "Row":
        return cls(**{f.name: f.type(record[f.name]) for f in dataclasses.fields(cls)})


def add_flags(parser: ArgumentParser) -> None:
    parser.add_argument(
        "--models", nargs="+", metavar="NAME", default=list(MODELS), help="networks"
    )
    parser.add_argument("--data-dir", type=path, metavar="DIR", help="folder of CIFAR-10")
    parser.add_argument("--dataset", metavar="NAME", default="cifar10", help="data set")
    parser.add_argument("--train-size", type=int, metavar="N", default=10_000, help="images")
    parser.add_argument("--epochs", type=int, metavar="N", default=3, help="passes over them")
    parser.add_argument("--lr", type=float, metavar="X", default=LR, help="highest learning rate")
    parser.add_argument(
        "--max-cost",
        type=float,
        metavar="G",
        default=0.6,
        help="networks of more multiply-adds, in units of 10^9, get a quarter of the images",
    )
    parser.add_argument(
        "--output-dir",
        type=path,
        metavar="DIR",
        default="logs/short-training",
        help="folder of the table",
    )


def run(args: Namespace) -> list[Row]:
    """Trains what has no row yet; returns all rows."""
    folder = Path(args.output_dir)
    rows = _read(folder / "table.csv")
    for name in args.models:
        if name in {row.model for row in rows}:
            print(f"{name}: has its row in {folder / 'table.csv'}")
        else:
            rows.append(_train(name, args, folder / "runs"))
        _write(rows, folder, args)
    return rows


def _train(name, args, runs):
    from tfresnet import TrainConfig, train

    complexity = measure(name, SIDE, CLASSES).complexity
    costs_much = complexity.multiply_adds > args.max_cost * 1e9
    images = args.train_size // 4 if costs_much else args.train_size
    if (runs / name).exists():
        result = train(resume=runs / name)
    else:
        config = TrainConfig(
            model=name,
            dataset=args.dataset,
            data_dir=args.data_dir,
            train_size=images,
            epochs=args.epochs,
            lr=args.lr,
            output_dir=str(runs),
            name=name,
        )
        result = train(config)
    first, last = result.history[0], result.history[-1]
    return Row(
        model=name,
        parameters=result.model.count_params(),
        multiply_adds=complexity.multiply_adds,
        images=images,
        first_loss=round(first["loss"], 4),
        last_loss=round(last["loss"], 4),
        val_top1=round(last["val_top1"], 4),
    )


def _read(path):
    if not path.exists():
        return []
    try:
        with open(path, newline="", encoding="utf-8") as file:
            return [Row.from_text(record) for record in csv.DictReader(file)]
    except (OSError, KeyError, ValueError, TypeError) as error:
        raise InputError(
            f"the table must be one that this study wrote. Received: {path}"
        ) from error


def _write(rows, folder, args):
    """Both forms of the table, whole or not at all."""
    write_text(folder / "table.csv", csv_text([dataclasses.asdict(row) for row in rows]) + "\n")
    write_text(folder / "table.md", _report(rows, args))


def _report(rows, args):
    titles = ["model", "parameters", "multiply-adds", "images", "loss, first epoch"]
    titles += ["loss, last epoch", "validation top-1", "learns"]
    cells = [
        [
            row.model,
            f"{row.parameters:,}",
            f"{row.multiply_adds / 1e9:.2f} G",
            f"{row.images:,}",
            f"{row.first_loss:.3f}",
            f"{row.last_loss:.3f}",
            f"{100 * row.val_top1:.2f} %",
            "yes" if row.learns else "no",
        ]
        for row in rows
    ]
    notes = [
        "# Short training of every network",
        "",
        f"{args.dataset}, {args.epochs} epochs, recipe fast with --lr {args.lr}, one seed, written "
        "by `python -m tfresnet.experiments short-training`. A network learns if its loss falls "
        f"and its top-1 on the 5,000 images held out is over {100 * PASS_TOP1:.0f} %. Those of "
        f"more than {args.max_cost:g} G multiply-adds have a quarter of the images: it is harder.",
        "",
        markdown(titles, cells),
    ]
    return "\n".join(notes) + "\n"
