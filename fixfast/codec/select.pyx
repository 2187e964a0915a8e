# cython: language_level=3, binding=False
"""Which dictionary describes a message: the one it was parsed with, or what a DictionarySet chooses.

The choice goes by BeginString, and for FIXT.1.1 by ApplVerID(1128) and whether the message is the session's; by MsgType
only if the set has something to say about it. Peers choose all of these: what they make us remember is bounded.
"""

from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.stdint cimport uint8_t, uint32_t
from libc.string cimport memcmp, memcpy

cimport cython

from functools import lru_cache

from fixfast.codec.context cimport Context, chosen_context
from fixfast.codec.message cimport Message, view_of
from fixfast.codec.values cimport View, find, text_at

__all__ = ["dictionary_of", "version_assumed"]

cdef enum:
    MAX_KEY = 64                # bytes of a key; BeginString, MsgType and ApplVerID of the standard have 14 together
    MAX_CHOSEN = 256            # keys remembered by one context


@cython.final
@cython.no_gc
cdef class Choice:
    """What was chosen for a key, in one object, so that a reader sees both or neither."""
    cdef bytes key
    cdef Context context


cdef inline uint32_t _append(uint8_t* key, uint32_t n, const View* view, Py_ssize_t i) noexcept:
    """Add the value of a field and a NUL; return the length, more than MAX_KEY if there is no room."""
    cdef const uint32_t* start = <const uint32_t*>view.tags + view.stride + i
    cdef uint32_t length = start[view.stride] - start[0]
    if n + length + 1 > MAX_KEY:
        return MAX_KEY + 1
    memcpy(key + n, view.base + start[0], length)
    key[n + length] = 0
    return n + length + 1


cdef uint32_t _key_of(const View* view, bint by_msg_type, uint8_t* key, bint* session) noexcept:
    """Write what the choice depends on; return its length, more than MAX_KEY if that is odd enough not to remember."""
    cdef uint32_t n = _append(key, 0, view, 0)
    cdef uint32_t start, length
    cdef Py_ssize_t i
    cdef uint8_t kind
    session[0] = False
    if n != 9 or memcmp(key, b"FIXT.1.1", 8):
        # a BeginString that begins with FIXT's and a NUL would have a key of FIXT's
        return MAX_KEY + 1 if n > 9 and not memcmp(key, b"FIXT.1.1\0", 9) else n
    start = (<const uint32_t*>view.tags + view.stride)[2]       # MsgType is the third field
    length = (<const uint32_t*>view.tags + 2 * view.stride)[2] - start
    kind = view.base[start]
    session[0] = length == 1 and (c'0' <= kind <= c'5' or kind == c'A')
    if session[0]:
        return n
    i = 3 if view.n > 3 and view.tags[3] == 1128 else find(view, 3, 1128)
    key[n] = i >= 0
    if i >= 0:
        return _append(key, n + 1, view, i)
    return _append(key, n + 1, view, 2) if by_msg_type else n + 1


cdef Context _choose(Message m):
    """Ask the DictionarySet; see context_for."""
    cdef Context given = m.context
    cdef View view
    cdef Py_ssize_t i
    if given.chooser is None:
        from fixfast.dictionary.versions import DictionarySet

        given.chooser = DictionarySet()
    view_of(m, 0, m.count, &view)
    begin_string = text_at(&view, 0)
    msg_type = text_at(&view, 2)
    i = find(&view, 0, 1128)
    source, assumed, supported = given.chooser.choose(begin_string, msg_type, text_at(&view, i) if i >= 0 else None)
    return chosen_context(source, assumed, supported)


cdef Context _remembered(Message m, const uint8_t* key, uint32_t n, bint session):
    """The choice for a key that is not that of the last message; makes it the last."""
    cdef Context given = m.context
    cdef bytes text = PyBytes_FromStringAndSize(<const char*>key, n)
    cdef object found = given.chosen.get(text)
    cdef Choice choice
    if found is None:
        choice = Choice.__new__(Choice)
        choice.key, choice.context = text, _choose(m)
        # ApplVerIDs that nobody supports can be made up without end.
        if choice.context.supported and len(given.chosen) < MAX_CHOSEN:
            given.chosen[text] = choice
        found = choice
    if session:
        given.last_session = found
    else:
        given.last = found
    return (<Choice>found).context


cdef Context context_for(Message m):
    cdef Context given
    cdef uint8_t[MAX_KEY + 1] key
    cdef View view
    cdef bint session
    cdef uint32_t n
    cdef Choice choice
    view_of(m, 0, m.count, &view)       # refuses a Message that parse() did not make
    given = m.context
    if given.source is not None:
        return given
    n = _key_of(&view, given.by_msg_type, key, &session)
    if n > MAX_KEY:
        return _choose(m)
    # PERF: comparing with the last choice builds no object: 7 ns (FIXT: 12) instead of 60 in a run of one version.
    choice = <Choice>(given.last_session if session else given.last)
    if choice is not None and PyBytes_GET_SIZE(choice.key) == n and not memcmp(PyBytes_AS_STRING(choice.key), key, n):
        return choice.context
    return _remembered(m, key, n, session)


def dictionary_of(Message m not None):
    """Return the Dictionary that describes a message, loaded when first needed; see Message.dictionary."""
    source = context_for(m).source
    return _loaded(source) if isinstance(source, str) else source


def _load(source):
    from fixfast.dictionary.load import load_dictionary

    return load_dictionary(source)


# Pure, as load_dictionary() keeps the standard's. PERF: m.value() asks for each field (380 -> 130 ns).
cdef object _loaded = lru_cache(maxsize=32)(_load)


def version_assumed(Message m not None):
    """Return whether FIX 5.0 SP2 was assumed; see Message.version_assumed."""
    return context_for(m).assumed
