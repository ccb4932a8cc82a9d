/* containers.c - growing lists with checked sizes; a map from names by open addressing and linear probing. */
#include "base/containers.h"

#include <string.h>

bool numc__list_reserve(numc_core *core, void *items, size_t *capacity, size_t count, size_t extra, size_t size)
{
    if (extra > SIZE_MAX - count)
        return false;
    size_t needed = count + extra;
    if (needed <= *capacity)
        return true;
    size_t larger = *capacity < 8 ? 8 : *capacity + *capacity / 2;
    if (larger < needed)
        larger = needed;
    if (larger > SIZE_MAX / size)
        return false;
    void *pointer; /* the members are pointers of any type, so they are moved as bytes */
    memcpy(&pointer, items, sizeof pointer);
    pointer = numc__core_reallocate(core, pointer, *capacity * size, larger * size);
    if (pointer == NULL)
        return false;
    memcpy(items, &pointer, sizeof pointer);
    *capacity = larger;
    return true;
}

uint64_t numc__hash_bytes(const void *bytes, size_t size)
{
    const unsigned char *byte = bytes;
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < size; i++)
        hash = (hash ^ byte[i]) * 0x100000001b3u;
    return hash;
}

uint64_t numc__hash_name(const char *name)
{
    return numc__hash_bytes(name, strlen(name));
}

void numc__map_begin(numc_map *map, numc_core *core)
{
    *map = (numc_map){.core = core};
}

void numc__map_end(numc_map *map)
{
    for (size_t i = 0; i < map->count; i++)
        numc__core_free(map->core, map->entries[i].name, strlen(map->entries[i].name) + 1);
    numc__core_free(map->core, map->entries, map->capacity * sizeof *map->entries);
    numc__core_free(map->core, map->table, map->table_size * sizeof *map->table);
    *map = (numc_map){.core = map->core};
}

/* The slot that holds the name, or the empty one where it belongs. The table is not full. */
static size_t place(const numc_map *map, const char *name, uint64_t hash)
{
    size_t mask = map->table_size - 1;
    size_t slot = (size_t)(hash ^ hash >> 32) & mask;
    for (; map->table[slot] != 0; slot = (slot + 1) & mask) {
        const numc_map_entry *entry = &map->entries[map->table[slot] - 1];
        if (name != NULL && entry->hash == hash && strcmp(entry->name, name) == 0)
            break;
    }
    return slot;
}

numc_map_entry *numc__map_find(const numc_map *map, const char *name)
{
    if (map->count == 0)
        return NULL;
    size_t slot = place(map, name, numc__hash_name(name));
    return map->table[slot] == 0 ? NULL : &map->entries[map->table[slot] - 1];
}

static bool grow_table(numc_map *map)
{
    if (map->count + 1 <= map->table_size / 4 * 3)
        return true;
    size_t larger = map->table_size == 0 ? 16 : 2 * map->table_size;
    if (larger > UINT32_MAX)
        return false;
    uint32_t *table = numc__core_allocate(map->core, larger * sizeof *table);
    if (table == NULL)
        return false;
    memset(table, 0, larger * sizeof *table);
    numc__core_free(map->core, map->table, map->table_size * sizeof *map->table);
    map->table = table;
    map->table_size = larger;
    for (size_t i = 0; i < map->count; i++)
        table[place(map, NULL, map->entries[i].hash)] = (uint32_t)(i + 1);
    return true;
}

numc_map_entry *numc__map_put(numc_map *map, const char *name, bool *made)
{
    bool dummy;
    if (made == NULL)
        made = &dummy;
    *made = false;
    numc_map_entry *found = numc__map_find(map, name);
    if (found != NULL)
        return found;
    if (!grow_table(map) || !numc__list_reserve(map->core, &map->entries, &map->capacity, map->count, 1,
                                                sizeof *map->entries))
        return NULL;
    size_t size = strlen(name) + 1;
    char *copy = numc__core_allocate(map->core, size);
    if (copy == NULL)
        return NULL;
    memcpy(copy, name, size);
    numc_map_entry *entry = &map->entries[map->count++];
    *entry = (numc_map_entry){.name = copy, .hash = numc__hash_bytes(name, size - 1)};
    map->table[place(map, NULL, entry->hash)] = (uint32_t)map->count;
    *made = true;
    return entry;
}
