"""Files as `torch.save` writes them, made by hand from the opcodes of pickle."""

import struct
import zipfile

import numpy as np


def text(value):
    return b"X" + struct.pack("<I", len(value.encode())) + value.encode()


def number(value):
    return b"J" + struct.pack("<i", value)


def tuple_of(*parts):
    return b"(" + b"".join(parts) + b"t"


def call(module, name, *arguments):
    return f"c{module}\n{name}\n".encode() + tuple_of(*arguments) + b"R"


def tensor(key, shape, strides, length, offset=0, kind="Float"):
    storage = (text("storage"), f"ctorch\n{kind}Storage\n".encode(), text(key), text("cpu"))
    return call(
        "torch._utils",
        "_rebuild_tensor_v2",
        tuple_of(*storage, number(length)) + b"Q",
        number(offset),
        tuple_of(*map(number, shape)),
        tuple_of(*map(number, strides)),
        b"\x89",
        call("collections", "OrderedDict"),
    )


def dict_of(parts):
    items = b"".join(text(name) + part for name, part in parts.items())
    return call("collections", "OrderedDict") + b"(" + items + b"u"


def described(arrays):
    """The state dict of arrays, whose numbers are elsewhere."""
    return {
        name: tensor(str(key), a.shape, [s // a.itemsize for s in a.strides], a.size)
        for key, (name, a) in enumerate(arrays.items())
    }


def write_zip(path, parts, arrays, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("archive/data.pkl", b"\x80\x02" + dict_of(parts) + b".")
        archive.writestr("archive/byteorder", b"little")
        for key, array in enumerate(arrays.values()):
            archive.writestr(f"archive/data/{key}", array.tobytes())
    return path


def write_legacy(path, parts, arrays):
    magic = b"\x80\x02\x8a\x0a" + 0x1950A86A20F9469CFC6C.to_bytes(10, "little") + b"."
    system = b"\x80\x02}" + text("little_endian") + b"\x88s."
    keys = b"\x80\x02](" + b"".join(text(str(key)) for key in range(len(arrays))) + b"e."
    with open(path, "wb") as file:
        file.write(magic + b"\x80\x02" + number(1001) + b"." + system)
        file.write(b"\x80\x02" + dict_of(parts) + b"." + keys)
        for array in arrays.values():
            file.write(struct.pack("<q", array.size) + array.tobytes())
    return path


def some_arrays():
    random = np.random.default_rng(0)
    return {
        "a.weight": random.normal(size=(2, 3, 3, 3)).astype("<f4"),
        "a.bias": random.normal(size=2).astype("<f4"),
        "count": np.float32(random.normal(size=())),
    }
