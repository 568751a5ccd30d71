#include <stdatomic.h>

#include "scn_support.h"

static _Atomic int64_t multiply_adds, hidden_states, rules;
static _Thread_local scn_forward_counts of_thread;

/// A sum that wraps around where it runs over, as atomic ones do.
static int64_t sum(int64_t a, int64_t b) { return (int64_t)((uint64_t)a + (uint64_t)b); }

void scn_forward_counts_add(scn_forward_counts counts) {
    of_thread.multiply_adds = sum(of_thread.multiply_adds, counts.multiply_adds);
    of_thread.hidden_states = sum(of_thread.hidden_states, counts.hidden_states);
    of_thread.rules = sum(of_thread.rules, counts.rules);
    atomic_fetch_add(&multiply_adds, counts.multiply_adds);
    atomic_fetch_add(&hidden_states, counts.hidden_states);
    atomic_fetch_add(&rules, counts.rules);
}

scn_forward_counts scn_forward_counts_of_thread(void) { return of_thread; }

scn_forward_counts scn_forward_counts_of_process(void) {
    return (scn_forward_counts){atomic_load(&multiply_adds), atomic_load(&hidden_states), atomic_load(&rules)};
}

void scn_forward_counts_set_process(scn_forward_counts counts) {
    atomic_store(&multiply_adds, counts.multiply_adds);
    atomic_store(&hidden_states, counts.hidden_states);
    atomic_store(&rules, counts.rules);
}
