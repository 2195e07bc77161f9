/* The two types that Python sees. */
#ifndef PAPERLARK_TYPES_H
#define PAPERLARK_TYPES_H

#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "matcher.h"

typedef struct {
    PyObject_HEAD
    TableData data;
    Py_ssize_t readers; /* matchers at work: as long as there are any, nothing may change */
} TableObject;

extern PyTypeObject TableType, MatcherType;

uint64_t new_seed(void);

#endif
