/* lower.c - see lower.h. */
#include "gpu/lower.h"

#include <string.h>

/* ---- memory that is freed at once ------------------------------------------------------------------------------------------- */

typedef struct numc_gpu_chunk {
    struct numc_gpu_chunk *next;
    size_t size, used;
} chunk;

static void *take(numc_gpu_plan *plan, size_t size)
{
    size = (size + 15) & ~(size_t)15;
    chunk *c = plan->memory;
    if (c == NULL || c->used + size > c->size) {
        size_t whole = size + sizeof(chunk) > 16384 ? size + sizeof(chunk) + 16 : 16384;
        c = plan->host->allocate(plan->host->user, NULL, 0, whole);
        if (c == NULL) {
            plan->failed = true;
            return NULL;
        }
        *c = (chunk){plan->memory, whole, (sizeof(chunk) + 15) & ~(size_t)15};
        plan->memory = c;
    }
    void *memory = (char *)c + c->used;
    c->used += size;
    memset(memory, 0, size);
    return memory;
}

void numc_gpu_plan_end(numc_gpu_plan *plan)
{
    for (chunk *c = plan->memory, *next; c != NULL; c = next) {
        next = c->next;
        (void)plan->host->allocate(plan->host->user, c, c->size, 0);
    }
    plan->memory = NULL;
    plan->parts = NULL;
    plan->part_count = plan->part_capacity = 0;
}

/* Room for one more in an array of the plan's memory; NULL when there is none. */
static void *grow(numc_gpu_plan *plan, void *array, uint32_t count, uint32_t *capacity, size_t size)
{
    if (plan->failed)
        return NULL;
    if (count < *capacity)
        return array;
    if (plan->failed) /* what the array held may be lost */
        return NULL;
    uint32_t wanted = *capacity == 0 ? 16 : 2 * *capacity;
    void *grown = take(plan, wanted * size);
    if (grown != NULL && count > 0)
        memcpy(grown, array, count * size);
    if (grown != NULL)
        *capacity = wanted;
    return grown;
}

/* ---- what is known of the source ------------------------------------------------------------------------------------------- */

static bool is_loop(uint32_t kind)
{
    return kind >= NUMC_NODE_PARALLEL && kind <= NUMC_NODE_WHILE;
}

static bool is_argument(uint32_t reduction)
{
    return reduction == NUMC_REDUCTION_ARGMAX || reduction == NUMC_REDUCTION_ARGMIN;
}

/* Operations of a few instructions, worth doing again rather than passing the result through memory. */
static bool is_cheap(uint32_t operation)
{
    return operation == NUMC_SCALAR_CONVERT || (operation >= NUMC_SCALAR_NEGATIVE && operation <= NUMC_SCALAR_RECIPROCAL)
           || (operation >= NUMC_SCALAR_ISNAN && operation <= NUMC_SCALAR_BITWISE_INVERT)
           || (operation >= NUMC_SCALAR_ADD && operation <= NUMC_SCALAR_DIVIDE)
           || (operation >= NUMC_SCALAR_MAXIMUM && operation <= NUMC_SCALAR_COPYSIGN)
           || (operation >= NUMC_SCALAR_EQUAL && operation <= NUMC_SCALAR_BITWISE_RIGHT_SHIFT) || operation == NUMC_SCALAR_WHERE
           || operation == NUMC_SCALAR_FMA;
}

enum { NOWHERE = -1, AGAIN_LIMIT = 12 };

typedef struct lowering {
    numc_gpu_plan *plan;
    const numc_kernel_source *s;
    bool *written;    /* by buffer */
    int32_t *made_by; /* by register: its top-level node, the top-level loop that leaves it behind, or NOWHERE (inside a loop) */
    int32_t *again;   /* by register: nodes it takes to compute again; 0: it cannot be */
    int32_t *home;    /* by register: the part that has it, or NOWHERE while it waits */
    int32_t *slot;    /* by register: its place in the scratch, or NOWHERE */
    int32_t *partial; /* by register of an accumulator: its first array of partial results */
    int32_t *map;     /* by register: its number in the part being written, or NOWHERE */
    int32_t *extents, *accesses, *constants, *buffers; /* by number in the source, likewise */
    uint32_t *waiting; /* top-level nodes, and reductions whose second half is due, in order */
    uint32_t waiting_count;
    int32_t numbers; /* parts begun */
} lowering;

/* The top-level nodes by which registers come to be, and what can be computed again. */
static void survey(lowering *l)
{
    const numc_kernel_source *s = l->s;
    for (uint32_t a = 0; a < s->access_count; a++)
        if (s->accesses[a].writes)
            l->written[s->accesses[a].buffer] = true;
    for (uint32_t i = 0; i < s->node_count; i++) {
        const numc_kernel_node *node = &s->nodes[i];
        if (is_loop(node->kind)) {
            for (uint32_t k = i + 1; k < (uint32_t)node->match; k++) {
                if (is_loop(s->nodes[k].kind))
                    k = (uint32_t)s->nodes[k].match;
                else if (s->nodes[k].kind == NUMC_NODE_ACCUMULATE)
                    l->made_by[s->nodes[k].result] = (int32_t)i;
            }
            i = (uint32_t)node->match;
            continue;
        }
        if (node->result < 0)
            continue;
        l->made_by[node->result] = (int32_t)i;
        int32_t cost = 0;
        if (node->kind == NUMC_NODE_CONSTANT)
            cost = 1;
        else if (node->kind == NUMC_NODE_LOAD && !l->written[s->accesses[node->extent].buffer])
            cost = node->operands[0] < 0 ? 1 : l->again[node->operands[0]] > 0 ? 1 + l->again[node->operands[0]] : 0;
        else if (node->kind == NUMC_NODE_SCALAR && is_cheap(node->operation)) {
            cost = 1;
            for (int k = 0; k < 4 && cost > 0; k++)
                if (node->operands[k] >= 0)
                    cost = l->again[node->operands[k]] > 0 ? cost + l->again[node->operands[k]] : 0;
        }
        l->again[node->result] = cost > AGAIN_LIMIT ? 0 : cost;
    }
}

