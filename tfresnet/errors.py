"""The errors that a command answers with one line; any other exception keeps its traceback."""


class InputError(ValueError):
    """The user's input is wrong: an argument, a flag, a file or a folder. Exit status 2.

    The message is one line: what, the rule, what was received.
    """


class RunError(Exception):
    """The disk, the data or the numbers ended a run; the code is not at fault. Exit status 1.

    The message is one line: the cause, what is left, how to continue.
    """
