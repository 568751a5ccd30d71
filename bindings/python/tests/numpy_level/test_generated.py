"""What is generated from scn.h: the functions, structs and numbers that Python calls the library with."""

import ctypes
import sys

import pytest

import scn
from scn._native import generated
from scn._native.library import library


@pytest.fixture(scope="module")
def header(repository):
    path = repository / "include" / "scn.h"
    if not path.exists():
        pytest.skip("not in the repository")
    return path.read_text()


@pytest.fixture(scope="module")
def scripts(repository):
    """The modules that read the header and generate Python's part of it."""
    sys.path.insert(0, str(repository / "scripts" / "build"))
    try:
        import generate_bindings
        import scn_header
    finally:
        del sys.path[0]
    return scn_header, generate_bindings


def test_it_is_generated_from_the_header(header, scripts):
    _, generate_bindings = scripts
    with open(generated.__file__, encoding="utf-8") as file:
        assert file.read() == generate_bindings.generated_text(header)
    assert library.scn_abi_version() == generated.SCN_ABI_VERSION


@pytest.mark.parametrize(
    ("known", "unknown", "complaint"),
    [
        ("int32_t *rank);", "unsigned *rank);", "'unsigned' in 'unsigned \\*rank' is no type"),
        ("int32_t *rank);", "int32_t *rank, ...);", "'...' is no type with a name"),
        ("int32_t *rank);", "int32_t rank[]);", "is no type with a name"),
        ("SCN_API scn_status scn_tensor_rank", "scn_status scn_tensor_rank", "is no form that a declaration has"),
        ("scn_tensor_rank(", "scn_tensor_shape(", "scn_tensor_shape is declared twice"),
        ("SCN_INPUT_LAST = 1,", "SCN_INPUT_LAST,", "is no enumerator with its number"),
        ("SCN_INPUT_LAST = 1,", "SCN_INPUT_SUM = 1,", "SCN_INPUT_SUM is declared twice"),
        (", 1e-4, 0.99, 1, 1.0}", ", 1e-4, 0.99, 1}", "has 3 values behind the size"),
        (", 1e-4, 0.99, 1, 1.0}", ", 1e-4, 0.99, 1, NULL}", "'NULL' is no initial value for leakiness"),
        ("#define SCN_ABI_VERSION 1", "#define SCN_ABI_VERSION (1)", "is no form that a macro has"),
        ("#include <stdint.h>", "#include <stdbool.h>", "is no form that a declaration has"),
        ("} scn_matrix;", "} scn_matrices;", "scn_matrix is called scn_matrices, too"),
        ("SCN_API int32_t scn_abi_version(void);", "SCN_API int32_t scn_abi_version(void)", "line .* is no"),
    ],
)
def test_a_header_that_is_not_understood_is_refused(header, scripts, known, unknown, complaint):
    scn_header, _ = scripts
    assert header.count(known) >= 1
    with pytest.raises(scn_header.NotUnderstood, match=complaint):
        scn_header.parse(header.replace(known, unknown, 1))


def test_structs_begin_with_their_size_and_the_header_s_values():
    options = generated.BatchNormOptions(momentum=0.5)
    assert options.struct_size == ctypes.sizeof(options)
    assert (options.epsilon, options.momentum, options.affine, options.leakiness) == (1e-4, 0.5, 1, 1.0)
    with pytest.raises(TypeError, match="momentun"):
        generated.BatchNormOptions(momentun=0.5)


def test_arguments_have_types():
    matrix, out = generated.Matrix(), ctypes.c_void_p()
    for function, arguments in (
        (library.scn_add_forward, (matrix, generated.Filter(), matrix)),
        (library.scn_manual_seed, ("1",)),
        (library.scn_module_create, (7, ctypes.byref(out))),
        (library.scn_tensor_scale, (None, 1.0, ctypes.byref(ctypes.c_int32()))),
    ):
        with pytest.raises(ctypes.ArgumentError):
            function(*arguments)


def test_statuses_are_those_of_the_header():
    statuses = {getattr(getattr(scn, name), "status", None) for name in scn.__all__} - {None}
    numbers = {value for name, value in vars(generated).items() if name.startswith("SCN_ERROR_")}
    assert statuses == numbers and scn.Error.status == generated.SCN_ERROR_INTERNAL
