"""How the data of a message is read. The compiled body of `slots.py`.

A property that is compiled is a C function, which the interpreter has to look up and to call
each time. What is in a slot it reads where it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from cpython.mem cimport PyMem_Malloc
from cpython.object cimport PyObject, PyTypeObject

if TYPE_CHECKING:
    from .events import Message

__all__ = ["read_in_place"]


cdef extern from "structmember.h":
    ctypedef struct PyMemberDef:
        const char *name
        int type
        Py_ssize_t offset
        int flags
        const char *doc

    int READONLY, T_OBJECT_EX


cdef extern from "Python.h":
    ctypedef struct _Object "PyObject":
        pass

    ctypedef struct _Type "PyTypeObject":
        PyObject *tp_dict

    object PyDescr_NewMember(PyTypeObject *kind, PyMemberDef *member)
    void PyType_Modified(PyTypeObject *kind)


cdef list _docstrings = []  # a member does not keep its own


def read_in_place(kind: type[Message]) -> None:
    """Let `data` of the events of this type be read fast, and as before not be set."""
    cdef PyTypeObject *target = <PyTypeObject *>kind
    cdef PyMemberDef *member
    cdef bytes doc = kind.data.__doc__.encode()
    cdef object probe = kind(doc)
    cdef size_t offset = sizeof(_Object)  # the first thing that events.pxd declares
    if (<PyObject **>(<char *><PyObject *>probe + offset))[0] != <PyObject *>doc:
        raise SystemError("the data of a message is not where it was expected")
    member = <PyMemberDef *>PyMem_Malloc(sizeof(PyMemberDef))
    if not member:
        raise MemoryError
    _docstrings.append(doc)
    member.name = "data"
    member.type = T_OBJECT_EX
    member.offset = offset
    member.flags = READONLY
    member.doc = doc
    (<dict>(<_Type *>target).tp_dict)["data"] = PyDescr_NewMember(target, member)
    PyType_Modified(target)
