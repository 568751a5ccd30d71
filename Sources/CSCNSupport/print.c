#define _GNU_SOURCE
#include "scn_support.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdio_ext.h>
#include <time.h>

/// Takes a signal that came while it was blocked, unless it was waiting before.
static void drop(int number, const sigset_t *waiting) {
    if (sigismember(waiting, number)) return;
    sigset_t only;
    sigemptyset(&only);
    sigaddset(&only, number);
    const struct timespec now = {0, 0};
    sigtimedwait(&only, NULL, &now);
}

void scn_print_line(const char *text) {
    sigset_t blocked, before, waiting;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGPIPE);
    sigaddset(&blocked, SIGXFSZ);
    sigpending(&waiting);
    pthread_sigmask(SIG_BLOCK, &blocked, &before);
    flockfile(stdout);
    fputs(text, stdout);
    putc_unlocked('\n', stdout);
    // Here and not later, when the host would get the signal.
    int is_lost = fflush(stdout) != 0 && (errno == EPIPE || errno == EFBIG);
    if (is_lost) {
        __fpurge(stdout);
        clearerr(stdout);
    }
    funlockfile(stdout);
    if (is_lost) {
        drop(SIGPIPE, &waiting);
        drop(SIGXFSZ, &waiting);
    }
    pthread_sigmask(SIG_SETMASK, &before, NULL);
}
