/* `Matcher`, as Python sees it: reads papers, and lets Python go on while they are matched. */
#include "types.h"

#include <structmember.h>

enum { MOST_WORDS = 200000 }; /* that the vocabulary remembers */

typedef struct {
    PyObject_HEAD
    MatcherData data;
    TableObject *table;
    PyObject *learn;
    bool busy;
} MatcherObject;

static PyObject *matcher_new(PyTypeObject *type, PyObject *arguments, PyObject *keywords) {
    static char *names[] = {"table", "learn", "teaches", "knows", NULL};
    TableObject *table;
    MatcherObject *other = NULL;
    PyObject *learn;
    int teaches = 1;
    if (!PyArg_ParseTupleAndKeywords(arguments, keywords, "O!O|$pO!", names, &TableType, &table, &learn, &teaches,
                                     &MatcherType, &other))
        return NULL;
    if (other && (other->busy || other->table != table)) {
        PyErr_SetString(PyExc_RuntimeError, "what another matcher knows can be had while it is idle, for its own table");
        return NULL;
    }
    uint64_t seed = new_seed();
    MatcherObject *self = PyErr_Occurred() ? NULL : (MatcherObject *)type->tp_alloc(type, 0);
    if (self == NULL)
        return NULL;
    self->table = (TableObject *)Py_NewRef(table);
    self->learn = Py_NewRef(learn);
    if (!matcher_begin(&self->data, &table->data, teaches ? &table->data : NULL,
                       other ? &other->data : NULL, seed)) {
        Py_DECREF(self);
        return PyErr_NoMemory();
    }
    return (PyObject *)self;
}

static void matcher_dealloc(MatcherObject *self) {
    matcher_end(&self->data);
    Py_XDECREF(self->table);
    Py_XDECREF(self->learn);
    Py_TYPE(self)->tp_free(self);
}

/* ---- reading papers --------------------------------------------------------------------------------------------- */

/* Letters are borrowed from the strings; the caller keeps the papers, tuples all the way down, until it is done. */
static bool read_text(MatcherData *matcher, PyObject *text) {
    unsigned int scopes;
    PyObject *said;
    if (!PyTuple_Check(text) || !PyArg_ParseTuple(text, "IO", &scopes, &said))
        return false;
    if (!MAKE_ROOM(&matcher->texts, 1))
        return PyErr_NoMemory() != NULL;
    Text read = {.scopes = scopes};
    if (PyBytes_Check(said)) {
        read.at = (const uint8_t *)PyBytes_AS_STRING(said);
        read.length = (size_t)PyBytes_GET_SIZE(said);
    } else if (PyUnicode_Check(said) && PyUnicode_IS_ASCII(said)) {
        read.at = PyUnicode_1BYTE_DATA(said);
        read.length = (size_t)PyUnicode_GET_LENGTH(said);
        read.plain = true;
    } else {
        PyErr_SetString(PyExc_TypeError, "a text is bytes, or a string of ASCII");
        return false;
    }
    matcher->texts.at[matcher->texts.used++] = read;
    return true;
}

static bool read_code(MatcherData *matcher, PyObject *code) {
    if (!PyBytes_Check(code)) {
        PyErr_SetString(PyExc_TypeError, "a code is bytes");
        return false;
    }
    if (!MAKE_ROOM(&matcher->codes, 1))
        return PyErr_NoMemory() != NULL;
    matcher->codes.at[matcher->codes.used++] =
        (Code){(const uint8_t *)PyBytes_AS_STRING(code), (size_t)PyBytes_GET_SIZE(code)};
    return true;
}

static bool read_outside(MatcherData *matcher, PyObject *number) {
    unsigned long term = PyLong_AsUnsignedLong(number);
    if (PyErr_Occurred())
        return false;
    if (term == NEVER || term >= matcher->table->terms.used) {
        PyErr_Format(PyExc_ValueError, "no such term: %lu", term);
        return false;
    }
    if (!MAKE_ROOM(&matcher->outside, 1))
        return PyErr_NoMemory() != NULL;
    matcher->outside.at[matcher->outside.used++] = (uint32_t)term;
    return true;
}

static bool read_each(MatcherData *matcher, PyObject *tuple, bool (*read)(MatcherData *, PyObject *)) {
    for (Py_ssize_t i = 0; i < PyTuple_GET_SIZE(tuple); i++)
        if (!read(matcher, PyTuple_GET_ITEM(tuple, i)))
            return false;
    return true;
}

static bool read_paper(MatcherData *matcher, PyObject *paper) {
    PyObject *texts, *codes, *outside;
    if (!PyTuple_Check(paper)) {
        PyErr_SetString(PyExc_TypeError, "a paper is a tuple");
        return false;
    }
    if (!PyArg_ParseTuple(paper, "O!O!O!", &PyTuple_Type, &texts, &PyTuple_Type, &codes, &PyTuple_Type, &outside))
        return false;
    PaperData read = {.texts = matcher->texts.used, .codes = matcher->codes.used, .outside = matcher->outside.used};
    if (!read_each(matcher, texts, read_text) || !read_each(matcher, codes, read_code) ||
        !read_each(matcher, outside, read_outside))
        return false;
    if (!MAKE_ROOM(&matcher->papers, 1))
        return PyErr_NoMemory() != NULL;
    read.texts_end = matcher->texts.used;
    read.codes_end = matcher->codes.used;
    read.outside_end = matcher->outside.used;
    matcher->papers.at[matcher->papers.used++] = read;
    return true;
}

