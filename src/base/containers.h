/* containers.h - internal: a growable array of any type, and a map from names to pointers or integers. */
#ifndef NUMC_BASE_CONTAINERS_H
#define NUMC_BASE_CONTAINERS_H

#include "base/context.h"

/* A list is any struct with these members; all zero is an empty list.
 *     NUMC_LIST(int64_t) axes = {0};
 *     if (!NUMC_LIST_RESERVE(core, &axes, 1)) ... out of memory
 *     axes.items[axes.count++] = 3;
 *     NUMC_LIST_END(core, &axes); */
#define NUMC_LIST(type)                                                                            \
    struct {                                                                                       \
        type *items;                                                                               \
        size_t count, capacity;                                                                    \
    }
/* Room for `extra` more items: true, or false when there is no memory (the list is as it was). */
#define NUMC_LIST_RESERVE(core, list, extra)                                                       \
    numc__list_reserve((core), &(list)->items, &(list)->capacity, (list)->count, (extra), sizeof *(list)->items)
#define NUMC_LIST_END(core, list)                                                                  \
    (numc__core_free((core), (list)->items, (list)->capacity * sizeof *(list)->items),             \
     (list)->items = NULL, (list)->count = (list)->capacity = 0)
/* `items` is the address of the pointer to the items. */
bool numc__list_reserve(numc_core *core, void *items, size_t *capacity, size_t count, size_t extra, size_t size);

/* Names to values, in the order of first insertion; names are copied. Nothing is removed. Iterate over entries[0 .. count-1];
 * their addresses change when the map grows. */
typedef struct numc_map_entry {
    char *name;
    uint64_t hash;
    union {
        void *pointer;
        int64_t integer;
    } value;
} numc_map_entry;

typedef struct numc_map {
    numc_core *core;
    numc_map_entry *entries;
    size_t count, capacity;
    uint32_t *table; /* entry number + 1, or 0; open addressing, table_size is a power of two above 4/3 count */
    size_t table_size;
} numc_map;

void numc__map_begin(numc_map *map, numc_core *core);
void numc__map_end(numc_map *map); /* frees; values are the caller's */
/* NULL when the name is not there. */
numc_map_entry *numc__map_find(const numc_map *map, const char *name);
/* The entry of the name, made with a zero value when it was not there (`*made`, which may be NULL, tells). NULL: no memory. */
numc_map_entry *numc__map_put(numc_map *map, const char *name, bool *made);

/* 64-bit FNV-1a, the same on every machine: also for keys that are stored or folded into random keys. */
uint64_t numc__hash_bytes(const void *bytes, size_t size);
uint64_t numc__hash_name(const char *name);

#endif
