"""The report, section by section: each is a function of the `Material` and its texts to blocks."""

import itertools
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfresnet.data import folder
from tfresnet.experiments.engine.judging import bar
from tfresnet.param_count import reports
from tfresnet.report import drawings
from tfresnet.report.blocks import Block, Code, Heading, Picture, Table, Text, Words
from tfresnet.report.sources import Study
from tfresnet.results import facts, table
from tfresnet.runs.network import model_options
from tfresnet.runs.record import RunRecord
from tfresnet.settings.command_line import command

SIZE = 32  # pixels, of CIFAR-10 and shapes10
MOST_CLASSES = 50  # more make no readable table
_CONFUSIONS = 5  # that are named
_COUNTED = {"layers": "layers", "parameters": "params", "trainable": "trainable_params"}
_COUNTED |= {"multiply-adds": "multiply_adds"}


@dataclass(frozen=True)
class Material:
    """What a report is made of.

    Attributes:
        texts: all words, of one language: a file of `texts/`.
        place: folder of the report, from which its links start.
        written: key -> what stands in the place for `Words` in an earlier one.
    """

    runs: list[RunRecord]
    studies: list[Study]
    texts: dict
    place: Path
    written: dict[str, str]

    def table(self, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Table:
        """Without the columns in which nothing stands; the name of a class is its title."""
        used = [n for n, _ in enumerate(titles) if any(row[n] for row in rows)]
        named = [self.texts["columns"].get(titles[n], titles[n]) for n in used]
        return Table(named, [[row[n] for n in used] for row in rows])

    def by_run(self, **columns: Callable[[RunRecord], object]) -> Table:
        """A row a run, with what each function says of it."""
        titles = [name.replace("_", " ") for name in ("run", *columns)]
        say = columns.values()
        return self.table(titles, [[f"`{r.name}`", *(str(f(r)) for f in say)] for r in self.runs])

    def words(self, key: str) -> Words:
        prompt = f"{self.texts['your words']} {self.texts['words'][key]}"
        return Words(key, prompt, self.written.get(key, "").removeprefix(f"> {prompt}").strip())


def document(of: Material) -> list[Block]:
    """The whole report."""
    blocks = [Heading(of.texts["title"], 1), Text(of.texts["about"]), of.words("author")]
    for section in _SECTIONS:
        name = section.__name__.removeprefix("_")
        blocks += [Heading(of.texts[name]["title"]), *section(of, of.texts[name])]
        blocks += [of.words(name)] if name in of.texts["words"] else []
    return blocks


def _background(of, texts):
    return [Text(text) for name, text in texts.items() if name != "title"]


def _networks(of, texts):
    rows = {}
    for run in of.runs:
        options = model_options(run.config)
        usual = folder.IMAGE_SIZE if run.config.dataset == "folder" else SIZE
        shape = run.config.image_size or usual, len(run.result["per_class"])
        form = ", ".join([f"{run.config.model}", *(f"{k}={v}" for k, v in options.items())])
        if (form, *shape) not in rows:
            found = reports.measure(run.config.model, *shape, **options)
            rows[form, *shape] = [_counts(form, found.record())]
            rows[form, *shape] += [_counts("", stage) for stage in found.stages()]
    titles = ("network", "input", "classes", "stage", *_COUNTED)
    return [Text(texts["about"]), of.table(titles, [*itertools.chain(*rows.values())])]


def _counts(name, record):
    """A row for a network, or for a stage, whose network has no name."""
    keys = ("input_shape", "num_classes", "" if name else "name", *_COUNTED.values())
    return [name, *(reports.cell(key, record[key]) if key in record else "" for key in keys)]


def _data(of, texts):
    for name in dict.fromkeys(run.config.dataset for run in of.runs):
        yield Text(texts[name])
    yield Text(texts["split"])
    yield of.by_run(
        data=lambda run: run.config.dataset,
        classes=lambda run: len(run.result["per_class"]),
        images_an_epoch=lambda run: f"{run.history[0]['step'] * run.config.batch_size:,}",
        held_out=_held_out,
        test_images=lambda run: f"{run.result['n']:,}",
    )


def _held_out(run):
    images = run.environment.get("held_out", run.config.val_size)
    if images is None:  # of a folder it may be a tenth, or its val/
        return "" if run.config.dataset == "folder" else "10 %"
    return f"{images:,}"


def _recipe(of, texts):
    yield Text(texts["about"])
    yield of.by_run(
        epochs=lambda run: len(run.history),
        images_a_step=lambda run: run.config.batch_size,
        optimiser=lambda run: run.config.opt,
        highest_rate=_highest_rate,
        schedule=lambda run: run.config.lr_scheduler,
        **{"warm-up": lambda run: f"{run.config.warmup_epochs:g}"},
        decay=lambda run: f"{run.config.weight_decay:g}",
        smoothing=lambda run: f"{run.config.label_smoothing:g}",
        augmentation=lambda run: of.texts["yes" if run.config.augment else "no"],
        precision=facts.arithmetic,
        seed=lambda run: run.config.seed,
    )
    yield Text(texts["commands"])
    yield Code("\n".join(_command(run) for run in of.runs))


def _highest_rate(run):
    muon = f" ({run.config.muon_lr:g})" if run.config.opt == "muon" else ""
    return f"{run.config.lr:g}{muon}"


def _command(run):
    left_out = () if run.config.dataset == "folder" else ("data_dir",)
    return f"{command(run.config, left_out)} --name {_again(run)}"


def _again(run):
    """The name of the repeated run, as a word of a shell: a run folder is never overwritten."""
    return shlex.quote(f"{run.name}-again")


def _curves(of, texts):
    yield Text(texts["about"])
    for start in range(0, len(of.runs), drawings.TOGETHER):
        file = f"curves-{start}.png" if start else "curves.png"
        png = drawings.curves(of.runs[start : start + drawings.TOGETHER])
        yield Picture(file, png, texts["figure"])
    yield Text(texts["table"])
    yield of.by_run(
        training_error=lambda run: _error(run.history[-1].get("top1")),
        validation_error=lambda run: _error(run.history[-1].get("val_top1")),
        test_error=_test_error,
        **{"test top-5 error": lambda run: _error(run.result["top5"])},
        with_flip=lambda run: _error(run.result.get("top1_flip")),
    )


def _test_error(run):
    width = bar(run.test_error, run.result["n"], seeds=False)
    return f"{_error(run.result['top1'])} ± {width:.2f}"


def _error(top1):
    return "" if top1 is None else f"{100 * (1 - top1):.2f}"


def _classes(of, texts):
    """For each set of classes that is small enough."""
    alike: dict[tuple, list[RunRecord]] = {}
    for run in of.runs:
        alike.setdefault((run.config.dataset, *run.result["per_class"]), []).append(run)
    for (_, *names), runs in alike.items():
        if len(names) > MOST_CLASSES:
            continue
        yield Text(texts["about"])
        rows = [[f"{100 * top1:.1f}" for top1 in run.result["per_class"].values()] for run in runs]
        named = [[f"`{run.name}`", *row] for run, row in zip(runs, rows, strict=True)]
        yield of.table(("run", *names), named)
        best = max(runs, key=lambda run: run.result["top1"])
        yield Text(texts["confused"].format(run=best.name))
        rows = _confusions(best.result["confusion"], names)
        yield of.table(("class", "taken for", "test images"), rows)
        caption = texts["figure"].format(run=best.name)
        yield Picture(f"confusion-{best.name}.png", drawings.confusion(best.result), caption)


def _confusions(confusion, names):
    """(class, taken for, images), the most frequent first."""
    wrong = np.array(confusion)
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:_CONFUSIONS]
    found = (divmod(int(place), len(names)) for place in order if wrong.flat[place])
    return [(names[row], names[column], str(wrong[row, column])) for row, column in found]


