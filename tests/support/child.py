"""train.py or evaluate.py on a small shapes10, as a process of its own for tests to kill.

python child.py IMAGES TESTS train.py FLAGS

With STOP="MOMENT N SIGNAL" in the environment, it sends itself that signal at the N-th call of the
callback method MOMENT, or of the test's evaluation ("test"). With PROMISES=FOLDER, it marks for a
recording of FOLDER what has been saved. With PAGES=N, it writes all pictures every N-th epoch.
"""

import functools
import importlib
import os
import signal
import sys

from tfresnet.data import shapes10
from tfresnet.system import commands


def stop_at(moment, number, signum):
    import keras

    import tfresnet
    from tfresnet.training import loop, testing

    left = [int(number)]

    def count(*_args, **_kwargs):
        left[0] -= 1
        if left[0] == 0:
            os.kill(os.getpid(), getattr(signal, signum))

    if moment == "test":
        write_test = testing.write_test
        testing.write_test = lambda *args: (count(), write_test(*args))
    else:
        callback = keras.callbacks.LambdaCallback()
        setattr(callback, moment, count)
        tfresnet.train = functools.partial(loop.train, callbacks=[callback])


def promise_what_is_saved(folder):
    from support.strace import promise

    from tfresnet.runs.checkpoints import Checkpoints
    from tfresnet.runs.folder import RunFolder

    def promising(method, name):
        def call(self, *args):
            made = method(self, *args)
            promise(folder, name or made.name)
            return made

        return call

    Checkpoints.save = promising(Checkpoints.save, None)
    RunFolder.write_config = promising(RunFolder.write_config, "config.json")
    RunFolder.write_result = promising(RunFolder.write_result, "result.json")


def show_pages(every):
    commands.load_tensorflow()
    from tfresnet.training.tensorboard import board

    board.page_is_due = lambda epoch, _epochs: epoch % every == 0


def run(program, argv):
    main = importlib.import_module(program.removesuffix(".py")).main
    if "STOP" in os.environ:
        commands.load_tensorflow()
        stop_at(*os.environ["STOP"].split())
    if "PROMISES" in os.environ:
        promise_what_is_saved(os.environ["PROMISES"])
    if "PAGES" in os.environ:
        show_pages(every=int(os.environ["PAGES"]))
    return main(argv)


if __name__ == "__main__":
    images, tests, program, *argv = sys.argv[1:]
    shapes10.TRAIN, shapes10.TEST = int(images), int(tests)
    # A shell that starts pytest in the background has it ignore Ctrl-C, and we would inherit that.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    commands.run(lambda: run(program, argv), program)