/* ---- learning words --------------------------------------------------------------------------------------------- */

static bool learn_one(MatcherData *matcher, uint32_t word, PyObject *learned) {
    const char *folded, *stemmed, *cased;
    Py_ssize_t folded_length, stemmed_length, cased_length;
    if (!PyTuple_Check(learned) || !PyArg_ParseTuple(learned, "y#y#y#", &folded, &folded_length, &stemmed,
                                                     &stemmed_length, &cased, &cased_length))
        return false;
    return learn_word(matcher, word, (const uint8_t *)folded, (size_t)folded_length, (const uint8_t *)stemmed,
                      (size_t)stemmed_length, (const uint8_t *)cased, (size_t)cased_length) ||
           PyErr_NoMemory() != NULL;
}

static PyObject *keys_of(const MatcherData *matcher) {
    PyObject *keys = PyList_New((Py_ssize_t)matcher->unknown.used);
    for (size_t i = 0; keys && i < matcher->unknown.used; i++) {
        const Word *word = &matcher->words.at[matcher->unknown.at[i]];
        PyObject *key = PyBytes_FromStringAndSize((const char *)matcher->letters.at + word->at, word->length);
        if (key == NULL)
            Py_CLEAR(keys);
        else
            PyList_SET_ITEM(keys, (Py_ssize_t)i, key);
    }
    return keys;
}

/* Two or three words of an ordinary paper were never seen before, once some thousands were. */
static bool learn_unknown(MatcherObject *self) {
    MatcherData *matcher = &self->data;
    if (matcher->unknown.used == 0)
        return true;
    PyObject *keys = keys_of(matcher);
    PyObject *learned = keys ? PyObject_CallOneArg(self->learn, keys) : NULL;
    Py_XDECREF(keys);
    if (learned == NULL)
        return false;
    bool good = PyList_Check(learned) && (size_t)PyList_GET_SIZE(learned) == matcher->unknown.used;
    if (!good)
        PyErr_SetString(PyExc_TypeError, "what was learned is a list, as long as the list of words");
    for (size_t i = 0; good && i < matcher->unknown.used; i++)
        good = learn_one(matcher, matcher->unknown.at[i], PyList_GET_ITEM(learned, (Py_ssize_t)i));
    Py_DECREF(learned);
    return good;
}

/* ---- matching --------------------------------------------------------------------------------------------------- */

static PyObject *answers(const MatcherData *matcher) {
    PyObject *all = PyList_New((Py_ssize_t)matcher->papers.used);
    for (size_t i = 0; all && i < matcher->papers.used; i++) {
        const PaperData *paper = &matcher->papers.at[i];
        PyObject *met = PyBytes_FromStringAndSize((const char *)(matcher->met.at + paper->met),
                                                  (Py_ssize_t)((paper->met_end - paper->met) * sizeof(uint32_t)));
        if (met == NULL)
            Py_CLEAR(all);
        else
            PyList_SET_ITEM(all, (Py_ssize_t)i, met);
    }
    return all;
}

static bool without_lock(MatcherData *matcher, bool (*work)(MatcherData *)) {
    bool good;
    Py_BEGIN_ALLOW_THREADS
    good = work(matcher);
    Py_END_ALLOW_THREADS
    if (!good)
        PyErr_NoMemory();
    return good;
}

static PyObject *match_read(MatcherObject *self) {
    MatcherData *matcher = &self->data;
    if (without_lock(matcher, find_words) && learn_unknown(self) && without_lock(matcher, match_papers))
        return answers(matcher);
    /* Words may be left that nobody learned: better to know none. Keeps the first error. */
    PyObject *type, *value, *trace;
    PyErr_Fetch(&type, &value, &trace);
    forget_words(matcher);
    PyErr_Restore(type, value, trace);
    return NULL;
}

static PyObject *matcher_match(MatcherObject *self, PyObject *argument) {
    if (self->busy) {
        PyErr_SetString(PyExc_RuntimeError, "a matcher serves one thread");
        return NULL;
    }
    PyObject *papers = PySequence_Tuple(argument); /* ours alone: nobody can change it meanwhile */
    if (papers == NULL)
        return NULL;
    PyObject *found = NULL;
    self->busy = true;
    self->table->readers++;
    forget_papers(&self->data);
    if (is_too_large(&self->data, MOST_WORDS) && !forget_words(&self->data))
        PyErr_NoMemory();
    else if (read_each(&self->data, papers, read_paper))
        found = match_read(self);
    self->table->readers--;
    self->busy = false;
    Py_DECREF(papers);
    return found;
}

static PyMethodDef methods[] = {
    {"match", (PyCFunction)matcher_match, METH_O,
     "The queries that each paper meets, each once, in no order: places as little-endian 32-bit numbers."},
    {NULL, NULL, 0, NULL},
};

static PyMemberDef members[] = {
    {"examined", T_ULONGLONG, offsetof(MatcherObject, data.examined), READONLY, "Clauses that were looked at so far."},
    {NULL, 0, 0, 0, NULL},
};

PyTypeObject MatcherType = {
    PyVarObject_HEAD_INIT(NULL, 0).tp_name = "paperlark.matching.core._core.Matcher",
    .tp_doc = "Holds papers against a table; with what one thread needs to do so.",
    .tp_basicsize = sizeof(MatcherObject),
    .tp_flags = Py_TPFLAGS_DEFAULT,
    .tp_new = matcher_new,
    .tp_dealloc = (destructor)matcher_dealloc,
    .tp_methods = methods,
    .tp_members = members,
};
