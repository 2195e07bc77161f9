/* `Table`, as Python sees it: reads what it is given, and leaves the work to table.c. */
#include "types.h"

#include <stddef.h>
#include <structmember.h>

static bool may_change(TableObject *self) {
    if (self->readers)
        PyErr_SetString(PyExc_RuntimeError, "a table cannot be changed while papers are held against it");
    return self->readers == 0;
}

static PyObject *table_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords) {
    if (PyTuple_GET_SIZE(arguments) || (keywords && PyDict_GET_SIZE(keywords))) {
        PyErr_SetString(PyExc_TypeError, "Table() takes no arguments");
        return NULL;
    }
    TableObject *self = (TableObject *)type->tp_alloc(type, 0);
    if (self == NULL)
        return NULL;
    uint64_t seed = new_seed();
    if (PyErr_Occurred() || !table_begin(&self->data, seed)) {
        if (!PyErr_Occurred())
            PyErr_NoMemory();
        Py_DECREF(self);
        return NULL;
    }
    return (PyObject *)self;
}

static void table_dealloc(TableObject *self) {
    table_end(&self->data);
    Py_TYPE(self)->tp_free(self);
}

/* ---- columns ---------------------------------------------------------------------------------------------------- */

typedef struct {
    const char *name;
    size_t at, size; /* where the array stands in TableData, and the size of an element */
} Column;

enum { COLUMNS = 10 };
#define COLUMN(name) {#name, offsetof(TableData, name), sizeof *((TableData *)0)->name.at}
typedef GROWING(uint8_t) AnyArray; /* all growing arrays have the same shape */

static const Column columns[COLUMNS] = {
    COLUMN(letters), COLUMN(symbols), COLUMN(nodes), COLUMN(endings), COLUMN(terms),
    COLUMN(singles), COLUMN(clauses), COLUMN(tails), COLUMN(added),   COLUMN(queries),
};

static AnyArray *array_of(TableData *table, const Column *column) {
    return (AnyArray *)(void *)((char *)table + column->at);
}

/* ---- terms ------------------------------------------------------------------------------------------------------ */

typedef struct {
    GROWING(Asked) asked;
    GROWING(size_t) ends;
} Rows;

/* A symbol is a tuple of its kind and its word. The word's bytes are borrowed: `rows` must outlive what is read. */
static bool read_symbol(PyObject *symbol, Rows *into) {
    unsigned int kind;
    const char *word;
    Py_ssize_t length;
    if (!PyTuple_Check(symbol) || !PyArg_ParseTuple(symbol, "Iy#", &kind, &word, &length))
        return false;
    if (kind >= KINDS || length > UINT32_MAX) {
        PyErr_SetString(PyExc_ValueError, "no such symbol");
        return false;
    }
    if (!MAKE_ROOM(&into->asked, 1))
        return PyErr_NoMemory() != NULL;
    into->asked.at[into->asked.used++] = (Asked){kind, (uint32_t)length, (const uint8_t *)word};
    return true;
}

static bool read_rows(PyObject *rows, Rows *into) {
    Py_ssize_t number = PyTuple_GET_SIZE(rows);
    if (number < 1 || number > UINT8_MAX) {
        PyErr_SetString(PyExc_ValueError, "a term has 1 to 255 rows");
        return false;
    }
    for (Py_ssize_t i = 0; i < number; i++) {
        PyObject *row = PyTuple_GET_ITEM(rows, i);
        if (!PyTuple_Check(row) || PyTuple_GET_SIZE(row) == 0) {
            PyErr_SetString(PyExc_TypeError, "a row is a tuple of symbols");
            return false;
        }
        for (Py_ssize_t j = 0; j < PyTuple_GET_SIZE(row); j++)
            if (!read_symbol(PyTuple_GET_ITEM(row, j), into))
                return false;
        if (!MAKE_ROOM(&into->ends, 1))
            return PyErr_NoMemory() != NULL;
        into->ends.at[into->ends.used++] = into->asked.used;
    }
    return true;
}

static PyObject *number_or_no_memory(uint32_t number) {
    return number == EMPTY ? PyErr_NoMemory() : PyLong_FromUnsignedLong(number);
}

static PyObject *table_term(TableObject *self, PyObject *arguments) {
    unsigned int scope;
    PyObject *rows;
    float guess;
    if (!PyArg_ParseTuple(arguments, "IO!f", &scope, &PyTuple_Type, &rows, &guess) || !may_change(self))
        return NULL;
    if (scope >= SCOPE_OUTSIDE)
        return PyErr_Format(PyExc_ValueError, "no such scope: %u", scope);
    Rows read = {0};
    PyObject *term = NULL;
    if (read_rows(rows, &read))
        term = number_or_no_memory(
            add_term(&self->data, scope, read.asked.at, read.ends.at, read.ends.used, guess));
    DISCARD(&read.asked);
    DISCARD(&read.ends);
    return term;
}

static PyObject *table_outside(TableObject *self, PyObject *argument) {
    double guess = PyFloat_AsDouble(argument);
    if (PyErr_Occurred() || !may_change(self))
        return NULL;
    return number_or_no_memory(add_outside(&self->data, (float)guess));
}

