"""The lecture's claims as commands: `python -m tfresnet.experiments [NAME ...]`.

Each file beside this one is a study, found by its place: see `engine/study.py` for what it holds.
"""

import pkgutil


def study_names() -> list[str]:
    """The studies' files, in alphabetical order; imports none."""
    found = pkgutil.iter_modules(__path__)
    return [one.name for one in found if not one.ispkg and not one.name.startswith("_")]
