"""What a GGUF file says of itself, before any weight: its fields, and the name, type and shape of each tensor.

The file may come from anybody. Every length in it is checked before it is used, so that a few bytes cannot ask for
much time or memory; and nothing but the header is needed, so that a file of the Hub is known before it travels.
"""

from __future__ import annotations

import struct
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

__all__ = ["MOST_BYTES", "GgufHeader", "HeaderCut", "HeaderDamaged", "Tensor", "parse"]

MOST_BYTES = 128 * 2**20
"""No header is as large: that of a vocabulary of 256,000 tokens has about 15 MB."""

_MOST_FIELDS, _MOST_TENSORS, _MOST_ITEMS, _MOST_KEPT = 10_000, 100_000, 2**24, 4096
_VERSIONS = (2, 3)
_STRING, _ARRAY = 8, 9
_SCALARS = {0: "B", 1: "b", 2: "H", 3: "h", 4: "I", 5: "i", 6: "f", 7: "?", 10: "Q", 11: "q", 12: "d"}


class HeaderCut(Exception):
    """The header goes on behind the bytes that were given."""


class HeaderDamaged(Exception):
    """These bytes are no header of a GGUF file."""


@dataclass(frozen=True, slots=True)
class Tensor:
    """One tensor: the number of its type in ggml, its shape in torch's order, its place behind the header."""

    type: int
    shape: tuple[int, ...]
    offset: int


@dataclass(frozen=True, kw_only=True, slots=True)
class GgufHeader:
    """All that stands before the weights.

    Attributes:
        fields: values by name. A long array is its length alone, and an array of strings always is.
        tensors: by their names in the file.
        data: where the weights begin, in bytes.
    """

    fields: Mapping[str, object]
    tensors: Mapping[str, Tensor]
    data: int

    @property
    def architecture(self) -> str:
        """What llama.cpp calls the kind of model; "" where the file does not say."""
        return str(self.fields.get("general.architecture", ""))


def parse(data: bytes) -> GgufHeader:
    """Read the header at the beginning of `data`.

    Raises:
        HeaderCut: it is longer than `data`.
        HeaderDamaged: this is no GGUF file, or none of a version that is known.
    """
    read = _Reader(data)
    if read.bytes(4) != b"GGUF":
        raise HeaderDamaged("it does not begin as GGUF files do")
    version = read.number("I")
    if version not in _VERSIONS:
        raise HeaderDamaged(f"it is of version {version}")
    tensors, fields = read.count("tensors", _MOST_TENSORS), read.count("fields", _MOST_FIELDS)
    values = {read.string(): read.value(read.number("I")) for _ in range(fields)}
    alignment = values.get("general.alignment", 32)
    if not isinstance(alignment, int) or not 0 < alignment <= 2**16:
        raise HeaderDamaged("its alignment makes no sense")
    places = {read.string(): read.tensor() for _ in range(tensors)}
    start = -(-read.at // alignment) * alignment
    return GgufHeader(fields=MappingProxyType(values), tensors=MappingProxyType(places), data=start)


class _Reader:
    """A place in some bytes, which moves on as they are read."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.at = 0

    def bytes(self, count: int) -> bytes:
        begin, self.at = self.at, self.at + count
        if self.at > len(self._data):
            raise HeaderCut
        return self._data[begin : self.at]

    def number(self, kind: str) -> int:
        return int(self._unpacked(kind, 1)[0])

    def count(self, what: str, most: int) -> int:
        count = self.number("Q")
        if count > most:
            raise HeaderDamaged(f"it claims {count:,} {what}")
        return count

    def string(self) -> str:
        return self.bytes(self.count("characters", _MOST_ITEMS)).decode("utf-8", "replace")

    def value(self, kind: int, *, nested: bool = False) -> object:
        if kind == _STRING:
            return self.string()
        if kind == _ARRAY and not nested:
            return self._array(self.number("I"), self.count("values", _MOST_ITEMS))
        if kind not in _SCALARS:
            raise HeaderDamaged(f"it has a value of type {kind}")
        return self._unpacked(_SCALARS[kind], 1)[0]

    def _array(self, kind: int, count: int) -> object:
        if kind == _STRING:
            for _ in range(count):
                self.bytes(self.count("characters", _MOST_ITEMS))
            return count
        if kind not in _SCALARS:
            raise HeaderDamaged(f"it has an array of type {kind}")
        if count <= _MOST_KEPT:
            return self._unpacked(_SCALARS[kind], count)
        self.bytes(count * struct.calcsize(_SCALARS[kind]))
        return count

    def tensor(self) -> Tensor:
        dimensions = self.number("I")
        if dimensions > 4:
            raise HeaderDamaged(f"it has a tensor of {dimensions} dimensions")
        shape = self._unpacked("Q", dimensions)
        return Tensor(self.number("I"), tuple(reversed(shape)), self.number("Q"))

    def _unpacked(self, kind: str, count: int) -> tuple[int, ...]:
        form = f"<{count}{kind}"
        return struct.unpack(form, self.bytes(struct.calcsize(form)))