/* ---- writing a part --------------------------------------------------------------------------------------------------------- */

typedef struct writer {
    lowering *l;
    int32_t number; /* of the part */
    numc_gpu_part part;
    numc_kernel_node *nodes;
    uint32_t *dtypes;
    numc_kernel_access *accesses;
    numc_gpu_number *access_origins, *extents, *constants;
    int32_t *buffers;
    uint32_t node_capacity, dtype_capacity, access_capacity, origin_capacity, extent_capacity, constant_capacity, buffer_capacity;
    int32_t pieces_of;   /* the loop over an extent's pieces around the nodes being copied, or NOWHERE */
    int32_t index_register; /* then what stands for the index of the outermost loop */
    int32_t scratch;     /* its buffer, or NOWHERE */
    numc_kernel_node nowhere; /* written to once memory has run out, never read */
} writer;

#define PUSH(w, array, count, capacity, ...)                                                                               \
    ((array) = grow((w)->l->plan, (array), (count), &(capacity), sizeof *(array)),                                          \
     (array) != NULL && !(w)->l->plan->failed ? ((array)[(count)] = __VA_ARGS__, (int32_t)(count)++) : NOWHERE)

static numc_kernel_node *add_node(writer *w, uint32_t kind)
{
    int32_t at = PUSH(w, w->nodes, w->part.source.node_count, w->node_capacity,
                      (numc_kernel_node){.kind = kind, .result = -1, .operands = {-1, -1, -1, -1}, .extent = -1, .match = -1});
    return at < 0 ? &w->nowhere : &w->nodes[at];
}

static int32_t add_register(writer *w, uint32_t dtype)
{
    return PUSH(w, w->dtypes, w->part.source.register_count, w->dtype_capacity, dtype);
}

static int32_t add_extent(writer *w, numc_gpu_origin origin, int32_t number)
{
    return PUSH(w, w->extents, w->part.source.extent_count, w->extent_capacity, (numc_gpu_number){origin, number, 0});
}

static int32_t add_constant(writer *w, numc_gpu_origin origin, int32_t number)
{
    return PUSH(w, w->constants, w->part.source.constant_count, w->constant_capacity, (numc_gpu_number){origin, number, 0});
}

static int32_t add_buffer(writer *w, int32_t number)
{
    return PUSH(w, w->buffers, w->part.source.buffer_count, w->buffer_capacity, number);
}

static int32_t add_access(writer *w, uint32_t buffer, uint32_t dtype, bool writes, uint32_t contiguity, numc_gpu_number origin)
{
    uint32_t count = w->part.source.access_count;
    (void)PUSH(w, w->access_origins, count, w->origin_capacity, origin);
    return PUSH(w, w->accesses, w->part.source.access_count, w->access_capacity,
                (numc_kernel_access){buffer, dtype, writes, contiguity});
}

static int32_t scratch_access(writer *w, numc_gpu_origin origin, int32_t number, uint32_t dtype, bool writes)
{
    if (w->scratch < 0)
        w->scratch = add_buffer(w, -1);
    return add_access(w, (uint32_t)w->scratch, dtype, writes, NUMC_CONTIGUITY_ANY, (numc_gpu_number){origin, number, 0});
}

static int32_t source_extent(writer *w, int32_t extent)
{
    int32_t *place = &w->l->extents[extent];
    if (*place < 0)
        *place = add_extent(w, NUMC_GPU_ORIGINAL, extent);
    return *place;
}

static int32_t source_access(writer *w, int32_t access)
{
    int32_t *place = &w->l->accesses[access];
    const numc_kernel_access *old = &w->l->s->accesses[access];
    if (*place < 0) {
        int32_t *buffer = &w->l->buffers[old->buffer];
        if (*buffer < 0)
            *buffer = add_buffer(w, (int32_t)old->buffer);
        numc_gpu_number origin = {w->pieces_of < 0 ? NUMC_GPU_ORIGINAL : NUMC_GPU_PIECES, access, w->pieces_of};
        *place = add_access(w, (uint32_t)*buffer, old->dtype, old->writes != 0, old->contiguity, origin);
    }
    return *place;
}

