cimport cython

from .events cimport Event, Message, Ping, Pong
from .masking_keys cimport MaskingKeys
from .message_reader cimport MessageReader
from .sender cimport Sender
from .timers cimport Timers, as_time

cdef bint COMPILED


cdef class Endpoint(Sender):
    cdef readonly MessageReader _reader
    cdef unsigned char _auto_close, _auto_pong, _reading
    cdef readonly unsigned char _chunks
    cdef readonly object _limits
    cdef object _random_bytes
    cdef public object error, extensions, response, subprotocol

    cdef bint _admit(self, what, now) except -1
    cdef _feed(self, bytes data)
    cdef _next_event(self)


@cython.final
@cython.freelist(8)
cdef class Events:
    cdef Endpoint _endpoint


@cython.locals(events=Events)
cdef _iterate(Endpoint endpoint)
