"""What means "the input is wrong", as opposed to "the program is wrong"."""


class InputError(ValueError):
    """Bad input from the user: an argument, a flag, a file or a folder.

    The message is one line (what, the rule, what was received), ready to be shown as it is. The
    scripts print it and exit with status 2; any other exception keeps its traceback.
    """


class RunError(Exception):
    """A run broke off because of the disk, the data or the numbers, not of an error in the code.

    The message is one line: the cause, what is left, how to go on. The scripts print it and exit
    with status 1.
    """
