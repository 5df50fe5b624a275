cimport cython

cdef Py_ssize_t _BLOCK, _SMALL_BLOCK, _SMALL_STEP, _STEP
cdef object _PROBE, _SMALL_ROOM


@cython.final
cdef class DeflateCodec:
    cdef object _deflater, _inflate, _inflater, _zlib, _zlib_error
    cdef readonly tuple sharing
    cdef bytes _block
    cdef bytearray _pending
    cdef bint _frame_finished, _full, _inflating, _keep_deflater, _keep_inflater
    cdef int _receive_bits
    cdef readonly Py_ssize_t threshold
    cdef readonly bint more

    cpdef bytes compress(self, bytes data, bint fin)
    cpdef restart(self)
    @cython.locals(step=bytes)
    cpdef bytes decompress(self, bytes data=*, bint frame_finished=*)
    cdef bint _has_more(self)
    @cython.locals(step=bytes, surplus=bytes)
    cpdef bytes decompress_message(self, bytes payload)
    @cython.locals(surplus=bytes)
    cpdef finish(self)
    cdef _end(self, inflater, bytes surplus)
    cpdef drop(self)
    cdef bytes _inflate_step(self)
    cdef bytes _step(self, bytes block)
    cdef bytes _whole_step(self, inflater, bytes step)
    cdef bytes _go_on(self, bytes step)
    cdef _note_step(self, inflater, bytes step)
    cdef _new_inflater(self)
    cdef _drop_inflater(self)
