/* pieces.h - library text cut into definitions, of which a program gets those it needs (pieces.c): for native code and for devices. */
#ifndef NUMC_KERNEL_PIECES_H
#define NUMC_KERNEL_PIECES_H

#include <stdbool.h>
#include <stddef.h>

typedef struct numc_pieces numc_pieces;
/* As numc_host's: realloc with sizes; NULL without memory, and where the new size is 0. */
typedef void *numc_pieces_allocate(void *user, void *pointer, size_t old_size, size_t size);

/* Of zero-terminated texts, ended by NULL, which have to outlive it. NULL: no memory. */
numc_pieces *numc__pieces_new(numc_pieces_allocate *allocate, void *user, const char *const *texts);
void numc__pieces_end(numc_pieces *pieces); /* or NULL */
/* Hands the pieces that a program needs to `take`, in their order. False: no memory, nothing was taken. Threads may call it at once. */
bool numc__pieces_choose(const numc_pieces *pieces, const char *program, size_t size,
                         void (*take)(void *to, const char *text, size_t size), void *to);

#endif
