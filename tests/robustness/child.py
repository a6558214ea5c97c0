"""train.py or evaluate.py on a small shapes10, as a process of its own for tests to kill.

python child.py IMAGES TESTS train.py FLAGS
"""

import importlib
import signal
import sys

from tfresnet import scripts
from tfresnet.data import shapes10

if __name__ == "__main__":
    images, tests, program, *argv = sys.argv[1:]
    shapes10.TRAIN, shapes10.TEST = int(images), int(tests)
    # A shell that starts pytest in the background has it ignore Ctrl-C, and we would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    main = importlib.import_module(program.removesuffix(".py")).main
    scripts.run(lambda: main(argv), program)