static void begin(writer *w, lowering *l, numc_gpu_part_kind kind)
{
    const numc_kernel_source *s = l->s;
    memset(w, 0, sizeof *w);
    w->l = l;
    w->number = l->numbers++;
    w->part.kind = kind;
    w->pieces_of = w->index_register = w->scratch = NOWHERE;
    memset(l->map, 0xff, s->register_count * sizeof *l->map);
    memset(l->extents, 0xff, s->extent_count * sizeof *l->extents);
    memset(l->accesses, 0xff, s->access_count * sizeof *l->accesses);
    memset(l->constants, 0xff, s->constant_count * sizeof *l->constants);
    memset(l->buffers, 0xff, s->buffer_count * sizeof *l->buffers);
}

static void copy_node(writer *w, uint32_t number, int32_t deeper);

static void store(writer *w, int32_t value, int32_t access, uint32_t dtype)
{
    numc_kernel_node *node = add_node(w, NUMC_NODE_STORE);
    node->operands[0] = value;
    node->extent = access;
    node->dtype = dtype;
}

static int32_t load(writer *w, int32_t access, uint32_t dtype, int32_t gathered)
{
    int32_t result = add_register(w, dtype);
    numc_kernel_node *node = add_node(w, NUMC_NODE_LOAD);
    node->extent = access;
    node->dtype = dtype;
    node->operands[0] = gathered;
    node->result = result;
    return result;
}

/* The number of a source's register in this part: copied already, computed here or again, or read from the scratch. */
static int32_t need(writer *w, int32_t r)
{
    lowering *l = w->l;
    if (r < 0 || l->map[r] >= 0 || l->plan->failed)
        return r < 0 ? r : l->map[r];
    int32_t node = l->made_by[r];
    bool straight = node >= 0 && !is_loop(l->s->nodes[node].kind);
    bool here = l->home[r] == w->number && straight && l->s->nodes[node].kind != NUMC_NODE_CARRY;
    if (here || (l->again[r] > 0 && straight)) {
        copy_node(w, (uint32_t)node, 0);
        return l->map[r];
    }
    if (l->slot[r] < 0)
        l->slot[r] = (int32_t)l->plan->slots++;
    uint32_t dtype = l->s->register_dtypes[r];
    return l->map[r] = load(w, scratch_access(w, NUMC_GPU_SPILL, l->slot[r], dtype, false), dtype, -1);
}

/* One node that is no loop, `deeper` loops further in than in the source. */
static void copy_node(writer *w, uint32_t number, int32_t deeper)
{
    lowering *l = w->l;
    numc_kernel_node node = l->s->nodes[number];
    bool updates = node.kind == NUMC_NODE_UPDATE;
    for (int k = 0; k < 4; k++)
        node.operands[k] = need(w, node.operands[k]);
    if (node.kind == NUMC_NODE_INDEX && w->index_register >= 0 && node.extent == 0) {
        l->map[node.result] = w->index_register;
        return;
    }
    if (node.kind == NUMC_NODE_INDEX)
        node.extent += deeper;
    else if (node.kind == NUMC_NODE_LOAD || node.kind == NUMC_NODE_STORE)
        node.extent = source_access(w, node.extent);
    else if (node.kind == NUMC_NODE_CONSTANT) {
        int32_t *place = &l->constants[node.extent];
        if (*place < 0)
            *place = add_constant(w, NUMC_GPU_ORIGINAL, node.extent);
        node.extent = *place;
    }
    if (node.result >= 0) {
        int32_t old = node.result;
        if (!updates && l->map[old] < 0) { /* several accumulations share no register; a carry starts its own */
            uint32_t dtype = l->s->register_dtypes[old];
            l->map[old] = add_register(w, dtype);
        }
        node.result = l->map[old];
    }
    *add_node(w, node.kind) = node;
}

/* Everything a loop reads from outside comes before it. */
static void need_outside(writer *w, uint32_t loop)
{
    const numc_kernel_source *s = w->l->s;
    for (uint32_t i = loop; i < (uint32_t)s->nodes[loop].match; i++) {
        const numc_kernel_node *node = &s->nodes[i];
        if (node->kind == NUMC_NODE_END)
            continue;
        for (int k = 0; k < 4; k++)
            if (node->operands[k] >= 0 && w->l->made_by[node->operands[k]] >= 0 && w->l->made_by[node->operands[k]] != (int32_t)loop)
                (void)need(w, node->operands[k]);
    }
}

static void open_loop(writer *w, uint32_t kind, int32_t extent, int32_t from)
{
    numc_kernel_node *node = add_node(w, kind);
    node->extent = extent;
    node->operands[0] = from;
}

static void close_loop(writer *w, int32_t open)
{
    int32_t end = (int32_t)w->part.source.node_count;
    numc_kernel_node *node = add_node(w, NUMC_NODE_END);
    node->extent = node->match = open;
    if (!w->l->plan->failed)
        w->nodes[open].match = end;
}

static void copy_loop(writer *w, uint32_t loop, int32_t deeper);

static void copy_body(writer *w, uint32_t loop, int32_t deeper)
{
    const numc_kernel_source *s = w->l->s;
    for (uint32_t i = loop + 1; i < (uint32_t)s->nodes[loop].match && !w->l->plan->failed; i++) {
        if (is_loop(s->nodes[i].kind)) {
            copy_loop(w, i, deeper);
            i = (uint32_t)s->nodes[i].match;
        } else
            copy_node(w, i, deeper);
    }
}