def _studies(of, texts):
    if not of.studies:
        yield Text(texts["none"])
        return
    yield Text(texts["about"])
    verdicts = {study.name: texts[study.results["verdict"]] for study in of.studies}
    yield of.table(("study", "verdict"), [(f"`{name}`", said) for name, said in verdicts.items()])
    for study in of.studies:
        results = study.results
        claim = of.texts["claims"].get(study.name, results["claim"])
        yield Heading(study.name, 3)
        yield Text(texts["claim"].format(claim=claim, source=results["source"]))
        yield Text(texts["found"].format(why=results["why"]))
        yield Text(texts["verdict_is"].format(verdict=verdicts[study.name]))
        for file in study.pictures:
            png, caption = drawings.smaller(file.read_bytes()), f"{study.name}: {file.stem}"
            yield Picture(f"{study.name}-{file.name}", png, caption)


def _results(of, texts):
    rows = table.rows([run.path for run in of.runs], of.place)
    if not rows:
        return [Text(texts["none"])]
    kept = [n for n, title in enumerate(table.TITLES) if title != "command"]  # the recipe has them
    shown = [[row[n] for n in kept] for row in rows]
    return [Text(texts["about"]), of.table([table.TITLES[n] for n in kept], shown)]


def _reproduce(of, texts):
    yield Text(texts["about"])
    packages = ("python", "tensorflow", "keras", "numpy")
    yield of.by_run(
        started=lambda run: run.environment.get("started", "")[:10],
        commit=lambda run: (run.environment.get("commit") or "")[:7],
        **{name: lambda run, name=name: run.environment.get(name, "") for name in packages},
        machine=facts.machine,
    )
    yield Text(texts["then"])
    lines = [f"python evaluate.py logs/{_again(run)}" for run in of.runs]
    lines += [f"python -m tfresnet.experiments {study.name}" for study in of.studies]
    yield Code("\n".join([*lines, f"python -m tfresnet.report --lang {of.texts['lang']}"]))


def _conclusion(of, texts):
    return []


_SECTIONS = (_background, _networks, _data, _recipe, _curves, _classes, _studies, _results)
_SECTIONS += (_reproduce, _conclusion)
