// The table for AVX-512 (F, VL, BW, DQ): 512-bit vectors, 32 registers.
#if defined(__x86_64__)
#include <immintrin.h>
#include <math.h>
#include <string.h>

#include "tables.h"

#define TABLE scn_avx512_table
#define TABLE_NAME "avx512"
#define LANES 16
#define VECTOR_REGISTERS 32
#define HAS_AVX512
#define MULTIPLY_ADD(a, b, c) __builtin_elementwise_fma(a, b, c)

#define LANE_MASK(n) ((__mmask16)((1u << (n)) - 1))
#define LOAD_TAIL(p, n) ((vector)_mm512_maskz_loadu_ps(LANE_MASK(n), p))
#define STORE_TAIL(p, n, v) _mm512_mask_storeu_ps(p, LANE_MASK(n), (__m512)(v))
/// Lane i is lane (p)[i] of v.
#define PERMUTE(v, p) ((vector)_mm512_permutexvar_ps((__m512i)(p), (__m512)(v)))

#pragma clang attribute push(__attribute__((target("avx512f,avx512vl,avx512bw,avx512dq,avx2,fma"))), \
                             apply_to = function)
#include "families/all.inc"
#pragma clang attribute pop
#endif
