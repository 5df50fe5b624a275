cimport cython


@cython.final
cdef class OutputQueue:
    cdef list _chunks
    cdef object _pongs
    cdef Py_ssize_t _max_pongs, _holes, _sent
    cdef readonly Py_ssize_t pending

    cpdef append(self, bytes data)
    cpdef append_pong(self, bytes data)
    cdef _close_holes(self)
    cpdef list drain_all(self)
    cpdef bytes drain(self, Py_ssize_t max_bytes)
    cdef _drop_first(self, Py_ssize_t count, Py_ssize_t sent)
