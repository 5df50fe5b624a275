"""Masking of payloads (RFC 6455 section 5.3): exclusive or with a repeated 4-byte key.

The compiled body of `masking.py`, name by name and result by result. It differs where
Python cannot go: it unmasks straight into the object that the user gets.
"""

from __future__ import annotations

from cpython.bytearray cimport PyByteArray_AS_STRING, PyByteArray_Resize
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.object cimport PyObject
from cpython.ref cimport Py_CLEAR, Py_INCREF, Py_XDECREF
from cpython.unicode cimport PyUnicode_Check, PyUnicode_CheckExact, PyUnicode_GET_LENGTH
from libc.string cimport memcpy

from .types import BytesLike, as_bytes

__all__ = [
    "COMPILED",
    "PayloadBuffer",
    "append_frame",
    "ascii_size",
    "copy_bytes",
    "copy_text",
    "keyed",
    "mask",
    "unmask",
    "unmask_text",
]

COMPILED = True
cdef const unsigned char *NO_KEY = b"\0\0\0\0"


cdef extern from "masking.h" nogil:
    bint wspc_mask(unsigned char *target, const unsigned char *source, size_t size,
                   const unsigned char *key)


cdef extern from "Python.h":
    ctypedef struct _ByteArray "PyByteArrayObject":
        Py_ssize_t ob_alloc

    Py_ssize_t PY_SSIZE_T_MAX
    str PyUnicode_New(Py_ssize_t size, Py_UCS4 highest)
    unsigned char *PyUnicode_1BYTE_DATA(object text)
    bint PyUnicode_IS_ASCII(object text)
    str PyUnicode_DecodeUTF8(const char *data, Py_ssize_t size, const char *errors)
    int PyUnicode_Resize(PyObject **text, Py_ssize_t size) except -1
    int _PyBytes_Resize(PyObject **data, Py_ssize_t size) except -1


cdef inline const unsigned char *_at(bytes data, Py_ssize_t offset) noexcept:
    return <const unsigned char *>PyBytes_AS_STRING(data) + offset


def mask(payload: BytesLike, key: BytesLike) -> bytes:
    """Mask `payload` with the 4-byte `key`, or unmask it: the operation is its own inverse.

    Raises:
        TypeError: an argument is not bytes-like.
        ValueError: `key` has not 4 bytes.
    """
    cdef bytes source = as_bytes(payload, "a payload")
    cdef bytes octets = as_bytes(key, "a masking key")
    if len(octets) != 4:
        raise ValueError(f"a masking key has 4 bytes, not {len(octets)}")
    cdef bytes masked = PyBytes_FromStringAndSize(NULL, len(source))
    if source:
        wspc_mask(<unsigned char *>_at(masked, 0), _at(source, 0), len(source), _at(octets, 0))
    return masked


cpdef bytes unmask(bytes buffer, Py_ssize_t start, Py_ssize_t stop):
    """Unmask a payload where it stands in `buffer`, up to `stop`. At `start` is its key."""
    return _bytes(buffer, start + 4, stop, _at(buffer, start))


cpdef str unmask_text(bytes buffer, Py_ssize_t start, Py_ssize_t stop):
    """The text that a payload says, or None if it is not UTF-8; its place is given as for
    `unmask`."""
    return _text(buffer, start + 4, stop, _at(buffer, start))


cpdef bytes keyed(bytes keys, Py_ssize_t at, bytes payload):
    """The key that is in `keys` at `at`, and behind it the payload masked with it."""
    assert 0 <= at <= len(keys) - 4
    cdef bytes both = PyBytes_FromStringAndSize(NULL, 4 + len(payload))
    memcpy(PyBytes_AS_STRING(both), _at(keys, at), 4)
    wspc_mask(<unsigned char *>_at(both, 4), _at(payload, 0), len(payload), _at(keys, at))
    return both


cpdef Py_ssize_t ascii_size(text):
    """How many bytes of UTF-8 a text has that is ASCII; -1 for anything else."""
    return PyUnicode_GET_LENGTH(text) if PyUnicode_Check(text) and PyUnicode_IS_ASCII(text) else -1


cpdef Py_ssize_t append_frame(
    bytearray target, bytes header, bytes keys, Py_ssize_t at, payload
) except -1:
    """Append a frame. Where there are `keys` its payload is masked, as by `keyed`. It is
    bytes or ASCII text. Returns by how much the target has grown."""
    cdef const unsigned char *source
    cdef unsigned char *place
    cdef Py_ssize_t before = len(target)
    cdef Py_ssize_t header_size = len(header)
    cdef Py_ssize_t key_size = 4 if keys else 0
    cdef Py_ssize_t size = ascii_size(payload)
    if size >= 0:
        source = PyUnicode_1BYTE_DATA(payload)
    else:
        source = _at(<bytes?>payload, 0)
        size = len(<bytes>payload)
    assert 0 <= at <= len(keys) - key_size
    cdef Py_ssize_t after = before + header_size + key_size + size
    if after >= (<_ByteArray *>target).ob_alloc:
        # By itself it would grow by an eighth, which moves what is there over and over.
        PyByteArray_Resize(target, 2 * after)
    PyByteArray_Resize(target, after)
    place = <unsigned char *>PyByteArray_AS_STRING(target) + before
    if header_size == 2:
        memcpy(place, _at(header, 0), 2)  # no call, where the size is a constant
    else:
        memcpy(place, _at(header, 0), header_size)
    place += header_size
    if key_size:
        memcpy(place, _at(keys, at), 4)
        wspc_mask(place + 4, source, size, _at(keys, at))
    else:
        memcpy(place, source, size)
    return len(target) - before


