/* cache.c - programs by graph: what a model and the models bound from it share. */
#include <string.h>

#include "compile/program.h"

enum { CACHE_SIZE = 8 };

typedef struct cached {
    numc_graph *graph;
    numc_program *program;
    bool *data; /* a flag per input */
} cached;

struct numc_program_cache {
    numc_core *core;
    _Atomic int64_t references;
    pthread_mutex_t lock;
    cached entries[CACHE_SIZE]; /* the oldest is overwritten */
    int32_t count, next;
};

numc_program_cache *numc__program_cache_new(numc_context *context)
{
    numc_program_cache *cache = numc__allocate_zero(context, 1, sizeof *cache);
    if (cache == NULL)
        return NULL;
    if (pthread_mutex_init(&cache->lock, NULL) != 0) {
        numc__free(context, cache, sizeof *cache);
        numc__fail(context, NUMC_MEMORY, "no lock for a program cache");
        return NULL;
    }
    cache->core = context->core;
    cache->references = 1;
    return cache;
}

numc_program_cache *numc__program_cache_keep(numc_program_cache *cache)
{
    atomic_fetch_add(&cache->references, 1);
    return cache;
}

static void drop(numc_program_cache *cache, cached *entry)
{
    numc__core_free(cache->core, entry->data, (size_t)entry->graph->input_count + 1);
    numc__program_release(entry->program);
    numc__graph_release(entry->graph);
}

void numc__program_cache_release(numc_program_cache *cache)
{
    if (cache == NULL || atomic_fetch_sub(&cache->references, 1) != 1)
        return;
    for (int32_t k = 0; k < cache->count; k++)
        drop(cache, &cache->entries[k]);
    pthread_mutex_destroy(&cache->lock);
    numc__core_free(cache->core, cache, sizeof *cache);
}

static numc_program *find(const numc_program_cache *cache, const numc_graph *graph, const bool *data)
{
    for (int32_t k = 0; k < cache->count; k++) {
        const cached *entry = &cache->entries[k];
        if (numc__graph_equal(entry->graph, graph) && memcmp(entry->data, data, (size_t)graph->input_count) == 0)
            return numc__program_keep(entry->program);
    }
    return NULL;
}

numc_program *numc__program_shared(numc_context *context, numc_program_cache *cache, numc_graph *graph,
                                   const numc_program_options *options)
{
    if (cache == NULL || graph == NULL || options == NULL || options->data == NULL)
        return numc__program_new(context, graph, options);
    pthread_mutex_lock(&cache->lock);
    numc_program *program = find(cache, graph, options->data);
    pthread_mutex_unlock(&cache->lock);
    if (program != NULL)
        return program;
    program = numc__program_new(context, graph, options);
    size_t flags = (size_t)graph->input_count;
    bool *data = program == NULL ? NULL : numc__core_allocate(cache->core, flags + 1);
    if (data == NULL) /* not kept, but made */
        return program;
    memcpy(data, options->data, flags);
    pthread_mutex_lock(&cache->lock);
    cached *entry = &cache->entries[cache->next];
    if (cache->next < cache->count)
        drop(cache, entry);
    else
        cache->count++;
    *entry = (cached){numc__graph_keep(graph), numc__program_keep(program), data};
    cache->next = (cache->next + 1) % CACHE_SIZE;
    pthread_mutex_unlock(&cache->lock);
    return program;
}
