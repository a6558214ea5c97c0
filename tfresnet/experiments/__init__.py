"""The lecture's claims as commands: `python -m tfresnet.experiments [NAME ...]`.

Each module in this folder is a study. `engine/study.py` says what a study defines.
"""

import pkgutil


def study_names() -> list[str]:
    """Names of the study modules, in alphabetical order. Imports none of them."""
    found = pkgutil.iter_modules(__path__)
    return [module.name for module in found if not module.ispkg and module.name != "__main__"]
