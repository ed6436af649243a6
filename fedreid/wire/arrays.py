"""Flower's records of arrays without its copies: numpy arrays by reference, and whole models as one block."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from functools import wraps
from typing import Any

import numpy as np
from flwr.app import Array, ArrayRecord

from fedreid.models.flat import FlatArrays, Layout


class NumpyArray(Array):
    """A Flower array that keeps its numpy array as it is.

    Flower serialises every array into bytes on construction, which costs two copies of the model for each client and
    round. Our grids pass numpy arrays by reference (serial) or through shared memory (Ray); the bytes are made only
    when Flower's own engine asks for them.
    """

    def __init__(self, ndarray: np.ndarray) -> None:
        self.__dict__.update(dtype=ndarray.dtype.name, shape=ndarray.shape, stype="numpy.ndarray", ndarray=ndarray)

    @property
    def data(self) -> bytes:  # type: ignore[override]
        return Array(self.__dict__["ndarray"]).data

    def numpy(self) -> np.ndarray:
        """The array itself, not a copy; read-only where it came through shared memory."""
        return self.__dict__["ndarray"]

    def __reduce__(self) -> tuple[Any, ...]:
        return (_numpy_array, (self.__dict__["ndarray"],))  # not the class: its name is taken, see below


def _numpy_array(ndarray: np.ndarray) -> NumpyArray:
    return NumpyArray(ndarray)


# Flower writes the class name in front of the bytes and reads it back as its own Array.
NumpyArray.__qualname__ = "Array"


class FlatRecord(ArrayRecord):
    """A record whose arrays are views of one block of memory, and which crosses between processes as that block.

    Its arrays are made when somebody asks for one by name. A server that averages a thousand small clients' blocks
    never does, and making dozens of arrays for each would cost it more than the mean.
    """

    def __init__(self, arrays: FlatArrays) -> None:
        super().__init__()
        self.__dict__["flat"] = arrays
        del self.__dict__["_data"]  # where Flower keeps the arrays

    def make_arrays(self) -> None:
        """Fill what Flower's methods read, if that wasn't done yet."""
        if "_data" not in self.__dict__:
            flat = self.__dict__["flat"]
            dtype = flat.block.dtype.name
            self.__dict__["_data"] = {name: _as_array(view, dtype) for name, view in flat.views.items()}

    def __setitem__(self, key: str, value: Array) -> None:
        self.make_arrays()
        self.__dict__["flat"] = None  # no longer the whole truth
        super().__setitem__(key, value)

    def __delitem__(self, key: str) -> None:
        self.make_arrays()
        self.__dict__["flat"] = None
        super().__delitem__(key)

    def __eq__(self, other: object) -> bool:
        for record in (self, other):
            if isinstance(record, FlatRecord):
                record.make_arrays()
        return super().__eq__(other)

    def __reduce__(self) -> tuple[Any, ...]:
        flat = flat_of(self)
        if flat is None:
            return (_array_record, (dict(self.items()),))
        return (_flat_record, (flat.layout, flat.block))


def _with_arrays(name: str) -> Callable[..., Any]:
    """A method of Flower's record that wants the arrays one by one."""
    method = getattr(ArrayRecord, name)

    @wraps(method)
    def call(self: FlatRecord, *args: Any) -> Any:
        self.make_arrays()
        return method(self, *args)

    return call


for _name in ("__getitem__", "__iter__", "__len__", "__contains__", "__repr__", "keys", "values", "items", "copy"):
    setattr(FlatRecord, _name, _with_arrays(_name))
# Flower names a record's class when it serialises it, and knows its own only.
FlatRecord.__qualname__ = "ArrayRecord"


def _as_array(view: np.ndarray, dtype: str) -> NumpyArray:
    """`NumpyArray(view)`, for whom the name of the type is known: numpy takes a while to say it."""
    array = NumpyArray.__new__(NumpyArray)
    array.__dict__.update(dtype=dtype, shape=view.shape, stype="numpy.ndarray", ndarray=view)
    return array


def _flat_record(layout: Layout, block: np.ndarray) -> FlatRecord:
    return FlatRecord(FlatArrays(layout, block))


def _array_record(items: dict[str, Array]) -> ArrayRecord:
    return ArrayRecord(items)


def flat_of(record: ArrayRecord) -> FlatArrays | None:
    """The block of a record that has one."""
    return record.__dict__.get("flat")


def to_record(arrays: Mapping[str, np.ndarray]) -> ArrayRecord:
    """Arrays by name -> a record that shares their memory."""
    if isinstance(arrays, FlatArrays):
        return FlatRecord(arrays)
    record = ArrayRecord()
    for name, array in arrays.items():  # the constructor would turn each one into bytes
        record[name] = NumpyArray(array)
    return record


def to_arrays(record: ArrayRecord) -> Mapping[str, np.ndarray]:
    """A record -> arrays by name; no copy when the record came from `to_record`."""
    flat = flat_of(record)
    if flat is not None:
        return flat
    return {name: array.numpy() for name, array in record.items()}


def count_bytes(record: ArrayRecord) -> int:
    """Bytes of the array values on the wire, without names and headers."""
    flat = flat_of(record)
    if flat is not None:
        return flat.layout.values * flat.block.itemsize
    return sum(math.prod(array.shape) * np.dtype(array.dtype).itemsize for array in record.values())
