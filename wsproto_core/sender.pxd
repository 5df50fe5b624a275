from .events cimport BytesMessage, TextMessage
from .message_writer cimport MessageWriter
from .timers cimport Timers, as_time


cdef class Sender:
    cdef readonly MessageWriter _output
    # Truths; there are many connections.
    cdef unsigned char _any_data, _can_send_messages
    cdef public unsigned char _eof, _finished, _on_stream, _reset
    cdef readonly Timers _timers
    cdef object _timeouts
    cdef public object close_code, close_reason, request, role, state

    cdef _send_text(self, TextMessage event)
    cdef _send_bytes(self, BytesMessage event)
    cpdef Timers _tell(self, now)
