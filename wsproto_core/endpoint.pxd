cimport cython

from .events cimport BytesMessage, Event, Message, Ping, Pong, TextMessage
from .masking_keys cimport MaskingKeys
from .messages cimport MessageReader, MessageWriter
from .output cimport OutputQueue


cdef class Endpoint:
    cdef readonly MessageReader _reader
    cdef readonly OutputQueue _output
    cdef MessageWriter _writer
    cdef bint _auto_close, _auto_pong, _can_send_messages, _reading
    cdef public bint _eof, _reset, _finished
    cdef readonly object _delivery, _limits
    cdef object _random_bytes
    cdef public object close_code, close_reason, error, extensions
    cdef public object request, response, role, state, subprotocol

    cdef _next_event(self)


@cython.final
@cython.freelist(8)
cdef class Events:
    cdef Endpoint _endpoint


@cython.locals(events=Events)
cdef Events _iterate(Endpoint endpoint)
