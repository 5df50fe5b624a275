cimport cython


@cython.final
cdef class MaskingKeys:
    cdef object _random_bytes
    cdef bytes _batch
    cdef Py_ssize_t _position

    cpdef bytes draw(self)
    cpdef reserve(self)
