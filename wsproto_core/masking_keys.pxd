cimport cython


@cython.final
cdef class MaskingKeys:
    cdef object _random_bytes
    cdef Py_ssize_t _position
    cdef readonly bytes batch

    @cython.locals(position=Py_ssize_t)
    cpdef Py_ssize_t draw(self) except -1
    cpdef reserve(self)
