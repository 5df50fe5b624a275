cimport cython

from .events cimport BytesMessage, Message, TextMessage, whole_bytes, whole_text
from .extensions.deflate_codec cimport DeflateCodec
from .frames cimport FrameDecoder
from .masking cimport PayloadBuffer, copy_bytes, copy_text, unmask, unmask_text

cdef int CONTROL, FIN, RSV1, RSV2, RSV3
cdef long long UNLIMITED
cdef int _CONTINUATION, _TEXT, _WHOLE_TEXT


@cython.final
cdef class MessageReader(FrameDecoder):
    cdef bytes _carry
    cdef unsigned char _chunks, _compressed, _inflating, _opcode
    cdef object _codecs, _failure, _frame
    cdef DeflateCodec _deflate
    cdef int _fragments, _max_fragments
    cdef long long _max_size, _size
    cdef PayloadBuffer _payload

    @cython.locals(payload=PayloadBuffer, size=Py_ssize_t, ascii_only=bint)
    cdef bint take(self, bytes data) except -1
    @cython.locals(buffer=bytes, position=Py_ssize_t, end=Py_ssize_t, start=Py_ssize_t,
                   stop=Py_ssize_t, length=Py_ssize_t, first=int, masked=int)
    cpdef read_message(self)
    cpdef read(self)
    cpdef bint needs_input(self) except -1
    cpdef forget(self)
    cdef _begin_message(self)
    cdef _begin_frame(self, int first)
    @cython.locals(payload=PayloadBuffer, ends=bint, text=bint, ascii_only=bint)
    cdef _add(self, bytes buffer, Py_ssize_t start, Py_ssize_t stop, bytes key, bint frame_ends)
    cdef _hand_on(self, bytes buffer, Py_ssize_t start, Py_ssize_t stop, bytes key, bint frame_ends)
    cdef bint _is_plain(self)
    cdef _decode_text(self, bytes piece, bint final)
    cdef _decode(self, bytes piece)
    @cython.locals(deflate=DeflateCodec, data=bytes)
    cdef _inflate_message(self, int first, bytes payload)
    @cython.locals(deflate=DeflateCodec)
    cpdef inflated_message(self, int first, bytes data)
    @cython.locals(deflate=DeflateCodec)
    cdef _inflate(self, bytes piece)
    @cython.locals(deflate=DeflateCodec, frame_ends=bint)
    cdef _inflated(self, bytes data)
    cdef _control(self, int opcode, bytes payload)
