cimport cython

from .events cimport BytesMessage, Event, Message, Ping, Pong, TextMessage
from .masking_keys cimport MaskingKeys
from .message_reader cimport MessageReader
from .message_writer cimport MessageWriter


cdef class Endpoint:
    cdef readonly MessageReader _reader
    cdef readonly MessageWriter _output
    cdef unsigned char _auto_close, _auto_pong, _can_send_messages, _reading
    cdef public bint _eof, _reset, _finished
    cdef readonly object _delivery, _limits
    cdef object _random_bytes
    cdef public object close_code, close_reason, error, extensions
    cdef public object request, response, role, state, subprotocol

    cdef _next_event(self)
    cdef _send_message(self, Message event)


@cython.final
@cython.freelist(8)
cdef class Events:
    cdef Endpoint _endpoint


@cython.locals(events=Events)
cdef Events _iterate(Endpoint endpoint)
