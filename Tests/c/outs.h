/* Where calls store their results: poison() fills all of it before a call, uncleared() says after a call that failed
 * what it left so. Both go by the names below, so that a call is written with them: scn_tensor_sum(tensor,
 * &out_tensor). */
#ifndef SCN_TEST_OUTS_H
#define SCN_TEST_OUTS_H

#include <scn.h>
#include <string.h>

static scn_tensor *out_tensor;
static scn_module *out_module;
static scn_optimizer *out_optimizer;
static scn_geometry *out_geometry;
static scn_rulebook *out_rulebook;
static const char *out_text;
static float *out_data;
static int64_t out_count, out_sizes[16];
static int32_t out_number;
static double out_rate;
static scn_value_kind out_kind;
static scn_element_type out_type;
static const int64_t *out_offsets;
static const int32_t *out_inputs, *out_outputs;

/* An address that is neither NULL nor a handle, and what it points to. */
static float out_poison[1];
static int64_t out_poison_offset[1];

static inline void poison(void) {
    out_tensor = (scn_tensor *)out_poison, out_module = (scn_module *)out_poison,
    out_optimizer = (scn_optimizer *)out_poison;
    out_geometry = (scn_geometry *)out_poison, out_rulebook = (scn_rulebook *)out_poison;
    out_text = "poison", out_data = out_poison, out_offsets = out_poison_offset, out_inputs = out_outputs = &out_number;
    out_count = out_number = out_sizes[0] = 77, out_rate = 77, out_kind = SCN_TENSOR_TABLE, out_type = SCN_FLOAT64;
}

/** Return the first out-parameter named in a call that is neither NULL nor 0; NULL where all are. */
static inline const char *uncleared(const char *call) {
    const struct {
        const char *name;
        int is_clear;
    } outs[] = {{"&out_tensor", !out_tensor},     {"&out_module", !out_module},     {"&out_optimizer", !out_optimizer},
                {"&out_geometry", !out_geometry}, {"&out_rulebook", !out_rulebook}, {"&out_text", !out_text},
                {"&out_data", !out_data},         {"&out_count", !out_count},       {"&out_number", !out_number},
                {"&out_rate", out_rate == 0},     {"&out_kind", !out_kind},         {"&out_offsets", !out_offsets},
                {"&out_inputs", !out_inputs},     {"&out_outputs", !out_outputs},   {"&out_type", !out_type}};
    for (size_t i = 0; i < sizeof outs / sizeof outs[0]; i++)
        if (strstr(call, outs[i].name) && !outs[i].is_clear) return outs[i].name;
    return NULL;
}

#endif