static void copy_loop(writer *w, uint32_t loop, int32_t deeper)
{
    const numc_kernel_node *node = &w->l->s->nodes[loop];
    int32_t open = (int32_t)w->part.source.node_count;
    bool counted = node->kind != NUMC_NODE_WHILE && node->operands[0] < 0;
    open_loop(w, node->kind, counted ? source_extent(w, node->extent) : -1, need(w, node->operands[0]));
    copy_body(w, loop, deeper);
    close_loop(w, open);
}

/* Depth of what was written, and the loops a launch counts. */
static void finish(writer *w)
{
    numc_gpu_part *part = &w->part;
    numc_gpu_plan *plan = w->l->plan;
    const numc_kernel_source *s = w->l->s;
    if (plan->failed || part->source.node_count == 0)
        return;
    numc_kernel_source *made = &part->source;
    made->size = sizeof *made;
    made->level = 3;
    made->nodes = w->nodes;
    made->register_dtypes = w->dtypes;
    made->accesses = w->accesses;
    part->buffers = w->buffers;
    part->extents = w->extents;
    part->accesses = w->access_origins;
    part->constants = w->constants;
    uint32_t depth = 0;
    for (uint32_t i = 0; i < made->node_count; i++) {
        if (is_loop(w->nodes[i].kind) && ++depth > made->depth)
            made->depth = depth;
        depth -= w->nodes[i].kind == NUMC_NODE_END;
        if (w->nodes[i].kind == NUMC_NODE_LOCAL_LOAD || w->nodes[i].kind == NUMC_NODE_LOCAL_STORE) {
            made->local_count = s->local_count;
        }
    }
    if (made->local_count > 0) {
        numc_kernel_local *locals = take(plan, s->local_count * sizeof *locals);
        if (locals == NULL)
            return;
        memcpy(locals, s->locals, s->local_count * sizeof *locals);
        made->locals = locals;
    }
    plan->parts = grow(plan, plan->parts, plan->part_count, &plan->part_capacity, sizeof *plan->parts);
    if (!plan->failed)
        plan->parts[plan->part_count++] = *part;
}

/* ---- flat parts ------------------------------------------------------------------------------------------------------------- */

static bool is_pure(uint32_t kind)
{
    return kind == NUMC_NODE_SCALAR || kind == NUMC_NODE_CONSTANT || kind == NUMC_NODE_INDEX || kind == NUMC_NODE_LOAD;
}

/* As the emitter finds them (numc/backend.h, kernel_emit): parallel loops, each alone in the one around it. */
static void find_flat(numc_gpu_part *part)
{
    const numc_kernel_source *s = &part->source;
    uint32_t from = 0, to = s->node_count;
    bool stores_what_it_loads = false, sequential = false;
    while (part->flat_count < 8 && (s->local_count == 0 || part->flat_count == 0)) {
        uint32_t loop = to, i;
        for (i = from; i < to; i++) {
            if (is_loop(s->nodes[i].kind)) {
                if (loop != to)
                    break;
                loop = i;
                i = (uint32_t)s->nodes[i].match;
            } else if (!is_pure(s->nodes[i].kind))
                break;
        }
        if (i < to || loop == to || s->nodes[loop].kind != NUMC_NODE_PARALLEL || s->nodes[loop].operands[0] >= 0)
            break;
        part->flat_extents[part->flat_count++] = s->nodes[loop].extent;
        from = loop + 1;
        to = (uint32_t)s->nodes[loop].match;
    }
    for (uint32_t i = from; i < to; i++)
        if (is_loop(s->nodes[i].kind)) {
            sequential = sequential || s->nodes[i].kind > NUMC_NODE_REDUCE;
            if (s->nodes[i].kind != NUMC_NODE_WHILE && s->nodes[i].operands[0] < 0 && part->inner_count < 8)
                part->inner_extents[part->inner_count++] = s->nodes[i].extent;
            i = (uint32_t)s->nodes[i].match;
        }
    for (uint32_t a = 0; a < s->access_count; a++)
        for (uint32_t b = 0; b < s->access_count && s->accesses[a].writes; b++)
            stores_what_it_loads |= !s->accesses[b].writes && s->accesses[b].buffer == s->accesses[a].buffer;
    part->groupable = part->flat_count > 0 && part->inner_count > 0 && !sequential && !stores_what_it_loads && s->local_count == 0;
}

static void flat_part(lowering *l, uint32_t loop)
{
    writer w;
    begin(&w, l, NUMC_GPU_FLAT);
    need_outside(&w, loop);
    copy_loop(&w, loop, 0);
    finish(&w);
    if (!l->plan->failed)
        find_flat(&l->plan->parts[l->plan->part_count - 1]);
}

static int32_t add_scalar(writer *w, uint32_t operation, int32_t a, int32_t b)
{
    int32_t result = add_register(w, NUMC_INT64);
    numc_kernel_node *node = add_node(w, NUMC_NODE_SCALAR);
    node->operation = operation;
    node->dtype = NUMC_INT64;
    node->operands[0] = a;
    node->operands[1] = b;
    node->result = result;
    return result;
}

static int32_t add_number(writer *w, numc_gpu_origin origin, int32_t extent)
{
    int32_t constant = add_constant(w, origin, extent), result = add_register(w, NUMC_INT64);
    numc_kernel_node *node = add_node(w, NUMC_NODE_CONSTANT);
    node->extent = constant;
    node->dtype = NUMC_INT64;
    node->result = result;
    return result;
}

