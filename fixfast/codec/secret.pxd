# Whether bytes hold a secret, as has_secrets().

cdef bint holds_secrets(object buf) except -1
