/* A value of a message as a str. */
#ifndef FF_TEXT_H
#define FF_TEXT_H

#include <Python.h>
#include <stdint.h>
#include <string.h>

/* UTF-8, bytes that are none as surrogates: what PyUnicode_DecodeUTF8(..., "surrogateescape") gives.
 *
 * PERF: most values are 4 to 16 ASCII characters; these are tested and copied as two words that may overlap, without a
 * byte of what is beside them: 5 of 20 ns. One character is a str that Python has already. */
static inline PyObject *ff_text(const uint8_t *p, Py_ssize_t n) {
    const uint64_t high = 0x8080808080808080u;
#ifndef PYPY_VERSION
    if (n >= 8 && n <= 16) {
        uint64_t words[2];
        memcpy(&words[0], p, 8);
        memcpy(&words[1], p + n - 8, 8);
        if (!((words[0] | words[1]) & high)) {
            PyObject *text = PyUnicode_New(n, 127);
            if (text) {
                memcpy(PyUnicode_1BYTE_DATA(text), &words[0], 8);
                memcpy(PyUnicode_1BYTE_DATA(text) + n - 8, &words[1], 8);
            }
            return text;
        }
    } else if (n >= 4 && n < 8) {
        uint32_t words[2];
        memcpy(&words[0], p, 4);
        memcpy(&words[1], p + n - 4, 4);
        if (!((words[0] | words[1]) & (uint32_t)high)) {
            PyObject *text = PyUnicode_New(n, 127);
            if (text) {
                memcpy(PyUnicode_1BYTE_DATA(text), &words[0], 4);
                memcpy(PyUnicode_1BYTE_DATA(text) + n - 4, &words[1], 4);
            }
            return text;
        }
    }
#endif
    return PyUnicode_DecodeUTF8((const char *)p, n, "surrogateescape");
}

#endif
