/*
 * tilecache._tiles: tiles as objects of Python, and the calls that give them. A loop over tiles that are there spends its
 * time here, so this is C; all else of the binding is Python over tilecache._raw.
 *
 * Of a hit it makes one object, and two more for its array: what the array has as its base, so that it keeps the pixels,
 * and nothing else, whatever becomes of the tile.
 */

#define PY_SSIZE_T_CLEAN
#include <Python.h>
#include <structmember.h>
#define NPY_NO_DEPRECATED_API NPY_1_22_API_VERSION
#include <numpy/arrayobject.h>
#include <tilecache.h>

/* What tile.py and samples.py give once: NumPy and cffi do not run in several interpreters either. */
static PyTypeObject *tile_class;
static PyObject *raise_failure;
#define TYPES 32
static PyArray_Descr *types[TYPES];

/* Gives a tile up. That may release memory that Python has lent, and so run Python, also while an exception is raised. */
static void release(tc_tile *tile)
{
    PyObject *kind, *raised, *place;
    PyErr_Fetch(&kind, &raised, &place);
    tc_tile_release(tile);
    PyErr_Restore(kind, raised, place);
}

/* ---- Pixels: the base of arrays, and what holds a tile during a call that is made by cffi. ---- */

typedef struct {
    PyObject_HEAD
    tc_tile *tile;
} Pixels;

static PyTypeObject *pixels_class;

static void pixels_dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    release(((Pixels *)object)->tile);
    PyObject_Free(object);
    Py_DECREF(type);
}

static PyObject *pixels_address(PyObject *object, void *unused)
{
    (void)unused;
    return PyLong_FromVoidPtr(((Pixels *)object)->tile);
}

