/* Template.encode as a function that takes its arguments as an array, which Cython cannot declare. */

#ifndef FIXFAST_TEMPLATE_METHOD_H
#define FIXFAST_TEMPLATE_METHOD_H

#include <Python.h>

static PyMethodDef ff_template_encode = {
    "encode", NULL, METH_FASTCALL | METH_KEYWORDS,
    "Return a whole message.\n\n"
    "Args: one value for each Slot, of the type that its kind says, in the order of `slots`; None leaves it out. Where\n"
    "    the Template has `names`, values may be given by name, and those behind the needed ones left away.\n"
    "Raises: TypeError: another number of values, or another name. EncodeError, EncodeTypeError: name the tag.\n"
};

/* Put a method into a type that is ready, as Cython does with its own; -1 with an exception. Called once, at import. */
static int ff_add_method(PyTypeObject *type, PyMethodDef *method, void *function) {
    PyObject *descriptor;
    int failed;
    method->ml_meth = (PyCFunction)(uintptr_t)function;
    descriptor = PyDescr_NewMethod(type, method);
    failed = descriptor == NULL || PyDict_SetItemString(type->tp_dict, method->ml_name, descriptor) < 0;
    Py_XDECREF(descriptor);
    PyType_Modified(type);
    return failed ? -1 : 0;
}

#endif
