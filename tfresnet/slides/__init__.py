"""Every number on the lecture's slides about networks, checked against our layers."""

from tfresnet.slides.verdicts import RENDERERS, check
