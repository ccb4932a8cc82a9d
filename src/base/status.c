/* status.c - the status table as names and sentences. */
#include "numc/base.h"

/* The preprocessor cannot make lower case, so the names are a second list; a test holds it to the table. */
static const char *const names[] = {
    "ok", "reject", "stop", "cancelled", "invalid_argument", "shape", "dtype", "value", "index",
    "memory", "dead_array", "state", "unsupported", "backend", "device", "trace", "site", "support",
    "io", "parse", "initialization", "internal",
};

const char *numc_status_name(numc_status status)
{
    size_t index = (size_t)status;
    return index < sizeof names / sizeof *names ? names[index] : "unknown";
}

/* A switch made by the table: a code used twice does not compile. */
const char *numc_status_sentence(numc_status status)
{
    switch (status) {
#define NUMC_X(code, name, sentence)                                                               \
    case code:                                                                                     \
        return sentence;
        NUMC_STATUS_TABLE(NUMC_X)
#undef NUMC_X
    default:
        return "unknown status";
    }
}
