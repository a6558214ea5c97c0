"""The sections of the report: each is a function of the `Material` and its texts to blocks."""

import shlex
from html import escape

import numpy as np

from tfresnet.report import drawings
from tfresnet.report.blocks import code, heading
from tfresnet.report.curves import curves
from tfresnet.report.material import Material
from tfresnet.report.networks import listings, name_of, networks
from tfresnet.report.page import anchor
from tfresnet.results import depths, facts, table
from tfresnet.settings.command_line import command
from tfresnet.settings.values import as_text

MOST_CLASSES = 50  # in a readable table
_CONFUSIONS = 5  # pairs of classes in the table of confusions
# Settings with a column in the tables of the data and of the recipe, or with none by intent.
_IN_COLUMNS = {"model", "dataset", "val_size", "epochs", "recipe", "batch_size", "opt", "lr"}
_IN_COLUMNS |= {"muon_lr", "lr_scheduler", "warmup_epochs", "weight_decay", "label_smoothing"}
_IN_COLUMNS |= {"augment", "seed"}


def document(material: Material) -> str:
    """The whole report in Markdown; its pictures are then in `material.files`."""
    texts = material.texts
    made = [heading(texts["title"], 1), texts["about"], material.words("author")]
    filled = {name: [*section(material, texts[name])] for name, section in _SECTIONS.items()}
    for name in filled.keys() & texts["words"].keys():
        filled[name].append(material.words(name))
    titles = {name: texts[name]["title"] for name, found in filled.items() if found}
    links = [f"- [{title}]({anchor(title)})" for title in titles.values()]
    made += [heading(texts["contents"]), "\n".join(links)]
    for name, title in titles.items():
        made += [heading(title), *filled[name]]
    return "\n\n".join(made) + "\n"


def _background(material, texts):
    return [text for name, text in texts.items() if name != "title"]


def _data(material, texts):
    for name in dict.fromkeys(run.config.dataset for run in material.runs):
        yield texts[name]
    yield texts["split"]
    yield from material.by_run(
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
    yield texts["about"]
    yield from material.by_run(
        network=name_of,
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
        **_other_differences(material.runs),
    )
    yield texts["commands"]
    yield code("\n".join(map(_command, material.runs)))


def _other_differences(runs):
    """Flag -> its value by run, for the settings without a column of their own that differ."""
    identities = [run.config.identity for run in runs]
    return {
        f"--{name.replace('_', '-')}": lambda run, name=name: _setting(run.config, name)
        for name in identities[0]
        if name not in _IN_COLUMNS and len({str(one[name]) for one in identities}) > 1
    }


def _setting(config, name):
    value = getattr(config, name)
    return "" if value is None else as_text(value)


def _highest_rate(run):
    muon = f" ({run.config.muon_lr:g})" if run.config.opt == "muon" else ""
    return f"{run.config.lr:g}{muon}"


def _command(run):
    left_out = () if run.config.dataset == "folder" else ("data_dir",)
    return f"{command(run.config, left_out)} --name {_new_name(run)}"


def _new_name(run):
    """A quoted name for the repeated run: a run folder is never overwritten."""
    return shlex.quote(f"{run.name}-again")


def _classes(material, texts):
    """A table and a confusion matrix for each set of classes, unless it is too large."""
    alike = {}
    for run in material.runs:
        alike.setdefault((run.config.dataset, *run.result["per_class"]), []).append(run)
    for (_, *names), runs in alike.items():
        if len(names) > MOST_CLASSES:
            continue
        yield texts["about"]
        tops = [(run.name, run.result["per_class"].values()) for run in runs]
        rows = [[f"`{name}`", *(f"{100 * top1:.1f}" for top1 in values)] for name, values in tops]
        names = [escape(material.class_name(name)) for name in names]
        yield material.table(("run", *names), rows)
        best = max(runs, key=lambda run: run.result["top1"])
        rows = _confusions(best.result["confusion"], names)
        yield texts["confused" if rows else "nothing confused"].format(run=best.name)
        if rows:
            yield material.table(("class", "taken for", "test images"), rows)
        words = [material.class_name(name, in_figure=True) for name in best.result["per_class"]]
        matrix = drawings.confusion(words, best.result["confusion"], material.say_in_figure)
        pngs = drawings.pictures(matrix)
        caption = texts["figure"].format(run=best.name)
        yield material.picture(f"confusion-{best.name}", caption, pngs)


def _confusions(confusion, names):
    """Rows of class, predicted class and number of images, the most frequent first."""
    wrong = np.array(confusion)
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:_CONFUSIONS]
    found = (divmod(int(place), len(names)) for place in order if wrong.flat[place])
    return [(names[row], names[column], str(wrong[row, column])) for row, column in found]


