cimport cython

cdef int CONTROL, FIN, MASKED, MAX_CONTROL_PAYLOAD, RSV1, RSV2, RSV3
cdef long long UNLIMITED
cdef int _RSV, _CONTINUATION
cdef bytes _KNOWN

cpdef bytes encode_header(first_byte, length, masked=*)
@cython.locals(opcode=int, control=int, allowed=int)
cdef first_byte_violation(int first, bint in_message, int rsv_first, int rsv_next)


cdef class FrameDecoder:
    cdef Py_ssize_t _position, _end, _start
    cdef long long _base, _left
    cdef bytes _buffer, _key, _whole
    cdef object _queue
    # Small numbers and truths; there are many connections.
    cdef unsigned char _masked, _rsv_first, _rsv_next, _turn
    cdef unsigned char _in_message, _in_frame, _begins, _may_be_whole
    cdef readonly unsigned char first, begins, ends
    cdef public long long payload_offset, room, room_compressed

    cpdef feed(self, bytes data)
    cpdef drop(self)
    @cython.locals(left=cython.longlong, start=Py_ssize_t, size=Py_ssize_t)
    cpdef bint next_piece(self) except -1
    @cython.locals(piece=bytes)
    cpdef bytes piece(self)
    cdef int _turn_key(self) except -1
    @cython.locals(first=int, second=int, short=int, extended=int, start=int,
                   position=Py_ssize_t, octets=bytes, length=cython.longlong, room=cython.longlong)
    cdef bint _read_header(self) except -1
    cdef int _check_first_byte(self, int first) except -1
    cdef _refuse_second_byte(self, int second)
    @cython.locals(rest=bytes, more=bint)
    cdef bint _holds(self, Py_ssize_t count) except -1