static int32_t add_index(writer *w, int32_t depth)
{
    int32_t result = add_register(w, NUMC_INT64);
    numc_kernel_node *node = add_node(w, NUMC_NODE_INDEX);
    node->extent = depth;
    node->dtype = NUMC_INT64;
    node->result = result;
    return result;
}

/* The first half of a reduction: parallel p < count { start = p piece; reduce k < min(piece, n - start) { i = start + k ... } } */
static void pieces_part(lowering *l, uint32_t loop)
{
    const numc_kernel_source *s = l->s;
    int32_t extent = s->nodes[loop].extent;
    writer w;
    begin(&w, l, NUMC_GPU_FLAT);
    need_outside(&w, loop);
    int32_t piece = add_number(&w, NUMC_GPU_PIECE, extent), whole = add_number(&w, NUMC_GPU_EXTENT, extent);
    int32_t outer = (int32_t)w.part.source.node_count;
    open_loop(&w, NUMC_NODE_PARALLEL, add_extent(&w, NUMC_GPU_COUNT, extent), -1);
    int32_t start = add_scalar(&w, NUMC_SCALAR_MULTIPLY, add_index(&w, 0), piece);
    int32_t length = add_scalar(&w, NUMC_SCALAR_MINIMUM, piece, add_scalar(&w, NUMC_SCALAR_SUBTRACT, whole, start));
    int32_t inner = (int32_t)w.part.source.node_count;
    open_loop(&w, NUMC_NODE_REDUCE, -1, length);
    w.pieces_of = extent;
    w.index_register = add_scalar(&w, NUMC_SCALAR_ADD, start, add_index(&w, 1));
    uint32_t first = w.part.source.node_count;
    copy_body(&w, loop, 1);
    uint32_t last = w.part.source.node_count;
    /* beside an argument's reduction one of the extreme itself */
    int32_t extreme[64];
    uint32_t extremes = 0;
    for (uint32_t i = first, depth = 0; i < last && !l->plan->failed; i++) {
        depth += is_loop(w.nodes[i].kind);
        depth -= w.nodes[i].kind == NUMC_NODE_END;
        if (depth > 0 || w.nodes[i].kind != NUMC_NODE_ACCUMULATE || !is_argument(w.nodes[i].operation) || extremes == 64)
            continue;
        numc_kernel_node copy = w.nodes[i];
        copy.operation = copy.operation == NUMC_REDUCTION_ARGMAX ? NUMC_REDUCTION_MAX : NUMC_REDUCTION_MIN;
        extreme[extremes++] = copy.result = add_register(&w, copy.dtype);
        *add_node(&w, NUMC_NODE_ACCUMULATE) = copy;
    }
    close_loop(&w, inner);
    w.pieces_of = NOWHERE;
    extremes = 0;
    for (uint32_t i = loop + 1; i < (uint32_t)s->nodes[loop].match && !l->plan->failed; i++) {
        const numc_kernel_node *node = &s->nodes[i];
        if (is_loop(node->kind)) {
            i = (uint32_t)node->match;
            continue;
        }
        if (node->kind != NUMC_NODE_ACCUMULATE)
            continue;
        uint32_t dtype = s->register_dtypes[node->result];
        int32_t partial = l->partial[node->result] = (int32_t)l->plan->partials;
        l->plan->partials += is_argument(node->operation) ? 2 : 1;
        int32_t value = l->map[node->result];
        if (is_argument(node->operation)) {
            value = add_scalar(&w, NUMC_SCALAR_ADD, value, start);
            store(&w, extreme[extremes++], scratch_access(&w, NUMC_GPU_PARTIAL, partial + 1, node->dtype, true), node->dtype);
        }
        store(&w, value, scratch_access(&w, NUMC_GPU_PARTIAL, partial, dtype, true), dtype);
    }
    close_loop(&w, outer);
    w.part.groupable = w.part.pieces = true;
    w.part.flat_count = 1;
    if (!l->plan->failed)
        w.part.flat_extents[0] = w.nodes[outer].extent;
    finish(&w);
}

/* ---- what stands between ---------------------------------------------------------------------------------------------------- */

/* The second half: reduce p < count over the partial results; an argument is that of the piece which has the extreme first. */
static void finish_reduction(writer *w, uint32_t loop)
{
    lowering *l = w->l;
    const numc_kernel_source *s = l->s;
    int32_t open = (int32_t)w->part.source.node_count;
    open_loop(w, NUMC_NODE_REDUCE, add_extent(w, NUMC_GPU_COUNT, s->nodes[loop].extent), -1);
    for (int pass = 0; pass < 2; pass++) {
        for (uint32_t i = loop + 1; i < (uint32_t)s->nodes[loop].match && !l->plan->failed; i++) {
            const numc_kernel_node *node = &s->nodes[i];
            if (is_loop(node->kind)) {
                i = (uint32_t)node->match;
                continue;
            }
            if (node->kind != NUMC_NODE_ACCUMULATE)
                continue;
            uint32_t dtype = s->register_dtypes[node->result];
            bool argument = is_argument(node->operation);
            int32_t partial = l->partial[node->result];
            if (pass == 0) {
                int32_t value = load(w, scratch_access(w, NUMC_GPU_PARTIAL, argument ? partial + 1 : partial, node->dtype, false),
                                     node->dtype, -1);
                int32_t result = l->map[node->result] = add_register(w, dtype);
                numc_kernel_node *combine = add_node(w, NUMC_NODE_ACCUMULATE);
                combine->operation = node->operation;
                combine->dtype = node->dtype;
                combine->operands[0] = value;
                combine->result = result;
            } else if (argument)
                l->map[node->result] = load(w, scratch_access(w, NUMC_GPU_PARTIAL, partial, dtype, false), dtype,
                                            l->map[node->result]);
        }
        if (pass == 0)
            close_loop(w, open);
    }
}

