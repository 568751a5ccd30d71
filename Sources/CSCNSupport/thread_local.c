#include "scn_support.h"

#include <string.h>

enum { MESSAGE_BYTES = 1024 };

static _Thread_local char last_error[MESSAGE_BYTES];
static _Thread_local int32_t gradient_recording_off;
static _Thread_local int32_t autocast;
static _Thread_local void *transaction;
static _Thread_local void *scope;
static _Thread_local void *forward_observer;
static _Thread_local void *deferred_state;

const char *scn_last_error_get(void) { return last_error; }

void scn_last_error_set(const char *message) {
    size_t length = strlen(message);
    if (length >= MESSAGE_BYTES) {
        length = MESSAGE_BYTES - 1;
        while (length > 0 && ((unsigned char)message[length] & 0xC0) == 0x80) length--;
    }
    memcpy(last_error, message, length);
    last_error[length] = 0;
}

int32_t scn_gradient_recording_get(void) { return !gradient_recording_off; }
void scn_gradient_recording_set(int32_t on) { gradient_recording_off = !on; }
int32_t scn_autocast_get(void) { return autocast; }
void scn_autocast_set(int32_t on) { autocast = on; }

void *scn_transaction_get(void) { return transaction; }
void scn_transaction_set(void *state) { transaction = state; }
void *scn_scope_get(void) { return scope; }
void scn_scope_set(void *innermost) { scope = innermost; }
void *scn_forward_observer_get(void) { return forward_observer; }
void scn_forward_observer_set(void *observer) { forward_observer = observer; }
void *scn_deferred_state_get(void) { return deferred_state; }
void scn_deferred_state_set(void *state) { deferred_state = state; }
