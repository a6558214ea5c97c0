"""Every number that the lecture's slides state about networks, beside what our layers give."""

from tfresnet.slides.verdicts import RENDERERS, Checked, check

__all__ = ["RENDERERS", "Checked", "check"]