/* Whether top-level nodes that wait touch memory in ways that keep them apart: in a group every item loads for itself. */
static bool stores_what_it_loads(const lowering *l)
{
    const numc_kernel_source *s = l->s;
    for (uint32_t i = 0; i < l->waiting_count; i++)
        for (uint32_t k = 0; k < l->waiting_count; k++) {
            const numc_kernel_node *a = &s->nodes[l->waiting[i]], *b = &s->nodes[l->waiting[k]];
            if (a->kind == NUMC_NODE_STORE && b->kind == NUMC_NODE_LOAD
                && s->accesses[a->extent].buffer == s->accesses[b->extent].buffer)
                return true;
        }
    return false;
}

static void between_part(lowering *l, numc_gpu_part_kind kind, bool reductions, bool nodes)
{
    const numc_kernel_source *s = l->s;
    writer w;
    begin(&w, l, kind);
    for (uint32_t i = 0; i < l->waiting_count; i++) {
        uint32_t number = l->waiting[i];
        const numc_kernel_node *node = &s->nodes[number];
        if (is_loop(node->kind) ? !reductions : !nodes || node->kind == NUMC_NODE_CARRY)
            continue;
        if (is_loop(node->kind)) {
            for (uint32_t k = number + 1; k < (uint32_t)node->match; k++) {
                if (is_loop(s->nodes[k].kind))
                    k = (uint32_t)s->nodes[k].match;
                else if (s->nodes[k].kind == NUMC_NODE_ACCUMULATE)
                    l->home[s->nodes[k].result] = w.number;
            }
        } else if (node->result >= 0)
            l->home[node->result] = w.number;
    }
    for (uint32_t i = 0; i < l->waiting_count && !l->plan->failed; i++) {
        uint32_t number = l->waiting[i];
        const numc_kernel_node *node = &s->nodes[number];
        if (is_loop(node->kind)) {
            if (reductions)
                finish_reduction(&w, number);
        } else if (nodes && (node->kind == NUMC_NODE_STORE
                             || (node->kind == NUMC_NODE_LOAD && l->written[s->accesses[node->extent].buffer]
                                 && l->map[node->result] < 0)))
            copy_node(&w, number, 0);
    }
    for (uint32_t r = 0; r < s->register_count && !l->plan->failed; r++) { /* what an earlier pass found to be read elsewhere */
        if (l->home[r] != w.number || l->slot[r] < 0 || l->again[r] > 0)
            continue;
        int32_t value = need(&w, (int32_t)r);
        store(&w, value, scratch_access(&w, NUMC_GPU_SPILL, l->slot[r], s->register_dtypes[r], true), s->register_dtypes[r]);
    }
    finish(&w);
}

/* What waits becomes one part, or two. Nodes nobody asks for are left out. */
static void flush(lowering *l)
{
    bool reductions = false, nodes = false;
    for (uint32_t i = 0; i < l->waiting_count; i++) {
        const numc_kernel_node *node = &l->s->nodes[l->waiting[i]];
        reductions = reductions || is_loop(node->kind);
        nodes = nodes || node->kind == NUMC_NODE_STORE || (!is_loop(node->kind) && node->result >= 0 && l->again[node->result] == 0);
    }
    if (reductions && nodes && stores_what_it_loads(l)) {
        between_part(l, NUMC_GPU_GROUP_OF_ONE, true, false);
        between_part(l, NUMC_GPU_ONE, false, true);
    } else if (reductions || nodes)
        between_part(l, reductions ? NUMC_GPU_GROUP_OF_ONE : NUMC_GPU_ONE, reductions, nodes);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < l->waiting_count; i++) /* a carry belongs to its loop */
        if (l->s->nodes[l->waiting[i]].kind == NUMC_NODE_CARRY)
            l->waiting[kept++] = l->waiting[i];
    l->waiting_count = kept;
}

/* Whether a register is, or is computed again from, something that waits. */
static bool waits(const lowering *l, int32_t r)
{
    if (r < 0 || l->made_by[r] < 0 || l->home[r] >= 0 || l->again[r] > 0)
        return false;
    return true;
}

/* A loop comes after what waits when it reads it, or when they touch the same memory. */
static bool comes_after(const lowering *l, uint32_t loop)
{
    const numc_kernel_source *s = l->s;
    for (uint32_t i = loop; i < (uint32_t)s->nodes[loop].match; i++) {
        const numc_kernel_node *node = &s->nodes[i];
        if (node->kind == NUMC_NODE_END)
            continue;
        for (int k = 0; k < 4; k++)
            if (node->operands[k] >= 0 && l->made_by[node->operands[k]] != (int32_t)loop && waits(l, node->operands[k]))
                return true;
        if (node->kind != NUMC_NODE_LOAD && node->kind != NUMC_NODE_STORE)
            continue;
        for (uint32_t k = 0; k < l->waiting_count; k++) {
            const numc_kernel_node *other = &s->nodes[l->waiting[k]];
            if ((other->kind == NUMC_NODE_STORE || (other->kind == NUMC_NODE_LOAD && node->kind == NUMC_NODE_STORE))
                && s->accesses[other->extent].buffer == s->accesses[node->extent].buffer)
                return true;
        }
    }
    return false;
}