/* ---- queries ---------------------------------------------------------------------------------------------------- */

static bool read_key(PyObject *bytes, uint64_t key[2]) {
    if (!PyBytes_Check(bytes) || PyBytes_GET_SIZE(bytes) != 16) {
        PyErr_SetString(PyExc_ValueError, "a key has 16 bytes");
        return false;
    }
    memcpy(key, PyBytes_AS_STRING(bytes), 16);
    return true;
}

static PyObject *table_find(TableObject *self, PyObject *argument) {
    uint64_t key[2];
    if (!read_key(argument, key))
        return NULL;
    uint32_t query = find_query(&self->data, key);
    return PyLong_FromLongLong(query == EMPTY ? -1 : (long long)query);
}

/* A clause as it was given: terms[0 : required] are required, the rest are forbidden. */
typedef struct {
    size_t first, required, forbidden;
} Given;

typedef struct {
    Numbers terms;
    GROWING(Given) clauses;
} Clauses;

static bool read_terms(const TableData *table, PyObject *list, Numbers *into, size_t *number) {
    PyObject *terms = PySequence_Fast(list, "terms stand in a sequence");
    if (terms == NULL)
        return false;
    *number = (size_t)PySequence_Fast_GET_SIZE(terms);
    bool good = MAKE_ROOM(into, *number) || PyErr_NoMemory() != NULL;
    for (size_t i = 0; good && i < *number; i++) {
        unsigned long term = PyLong_AsUnsignedLong(PySequence_Fast_GET_ITEM(terms, i));
        good = !PyErr_Occurred();
        if (good && term >= table->terms.used) {
            PyErr_Format(PyExc_ValueError, "no such term: %lu", term);
            good = false;
        }
        if (good)
            into->at[into->used++] = (uint32_t)term;
    }
    Py_DECREF(terms);
    return good;
}

static bool read_clauses(const TableData *table, PyObject *list, Clauses *into) {
    PyObject *clauses = PySequence_Fast(list, "clauses stand in a sequence");
    if (clauses == NULL)
        return false;
    bool good = true;
    for (Py_ssize_t i = 0; good && i < PySequence_Fast_GET_SIZE(clauses); i++) {
        PyObject *required, *forbidden;
        Given clause = {.first = into->terms.used};
        good = PyArg_ParseTuple(PySequence_Fast_GET_ITEM(clauses, i), "OO", &required, &forbidden) &&
               read_terms(table, required, &into->terms, &clause.required) &&
               read_terms(table, forbidden, &into->terms, &clause.forbidden) &&
               (MAKE_ROOM(&into->clauses, 1) || PyErr_NoMemory() != NULL);
        if (good)
            into->clauses.at[into->clauses.used++] = clause;
    }
    Py_DECREF(clauses);
    return good;
}

static PyObject *table_query(TableObject *self, PyObject *arguments) {
    PyObject *key_bytes, *list;
    uint64_t key[2];
    if (!PyArg_ParseTuple(arguments, "OO", &key_bytes, &list) || !may_change(self) || !read_key(key_bytes, key))
        return NULL;
    if (find_query(&self->data, key) != EMPTY)
        return PyErr_Format(PyExc_ValueError, "there is a query of this key already");
    Clauses read = {0};
    PyObject *number = NULL;
    if (read_clauses(&self->data, list, &read)) {
        if (!room_for_query(&self->data, read.clauses.used, read.terms.used)) {
            PyErr_NoMemory();
        } else {
            uint32_t query = add_query(&self->data, key);
            for (size_t i = 0; i < read.clauses.used; i++) {
                const Given *clause = &read.clauses.at[i];
                uint32_t *terms = read.terms.at + clause->first;
                add_clause(&self->data, query, terms, clause->required, terms + clause->required, clause->forbidden);
            }
            number = PyLong_FromUnsignedLong(query);
        }
    }
    DISCARD(&read.terms);
    DISCARD(&read.clauses);
    return number;
}

static PyObject *change_holders(TableObject *self, PyObject *argument, void (*change)(TableData *, uint32_t)) {
    unsigned long query = PyLong_AsUnsignedLong(argument);
    if (PyErr_Occurred() || !may_change(self))
        return NULL;
    if (query >= self->data.queries.used)
        return PyErr_Format(PyExc_ValueError, "no such query: %lu", query);
    change(&self->data, (uint32_t)query);
    Py_RETURN_NONE;
}

static PyObject *table_hold(TableObject *self, PyObject *argument) { return change_holders(self, argument, hold_query); }

static PyObject *table_release(TableObject *self, PyObject *argument) {
    return change_holders(self, argument, release_query);
}

static Py_ssize_t table_length(TableObject *self) { return (Py_ssize_t)self->data.live; }

