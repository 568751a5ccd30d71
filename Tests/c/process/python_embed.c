/* A C program that embeds Python: a tensor made in C is worked on in Python and one made in Python is read in C, each
 * at the address where it was made: no copy.
 *
 * `import scn` must find the package (PYTHONPATH), and the package this program's library (SCN_LIBRARY): one library,
 * one table of handles. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "check.h"

static const char work_in_python[] =
    "import numpy, scn\n"
    "from scn._native.handles import TensorHandle\n"
    "\n"
    "given = scn.Tensor._of(TensorHandle(given_handle))\n"
    "array = given.numpy()\n"
    "assert array.shape == (2, 3) and array.dtype == numpy.float32, (array.shape, array.dtype)\n"
    "assert array.ctypes.data == given_data, 'numpy sees a copy'\n"
    "array *= 2\n"
    "array[1, 2] = -7\n"
    "(given * given).sum().backward()\n"
    "\n"
    "made = scn.tensor([[1.0, 2.0], [3.0, 4.0]])\n"
    "made_handle = made._native_handle()._as_parameter_\n"
    "made_data = made.numpy().ctypes.data\n";

static const char look_again[] = "assert made.numpy()[0, 1] == 20, made\n";

static const char leave_python[] = "del given, array, made\nimport gc\ngc.collect()\n";

static int run(const char *text, PyObject *names) {
    PyObject *result = PyRun_String(text, Py_file_input, names, names);
    if (!result) PyErr_Print();
    Py_XDECREF(result);
    return result != NULL;
}

static void *address_named(PyObject *names, const char *name) {
    PyObject *number = PyDict_GetItemString(names, name);
    return number ? PyLong_AsVoidPtr(number) : NULL;
}

static void name_address(PyObject *names, const char *name, void *address) {
    PyObject *number = PyLong_FromVoidPtr(address);
    CHECK(number && PyDict_SetItemString(names, name, number) == 0);
    Py_XDECREF(number);
}

static void count_release(void *context) { ++*(int *)context; }

static void share_tensors(void) {
    const int64_t shape[] = {2, 3};
    float values[] = {1, 2, 3, 4, 5, 6};
    const float doubled[] = {2, 4, 6, 8, 10, -7}, gradients[] = {4, 8, 12, 16, 20, -14};
    int released = 0;
    scn_tensor *given = NULL, *gradient = NULL, *made = NULL;
    float *data = NULL;
    PyObject *names = PyDict_New();
    CHECK(names && PyDict_SetItemString(names, "__builtins__", PyEval_GetBuiltins()) == 0);
    OK(scn_tensor_borrow(shape, 2, values, count_release, &released, &given));
    OK(scn_tensor_set_requires_gradient(given, 1));
    OK(scn_tensor_retain(given)); /* the reference that Python takes over */
    name_address(names, "given_handle", given);
    name_address(names, "given_data", values);
    if (CHECK(run(work_in_python, names))) {
        CHECK(memcmp(values, doubled, sizeof values) == 0);
        OK(scn_tensor_gradient(given, &gradient));
        OK(scn_tensor_data(gradient, &data));
        CHECK(data && memcmp(data, gradients, sizeof gradients) == 0);
        OK(scn_tensor_release(gradient));

        made = (scn_tensor *)address_named(names, "made_handle");
        OK(scn_tensor_retain(made));
        OK(scn_tensor_data(made, &data));
        CHECK(data && data == address_named(names, "made_data") && data[3] == 4);
        if (data) data[1] = 20;
        CHECK(run(look_again, names));
        CHECK(run(leave_python, names));
        CHECK(data && data[1] == 20 && released == 0);
        OK(scn_tensor_release(made));
    }
    OK(scn_tensor_release(given));
    CHECK(released == 1);
    Py_XDECREF(names);
}

int main(void) {
    Py_InitializeEx(0);
    share_tensors();
    CHECK(Py_FinalizeEx() == 0);
    CHECK(scn_live_handles() == 0);
    return finish();
}
