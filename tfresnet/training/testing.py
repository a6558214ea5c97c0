"""The end of a run: the one test, and the result."""

import itertools

from tfresnet.evaluation.evaluator import Evaluator
from tfresnet.evaluation.text import summary_line
from tfresnet.runs.checkpoints import State
from tfresnet.runs.record import RunRecord
from tfresnet.training.hooks import warn_on_error
from tfresnet.training.run import DivergedError, Run
from tfresnet.training.tensorboard import write_test

MILESTONES = (90, 93, 94)  # validation top-1 in percent


def test(run: Run, evaluate: Evaluator, other_work: float | None) -> RunRecord:
    """Saves the model, tests it and writes the result, the last file of a run. `other_work`: cores
    that other programs kept busy during the training, if known."""
    run.folder.write_history(run.history)
    run.save_model()
    dataset, model = run.material.dataset, run.learner.model
    evaluation = evaluate(dataset.test)
    if evaluation.not_finite:
        raise DivergedError(f"{evaluation.not_finite} answers to the test are not finite")
    about = {"model": run.config.model, "dataset": run.config.dataset, "split": "test"}
    flipped = evaluate(dataset.test, tta=True)
    result = about | evaluation.metrics | {"top1_flip": flipped.metrics["top1"]} | times(run.state)
    if other_work is not None:
        result["other_work"] = round(other_work, 2)
    if run.devices.is_chief:
        with warn_on_error("the pages of the test"):
            write_test(run, evaluation)
    run.folder.write_result(result)
    run.folder.say(f"{summary_line(result)}  {evaluation.images_per_second:.0f} images/s")
    if run.config.keep_best:
        best = run.best_epoch
        kept = f"best on validation: epoch {best['epoch']}, top-1 {100 * best['val_top1']:.2f} %"
        run.folder.say(f"{kept}; {run.folder.best}")
    return RunRecord(run.folder.path, history=run.history, model=model, result=result)


def is_complete(record: RunRecord) -> bool:
    """Whether a run is finished and its files are sound; changes nothing."""
    if not record.is_finished or not record.folder.model.exists():
        return False
    try:
        return bool(record.history and record.model)
    except ValueError:  # damaged files are made again from the last checkpoint
        return False


def times(state: State) -> dict:
    """`epoch_seconds`: training time of each epoch, data included. `seconds_to`: training time
    until validation reached 90, 93 and 94 %, or None."""
    seconds = state.seconds[: len(state.history)]
    totals = list(itertools.accumulate(seconds))

    def first(percent):
        reached = (row.get("val_top1", 0.0) >= percent / 100 for row in state.history)
        return next(itertools.compress(totals, reached), None)

    seconds_to = {str(percent): first(percent) for percent in MILESTONES}
    return {"epoch_seconds": seconds, "seconds_to": seconds_to}
