"""A small CIFAR-10, and a small CIFAR-100, of random pixels, in all their published forms."""

import io
import pickle
import tarfile
from pathlib import Path

import numpy as np

ARCHIVE, FOLDER = "cifar-10-python.tar.gz", "cifar-10-batches-py"
ROWS = 20  # images in each of the six batches


class FakeCifar10:
    """`rows` is what must be read: the label, then the pixels (32, 32, 3), of each image."""

    def __init__(self):
        random = np.random.default_rng(7)
        self.rows = random.integers(0, 256, (6 * ROWS, 3073), dtype=np.uint8)
        self.rows[:, 0] = random.integers(0, 10, 6 * ROWS)

    def pickles(self) -> dict[str, bytes]:
        names = [*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"]
        contents = {}
        for name, rows in zip(names, np.split(self.rows, 6), strict=True):
            planes = np.ascontiguousarray(rows[:, 1:].reshape(-1, 32, 32, 3).transpose(0, 3, 1, 2))
            batch = {b"data": planes.reshape(-1, 3072), b"labels": rows[:, 0].tolist()}
            contents[name] = pickle.dumps(batch, protocol=2)
        return contents

    def binaries(self) -> dict[str, bytes]:
        contents = {}
        for name, rows in zip(self.pickles(), np.split(self.rows, 6), strict=True):
            planes = rows[:, 1:].reshape(-1, 32, 32, 3).transpose(0, 3, 1, 2).reshape(-1, 3072)
            contents[f"{name}.bin"] = np.concatenate([rows[:, :1], planes], axis=1).tobytes()
        return contents


class FakeCifar100:
    """`rows` is what must be read: the coarse and the fine label, then the pixels (32, 32, 3)."""

    def __init__(self):
        random = np.random.default_rng(8)
        self.rows = random.integers(0, 256, (6 * ROWS, 3074), dtype=np.uint8)
        self.rows[:, 0] = random.integers(0, 20, 6 * ROWS)
        self.rows[:, 1] = random.integers(0, 100, 6 * ROWS)

    def _planes(self):
        """(name, labels, pixels with the channels first) of each batch."""
        for name, rows in (("train", self.rows[:-ROWS]), ("test", self.rows[-ROWS:])):
            planes = rows[:, 2:].reshape(-1, 32, 32, 3).transpose(0, 3, 1, 2).reshape(-1, 3072)
            yield name, rows[:, :2], np.ascontiguousarray(planes)

    def pickles(self) -> dict[str, bytes]:
        return {
            name: pickle.dumps(
                {
                    b"data": planes,
                    b"fine_labels": labels[:, 1].tolist(),
                    b"coarse_labels": labels[:, 0].tolist(),
                },
                protocol=2,
            )
            for name, labels, planes in self._planes()
        }

    def binaries(self) -> dict[str, bytes]:
        return {
            f"{name}.bin": np.concatenate([labels, planes], axis=1).tobytes()
            for name, labels, planes in self._planes()
        }


def write_archive(path: Path, folder: str, contents: dict[str, bytes]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(path, "w" if path.suffix == ".tar" else "w:gz") as archive:
        for name, content in contents.items():
            member = tarfile.TarInfo(f"{folder}/{name}")
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def write_folder(path: Path, contents: dict[str, bytes]) -> Path:
    path.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (path / name).write_bytes(content)
    return path
