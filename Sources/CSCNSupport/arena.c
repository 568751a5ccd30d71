#include "arena.h"

#include <pthread.h>
#include <stdint.h>
#include <sys/mman.h>

#include "scn_support.h"

enum { PAGE = 4096, HEADER = 64 };
static const size_t HUGE_PAGE = (size_t)1 << 21;
/// Addresses cost nothing, so a mapping is long: blocks that end together make one long range.
static const size_t MAPPING = (size_t)1 << 30;
/// What stays in any case when no block is live.
static const size_t IDLE_BYTES = (size_t)64 << 20;
/// Of new pages, before the system is asked again what it has left.
static const size_t MOST_UNASKED = (size_t)256 << 20;
/// A span ends after so many blocks, when what neither it nor the last one used goes back; and when no block is live,
/// when what not both used goes back, sooner or later: work that comes again finds its pages, work that came once
/// leaves none.
enum { SPAN = 4096 };
/// Of spans that end idle: for how many at first, and at most, pages stay that were given back once and needed again.
enum { FIRST_PATIENCE = 4, MOST_PATIENCE = 64 };

typedef struct mapping mapping;

/// A live block or a gap between blocks, at its own beginning; a block's bytes follow.
typedef struct range {
    size_t size;  // of the whole
    int is_live;
    struct range *before, *after;
    struct range *next_gap, *last_gap;  // by address
    mapping *home;
} range;
_Static_assert(sizeof(range) <= HEADER, "a header fits before the block");

