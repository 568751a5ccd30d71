// The products of bfloat16 that cpus have instructions for: AVX512-BF16, and AMX.
#if defined(__x86_64__)
#include <immintrin.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "tables.h"

#define LANES 16
#define LANE_MASK(n) ((__mmask16)((1u << (n)) - 1))
#define LOAD_TAIL(p, n) ((vector)_mm512_maskz_loadu_ps(LANE_MASK(n), p))
#define STORE_TAIL(p, n, v) _mm512_mask_storeu_ps(p, LANE_MASK(n), (__m512)(v))

#define AVX512 "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma"

#pragma clang attribute push(__attribute__((target(AVX512))), apply_to = function)
#include "families/vectors.inc"
#include "families/rules.inc"
#include "bfloat16/products.inc"
#pragma clang attribute pop

#pragma clang attribute push(__attribute__((target(AVX512 ",amx-tile,amx-bf16"))), apply_to = function)
#include "bfloat16/tiles.inc"
#pragma clang attribute pop

#pragma clang attribute push(__attribute__((target(AVX512 ",avx512bf16"))), apply_to = function)
#include "bfloat16/pairs.inc"
#pragma clang attribute pop
#endif
