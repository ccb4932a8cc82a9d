/* internal.h - of src/backend: an opened device's host side, shared by loader, host table and fallbacks. */
#ifndef NUMC_BACKEND_INTERNAL_H
#define NUMC_BACKEND_INTERNAL_H

#include "backend/device.h"

/* Messages a plugin left through host->error, by thread, until numc__device_check takes them. */
enum { NUMC_PLUGIN_MESSAGES = 16, NUMC_PLUGIN_MESSAGE_SIZE = 512 };
typedef struct numc_plugin_message {
    pthread_t thread;
    uint64_t order; /* 0: free; else when it was left, so that the oldest is overwritten first */
    int32_t status;
    char text[NUMC_PLUGIN_MESSAGE_SIZE];
} numc_plugin_message;

typedef struct numc_allocation {
    void *memory;
    uint64_t bytes;
} numc_allocation;

/* `open` comes first: a numc_backend_device is the beginning of its state. host.user is the state. */
typedef struct numc_backend_state {
    numc_backend_device open;
    numc_backend plugin;            /* the plugin's table with its holes */
    const numc_backend *reference;  /* ref's table and a device of it, for fallbacks */
    numc_device *reference_device;
    bool forbid_fallback;
    _Atomic uint64_t logged; /* bit per operation whose fallback was logged */
    pthread_mutex_t lock;    /* guards what follows */
    uint64_t message_count;
    numc_plugin_message messages[NUMC_PLUGIN_MESSAGES];
    numc_allocation *allocations; /* devices whose memory is not the host's: sizes, for fallbacks */
    size_t allocation_count, allocation_capacity;
} numc_backend_state;

/* host.c: takes the calling thread's message ("" when none). */
void numc__host_message(numc_backend_state *state, int32_t status, char *text, size_t size);

/* emit.c: host.kernel_emit. */
int32_t numc__kernel_emit(void *user, const numc_kernel_source *source, uint32_t dialect, const char *name, char **text,
                          uint64_t *text_size);

/* A state without a device, to ask plugins questions; NULL with the error set. */
numc_backend_state *numc__state_new(numc_context *context);
void numc__state_free(numc_core *core, numc_backend_state *state);

/* loader.c: finds the plugin the options or the environment name and copies its table, path and name into the state;
 * opens the device. */
numc_status numc__backend_open(numc_context *context, numc_backend_state *state);

/* fallback.c: fills the holes of state->open.table from state->plugin, once the device is open. */
numc_status numc__fallback_fill(numc_context *context, numc_backend_state *state);
void numc__fallback_end(numc_backend_state *state);

/* An environment variable; NULL in a setuid program, whose environment is the caller's and not to be trusted. */
const char *numc__environment(const char *name);
const char *numc__environment_if(bool trusted, const char *name);

/* environment.c: the variables that the library and its backends look up. A value that is neither a word in quotes of `values` nor of
 * `form` is refused when a device is opened; of a list of folders what is none is ignored, and that is logged. Empty is unset. */
typedef struct numc_variable {
    const char *name;
    bool (*form)(const char *value); /* NULL: only the words */
    const char *values;              /* "it can be ..." */
} numc_variable;
extern const numc_variable numc__variables[]; /* NULL at the end */
bool numc__variable_good(const numc_variable *variable, const char *value);
numc_status numc__environment_check(numc_context *context);

#endif
