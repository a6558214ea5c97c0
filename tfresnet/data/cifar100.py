"""CIFAR-100 (Krizhevsky, 2009): the pictures of 100 classes in 20 groups, in CIFAR-10's form."""

from pathlib import Path

import numpy as np

from tfresnet.data import cifar10_files
from tfresnet.data.cifar10 import read_rows
from tfresnet.data.dataset import Dataset, Split, channel_statistics

# In the order of the labels: `fine_label_names` and `coarse_label_names` in the set's own `meta`.
FINE = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly
camel can castle caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup
dinosaur dolphin elephant flatfish forest fox girl hamster house kangaroo keyboard lamp lawn_mower
leopard lion lizard lobster man maple_tree motorcycle mountain mouse mushroom oak_tree orange orchid
otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine possum rabbit raccoon ray
road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle
wardrobe whale willow_tree wolf woman worm
"""
COARSE = """
aquatic_mammals fish flowers food_containers fruit_and_vegetables household_electrical_devices
household_furniture insects large_carnivores large_man-made_outdoor_things
large_natural_outdoor_scenes large_omnivores_and_herbivores medium_mammals
non-insect_invertebrates people reptiles small_mammals trees vehicles_1 vehicles_2
"""


def load(data_dir: str | Path | None = None, coarse_labels: bool = False) -> Dataset:
    """CIFAR-100: 50,000 training and 10,000 test images of 32x32 in 100 classes.

    It is looked for, and checked, like `cifar10.load`. `coarse_labels` gives the 20 groups instead.
    """
    rows = read_rows(cifar10_files.CIFAR100, data_dir)
    images = rows[:, 2:].reshape(-1, 32, 32, 3)
    labels = rows[:, 0 if coarse_labels else 1].astype(np.int32)
    test = len(rows) - cifar10_files.ROWS
    mean, std = channel_statistics(images[:test])
    return Dataset(
        name="cifar100",
        class_names=tuple((COARSE if coarse_labels else FINE).split()),
        train=Split(images[:test], labels[:test]),
        test=Split(images[test:], labels[test:]),
        mean=mean,
        std=std,
        flip=True,
    )