/* A loop that runs on one item, with the registers it carries. */
static void one_part(lowering *l, uint32_t loop)
{
    const numc_kernel_source *s = l->s;
    writer w;
    begin(&w, l, NUMC_GPU_ONE);
    uint32_t kept = 0;
    for (uint32_t i = 0; i < l->waiting_count; i++) {
        const numc_kernel_node *node = &s->nodes[l->waiting[i]];
        bool carried = false;
        for (uint32_t k = loop + 1; k < (uint32_t)s->nodes[loop].match; k++)
            carried = carried || (s->nodes[k].kind == NUMC_NODE_UPDATE && s->nodes[k].result == node->result);
        if (node->kind != NUMC_NODE_CARRY || !carried) {
            l->waiting[kept++] = l->waiting[i];
            continue;
        }
        l->home[node->result] = w.number;
        copy_node(&w, l->waiting[i], 0);
    }
    l->waiting_count = kept;
    need_outside(&w, loop);
    copy_loop(&w, loop, 0);
    for (uint32_t i = loop + 1; i < (uint32_t)s->nodes[loop].match; i++)
        if (s->nodes[i].kind == NUMC_NODE_ACCUMULATE && l->made_by[s->nodes[i].result] == (int32_t)loop)
            l->home[s->nodes[i].result] = w.number;
    /* what it leaves behind, whether or not somebody asks: registers cannot be found again once the part is closed */
    for (uint32_t r = 0; r < s->register_count && !l->plan->failed; r++) {
        if (l->home[r] != w.number || l->map[r] < 0)
            continue;
        if (l->slot[r] < 0)
            l->slot[r] = (int32_t)l->plan->slots++;
        store(&w, l->map[r], scratch_access(&w, NUMC_GPU_SPILL, l->slot[r], s->register_dtypes[r], true), s->register_dtypes[r]);
    }
    finish(&w);
}

/* ---- the whole -------------------------------------------------------------------------------------------------------------- */

static void lower(lowering *l)
{
    const numc_kernel_source *s = l->s;
    l->waiting_count = 0;
    l->plan->part_count = l->plan->partials = 0;
    l->numbers = 0;
    memset(l->home, 0xff, s->register_count * sizeof *l->home);
    for (uint32_t i = 0; i < s->node_count && !l->plan->failed; i++) {
        const numc_kernel_node *node = &s->nodes[i];
        if (!is_loop(node->kind)) {
            l->waiting[l->waiting_count++] = i;
            continue;
        }
        bool pieces = node->kind == NUMC_NODE_REDUCE && node->operands[0] < 0;
        bool flat = node->kind == NUMC_NODE_PARALLEL && node->operands[0] < 0;
        if (comes_after(l, i) || (!pieces && !flat))
            flush(l);
        if (flat)
            flat_part(l, i);
        else if (pieces) {
            pieces_part(l, i);
            l->waiting[l->waiting_count++] = i;
        } else
            one_part(l, i);
        i = (uint32_t)node->match;
    }
    flush(l);
}

bool numc_gpu_plan_make(const numc_host *host, const numc_kernel_source *source, numc_gpu_plan *plan)
{
    *plan = (numc_gpu_plan){.host = host, .depth = source->depth};
    lowering l = {.plan = plan, .s = source};
    size_t registers = source->register_count + (size_t)1;
    l.written = take(plan, source->buffer_count + (size_t)1);
    int32_t **arrays[] = {&l.made_by, &l.again, &l.home, &l.slot, &l.partial, &l.map};
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++)
        *arrays[i] = take(plan, registers * sizeof(int32_t));
    l.extents = take(plan, (source->extent_count + (size_t)1) * sizeof(int32_t));
    l.accesses = take(plan, (source->access_count + (size_t)1) * sizeof(int32_t));
    l.constants = take(plan, (source->constant_count + (size_t)1) * sizeof(int32_t));
    l.buffers = take(plan, (source->buffer_count + (size_t)1) * sizeof(int32_t));
    l.waiting = take(plan, (source->node_count + (size_t)1) * sizeof *l.waiting);
    if (plan->failed) {
        numc_gpu_plan_end(plan);
        return false;
    }
    memset(l.made_by, 0xff, registers * sizeof(int32_t));
    memset(l.slot, 0xff, registers * sizeof(int32_t));
    survey(&l);
    uint32_t slots;
    do { /* which registers are read in a part other than their own shows when that part is written */
        slots = plan->slots;
        lower(&l);
    } while (plan->slots != slots && !plan->failed);
    if (plan->failed) {
        numc_gpu_plan_end(plan);
        return false;
    }
    plan->whole = plan->part_count == 1 && plan->parts[0].kind == NUMC_GPU_FLAT;
    return true;
}

/* ---- a launch --------------------------------------------------------------------------------------------------------------- */