static PyObject *table_columns(TableObject *self, PyObject *unused) {
    (void)unused;
    PyObject *all = PyDict_New();
    for (size_t i = 0; all && i < COLUMNS; i++) {
        AnyArray *array = array_of(&self->data, &columns[i]);
        PyObject *bytes =
            PyBytes_FromStringAndSize((char *)array->at, (Py_ssize_t)(array->used * columns[i].size));
        if (bytes == NULL || PyDict_SetItemString(all, columns[i].name, bytes) < 0)
            Py_CLEAR(all);
        Py_XDECREF(bytes);
    }
    return all;
}

/* An array as it was given, with room for a sixteenth more: what is added first need not wait for it to be moved. */
static bool read_column(TableData *table, const Column *column, PyObject *all) {
    PyObject *bytes = PyMapping_GetItemString(all, column->name);
    Py_buffer given;
    bool good = bytes && PyObject_GetBuffer(bytes, &given, PyBUF_SIMPLE) == 0;
    Py_XDECREF(bytes);
    if (!good)
        return false;
    size_t number = (size_t)given.len / column->size;
    AnyArray *array = array_of(table, column);
    if ((size_t)given.len % column->size) {
        PyErr_Format(PyExc_ValueError, "%s: not a whole number of records", column->name);
        good = false;
    } else {
        discard((void **)&array->at, &array->used, &array->room);
        good = copy_of((void **)&array->at, &array->used, &array->room, given.buf, number, number / 16, column->size) ||
               PyErr_NoMemory() != NULL;
    }
    PyBuffer_Release(&given);
    return good;
}

static PyObject *table_restored(PyTypeObject *type, PyObject *arguments) {
    PyObject *all;
    unsigned int papers;
    if (!PyArg_ParseTuple(arguments, "OI", &all, &papers))
        return NULL;
    PyObject *nothing = PyTuple_New(0);
    TableObject *self = nothing ? (TableObject *)table_new(type, nothing, NULL) : NULL;
    Py_XDECREF(nothing);
    if (self == NULL)
        return NULL;
    self->data.papers = papers;
    for (size_t i = 0; i < COLUMNS; i++)
        if (!read_column(&self->data, &columns[i], all)) {
            Py_DECREF(self);
            return NULL;
        }
    if (!table_is_sound(&self->data))
        PyErr_SetString(PyExc_ValueError, "the columns do not fit together");
    else if (!table_index(&self->data))
        PyErr_NoMemory();
    else
        return (PyObject *)self;
    Py_DECREF(self);
    return NULL;
}

static PyObject *table_memory(TableObject *self, void *unused) {
    (void)unused;
    size_t bytes = 0;
    for (size_t i = 0; i < COLUMNS; i++)
        bytes += array_of(&self->data, &columns[i])->room * columns[i].size;
    const Places *places[] = {&self->data.symbol_places, &self->data.node_places, &self->data.query_places};
    for (size_t i = 0; i < 3; i++)
        bytes += places[i]->number * (sizeof *places[i]->slots + sizeof *places[i]->tags);
    return PyLong_FromSize_t(bytes + self->data.dead.room * sizeof *self->data.dead.at);
}

static PyObject *table_terms(TableObject *self, void *unused) {
    (void)unused;
    return PyLong_FromSize_t(self->data.terms.used);
}

static PyMethodDef methods[] = {
    {"term", (PyCFunction)table_term, METH_VARARGS, "The term of these rows: term(scope, rows, guess)."},
    {"outside", (PyCFunction)table_outside, METH_O, "A new term that a paper has when it is said so: outside(guess)."},
    {"find", (PyCFunction)table_find, METH_O, "The query of this key, or -1."},
    {"query", (PyCFunction)table_query, METH_VARARGS, "A new query, held by nobody: query(key, clauses)."},
    {"hold", (PyCFunction)table_hold, METH_O, "One profile more holds the query."},
    {"release", (PyCFunction)table_release, METH_O, "One profile less holds it."},
    {"columns", (PyCFunction)table_columns, METH_NOARGS, "Its arrays, as `layout` describes them."},
    {"restored", (PyCFunction)table_restored, METH_VARARGS | METH_CLASS,
     "A table of such arrays, copied: restored(columns, papers). ValueError where they do not fit."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"papers", T_UINT, offsetof(TableObject, data.papers), READONLY, "How many papers it has learned from."},
    {"postings", T_PYSSIZET, offsetof(TableObject, data.postings), READONLY, "Clauses of queries that are held."},
    {NULL, 0, 0, 0, NULL},
};

static PyGetSetDef computed[] = {
    {"memory", (getter)table_memory, NULL, "Bytes that it takes.", NULL},
    {"terms", (getter)table_terms, NULL, "How many terms there are, ALWAYS and NEVER among them.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PySequenceMethods as_sequence = {.sq_length = (lenfunc)table_length};

PyTypeObject TableType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "paperlark.matching.core._core.Table",
    .tp_doc = "Queries, compiled. Changed by one thread, while no other matches.",
    .tp_basicsize = sizeof(TableObject),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = table_new,
    .tp_dealloc = (destructor)table_dealloc,
    .tp_methods = methods,
    .tp_members = members,
    .tp_getset = computed,
    .tp_as_sequence = &as_sequence,
};
