cimport cython


@cython.no_gc
@cython.freelist(8)
cdef class Event:
    cdef object _data, _compress
    cdef bint _frame_finished, _message_finished


cdef class _Frozen(Event):
    pass


# What these hold are strings, bytes, numbers and flags. Nothing in them can hold the event in turn,
# so the garbage collector need not know of it: that saves one instruction in twenty of receiving one.
@cython.no_gc
cdef class Message(_Frozen):
    pass


cdef class TextMessage(Message):
    pass


cdef class BytesMessage(Message):
    pass


@cython.no_gc
cdef class _Heartbeat(_Frozen):
    cdef object _payload


cdef class Ping(_Heartbeat):
    pass


@cython.no_gc
cdef class Pong(_Heartbeat):
    cdef object _latency, _keepalive


@cython.locals(event=TextMessage)
cpdef TextMessage whole_text(str text)
@cython.locals(event=BytesMessage)
cpdef BytesMessage whole_bytes(bytes data)
