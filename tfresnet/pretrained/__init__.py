"""Trained networks in the package: `NETWORK-DATASET.keras`, each with a card (`.md`)."""

from pathlib import Path

FOLDER = Path(__file__).parent


def names() -> list[str]:
    """The shipped networks, such as `resnet20-cifar10`."""
    return sorted(path.stem for path in FOLDER.glob("*-*.keras"))


def find(name: str, network: str | None = None) -> Path | None:
    """The model file of `name`: `NETWORK-DATASET`, `NETWORK`, or `DATASET` for the given `network`.
    None if no file fits, or several."""
    found = [
        shipped
        for shipped in names()
        if name in (shipped, shipped.partition("-")[0]) or f"{network}-{name}" == shipped
    ]
    return FOLDER / f"{found[0]}.keras" if len(found) == 1 else None


def default() -> Path | None:
    """The first file trained on CIFAR-10, or None."""
    return next((FOLDER / f"{name}.keras" for name in names() if name.endswith("-cifar10")), None)


def rule() -> str:
    """The names, for the rule in an error message."""
    return f"one that is shipped ({', '.join(names()) or 'none is'})"
