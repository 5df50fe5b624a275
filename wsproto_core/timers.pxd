cdef class Timers:
    cdef bint _any_data, _has_untaken
    cdef double _arrival, _last_timeout
    cdef public double clock
    cdef object _deadline, _pings, _role, _state, _timeouts, _timer, _waiting
    cdef readonly object latency

    cpdef enter(self, state)
    cpdef stop(self)
    cdef _start(self, timer, double since)
    cpdef next_deadline(self)
    cpdef passed(self)
    cpdef error(self, timer)
    cpdef bint admit(self, what) except -1
    cpdef take(self)
    cdef _begin(self, double moment, what)
    cpdef note_ping(self, bytes payload)
    cpdef note_keepalive(self, bytes payload)


cpdef double as_time(now) except? -1
