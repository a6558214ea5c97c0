"""Trained networks that come with the package: `NETWORK-DATASET.keras`, each with a card, `.md`."""

from pathlib import Path

FOLDER = Path(__file__).parent


def names() -> list[str]:
    """Of what is shipped, such as `resnet20-cifar10`."""
    return sorted(path.stem for path in FOLDER.glob("*-*.keras"))


def find(name: str, network: str | None = None) -> Path | None:
    """The model file that `name` means: all of its name, the network's alone, or, of `network`,
    the data set's alone. None if there is no such file, or several."""
    found = [
        shipped
        for shipped in names()
        if name in (shipped, shipped.partition("-")[0]) or f"{network}-{name}" == shipped
    ]
    return FOLDER / f"{found[0]}.keras" if len(found) == 1 else None


def default() -> Path | None:
    """The first that knows CIFAR-10; None if none does."""
    return next((FOLDER / f"{name}.keras" for name in names() if name.endswith("-cifar10")), None)


def rule() -> str:
    """Which names there are, as the end of an error message."""
    return f"one that is shipped ({', '.join(names()) or 'none is'})"
