cimport cython
from cpython.object cimport PyObject


cpdef Py_ssize_t append_frame(bytearray target, bytes header, bytes keys, Py_ssize_t at,
                              payload) except -1
cpdef Py_ssize_t ascii_size(text)
cpdef bytes keyed(bytes keys, Py_ssize_t at, bytes payload)
cpdef bytes copy_bytes(bytes buffer, Py_ssize_t start, Py_ssize_t stop)
cpdef str copy_text(bytes buffer, Py_ssize_t start, Py_ssize_t stop)
cpdef bytes unmask(bytes buffer, Py_ssize_t start, Py_ssize_t stop)
cpdef str unmask_text(bytes buffer, Py_ssize_t start, Py_ssize_t stop)


@cython.final
cdef class PayloadBuffer:
    cdef PyObject *_object
    cdef unsigned char *_data
    cdef Py_ssize_t _room, _size, _last
    cdef bint _text

    cpdef bint add(self, bytes buffer, Py_ssize_t start, Py_ssize_t stop, bytes key,
                   long long to_come) except -1
    cpdef bytes last(self)
    cpdef bytes take_bytes(self)
    cpdef str take_text(self)
    cdef object _take(self)
    cdef int _make_room(self, Py_ssize_t room) except -1
    cdef int _store_as_bytes(self, Py_ssize_t size) except -1
    cdef void _find_data(self) noexcept