static int64_t piece_of(int64_t extent)
{
    int64_t share = (extent + NUMC_GPU_CHUNKS - 1) / NUMC_GPU_CHUNKS;
    return share > NUMC_GPU_CHUNK ? share : NUMC_GPU_CHUNK;
}

static int64_t count_of(int64_t extent)
{
    int64_t piece = piece_of(extent);
    return extent <= piece ? 1 : (extent + piece - 1) / piece;
}

uint64_t numc_gpu_scratch_bytes(const numc_gpu_plan *plan)
{
    return 8 * ((uint64_t)plan->slots + (uint64_t)plan->partials * NUMC_GPU_CHUNKS);
}

uint32_t numc_gpu_word_count(const numc_kernel_source *source)
{
    return source->extent_count + source->access_count * (source->depth + 2) + source->constant_count;
}

static int64_t element_size(uint32_t dtype)
{
    static const uint8_t sizes[NUMC_DTYPE_COUNT] = {
        [NUMC_BOOL] = 1,   [NUMC_INT8] = 1,   [NUMC_INT16] = 2,  [NUMC_INT32] = 4,   [NUMC_INT64] = 8,   [NUMC_UINT8] = 1,
        [NUMC_UINT16] = 2, [NUMC_UINT32] = 4, [NUMC_UINT64] = 8, [NUMC_FLOAT32] = 4, [NUMC_FLOAT64] = 8,
    };
    return sizes[dtype];
}

static int64_t number_of(const numc_gpu_number *number, const numc_kernel_arguments *arguments)
{
    int64_t extent = arguments->extents[number->number];
    switch (number->origin) {
    case NUMC_GPU_COUNT: return count_of(extent);
    case NUMC_GPU_PIECE: return piece_of(extent);
    default: return extent < 0 ? 0 : extent;
    }
}

void numc_gpu_words(const numc_gpu_plan *plan, const numc_gpu_part *part, const numc_kernel_arguments *arguments, int64_t *words)
{
    const numc_kernel_source *s = &part->source;
    int64_t *offsets = words + s->extent_count, *strides = offsets + s->access_count;
    int64_t *constants = strides + s->access_count * (s->depth + 1);
    for (uint32_t e = 0; e < s->extent_count; e++)
        words[e] = number_of(&part->extents[e], arguments);
    for (uint32_t a = 0; a < s->access_count; a++) {
        const numc_gpu_number *origin = &part->accesses[a];
        int64_t *to = strides + a * (s->depth + 1), size = element_size(s->accesses[a].dtype);
        memset(to, 0, (s->depth + 1) * sizeof *to);
        if (origin->origin == NUMC_GPU_SPILL)
            offsets[a] = 8 * origin->number / size;
        else if (origin->origin == NUMC_GPU_PARTIAL) {
            offsets[a] = 8 * ((int64_t)plan->slots + (int64_t)origin->number * NUMC_GPU_CHUNKS) / size;
            to[0] = to[s->depth] = 1; /* by the index of its loop, or by a register */
        } else {
            const int64_t *from = arguments->strides + (uint32_t)origin->number * (plan->depth + 1);
            bool pieces = origin->origin == NUMC_GPU_PIECES;
            offsets[a] = arguments->offsets[origin->number];
            if (pieces)
                to[0] = from[0] * piece_of(arguments->extents[origin->of]);
            for (uint32_t d = 0; d < plan->depth; d++)
                if (d + pieces < s->depth)
                    to[d + pieces] = from[d];
            to[s->depth] = from[plan->depth];
        }
    }
    for (uint32_t c = 0; c < s->constant_count; c++) {
        if (part->constants[c].origin == NUMC_GPU_ORIGINAL)
            memcpy(&constants[c], &arguments->constants[part->constants[c].number], sizeof constants[c]);
        else
            constants[c] = number_of(&part->constants[c], arguments);
    }
}

static int64_t product(int64_t a, int64_t b)
{
    const int64_t most = INT64_C(1) << 60;
    return b <= 0 ? 0 : a > most / b ? most : a * b;
}

int64_t numc_gpu_flat(const numc_gpu_part *part, const int64_t *words, int64_t *inner)
{
    int64_t count = 1;
    *inner = 0;
    for (uint32_t k = 0; k < part->flat_count; k++)
        count = product(count, words[part->flat_extents[k]]);
    for (uint32_t k = 0; k < part->inner_count; k++)
        if (words[part->inner_extents[k]] > *inner)
            *inner = words[part->inner_extents[k]];
    return count;
}

int64_t numc_gpu_work(const numc_kernel_source *source, const int64_t *extents)
{
    const int64_t most = INT64_C(1) << 60;
    int64_t times[64] = {1}, work = 0;
    uint32_t depth = 0;
    for (uint32_t i = 0; i < source->node_count; i++) {
        const numc_kernel_node *node = &source->nodes[i];
        if (is_loop(node->kind)) {
            int64_t extent = node->kind == NUMC_NODE_WHILE || node->operands[0] >= 0 ? 16 : extents[node->extent];
            if (++depth == 64)
                return most;
            times[depth] = product(times[depth - 1], extent);
        } else if (node->kind == NUMC_NODE_END)
            depth--;
        else if ((work += times[depth]) > most)
            return most;
    }
    return work;
}
