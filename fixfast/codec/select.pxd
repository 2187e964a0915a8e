# Which dictionary describes a message.

from fixfast.codec.context cimport Context
from fixfast.codec.message cimport Message

# The Context whose `source` describes this message. Raises DictionaryError: none does (BeginString is unknown).
cdef Context context_for(Message m)
