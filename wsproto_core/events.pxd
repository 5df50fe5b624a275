cimport cython


cdef class Event:
    pass


cdef class _Frozen(Event):
    pass


cdef class Message(_Frozen):
    cdef object _data, _frame_finished, _message_finished, _compress


cdef class TextMessage(Message):
    pass


cdef class BytesMessage(Message):
    pass


cdef class _Heartbeat(_Frozen):
    cdef object _payload


cdef class Ping(_Heartbeat):
    pass


cdef class Pong(_Heartbeat):
    pass


@cython.locals(event=TextMessage)
cpdef TextMessage whole_text(str text)
@cython.locals(event=BytesMessage)
cpdef BytesMessage whole_bytes(bytes data)
