"""The Custom Scalars page: the most important charts, by question."""

from tensorboard.plugins.custom_scalar import layout_pb2, summary

_CATEGORIES = {
    "Does it learn?": {
        "loss": r"^loss$",
        "error in percent": r"^error$",
        "top-1": r"^top1$",
        "learning rate": r"^learning_rate$",
    },
    "Is it healthy?": {
        "gradient norm by stage": r"^gradient_norm/",
        "update-to-weight ratio by stage": r"^update_ratio/",
        "loss by part": r"^loss_parts/",
    },
    "Is it fast?": {
        "images per second": r"^images_per_second$",
        "milliseconds a step": r"^time/(input|step)$",
        "memory in GiB": r"^memory/",
    },
}


def layout():
    """The layout as a summary protobuf."""
    page = layout_pb2.Layout()
    for title, charts in _CATEGORIES.items():
        category = page.category.add(title=title)
        for name, pattern in charts.items():
            category.chart.add(title=name).multiline.tag.append(pattern)
    return summary.pb(page)
