#include <stdatomic.h>

#include "scn_support.h"

static _Atomic int64_t multiply_adds, hidden_states, rules;
static _Thread_local scn_forward_counts of_thread, published;

/// A sum or difference that wraps around where it runs over, as atomic ones do.
static int64_t sum(int64_t a, int64_t b) { return (int64_t)((uint64_t)a + (uint64_t)b); }
static int64_t difference(int64_t a, int64_t b) { return (int64_t)((uint64_t)a - (uint64_t)b); }

static scn_forward_counts unpublished(void) {
    return (scn_forward_counts){difference(of_thread.multiply_adds, published.multiply_adds),
                                difference(of_thread.hidden_states, published.hidden_states),
                                difference(of_thread.rules, published.rules)};
}

void scn_forward_counts_add(scn_forward_counts counts) {
    of_thread.multiply_adds = sum(of_thread.multiply_adds, counts.multiply_adds);
    of_thread.hidden_states = sum(of_thread.hidden_states, counts.hidden_states);
    of_thread.rules = sum(of_thread.rules, counts.rules);
    if (!scn_transaction_get()) scn_forward_counts_publish();
}

scn_forward_counts scn_forward_counts_of_thread(void) { return of_thread; }
void scn_forward_counts_set_thread(scn_forward_counts counts) { of_thread = counts; }

void scn_forward_counts_publish(void) {
    scn_forward_counts counts = unpublished();
    if (!(counts.multiply_adds | counts.hidden_states | counts.rules)) return;
    atomic_fetch_add(&multiply_adds, counts.multiply_adds);
    atomic_fetch_add(&hidden_states, counts.hidden_states);
    atomic_fetch_add(&rules, counts.rules);
    published = of_thread;
}

scn_forward_counts scn_forward_counts_of_process(void) {
    scn_forward_counts own = unpublished();
    return (scn_forward_counts){sum(atomic_load(&multiply_adds), own.multiply_adds),
                                sum(atomic_load(&hidden_states), own.hidden_states),
                                sum(atomic_load(&rules), own.rules)};
}

// As an addition, so that it belongs to the call that it is a part of, which may be put back.
void scn_forward_counts_set_process(scn_forward_counts counts) {
    scn_forward_counts now = scn_forward_counts_of_process();
    scn_forward_counts_add((scn_forward_counts){difference(counts.multiply_adds, now.multiply_adds),
                                                difference(counts.hidden_states, now.hidden_states),
                                                difference(counts.rules, now.rules)});
}
