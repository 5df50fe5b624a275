cimport cython

from .extensions.deflate_codec cimport DeflateCodec
from .frames cimport encode_header
from .masking cimport ascii_size, keyed
from .masking_keys cimport MaskingKeys
from .output cimport OutputQueue


cdef bint COMPILED
cdef int FIN, MASKED, _SHORT, _SEPARATE, _TEXT


@cython.final
cdef class MessageWriter(OutputQueue):
    cdef tuple _binary, _passing, _text
    cdef readonly tuple _codecs
    cdef MaskingKeys _keys
    cdef readonly unsigned char _opcode

    cpdef open(self, tuple codecs, MaskingKeys keys)
    @cython.locals(payload=bytes, header=bytes, size=Py_ssize_t)
    cpdef write_text(self, text, bint fin, compress)
    cpdef write_bytes(self, bytes payload, bint fin, compress)
    cpdef write_control(self, opcode, bytes payload)
    cpdef write_automatic_pong(self, bytes payload)
    cdef _choose_headers(self)
    cdef _write_frame_of(self, opcode, bytes payload, bint fin, compress)
    cdef _write_encoded(self, opcode, bytes payload, bint fin, compress)
    @cython.locals(header=bytes, at=Py_ssize_t)
    cdef _write_frame(self, first, bytes payload)
    cdef tuple _codecs_for(self, Py_ssize_t size, compress)
    cpdef sharing(self, Py_ssize_t size, compress)
    cpdef bytes encode_shared(self, opcode, bytes payload, compress)
    cpdef restart(self, Py_ssize_t size, compress)
    cpdef write_whole(self, opcode, bytes payload, compress)
    cdef bytes _header(self, first, Py_ssize_t length)
    @cython.locals(frame=bytes, at=Py_ssize_t)
    cdef _append_frame(self, bytes header, bytes payload)