struct mapping {
    mapping *next;
    char *start, *end;
    char *touched;        // from here on no page was ever used, or all went back
    char *used[2];        // the furthest end of a block in this span and in the last one
    char *given_back;     // from here on pages went back when no block was live; NULL where none did
    char *peak;           // the furthest end of a block since all touched pages were used
    int spans_below;      // that ended idle since then
    range *gaps;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static mapping *mappings;
static size_t live_blocks, allocations;
static size_t unasked_bytes;  // of new pages, before the system is asked again
static int patience;          // spans that end idle for which pages stay unused

static char *end_of(range *r) { return (char *)r + r->size; }

static void enter(void) {
    scn_fork_gate_enter();
    pthread_mutex_lock(&lock);
}
static void leave(void) {
    pthread_mutex_unlock(&lock);
    scn_fork_gate_leave();
}

static void link_gap(range *gap, range *last, range *next) {
    gap->is_live = 0;
    gap->last_gap = last;
    gap->next_gap = next;
    *(last ? &last->next_gap : &gap->home->gaps) = gap;
    if (next) next->last_gap = gap;
}

static void unlink_gap(range *gap) {
    *(gap->last_gap ? &gap->last_gap->next_gap : &gap->home->gaps) = gap->next_gap;
    if (gap->next_gap) gap->next_gap->last_gap = gap->last_gap;
}

/// The pages from `from` to the mapping's first untouched one go back.
static void give_back(mapping *m, char *from) {
    if (from >= m->touched) return;
    madvise(from, (size_t)(m->touched - from), MADV_DONTNEED);
    m->touched = from;
}

/// Where the gap at the end of the mapping, if there is one, has pages without its header.
static char *tail_of(mapping *m) {
    range *last = m->gaps;
    while (last && last->next_gap) last = last->next_gap;
    return last && end_of(last) == m->end ? (char *)last + PAGE : m->end;
}

static char *larger(char *a, char *b) { return a > b ? a : b; }
static char *smaller(char *a, char *b) { return a < b ? a : b; }

static mapping *map(size_t size) {
    size_t length = size + HUGE_PAGE;
    char *pages = mmap(NULL, length, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (pages == MAP_FAILED) return NULL;
    char *start = (char *)(((uintptr_t)pages + HUGE_PAGE - 1) & ~(uintptr_t)(HUGE_PAGE - 1));
    if (start > pages) munmap(pages, (size_t)(start - pages));
    if (start - pages < (ptrdiff_t)HUGE_PAGE) munmap(start + size, HUGE_PAGE - (size_t)(start - pages));
    // Rows are gathered from all over a large block: fewer, larger pages make that faster.
    madvise(start, size, MADV_HUGEPAGE);
    // The mapping's own description takes its first page.
    mapping *m = (mapping *)start;
    *m = (mapping){.start = start, .end = start + size, .touched = start + PAGE};
    range *gap = (range *)(start + PAGE);
    *gap = (range){.size = size - PAGE, .home = m};
    link_gap(gap, NULL, NULL);
    mapping **place = &mappings;
    while (*place) place = &(*place)->next;
    *place = m;
    return m;
}

/// The mappings without a live block go back, addresses and all: a limit on those (`ulimit -v`) counts them.
static void unmap_empty(void) {
    for (mapping **place = &mappings; *place;) {
        mapping *m = *place;
        if (m->gaps && end_of(m->gaps) == m->end && (char *)m->gaps == m->start + PAGE) {
            *place = m->next;
            munmap(m->start, (size_t)(m->end - m->start));
        } else {
            place = &m->next;
        }
    }
}

/// The smallest gap that holds `size` bytes, the first of several.
static range *find_gap(size_t size) {
    range *best = NULL;
    for (mapping *m = mappings; m; m = m->next)
        for (range *gap = m->gaps; gap; gap = gap->next_gap)
            if (gap->size >= size && (!best || gap->size < best->size)) best = gap;
    return best;
}

static range *gap_for(size_t size) {
    range *gap = find_gap(size);
    if (gap) return gap;
    size_t length = (size + PAGE + HUGE_PAGE - 1) & ~(HUGE_PAGE - 1);
    mapping *m = length < MAPPING ? map(MAPPING) : NULL;
    if (!m) m = map(length);
    if (!m) {
        unmap_empty();
        m = map(length);
    }
    return m ? m->gaps : NULL;
}

static void take(range *gap, size_t size) {
    mapping *m = gap->home;
    range *last = gap->last_gap, *next = gap->next_gap;
    unlink_gap(gap);
    if (gap->size > size) {
        range *rest = (range *)((char *)gap + size);
        *rest = (range){.size = gap->size - size, .before = gap, .after = gap->after, .home = m};
        if (rest->after) rest->after->before = rest;
        gap->after = rest;
        gap->size = size;
        link_gap(rest, last, next);
    }
    gap->is_live = 1;
    m->touched = larger(m->touched, end_of(gap));
    m->used[0] = larger(m->used[0], end_of(gap));
    live_blocks++;
}

static void end_span(void) {
    for (mapping *m = mappings; m; m = m->next) {
        give_back(m, larger(tail_of(m), larger(m->used[0], m->used[1])));
        m->used[1] = m->used[0];
        m->used[0] = m->start;
        // Those that live on are used in this span too.
        for (range *r = (range *)(m->start + PAGE); r; r = r->after)
            if (r->is_live) m->used[0] = end_of(r);
    }
}

/// Gives the pages of what is free back to the system.
static void trim(void) {
    for (mapping *m = mappings; m; m = m->next) {
        give_back(m, tail_of(m));
        for (range *gap = m->gaps; gap; gap = gap->next_gap)
            if (gap->size > PAGE) madvise((char *)gap + PAGE, gap->size - PAGE, MADV_DONTNEED);
    }
}

/// Whether the system has so many bytes for pages that were not in use. To ask takes a fraction of a millisecond, so it
/// is asked again when an eighth of what was left is used.
static int has_new_pages(size_t bytes, uint64_t (*bytes_left)(void)) {
    if (bytes > unasked_bytes) {
        uint64_t left = bytes_left();
        if (left < bytes) {
            trim();
            left = bytes_left();
        }
        if (left < bytes) return 0;
        uint64_t share = (left - bytes) / 8;
        unasked_bytes = bytes + (share < MOST_UNASKED ? (size_t)share : MOST_UNASKED);
    }
    unasked_bytes -= bytes;
    return 1;
}

void *arena_allocate(size_t bytes, uint64_t (*bytes_left)(void)) {
    if (bytes > SIZE_MAX / 4) return NULL;
    size_t size = (bytes + HEADER + PAGE - 1) / PAGE * PAGE;
    enter();
    range *gap = gap_for(size);
    if (gap) {
        mapping *m = gap->home;
        char *end = (char *)gap + size, *clean = larger((char *)gap, m->touched);
        if (end > clean && !has_new_pages((size_t)(end - clean), bytes_left)) gap = NULL;
    }
    if (gap) {
        take(gap, size);
        if (++allocations % SPAN == 0) end_span();
    }
    leave();
    return gap ? (char *)gap + HEADER : NULL;
}

/// Makes one gap of two neighbors.
static void merge(range *gap, range *with) {
    gap->size += with->size;
    gap->after = with->after;
    if (gap->after) gap->after->before = gap;
    unlink_gap(with);
}

/// Whether the pages that a mapping used before this span, and not in it, should wait: work of two sizes that comes in
/// turns, such as training and evaluation, would otherwise find its pages gone each time.
static int are_pages_awaited(mapping *m) {
    if (m->given_back && m->used[0] > m->given_back) {
        patience = patience ? 2 * patience : FIRST_PATIENCE;
        if (patience > MOST_PATIENCE) patience = MOST_PATIENCE;
        m->given_back = NULL;
    }
    if (m->used[0] >= m->touched) {
        m->peak = m->start;
        m->spans_below = 0;
        return patience > 0;
    }
    m->peak = larger(m->peak, m->used[0]);
    return ++m->spans_below <= patience;
}

/// When no block is live.
static void end_idle(void) {
    size_t kept = IDLE_BYTES;
    for (mapping *m = mappings; m; m = m->next) {
        size_t length = (size_t)(m->touched - m->start);
        char *limit = length > kept ? m->start + kept : m->touched;
        kept -= length < kept ? length : kept;
        limit = larger(tail_of(m), larger(limit, smaller(m->used[0], m->used[1])));
        if (!are_pages_awaited(m)) {
            if (patience > 0) limit = larger(limit, m->peak);
            if (limit < m->touched) m->given_back = limit;
            give_back(m, limit);
            m->peak = m->start;
            m->spans_below = 0;
        }
        m->used[1] = m->used[0];
        m->used[0] = m->start;
    }
    allocations = 0;
}

void arena_free(void *block) {
    range *r = (range *)((char *)block - HEADER);
    enter();
    mapping *m = r->home;
    range *last = NULL, *next = m->gaps;
    while (next && next < r) {
        last = next;
        next = next->next_gap;
    }
    link_gap(r, last, next);
    if (next && r->after == next) merge(r, next);
    if (last && last->after == r) merge(last, r);
    if (--live_blocks == 0) end_idle();
    leave();
}

/// What is still in use stays where it is: the host may read from it.
__attribute__((destructor)) static void at_unload(void) {
    if (pthread_mutex_trylock(&lock) != 0) return;
    trim();
    unmap_empty();
    pthread_mutex_unlock(&lock);
}
