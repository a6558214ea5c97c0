"""When the pages that cost time or space are written."""

PAGES_A_RUN = 5
MOST_CLASSES = 50  # more make no readable matrix


def page_is_due(epoch: int, epochs: int) -> bool:
    """Whether `epoch` (from 1) of `epochs` gets all its pictures: about five do, and the last."""
    every = max(1, epochs // PAGES_A_RUN)
    return epoch % every == 0 or epoch in (1, epochs)