static PyGetSetDef pixels_attributes[] = {
    {"address", pixels_address, NULL, "Where the library has the tile.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot pixels_slots[] = {
    {Py_tp_dealloc, pixels_dealloc},
    {Py_tp_getset, pixels_attributes},
    {Py_tp_doc, "A reference to a tile: what arrays over it have as their base."},
    {0, NULL},
};

static PyType_Spec pixels_spec = {
    .name = "tilecache._tiles.Pixels",
    .basicsize = sizeof(Pixels),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_DISALLOW_INSTANTIATION,
    .slots = pixels_slots,
};

/* ---- Tile. ---- */

typedef struct {
    PyObject_HEAD
    tc_tile *tile;    /* NULL once closed; ours until `pixels` has it */
    PyObject *pixels; /* made when it is first needed */
    PyObject *array;  /* made when it is first asked for */
    PyObject *lent;   /* what arrays that have the tile itself as their base look at */
    PyObject *weak;
} Tile;

static void close_tile(Tile *self)
{
    tc_tile *tile = self->tile;
    self->tile = NULL;
    if (self->pixels == NULL && tile != NULL)
        release(tile);
    Py_CLEAR(self->array);
    Py_CLEAR(self->pixels);
}

static void tile_dealloc(PyObject *object)
{
    Tile *self = (Tile *)object;
    PyTypeObject *type = Py_TYPE(object);
    if (self->weak != NULL)
        PyObject_ClearWeakRefs(object);
    close_tile(self);
    Py_CLEAR(self->lent);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

/* A tile for a reference that is now ours. */
static PyObject *owned(tc_tile *tile)
{
    Tile *made = (Tile *)PyType_GenericAlloc(tile_class, 0);
    if (made == NULL)
        release(tile);
    else
        made->tile = tile;
    return (PyObject *)made;
}

/* What says in Python that the tile was closed. */
static PyObject *was_closed(Tile *self)
{
    PyObject *open = PyObject_GetAttrString((PyObject *)self, "_open");
    Py_XDECREF(open);
    return NULL;
}

/* The reference of the tile as an object, which the tile shares from then on. */
static PyObject *pixels_of(Tile *self)
{
    if (self->pixels == NULL) {
        Pixels *made = PyObject_New(Pixels, pixels_class);
        if (made == NULL)
            return NULL;
        made->tile = self->tile;
        self->pixels = (PyObject *)made;
    }
    Py_INCREF(self->pixels);
    return self->pixels;
}

static PyObject *tile_handle(PyObject *object, void *unused)
{
    (void)unused;
    if (((Tile *)object)->tile == NULL)
        Py_RETURN_NONE;
    return pixels_of((Tile *)object);
}

static PyArray_Descr *type_of(const tc_pixels *at)
{
    PyArray_Descr *type = at->dtype > 0 && at->dtype < TYPES ? types[at->dtype] : NULL;
    if (type == NULL)
        PyErr_Format(PyExc_TypeError, "this binding knows no samples of type %d", (int)at->dtype);
    return type;
}

static PyObject *tile_array(PyObject *object, void *unused)
{
    Tile *self = (Tile *)object;
    (void)unused;
    if (self->tile == NULL)
        return was_closed(self);
    if (self->array == NULL) {
        tc_pixels at;
        tc_tile_pixels(self->tile, &at);
        PyArray_Descr *type = type_of(&at);
        PyObject *base = type == NULL ? NULL : pixels_of(self);
        if (base == NULL)
            return NULL;
        npy_intp shape[] = {at.bands, at.height, at.width};
        npy_intp strides[] = {at.band_stride, at.row_stride, PyDataType_ELSIZE(type)};
        Py_INCREF(type);
        /* Without the flag for writing, which nobody can set, for the base cannot be written to. */
        PyObject *array = PyArray_NewFromDescr(&PyArray_Type, type, 3, shape, strides, (void *)at.data, 0, NULL);
        if (array == NULL) {
            Py_DECREF(base);
            return NULL;
        }
        if (PyArray_SetBaseObject((PyArrayObject *)array, base) < 0) {
            Py_DECREF(array);
            return NULL;
        }
        /* Making it may have run the collector, and so anything. */
        if (self->tile == NULL || self->array != NULL)
            return array;
        self->array = array;
    }
    Py_INCREF(self->array);
    return self->array;
}

/* What is told of the pixels, by `which`. */
enum about { SHAPE, DTYPE, WIDTH, HEIGHT, BANDS, VALID_WIDTH, VALID_HEIGHT, ABSENT, ADDRESS };

static PyObject *tile_about(PyObject *object, void *which)
{
    tc_pixels at;
    if (((Tile *)object)->tile == NULL)
        return was_closed((Tile *)object);
    tc_tile_pixels(((Tile *)object)->tile, &at);
    switch ((enum about)(intptr_t)which) {
    case SHAPE:
        return Py_BuildValue("iLL", (int)at.bands, (long long)at.height, (long long)at.width);
    case DTYPE:
        return Py_XNewRef((PyObject *)type_of(&at));
    case WIDTH:
        return PyLong_FromLongLong(at.width);
    case HEIGHT:
        return PyLong_FromLongLong(at.height);
    case BANDS:
        return PyLong_FromLong(at.bands);
    case VALID_WIDTH:
        return PyLong_FromLongLong(at.valid_width);
    case VALID_HEIGHT:
        return PyLong_FromLongLong(at.valid_height);
    case ABSENT:
        return PyBool_FromLong((at.flags & TC_PIXELS_ABSENT) != 0);
    case ADDRESS:
        return PyLong_FromVoidPtr((void *)at.data);
    }
    Py_UNREACHABLE();
}

static PyObject *tile_close(PyObject *object, PyObject *unused)
{
    (void)unused;
    close_tile((Tile *)object);
    Py_RETURN_NONE;
}

static PyObject *tile_is_closed(PyObject *object, void *unused)
{
    (void)unused;
    return PyBool_FromLong(((Tile *)object)->tile == NULL);
}

static PyGetSetDef tile_attributes[] = {
    {"_h", tile_handle, NULL, "What holds the pixels; None once closed.", NULL},
    {"array", tile_array, NULL, "The pixels as a read-only array, without a copy.", NULL},
    {"closed", tile_is_closed, NULL, "Whether it was closed.", NULL},
    {"shape", tile_about, NULL, "Bands, rows and columns.", (void *)SHAPE},
    {"dtype", tile_about, NULL, "The type of the samples.", (void *)DTYPE},
    {"width", tile_about, NULL, "Columns.", (void *)WIDTH},
    {"height", tile_about, NULL, "Rows.", (void *)HEIGHT},
    {"bands", tile_about, NULL, "Bands.", (void *)BANDS},
    {"valid_width", tile_about, NULL, "Columns inside the image: fewer than `width` in a padded tile at an edge.",
     (void *)VALID_WIDTH},
    {"valid_height", tile_about, NULL, "Rows inside the image.", (void *)VALID_HEIGHT},
    {"absent", tile_about, NULL, "Whether nothing was stored here, so that all pixels are pad.", (void *)ABSENT},
    {"address", tile_about, NULL, "Where sample (0, 0) of the first band lies in memory.", (void *)ADDRESS},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyMemberDef tile_members[] = {
    {"_lent", T_OBJECT, offsetof(Tile, lent), 0, "What arrays that have the tile as their base look at."},
    {"__weaklistoffset__", T_PYSSIZET, offsetof(Tile, weak), READONLY, NULL},
    {NULL, 0, 0, 0, NULL},
};

static PyMethodDef tile_methods[] = {
    {"close", tile_close, METH_NOARGS,
     "close($self)\n--\n\nGives the tile up. Arrays over it keep their pixels. Twice is nothing."},
    {NULL, NULL, 0, NULL},
};

static PyType_Slot tile_slots[] = {
    {Py_tp_dealloc, tile_dealloc},
    {Py_tp_getset, tile_attributes},
    {Py_tp_members, tile_members},
    {Py_tp_methods, tile_methods},
    {Py_tp_doc, "What tilecache.Tile has in C."},
    {0, NULL},
};

static PyType_Spec tile_spec = {
    .name = "tilecache._tiles.Tile",
    .basicsize = sizeof(Tile),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = tile_slots,
};

/* ---- Blocks: what gives tiles. ---- */

typedef struct {
    PyObject_HEAD
    PyObject *held; /* the pointer as cffi has it, which releases it; NULL once closed */
    tc_provider *provider;
} Blocks;

static void blocks_dealloc(PyObject *object)
{
    PyTypeObject *type = Py_TYPE(object);
    Py_CLEAR(((Blocks *)object)->held);
    ((freefunc)PyType_GetSlot(type, Py_tp_free))(object);
    Py_DECREF(type);
}

static PyObject *blocks_handle(PyObject *object, void *unused)
{
    PyObject *held = ((Blocks *)object)->held;
    (void)unused;
    if (held == NULL)
        Py_RETURN_NONE;
    Py_INCREF(held);
    return held;
}

static PyObject *blocks_hold(PyObject *object, PyObject *given)
{
    Blocks *self = (Blocks *)object;
    PyObject *held, *address, *before = self->held;
    if (!PyArg_ParseTuple(given, "OO", &held, &address))
        return NULL;
    void *provider = PyLong_AsVoidPtr(address);
    if (provider == NULL) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "there is no provider at 0");
        return NULL;
    }
    Py_INCREF(held);
    self->held = held;
    self->provider = provider;
    Py_XDECREF(before);
    Py_RETURN_NONE;
}

static PyObject *blocks_close(PyObject *object, PyObject *unused)
{
    (void)unused;
    ((Blocks *)object)->provider = NULL;
    Py_CLEAR(((Blocks *)object)->held);
    Py_RETURN_NONE;
}

/* Row, column and level of a call, where it names these and nothing else: 1, else 0. */
static int place_of(PyObject *const *given, Py_ssize_t n, PyObject *names, int64_t place[3])
{
    static const char *const known[] = {"row", "col", "level"};
    const Py_ssize_t named = names == NULL ? 0 : PyTuple_Size(names);
    PyObject *numbers[3] = {NULL, NULL, NULL};
    if (n + named > 3)
        return 0;
    for (Py_ssize_t i = 0; i < n; i++)
        numbers[i] = given[i];
    for (Py_ssize_t i = 0; i < named; i++) {
        PyObject *name = PyTuple_GetItem(names, i);
        int at = 0;
        while (at < 3 && PyUnicode_CompareWithASCIIString(name, known[at]) != 0)
            at++;
        if (at == 3 || numbers[at] != NULL)
            return 0;
        numbers[at] = given[n + i];
    }
    place[2] = 0;
    for (int i = 0; i < 3; i++) {
        if (numbers[i] == NULL) {
            if (i < 2)
                return 0;
            continue;
        }
        PyObject *number = PyNumber_Index(numbers[i]);
        place[i] = number == NULL ? -1 : PyLong_AsLongLong(number);
        Py_XDECREF(number);
        if (place[i] == -1 && PyErr_Occurred()) {
            PyErr_Clear();
            return 0;
        }
    }
    return place[2] == (int32_t)place[2];
}

/* The same method as Python has it, for all that is not said of a block by its place alone. */
static PyObject *in_python(PyObject *self, const char *method, PyObject *const *given, Py_ssize_t n, PyObject *names)
{
    PyObject *made = NULL, *function = PyObject_GetAttrString(self, method);
    PyObject *positional = PyTuple_New(n), *named = PyDict_New();
    if (function == NULL || positional == NULL || named == NULL)
        goto end;
    for (Py_ssize_t i = 0; i < n; i++) {
        Py_INCREF(given[i]);
        PyTuple_SetItem(positional, i, given[i]);
    }
    for (Py_ssize_t i = 0; names != NULL && i < PyTuple_Size(names); i++)
        if (PyDict_SetItem(named, PyTuple_GetItem(names, i), given[n + i]) < 0)
            goto end;
    made = PyObject_Call(function, positional, named);
end:
    Py_XDECREF(function);
    Py_XDECREF(positional);
    Py_XDECREF(named);
    return made;
}

static PyObject *failed(const tc_error *error)
{
    PyObject *address = PyLong_FromVoidPtr((void *)error);
    PyObject *nothing = address == NULL ? NULL : PyObject_CallFunctionObjArgs(raise_failure, address, NULL);
    Py_XDECREF(address);
    if (nothing != NULL) {
        Py_DECREF(nothing);
        PyErr_SetString(PyExc_SystemError, "a failure was not raised");
    }
    return NULL;
}

typedef tc_status (*Call)(tc_provider *, int64_t, int64_t, int32_t, const int32_t *, size_t, tc_tile **, tc_error *);

/* A block by one of three calls. `or_none`: that it is not there is None. */
static PyObject *block(PyObject *object, Call call, int or_none, const char *method, PyObject *const *given, Py_ssize_t n,
                       PyObject *names)
{
    Blocks *self = (Blocks *)object;
    int64_t place[3];
    if (self->provider == NULL || !place_of(given, n, names, place))
        return in_python(object, method, given, n, names);
    tc_provider *provider = self->provider;
    PyObject *held = self->held;
    tc_tile *tile = NULL;
    tc_error error;
    Py_INCREF(held);
    PyThreadState *state = PyEval_SaveThread();
    tc_status status = call(provider, place[0], place[1], (int32_t)place[2], NULL, 0, &tile, &error);
    PyEval_RestoreThread(state);
    Py_DECREF(held);
    if (status == TC_OK)
        return owned(tile);
    if (status == TC_E_NOT_RESIDENT && or_none)
        Py_RETURN_NONE;
    return failed(&error);
}

static PyObject *get_block(PyObject *self, PyObject *const *given, Py_ssize_t n, PyObject *names)
{
    return block(self, provider_get_block, 0, "_get_block", given, n, names);
}

static PyObject *try_block(PyObject *self, PyObject *const *given, Py_ssize_t n, PyObject *names)
{
    return block(self, provider_try_block, 1, "_try_block", given, n, names);
}

static PyObject *peek_block(PyObject *self, PyObject *const *given, Py_ssize_t n, PyObject *names)
{
    return block(self, provider_peek_block, 1, "_peek_block", given, n, names);
}

static PyMethodDef blocks_methods[] = {
    {"get_block", (PyCFunction)(void (*)(void))get_block, METH_FASTCALL | METH_KEYWORDS,
     "get_block($self, row, col, level=0, bands=None)\n--\n\n"
     "A block as a tile: from the cache, from a load that another thread has begun, or decoded now.\n\n"
     "`bands`, from 0, in any order and with repeats; None is all. Other threads of Python run meanwhile."},
    {"try_block", (PyCFunction)(void (*)(void))try_block, METH_FASTCALL | METH_KEYWORDS,
     "try_block($self, row, col, level=0, bands=None)\n--\n\n"
     "A block if it can be had at once, which is a use; None where it would have to be made. Never waits."},
    {"peek_block", (PyCFunction)(void (*)(void))peek_block, METH_FASTCALL | METH_KEYWORDS,
     "peek_block($self, row, col, level=0, bands=None)\n--\n\n`try_block` without being a use."},
    {"close", blocks_close, METH_NOARGS,
     "close($self)\n--\n\n"
     "Gives the reference up. What was made from the provider stays usable. Twice is nothing."},
    {"_hold", blocks_hold, METH_VARARGS, "_hold($self, held, address, /)\n--\n\nTakes a pointer, and what keeps it."},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef blocks_attributes[] = {
    {"_h", blocks_handle, NULL, "The pointer for cffi; None once closed.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot blocks_slots[] = {
    {Py_tp_dealloc, blocks_dealloc},
    {Py_tp_methods, blocks_methods},
    {Py_tp_getset, blocks_attributes},
    {Py_tp_doc, "What providers have in C: the calls that give blocks."},
    {0, NULL},
};

static PyType_Spec blocks_spec = {
    .name = "tilecache._tiles.Blocks",
    .basicsize = sizeof(Blocks),
    .flags = Py_TPFLAGS_DEFAULT | Py_TPFLAGS_BASETYPE,
    .slots = blocks_slots,
};

/* ---- The module. ---- */

static PyObject *owned_at(PyObject *module, PyObject *address)
{
    tc_tile *tile = PyLong_AsVoidPtr(address);
    (void)module;
    if (tile == NULL) {
        if (!PyErr_Occurred())
            PyErr_SetString(PyExc_ValueError, "there is no tile at 0");
        return NULL;
    }
    return owned(tile);
}

static PyObject *set_up(PyObject *module, PyObject *given)
{
    PyObject *class, *dtypes, *failure, *code, *dtype;
    Py_ssize_t at = 0;
    (void)module;
    if (!PyArg_ParseTuple(given, "OO!O", &class, &PyDict_Type, &dtypes, &failure))
        return NULL;
    while (PyDict_Next(dtypes, &at, &code, &dtype)) {
        long number = PyLong_AsLong(code);
        if (number < 0 || number >= TYPES || !PyArray_DescrCheck(dtype)) {
            PyErr_SetString(PyExc_ValueError, "a table of types by their numbers is needed");
            return NULL;
        }
        Py_INCREF(dtype);
        Py_XDECREF((PyObject *)types[number]);
        types[number] = (PyArray_Descr *)dtype;
    }
    Py_INCREF(class);
    tile_class = (PyTypeObject *)class;
    Py_INCREF(failure);
    raise_failure = failure;
    Py_RETURN_NONE;
}

static PyMethodDef functions[] = {
    {"owned", owned_at, METH_O, "owned(address, /)\n--\n\nA tile for a reference that is now ours."},
    {"set_up", set_up, METH_VARARGS,
     "set_up(tile, dtypes, failure, /)\n--\n\n"
     "Tells the class of tiles, the types of samples by their numbers, and what raises the failure of a call."},
    {NULL, NULL, 0, NULL},
};

static struct PyModuleDef definition = {
    PyModuleDef_HEAD_INIT,
    .m_name = "tilecache._tiles",
    .m_doc = "Tiles as objects, and the calls that give them.",
    .m_size = -1,
    .m_methods = functions,
};

PyMODINIT_FUNC PyInit__tiles(void)
{
    import_array();
    PyObject *module = PyModule_Create(&definition);
    if (module == NULL)
        return NULL;
    pixels_class = (PyTypeObject *)PyType_FromSpec(&pixels_spec);
    PyObject *tile = PyType_FromSpec(&tile_spec), *blocks = PyType_FromSpec(&blocks_spec);
    if (pixels_class == NULL || tile == NULL || blocks == NULL || PyModule_AddObjectRef(module, "Tile", tile) < 0 ||
        PyModule_AddObjectRef(module, "Blocks", blocks) < 0) {
        Py_DECREF(module);
        return NULL;
    }
    Py_DECREF(tile);
    Py_DECREF(blocks);
    return module;
}
