cimport cython

from .masking cimport append_frame
from .masking_keys cimport MaskingKeys


cdef Py_ssize_t _JOINED


cdef class OutputQueue:
    cdef list _chunks
    cdef bytearray _joined
    cdef bytes _only
    cdef list _pongs
    cdef int _holes, _max_pongs
    cdef int _counted, _first
    cdef Py_ssize_t _sent, _size

    @cython.locals(chunks=list, at=Py_ssize_t, size=Py_ssize_t, joined=bytearray)
    cpdef Py_ssize_t pending(self) except -1
    cpdef append(self, bytes data)
    cdef list _as_list(self)
    @cython.locals(joined=bytearray, batch=bytes, at=Py_ssize_t)
    cpdef append_joined(self, bytes header, MaskingKeys keys, payload)
    @cython.locals(chunk=bytes)
    cdef _close_joined(self)
    @cython.locals(chunks=list, oldest=Py_ssize_t)
    cpdef append_pong(self, bytes data)
    @cython.locals(chunk=bytes, kept=list, pongs=list)
    cdef _note_holes(self, list chunks, Py_ssize_t count)
    @cython.locals(chunks=list, only=bytes)
    cpdef list drain_all(self)
    @cython.locals(chunks=list, only=bytes)
    cpdef bytes drain_joined(self)
    @cython.locals(
        chunks=list, chunk=bytes, at=Py_ssize_t, count=Py_ssize_t, room=Py_ssize_t, sent=Py_ssize_t
    )
    cpdef bytes drain(self, Py_ssize_t max_bytes)


@cython.locals(queue=OutputQueue)
cpdef append_to_all(list queues, bytes data)
