cimport cython

from .endpoint cimport Endpoint
from .message_writer cimport MessageWriter
from .output cimport append_to_all


@cython.locals(connection=Endpoint, writer=MessageWriter, plain=list, groups=dict)
cdef dict _group(list receivers, Py_ssize_t size, compress, Py_ssize_t most, list skipped)
@cython.locals(writers=list, writer=MessageWriter, frame=bytes)
cdef _write(dict groups, opcode, bytes payload, compress)
