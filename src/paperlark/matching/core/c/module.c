/* The compiled core. `plain.py` says the same in Python; tests hold the two together. */
#include "types.h"

#include <time.h>

/* No text can be written whose words all share one slot, without knowing this. It guards nothing else. */
uint64_t new_seed(void) {
    uint64_t seed = 0;
    PyObject *os = PyImport_ImportModule("os");
    PyObject *drawn = os ? PyObject_CallMethod(os, "urandom", "i", 8) : NULL;
    if (drawn && PyBytes_Check(drawn) && PyBytes_GET_SIZE(drawn) == 8)
        memcpy(&seed, PyBytes_AS_STRING(drawn), 8);
    Py_XDECREF(drawn);
    Py_XDECREF(os);
    return seed;
}

static struct PyModuleDef module = {
    PyModuleDef_HEAD_INIT,
    .m_name = "_core",
    .m_doc = "The compiled matching core.",
    .m_size = -1,
};

PyMODINIT_FUNC PyInit__core(void) {
    if (PyType_Ready(&TableType) < 0 || PyType_Ready(&MatcherType) < 0)
        return NULL;
    PyObject *made = PyModule_Create(&module);
    if (made == NULL)
        return NULL;
    if (PyModule_AddObjectRef(made, "Table", (PyObject *)&TableType) < 0 ||
        PyModule_AddObjectRef(made, "Matcher", (PyObject *)&MatcherType) < 0) {
        Py_DECREF(made);
        return NULL;
    }
    return made;
}
