"""Eight exercises in the order of the decks (`docs/exercises`), and their points.

    python -m tfresnet.check_unit FILE.ipynb --exercise 1
    python -m tfresnet.check_unit FOLDER --exercise 1 --csv points.csv --lang zh

A hand-in never decides. It runs as a process of its own, which gets random arguments for the
functions that the exercise asks for, and writes arrays; the points come from comparing these with
arrays computed here.
"""

from tfresnet.check_unit.exercises.grading import check


def trained_weights() -> dict:
    """The weights of the shipped resnet20: path, such as `conv2_block1/conv1/kernel` -> array."""
    from tfresnet.check_unit.exercises import transplant

    return transplant.trained_weights()
