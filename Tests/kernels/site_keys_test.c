/* Keys of sites: parts of bits that move, and sorted keys that meet, against loops. */
#include "kernels.h"

static uint64_t random_key(uint64_t *seed) { return (uint64_t)next_random(seed) << 32 | next_random(seed); }

/** `count` keys from `first` on, ascending strictly; the next is one up or, with that chance, up to `gap` more. */
static uint64_t *ascending_keys(int64_t count, uint64_t first, uint32_t percent, uint32_t gap, uint64_t seed) {
    uint64_t *keys = (uint64_t *)edge(count, sizeof *keys), key = first;
    next_random(&seed);
    for (int64_t i = 0; i < count; i++) {
        keys[i] = key;
        key += 1 + (next_random(&seed) % 100 < percent ? next_random(&seed) % gap : 0);
    }
    return keys;
}

/** The outputs, once the delta is added, begin `lead` after the inputs. */
static void match(const scn_kernel_table *table, int64_t inputs, int64_t outputs, uint64_t first, int64_t lead,
                  int64_t delta, uint32_t percent, uint64_t seed) {
    if (!table->match_keys) return;
    begin_case("%lld and %lld keys from %llu on, delta %lld, %u%% gaps", (long long)inputs, (long long)outputs,
               (unsigned long long)first, (long long)delta, (unsigned)percent);
    /* Parts of arrays: some keys before, and one behind. */
    int64_t before_inputs = (int64_t)(seed % 3), before_outputs = (int64_t)(seed % 5);
    int64_t end_input = before_inputs + inputs, end_output = before_outputs + outputs;
    const uint64_t *input = ascending_keys(end_input + 1, first, percent, 6, seed);
    const uint64_t *output = ascending_keys(end_output + 1, first + (uint64_t)(lead - delta), percent, 6, seed + 1);
    int64_t most = (inputs < outputs ? inputs : outputs) + SCN_MATCH_SLACK;
    uint64_t *pairs = (uint64_t *)edge(most, sizeof *pairs);
    int64_t count = table->match_keys(input, before_inputs, end_input, output, before_outputs, end_output,
                                      (uint64_t)delta, pairs);
    int64_t expected = 0, wrong = 0, i = before_inputs;
    for (int64_t o = before_outputs; o < end_output; o++) {
        while (i < end_input && input[i] < output[o] + (uint64_t)delta) i++;
        if (i == end_input || input[i] != output[o] + (uint64_t)delta) continue;
        wrong += expected >= count || pairs[expected] != ((uint64_t)i | (uint64_t)o << 32);
        expected++;
    }
    HOLDS(count == expected && wrong == 0);
    end_case();
}

static void keys_of_all_sizes(const scn_kernel_table *table) {
    static const int64_t sizes[] = {0, 1, 7, 8, 9, 15, 16, 17, 24, 31, 32, 33, 48, 100, 257};
    static const uint32_t gaps[] = {0, 10, 50, 100};
    static const int64_t deltas[] = {0, 1, -3, 40, -40};
    uint64_t seed = 1;
    for (int64_t a = 0; a < COUNT_OF(sizes); a++)
        for (int64_t b = 0; b < COUNT_OF(sizes); b++)
            for (int64_t g = 0; g < COUNT_OF(gaps); g++) {
                int64_t delta = deltas[seed % COUNT_OF(deltas)];
                match(table, sizes[a], sizes[b], 1000, 0, delta, gaps[g], seed++);
                /* Keys are compared without a sign. */
                match(table, sizes[a], sizes[b], UINT64_MAX / 2 - 20, 0, delta, gaps[g], seed++);
                match(table, sizes[a], sizes[b], UINT64_MAX - 5000, 0, delta, gaps[g], seed++);
            }
}

/** One array far beyond the other, and much longer. */
static void arrays_that_hardly_meet(const scn_kernel_table *table) {
    static const int64_t leads[] = {-90000, -900, -20, 20, 900, 90000};
    for (int64_t few = 0; few < 30; few++)
        for (int64_t l = 0; l < COUNT_OF(leads); l++) {
            match(table, few, 3000, 100000, leads[l], 3, 50, (uint64_t)few);
            match(table, 3000, few, 100000, leads[l], 3, 50, (uint64_t)few);
            match(table, 3000, few + 300, 100000, leads[l], -3, 50, (uint64_t)few);
            match(table, few + 300, 3000, 100000, leads[l], -3, 50, (uint64_t)few);
        }
}

/** Fields of bits to other places, as layouts of sites have them, in an array of its own or in their own. */
static void parts_of_keys_move(const scn_kernel_table *table) {
    static const int64_t counts[] = {0, 1, 3, 8, 17, 1023, 1024, 1025, 3000};
    uint64_t seed = 7;
    for (int64_t c = 0; c < COUNT_OF(counts); c++)
        for (int64_t part_count = 1; part_count <= 11; part_count++) {
            begin_case("%lld keys, %lld parts", (long long)counts[c], (long long)part_count);
            scn_key_part parts[11];
            for (int64_t p = 0; p < part_count; p++)
                parts[p] = (scn_key_part){next_random(&seed) % 64, UINT64_MAX >> next_random(&seed) % 64,
                                          next_random(&seed) % 64};
            const uint64_t origin = random_key(&seed), base = random_key(&seed);
            uint64_t *keys = (uint64_t *)edge(counts[c], sizeof *keys);
            uint64_t *want = (uint64_t *)edge(counts[c], sizeof *want);
            uint64_t *moved = part_count == 1 ? keys : (uint64_t *)edge(counts[c], sizeof *moved);
            for (int64_t i = 0; i < counts[c]; i++) {
                keys[i] = random_key(&seed);
                want[i] = base;
                for (int64_t p = 0; p < part_count; p++)
                    want[i] += ((keys[i] - origin) >> parts[p].from & parts[p].mask) << parts[p].to;
            }
            table->move_key_parts(counts[c], keys, origin, base, parts, part_count, moved);
            HOLDS(counts[c] == 0 || memcmp(moved, want, (size_t)counts[c] * sizeof *want) == 0);
            end_case();
        }
}

int main(void) {
    static void (*const tests[])(const scn_kernel_table *) = {keys_of_all_sizes, arrays_that_hardly_meet,
                                                              parts_of_keys_move};
    return run_on_all_tables(tests, COUNT_OF(tests));
}
