"""The one exception that means "the input is wrong", as opposed to "the program is wrong"."""


class InputError(ValueError):
    """Bad input from the user: an argument, a flag, a file or a folder.

    The message is one line (what, the rule, what was received), ready to be shown as it is. The
    scripts print it and exit with status 2; any other exception keeps its traceback.
    """
