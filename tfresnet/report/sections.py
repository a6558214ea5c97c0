"""The sections of the report: each is a function of the `Material` and its texts to blocks."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tfresnet.data import folder
from tfresnet.experiments.engine.judging import bar
from tfresnet.param_count import reports
from tfresnet.report import blocks, drawings
from tfresnet.report.blocks import Block, code, heading, paragraph, picture
from tfresnet.report.sources import Study
from tfresnet.results import facts, table
from tfresnet.runs.network import model_options
from tfresnet.runs.record import RunRecord
from tfresnet.settings.command_line import command
from tfresnet.settings.model_names import own_code

SIZE = 32  # pixels of CIFAR-10 and shapes10
MOST_CLASSES = 50  # in a readable table
_CONFUSIONS = 5  # pairs of classes in the table of confusions
_COUNTED = {"layers": "layers", "parameters": "params", "trainable": "trainable_params"}
_COUNTED |= {"multiply-adds": "multiply_adds"}


@dataclass(frozen=True)
class Material:
    """The content of a report.

    Attributes:
        texts: the texts of one language, a file of `texts/`.
        place: folder of the report; links are relative to it.
        written: key -> the reader's words in an earlier report.
    """

    runs: list[RunRecord]
    studies: list[Study]
    texts: dict
    place: Path
    written: dict[str, str]

    def table(self, titles: Sequence[str], rows: Sequence[Sequence[str]]) -> Block:
        """A table without its empty columns; titles that have no translation stay as they are."""
        used = [n for n, _ in enumerate(titles) if any(row[n] for row in rows)]
        named = [self.texts["columns"].get(titles[n], titles[n]) for n in used]
        return blocks.table(named, [[row[n] for n in used] for row in rows])

    def by_run(self, **columns: Callable[[RunRecord], object]) -> Block:
        """One row for each run; each column is a function of the run."""
        titles = [name.replace("_", " ") for name in ("run", *columns)]
        say = columns.values()
        return self.table(titles, [[f"`{r.name}`", *(str(f(r)) for f in say)] for r in self.runs])

    def words(self, key: str) -> Block:
        prompt = f"{self.texts['your words']} {self.texts['words'][key]}"
        written = self.written.get(key, "").removeprefix(f"> {prompt}").strip()
        return blocks.words(key, prompt, written)


def document(material: Material) -> list[Block]:
    """The whole report."""
    texts = material.texts
    made = [heading(texts["title"], 1), paragraph(texts["about"]), material.words("author")]
    for section in _SECTIONS:
        name = section.__name__.removeprefix("_")
        made += [heading(texts[name]["title"]), *section(material, texts[name])]
        made += [material.words(name)] if name in texts["words"] else []
    return made


def _background(material, texts):
    return [paragraph(text) for name, text in texts.items() if name != "title"]


def _networks(material, texts):
    rows, seen = [], set()
    for run in material.runs:
        options = model_options(run.config)
        usual = folder.IMAGE_SIZE if run.config.dataset == "folder" else SIZE
        shape = run.config.image_size or usual, len(run.result["per_class"])
        form = ", ".join([run.config.model, *(f"{k}={v}" for k, v in options.items())])
        if (form, *shape) not in seen:
            seen.add((form, *shape))
            if own_code(run.config.model):
                found = reports.measured(run.model)
            else:
                found = reports.measure(run.config.model, *shape, **options)
            rows += [_counts(form, found.record())]
            rows += [_counts("", stage) for stage in found.stages()]
    titles = ("network", "input", "classes", "stage", *_COUNTED)
    yield paragraph(texts["about"])
    yield material.table(titles, rows)


def _counts(name, record):
    """A row of the table of networks; `name` is empty for a stage."""
    keys = ("input_shape", "num_classes", "" if name else "name", *_COUNTED.values())
    return [name, *(reports.cell(key, record[key]) if key in record else "" for key in keys)]


def _data(material, texts):
    for name in dict.fromkeys(run.config.dataset for run in material.runs):
        yield paragraph(texts[name])
    yield paragraph(texts["split"])
    yield material.by_run(
        data=lambda run: run.config.dataset,
        classes=lambda run: len(run.result["per_class"]),
        images_an_epoch=lambda run: f"{run.history[0]['step'] * run.config.batch_size:,}",
        held_out=_held_out,
        test_images=lambda run: f"{run.result['n']:,}",
    )


def _held_out(run):
    images = run.environment.get("held_out", run.config.val_size)
    usual = "" if run.config.dataset == "folder" else "10 %"  # a folder of classes may have val/
    return usual if images is None else f"{images:,}"


def _recipe(material, texts):
    yield paragraph(texts["about"])
    yield material.by_run(
        epochs=lambda run: len(run.history),
        images_a_step=lambda run: run.config.batch_size,
        optimiser=lambda run: run.config.opt,
        highest_rate=_highest_rate,
        schedule=lambda run: run.config.lr_scheduler,
        **{"warm-up": lambda run: f"{run.config.warmup_epochs:g}"},
        decay=lambda run: f"{run.config.weight_decay:g}",
        smoothing=lambda run: f"{run.config.label_smoothing:g}",
        augmentation=lambda run: material.texts["yes" if run.config.augment else "no"],
        precision=facts.arithmetic,
        seed=lambda run: run.config.seed,
    )
    yield paragraph(texts["commands"])
    yield code("\n".join(map(_command, material.runs)))


def _highest_rate(run):
    muon = f" ({run.config.muon_lr:g})" if run.config.opt == "muon" else ""
    return f"{run.config.lr:g}{muon}"


def _command(run):
    left_out = () if run.config.dataset == "folder" else ("data_dir",)
    return f"{command(run.config, left_out)} --name {_new_name(run)}"


def _new_name(run):
    """A quoted name for the repeated run: a run folder is never overwritten."""
    return shlex.quote(f"{run.name}-again")


def _curves(material, texts):
    yield paragraph(texts["about"])
    for start in range(0, len(material.runs), drawings.TOGETHER):
        file = f"curves-{start}.png" if start else "curves.png"
        png = drawings.curves(material.runs[start : start + drawings.TOGETHER])
        yield picture(file, png, texts["figure"])
    yield paragraph(texts["table"])
    yield material.by_run(
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


def _classes(material, texts):
    """A table and a confusion matrix for each set of classes, unless it is too large."""
    alike: dict[tuple, list[RunRecord]] = {}
    for run in material.runs:
        alike.setdefault((run.config.dataset, *run.result["per_class"]), []).append(run)
    for (_, *names), runs in alike.items():
        if len(names) > MOST_CLASSES:
            continue
        yield paragraph(texts["about"])
        tops = [(run.name, run.result["per_class"].values()) for run in runs]
        rows = [[f"`{name}`", *(f"{100 * top1:.1f}" for top1 in values)] for name, values in tops]
        yield material.table(("run", *names), rows)
        best = max(runs, key=lambda run: run.result["top1"])
        yield paragraph(texts["confused"].format(run=best.name))
        rows = _confusions(best.result["confusion"], names)
        yield material.table(("class", "taken for", "test images"), rows)
        caption = texts["figure"].format(run=best.name)
        yield picture(f"confusion-{best.name}.png", drawings.confusion(best.result), caption)


def _confusions(confusion, names):
    """Rows of class, predicted class and number of images, the most frequent first."""
    wrong = np.array(confusion)
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:_CONFUSIONS]
    found = (divmod(int(place), len(names)) for place in order if wrong.flat[place])
    return [(names[row], names[column], str(wrong[row, column])) for row, column in found]


def _studies(material, texts):
    if not material.studies:
        yield paragraph(texts["none"])
        return
    yield paragraph(texts["about"])
    verdicts = {study.name: texts[study.results["verdict"]] for study in material.studies}
    rows = [(f"`{name}`", verdict) for name, verdict in verdicts.items()]
    yield material.table(("study", "verdict"), rows)
    for study in material.studies:
        results = study.results
        claim = material.texts["claims"].get(study.name, results["claim"])
        yield heading(study.name, 3)
        yield paragraph(texts["claim"].format(claim=claim, source=results["source"]))
        yield paragraph(texts["found"].format(why=results["why"]))
        yield paragraph(texts["verdict_is"].format(verdict=verdicts[study.name]))
        for file in study.pictures:
            png, caption = drawings.compress(file.read_bytes()), f"{study.name}: {file.stem}"
            yield picture(f"{study.name}-{file.name}", png, caption)


def _results(material, texts):
    rows = table.rows([run.path for run in material.runs], material.place)
    if not rows:
        yield paragraph(texts["none"])
        return
    # The section on the recipes has the commands.
    kept = [n for n, title in enumerate(table.TITLES) if title != "command"]
    shown = [[row[n] for n in kept] for row in rows]
    yield paragraph(texts["about"])
    yield material.table([table.TITLES[n] for n in kept], shown)


def _reproduce(material, texts):
    yield paragraph(texts["about"])
    packages = ("python", "tensorflow", "keras", "numpy")
    yield material.by_run(
        started=lambda run: run.environment.get("started", "")[:10],
        commit=lambda run: (run.environment.get("commit") or "")[:7],
        **{name: lambda run, name=name: run.environment.get(name, "") for name in packages},
        machine=facts.machine,
    )
    yield paragraph(texts["then"])
    lines = [f"python evaluate.py logs/{_new_name(run)}" for run in material.runs]
    lines += [f"python -m tfresnet.experiments {study.name}" for study in material.studies]
    yield code("\n".join([*lines, f"python -m tfresnet.report --lang {material.texts['lang']}"]))


def _conclusion(material, texts):
    return []


_SECTIONS = (_background, _networks, _data, _recipe, _curves, _classes, _studies, _results)
_SECTIONS += (_reproduce, _conclusion)
