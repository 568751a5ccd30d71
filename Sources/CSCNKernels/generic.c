// The portable table: 128-bit vectors, which every x86-64 (SSE2) and AArch64 (NEON) cpu has.
#include "tables.h"

#define TABLE scn_generic_table
#define TABLE_NAME "generic"
#define LANES 4

#if defined(__aarch64__)
#define VECTOR_REGISTERS 32
#define MULTIPLY_ADD(a, b, c) __builtin_elementwise_fma(a, b, c)
#define MULTIPLIES_BY_LANE
#else
#define VECTOR_REGISTERS 16
#define MULTIPLY_ADD(a, b, c) ((a) * (b) + (c))
#endif

// Lanes 0 ..< n, n in 1 ... 3, one by one: these instruction sets have no masked access.
#define LOAD_TAIL(p, n) ((vector){(p)[0], (n) > 1 ? (p)[1] : 0, (n) > 2 ? (p)[2] : 0, 0})
#define STORE_TAIL(p, n, v)            \
    do {                               \
        (p)[0] = (v)[0];               \
        if ((n) > 1) (p)[1] = (v)[1];  \
        if ((n) > 2) (p)[2] = (v)[2];  \
    } while (0)

/// Lane i is lane (p)[i] of v: these instruction sets have no such instruction either.
#define PERMUTE(v, p) ((vector){(v)[(p)[0]], (v)[(p)[1]], (v)[(p)[2]], (v)[(p)[3]]})

#include "families/all.inc"
