"""Pickles from strangers, read as data: nothing is imported, called or built.

`pickle` calls the functions that a file names and sets the attributes that it asks for. A list of
allowed functions still lets the file choose their arguments. Here a call stays a description, and
the reader of a format takes from it what that format needs.
"""

import pickletools
from collections.abc import Callable, Collection
from dataclasses import dataclass
from io import BytesIO

# A step takes a hundred bytes and a microsecond. A batch of CIFAR-10 needs 30,000 of them, the
# weights of ResNet-1202 need 250,000.
MAX_STEPS = 2_000_000
MAX_NAME = 1000  # characters; the module of one name can be that of many
MAX_KEY = 2**60  # integers from 2**61 - 1 on can have equal hashes, which makes a dict slow

_TEXTS = {"SHORT_BINSTRING", "BINSTRING", "SHORT_BINUNICODE", "BINUNICODE", "BINUNICODE8"}
_VALUES = _TEXTS | {"BININT", "BININT1", "BININT2", "LONG1", "BINFLOAT"}
_BYTES = {"SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BYTEARRAY8"}
_CONSTANTS = {"NONE": None, "NEWTRUE": True, "NEWFALSE": False, "EMPTY_TUPLE": ()}


@dataclass(frozen=True)
class Name:
    """A function or a class, as "module.name"."""

    text: str


@dataclass(eq=False, slots=True)
class Call:
    """What a function would return for these arguments, with the state set on it afterwards."""

    function: str
    arguments: tuple
    state: object = None


def load(
    file: BytesIO,
    names: Collection[str] | None = (),
    persistent: Callable[[object], object] | None = None,
) -> object:
    """The next pickle in a file, of the binary opcodes of protocols 1 to 5.

    Ordered dicts become dicts, and byte strings text, a character a byte (latin-1), which is how
    the older protocols write them. Other calls and objects become `Call`. Where any name is allowed
    they lose what is put into them as into a list or a dict; else that is refused. A value can hold
    another many times over: compare, hash or print only what is known to be a number or a text.

    Args:
        names: the functions and classes that the pickle may name, as "module.name"; None: any.
        persistent: what a persistent id stands for; None: there are none.

    Raises:
        ValueError: damage, a name or an opcode that is not allowed, keys that are neither text nor
            numbers nor names, more than `MAX_STEPS` steps.
    """
    if names is not None:
        names = {*names, "_codecs.encode", "collections.OrderedDict"}
    machine = _Machine(names, persistent)
    try:
        for opcode, argument, _ in pickletools.genops(file):
            machine.steps += 1
            if machine.steps > MAX_STEPS:
                raise ValueError(f"a pickle of more than {MAX_STEPS:,} steps")
            machine.run(opcode.name, argument)
        return machine.stack.pop()
    except (IndexError, KeyError, TypeError) as error:
        raise ValueError(f"a damaged pickle ({error!r})") from None


class _Machine:
    """The stack and the memo of a pickle, see `pickletools`."""

    def __init__(self, names, persistent):
        self.names, self.persistent = names, persistent
        self.stack, self.marks, self.memo, self.steps = [], [], {}, 0

    def run(self, opcode, argument):
        if opcode in _VALUES:
            self.stack.append(argument)
        elif opcode in _BYTES:
            self.stack.append(argument.decode("latin1"))
        elif opcode in _CONSTANTS:
            self.stack.append(_CONSTANTS[opcode])
        elif opcode in ("BINPUT", "LONG_BINPUT"):
            self.memo[argument] = self.stack[-1]
        elif opcode == "MEMOIZE":
            self.memo[len(self.memo)] = self.stack[-1]
        elif opcode in ("BINGET", "LONG_BINGET"):
            self.stack.append(self.memo[argument])
        else:
            self.structure(opcode, argument)

    def structure(self, opcode, argument):
        """Opcodes for what consists of others."""
        stack = self.stack
        match opcode:
            case "MARK":
                self.marks.append(len(stack))
            case "EMPTY_LIST" | "EMPTY_SET":  # to hash values can take for ever
                stack.append([])
            case "EMPTY_DICT":
                stack.append({})
            case "TUPLE" | "FROZENSET":
                stack.append(self.taken(self.marks.pop()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                stack.append(self.taken(len(stack) - int(opcode[-1])))
            case "APPEND":
                self.extend(self.taken(len(stack) - 1))
            case "APPENDS" | "ADDITEMS":
                self.extend(self.taken(self.marks.pop()))
            case "SETITEM":
                self.update(self.taken(len(stack) - 2))
            case "SETITEMS":
                self.update(self.taken(self.marks.pop()))
            case "GLOBAL":
                self.name(argument.split(" "))
            case "STACK_GLOBAL":
                self.name(self.taken(len(stack) - 2))
            case "REDUCE" | "NEWOBJ":
                stack.append(self.called(*self.taken(len(stack) - 2)))
            case "NEWOBJ_EX":
                stack.append(self.called(*self.taken(len(stack) - 3)[:2]))
            case "BUILD":
                self.build(*self.taken(len(stack) - 1))
            case "BINPERSID" if self.persistent:
                stack.append(self.persistent(stack.pop()))
            case "PROTO" | "FRAME" | "STOP":
                pass
            case _:
                raise ValueError(f"opcode {opcode}, which plain data do not need")

    def taken(self, start):
        """The values on the stack from `start` on, which leave it."""
        if start < 0:
            raise IndexError("nothing on the stack")
        values = tuple(self.stack[start:])
        del self.stack[start:]
        return values

    def extend(self, values):
        target = self.stack[-1]
        if type(target) is list:
            target.extend(values)
        elif self.names is not None or type(target) is not Call:
            raise ValueError("it appends to what is no list")

    def update(self, values):
        target = self.stack[-1]
        if type(target) is dict:
            target.update(_items(zip(values[::2], values[1::2], strict=True)))
        elif self.names is not None or type(target) is not Call:
            raise ValueError("it sets an item of what is no dict")

    def name(self, parts):
        if sum(map(len, parts)) > MAX_NAME:
            raise ValueError(f"a name of more than {MAX_NAME} characters")
        text = ".".join(parts)
        if self.names is not None and text not in self.names:
            raise ValueError(f"it names {text[:80]}, which is not allowed")
        self.stack.append(Name(text))

    def build(self, state):
        """Sets the state of a call, once. Dicts have attributes, too, which say nothing here."""
        target = self.stack[-1]
        if type(target) is Call and target.state is None:
            target.state = state
        elif type(target) is not dict:
            raise ValueError("it sets the state of what has none")

    def called(self, function, arguments):
        if type(function) is not Name or type(arguments) is not tuple:
            raise ValueError("it calls what is no function")
        match function.text, arguments:
            case "_codecs.encode", (str() as text, "latin1"):
                return text
            case "collections.OrderedDict", ():
                return {}
            case "collections.OrderedDict", (list() as items,):  # as Python 2 writes it
                self.steps += len(items)
                return _items(items)
        return Call(function.text, arguments)


def _items(pairs):
    items = {}
    for key, value in pairs:
        # To hash a tuple of tuples can take for ever.
        if type(key) not in (str, Name) and (type(key) is not int or abs(key) > MAX_KEY):
            raise ValueError("a key must be a text or a number")
        items[key] = value
    return items
