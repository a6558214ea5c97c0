"""How much memory the arrays in a file may take."""

from collections.abc import Iterable

EXPANSION = 4  # times the file's size; weights are noise, and shrink by a tenth at best
SLACK = 2**20  # bytes, for small files


def limit(size: int) -> int:
    """Bytes that the arrays in a file of `size` bytes may take in memory."""
    return SLACK + EXPANSION * size


def check_size(arrays: Iterable, size: int) -> None:
    """Refuses arrays that take more memory than a file of `size` bytes is worth.

    Compressed, or sharing their numbers, a few bytes can stand for any number of arrays of any
    size. Arrays without numbers are refused, too: their shapes can claim anything.

    Args:
        arrays: of NumPy, or data sets of h5py that were not read yet.

    Raises:
        ValueError: they do.
    """
    left = limit(size)
    for array in arrays:
        left -= array.nbytes
        if left < 0:
            raise ValueError(f"its arrays would take more than {limit(size)} bytes")
        if not array.size:
            raise ValueError("it holds an array without numbers")
