cimport cython


cdef class Event:
    pass


cdef class _Frozen(Event):
    pass


@cython.no_gc
cdef class Message(_Frozen):
    cdef object _data, _frame_finished, _message_finished, _compress


@cython.no_gc
cdef class TextMessage(Message):
    pass


@cython.no_gc
cdef class BytesMessage(Message):
    pass


@cython.no_gc
cdef class _Heartbeat(_Frozen):
    cdef object _payload


@cython.no_gc
cdef class Ping(_Heartbeat):
    pass


@cython.no_gc
cdef class Pong(_Heartbeat):
    pass


@cython.locals(event=TextMessage)
cpdef TextMessage whole_text(str text)
@cython.locals(event=BytesMessage)
cpdef BytesMessage whole_bytes(bytes data)