cpdef bytes copy_bytes(bytes buffer, Py_ssize_t start, Py_ssize_t stop):
    """A payload that is not masked, from `start` to `stop`."""
    return _bytes(buffer, start, stop, NO_KEY)


cpdef str copy_text(bytes buffer, Py_ssize_t start, Py_ssize_t stop):
    """The text that a payload says that is not masked, or None if it is not UTF-8."""
    return _text(buffer, start, stop, NO_KEY)


cdef inline bytes _bytes(bytes buffer, Py_ssize_t start, Py_ssize_t stop, const unsigned char *key):
    assert 0 <= start <= stop <= len(buffer)
    cdef bytes payload = PyBytes_FromStringAndSize(NULL, stop - start)
    if start < stop:
        wspc_mask(<unsigned char *>_at(payload, 0), _at(buffer, start), stop - start, key)
    return payload


cdef inline str _text(bytes buffer, Py_ssize_t start, Py_ssize_t stop, const unsigned char *key):
    cdef Py_ssize_t size = stop - start
    assert 0 <= start <= stop <= len(buffer)
    cdef str text = PyUnicode_New(size, 127)
    if not size:
        return text
    cdef unsigned char *data = PyUnicode_1BYTE_DATA(text)
    if wspc_mask(data, _at(buffer, start), size, key):
        # Not ASCII: what is there is no text, and nobody but us has seen it.
        try:
            return PyUnicode_DecodeUTF8(<const char *>data, size, NULL)
        except UnicodeDecodeError:
            return None
    return text


cdef class PayloadBuffer:
    """A message's payload that arrives in pieces, unmasked side by side: text or bytes."""

    # While no byte over 127 has come, `_object` of a text is a str, in which UTF-8 and the
    # characters are the same. It has room behind `_size`, and nobody else may see it.

    def __init__(self, bint text):
        self._text = text

    def __dealloc__(self):
        Py_XDECREF(self._object)

    cpdef bint add(
        self, bytes buffer, Py_ssize_t start, Py_ssize_t stop, bytes key, long long to_come
    ) except -1:
        """Add what is in `buffer` from `start` to `stop`, unmasked if `key` is not empty.

        `to_come`: how many bytes more are announced. Returns whether all of that is ASCII.
        """
        cdef Py_ssize_t size = stop - start
        cdef long long come = self._size + size
        cdef const unsigned char *octets = NO_KEY
        cdef bint high
        assert 0 <= start <= stop <= len(buffer) and len(key) in (0, 4) and to_come >= 0
        if not size:
            self._last = 0
            return True
        if size > self._room - self._size:
            # What is announced need not come: make room for no more than 64 times what did.
            self._make_room(min(come + min(to_come, 63 * come), PY_SSIZE_T_MAX))
        if key:
            octets = _at(key, 0)
        high = wspc_mask(self._data + self._size, _at(buffer, start), size, octets)
        if high and PyUnicode_CheckExact(<object>self._object):
            self._store_as_bytes(come)
        self._size = come
        self._last = size
        return not high

    cpdef bytes last(self):
        """The piece that was added last."""
        return PyBytes_FromStringAndSize(<char *>self._data + self._size - self._last, self._last)

    cpdef bytes take_bytes(self):
        """All that was added."""
        return self._take() if self._object else b""

    cpdef str take_text(self):
        """All that was added, decoded.

        Raises:
            UnicodeDecodeError: it is not UTF-8.
        """
        if not self._object:
            return ""
        if PyUnicode_CheckExact(<object>self._object):
            return self._take()
        return PyUnicode_DecodeUTF8(<char *>self._data, self._size, NULL)

    cdef object _take(self):
        self._make_room(self._size)
        taken = <object>self._object
        Py_CLEAR(self._object)
        self._room = self._size = self._last = 0
        return taken

    cdef int _make_room(self, Py_ssize_t room) except -1:
        """Let the object have `room` bytes in all."""
        if not self._object:
            fresh = PyUnicode_New(room, 127) if self._text else PyBytes_FromStringAndSize(NULL, room)
            Py_INCREF(fresh)
            self._object = <PyObject *>fresh
        elif PyUnicode_CheckExact(<object>self._object):
            PyUnicode_Resize(&self._object, room)
        else:
            try:
                _PyBytes_Resize(&self._object, room)
            except MemoryError:  # and what there was is gone
                self._room = self._size = self._last = 0
                raise
        self._find_data()
        self._room = room
        return 0

    cdef int _store_as_bytes(self, Py_ssize_t size) except -1:
        fresh = PyBytes_FromStringAndSize(NULL, self._room)
        memcpy(PyBytes_AS_STRING(fresh), self._data, size)
        Py_XDECREF(self._object)
        Py_INCREF(fresh)
        self._object = <PyObject *>fresh
        self._find_data()
        return 0

    cdef void _find_data(self) noexcept:
        if PyUnicode_CheckExact(<object>self._object):
            self._data = PyUnicode_1BYTE_DATA(<object>self._object)
        else:
            self._data = <unsigned char *>PyBytes_AS_STRING(<object>self._object)