def _studies(material, texts):
    if not material.studies:
        yield texts["none"]
        return
    yield texts["about"]
    verdicts = {study.name: texts[study.results["verdict"]] for study in material.studies}
    rows = [(f"[`{name}`]({anchor(name)})", verdict) for name, verdict in verdicts.items()]
    yield material.table(("study", "verdict"), rows)
    for study in material.studies:
        results = study.results
        claim = material.texts["claims"].get(study.name, results["claim"])
        yield heading(study.name, 3)
        yield texts["claim"].format(claim=claim, source=material.say(results["source"]))
        yield texts["found"].format(why=material.say(results["why"]))
        yield texts["verdict_is"].format(verdict=verdicts[study.name])
        figures = study.redraw()
        for file in study.pictures:
            name = f"{study.name}-{file.stem}"
            caption = material.texts["captions"].get(name, f"{study.name}: {file.stem}")
            if file.name in figures:
                drawings.translate(figures[file.name], material.say_in_figure)
                pngs = drawings.pictures(figures[file.name])
            else:
                pngs = [drawings.rewrite(file.read_bytes(), material.say_of_classes, material.font)]
            yield material.picture(name, caption, pngs)


def _results(material, texts):
    runs = [*table.find_facts(run.path for run in material.runs)]
    if not runs:
        yield texts["none"]
        return
    # The section on the recipes has the commands.
    kept = [n for n, title in enumerate(table.TITLES) if title != "command"]
    rows = table.rows(runs, material.place)
    shown = [[_say_cell(material, row[n]) for n in kept] for row in rows]
    yield texts["about"]
    yield material.table([table.TITLES[n] for n in kept], shown)
    found = depths.by_depth(runs)
    if found:
        figure = drawings.depths(found)
        drawings.translate(figure, material.say_in_figure)
        yield texts["depths"]
        yield material.table(depths.TITLES, depths.rows(found))
        yield material.picture("depths", texts["figure"], drawings.pictures(figure))


def _say_cell(material, cell):
    """Links have the names of runs, which stay as they are."""
    return cell if "](" in cell else material.say(cell)


def _reproduce(material, texts):
    yield texts["about"]
    packages = ("python", "tensorflow", "keras", "numpy")
    yield from material.by_run(
        started=lambda run: run.environment.get("started", "")[:10],
        commit=lambda run: ", ".join(commit[:7] for commit in facts.commits(run)),
        **{name: lambda run, name=name: run.environment.get(name, "") for name in packages},
        machine=facts.machine,
    )
    yield texts["then"]
    lines = [f"python evaluate.py logs/{_new_name(run)}" for run in material.runs]
    lines += [f"python -m tfresnet.experiments {study.name}" for study in material.studies]
    yield code("\n".join([*lines, f"python -m tfresnet.report --lang {material.texts['lang']}"]))


def _conclusion(material, texts):
    return []


_SECTIONS = {
    "background": _background,
    "networks": networks,
    "data": _data,
    "recipe": _recipe,
    "curves": curves,
    "classes": _classes,
    "studies": _studies,
    "results": _results,
    "reproduce": _reproduce,
    "conclusion": _conclusion,
    "code": listings,
}
