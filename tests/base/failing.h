/* failing.h - for tests: an allocator that fails at the Nth request, knows the size of each block, and counts what is
 * alive. Thread safe. Use: for (long n = 0;; n++) { failing f = failing_at(n); ... if (!f.failed) break; }
 * and check f.blocks == 0 after each pass. NUMC_TEST_EVERY is for backends that take long to come up: of so many requests one
 * fails, at another place among them each time; what is told of failures then divides by failing_every(). */
#ifndef NUMC_TESTS_FAILING_H
#define NUMC_TESTS_FAILING_H

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

typedef struct failing {
    long fail_at;             /* the request (from 0) that fails once; negative: none */
    _Atomic long requests;    /* so far */
    _Atomic long blocks;      /* alive */
    _Atomic long mistakes;    /* blocks given back with another size than they were asked with */
    _Atomic int failed;       /* whether the failure happened */
} failing;

static inline long failing_every(void)
{
    const char *text = getenv("NUMC_TEST_EVERY");
    long every = text != NULL ? strtol(text, NULL, 10) : 1;
    return every > 1 ? every : 1;
}

static inline failing failing_at(long request)
{
    long every = failing_every();
    return (failing){.fail_at = request < 0 ? request : request * every + request % every};
}

/* 16 bytes in front of each block hold its size, and keep the alignment. */
static void *failing_allocate(void *user, void *pointer, size_t old_size, size_t size)
{
    failing *state = user;
    unsigned char *block = pointer == NULL ? NULL : (unsigned char *)pointer - 16;
    if (block != NULL) {
        size_t asked;
        memcpy(&asked, block, sizeof asked);
        if (asked != old_size)
            atomic_fetch_add(&state->mistakes, 1);
    }
    if (size == 0) {
        if (block != NULL) {
            memset(block, 0xdd, 16 + old_size);
            free(block);
            atomic_fetch_sub(&state->blocks, 1);
        }
        return NULL;
    }
    if (atomic_fetch_add(&state->requests, 1) == state->fail_at) {
        atomic_store(&state->failed, 1);
        return NULL;
    }
    unsigned char *result = realloc(block, 16 + size);
    if (result == NULL)
        return NULL;
    if (block == NULL) {
        atomic_fetch_add(&state->blocks, 1);
        memset(result + 16, 0xcd, size); /* nobody may count on zeros */
    }
    memcpy(result, &size, sizeof size);
    return result + 16;
}

#endif
