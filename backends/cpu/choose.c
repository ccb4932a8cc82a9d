/* choose.c - decisions of a plan: which registers vary along a loop, whether it may be and is best a vector loop, and which loads and
 * stores of it may touch the same element. */
#include "plan.h"

/* Which registers vary inside loop `v`, by repetition because of carried registers. */
static void mark_varying(builder *b, int32_t v)
{
    const numc_kernel *kernel = b->kernel;
    const int32_t end = kernel->nodes[v].match, depth = kernel->facts[v].depth;
    for (uint32_t r = 0; r < kernel->register_count; ++r)
        b->bindings[r].varying = false;
    for (bool changed = true; changed;) {
        changed = false;
        for (int32_t i = v + 1; i < end; ++i) {
            const numc_kernel_node *node = &kernel->nodes[i];
            bool varying = false;
            switch (node->kind) {
            case NUMC_NODE_SCALAR:
                for (uint32_t k = 0; k < kernel->facts[i].arity; ++k)
                    varying = varying || b->bindings[node->operands[k]].varying;
                break;
            case NUMC_NODE_INDEX: varying = node->extent == depth; break;
            case NUMC_NODE_LOAD:
                varying = stride_of(b, i, depth) != 0 ||
                          (node->operands[0] >= 0 && b->bindings[node->operands[0]].varying);
                break;
            case NUMC_NODE_ACCUMULATE:
                varying = kernel->facts[i].parent != v && b->bindings[node->operands[0]].varying;
                break;
            case NUMC_NODE_CARRY:
            case NUMC_NODE_UPDATE: varying = b->bindings[node->operands[0]].varying; break;
            case NUMC_NODE_LOCAL_LOAD:
                varying = b->bindings[node->operands[0]].varying || b->local_blocks[node->extent] >= 0;
                break;
            default: continue;
            }
            if (varying && node->result >= 0 && !b->bindings[node->result].varying) {
                b->bindings[node->result].varying = true;
                changed = true;
            }
        }
    }
}

/* Local arrays inside loop v: written at uniform indices only, they are private to each iteration and become blocks
 * (local_blocks 0 or more); written at varying indices only, or never, they stay shared. Anything else: not a vector loop. */
static bool locals_allow(builder *b, int32_t v)
{
    const numc_kernel *kernel = b->kernel;
    const int32_t end = kernel->nodes[v].match;
    for (uint32_t l = 0; l < kernel->local_count; ++l)
        b->local_blocks[l] = -1;
    if (kernel->local_count == 0)
        return true;
    /* first the indices as if all locals were shared, then again with the private ones */
    mark_varying(b, v);
    for (uint32_t l = 0; l < kernel->local_count; ++l) {
        bool uniform_store = false, varying_store = false, varying_load = false, outside = false;
        for (int32_t i = 0; i < (int32_t)kernel->node_count; ++i) {
            const numc_kernel_node *node = &kernel->nodes[i];
            if ((node->kind != NUMC_NODE_LOCAL_LOAD && node->kind != NUMC_NODE_LOCAL_STORE) ||
                node->extent != (int32_t)l)
                continue;
            if (i < v || i > end) {
                outside = true;
                continue;
            }
            const bool varying = b->bindings[node->operands[0]].varying;
            if (node->kind == NUMC_NODE_LOCAL_STORE) {
                varying_store = varying_store || varying;
                uniform_store = uniform_store || !varying;
            } else {
                varying_load = varying_load || varying;
            }
        }
        if (!uniform_store)
            continue;
        if (varying_store || varying_load || outside)
            return false;
        b->local_blocks[l] = 0;
    }
    mark_varying(b, v);
    for (int32_t i = v + 1; i < end; ++i) {
        const numc_kernel_node *node = &kernel->nodes[i];
        if ((node->kind == NUMC_NODE_LOCAL_LOAD || node->kind == NUMC_NODE_LOCAL_STORE) &&
            b->local_blocks[node->extent] >= 0 && b->bindings[node->operands[0]].varying)
            return false;
    }
    return true;
}

/* Marks varying registers; false where the loop cannot be a vector loop. */
bool numc_cpu_vector_allowed(builder *b, int32_t v)
{
    const numc_kernel *kernel = b->kernel;
    const int32_t end = kernel->nodes[v].match;
    if (kernel->nodes[v].kind != NUMC_NODE_PARALLEL && kernel->nodes[v].kind != NUMC_NODE_REDUCE)
        return false;
    if (!locals_allow(b, v))
        return false;
    mark_varying(b, v);
    for (int32_t i = v + 1; i < end; ++i) {
        const numc_kernel_node *node = &kernel->nodes[i];
        if (node->kind == NUMC_NODE_WHILE)
            return false;
        if (numc_cpu_is_loop(node->kind) && node->operands[0] >= 0 && b->bindings[node->operands[0]].varying)
            return false;
        if (node->kind == NUMC_NODE_ACCUMULATE && kernel->facts[i].argument != NULL &&
            kernel->facts[i].parent != v && b->bindings[node->operands[0]].varying)
            return false;
    }
    return true;
}

/* ---- what it would cost, in ns ------------------------------------------------------------------------------------------- */

static double cost_between(builder *b, int32_t from, int32_t to, double length, int32_t depth);

/* As the vector loop; negative where it cannot be. */
static double cost_vector(builder *b, int32_t v)
{
    if (!numc_cpu_vector_allowed(b, v))
        return -1.0;
    const double n = (double)extent_of(b, &b->kernel->nodes[v]);
    if (n <= 0.0)
        return 2.0;
    const double blocks = n <= 256.0 ? 1.0 : n / 256.0;
    return 6.0 + blocks * cost_between(b, v + 1, b->kernel->nodes[v].match, n / blocks, b->kernel->facts[v].depth);
}

/* Starting and joining the lanes of a reduction inside a vector loop. */
static double cost_of_lanes(const builder *b, int32_t loop, double length)
{
    const numc_kernel *kernel = b->kernel;
    const int64_t extent = extent_of(b, &kernel->nodes[loop]);
    double sum = 0.0;
    for (int32_t i = loop + 1; i < kernel->nodes[loop].match; ++i)
        if (kernel->nodes[i].kind == NUMC_NODE_ACCUMULATE && kernel->facts[i].parent == loop)
            sum += (2.0 + 0.1 * length) * (extent_known(&kernel->nodes[loop]) && extent <= 8 ? (double)extent : 15.0);
    return sum;
}

double numc_cpu_cost_loop(builder *b, int32_t loop, bool *as_vector)
{
    const numc_kernel_node *node = &b->kernel->nodes[loop];
    const double n = node->kind == NUMC_NODE_WHILE ? 16.0 : (double)extent_of(b, node);
    double best = 3.0 + n * (1.0 + cost_between(b, loop + 1, node->match, 0.0, -1));
    const double vector = cost_vector(b, loop);
    *as_vector = vector >= 0.0 && vector < best;
    return *as_vector ? vector : best;
}

/* length 0: single values, inner loops choose for themselves. Else inside a vector loop at `depth`, `length` per block. */
static double cost_between(builder *b, int32_t from, int32_t to, double length, int32_t depth)
{
    const numc_kernel *kernel = b->kernel;
    double sum = 0.0;
    for (int32_t i = from; i < to; ++i) {
        const numc_kernel_node *node = &kernel->nodes[i];
        const numc_cpu_node *fact = &kernel->facts[i];
        if (numc_cpu_is_loop(node->kind)) {
            bool as_vector;
            if (length == 0.0)
                sum += numc_cpu_cost_loop(b, i, &as_vector);
            else
                sum += 3.0 + (double)extent_of(b, node) *
                                 (1.0 + cost_between(b, i + 1, node->match, length, depth)) +
                       cost_of_lanes(b, i, length);
            i = node->match;
            continue;
        }
        double each = 0.0;
        bool varying = node->result >= 0 && b->bindings[node->result].varying;
        switch (node->kind) {
        case NUMC_NODE_SCALAR: each = (double)fact->weight; break;
        case NUMC_NODE_LOAD:
            if (length > 0.0 && node->operands[0] < 0 && stride_of(b, i, depth) == 1)
                continue;
            each = 0.7;
            break;
        case NUMC_NODE_STORE:
            varying = true;
            each = length > 0.0 && node->operands[1] < 0 && stride_of(b, i, depth) == 1 ? 0.1 : 0.7;
            break;
        case NUMC_NODE_LOCAL_STORE: varying = true; each = 0.3; break;
        case NUMC_NODE_ACCUMULATE: varying = true; each = 0.2; break;
        case NUMC_NODE_UPDATE: each = 0.2; break;
        case NUMC_NODE_CONSTANT:
        case NUMC_CPU_NODE_NOTHING:
        case NUMC_NODE_END: continue;
        default: each = 0.2; break;
        }
        if (length > 0.0 && varying)
            sum += 3.5 + length * each;
        else
            sum += 1.3 + (each > 1.0 ? 4.0 * each : 0.0);
    }
    return sum;
}

double numc_cpu_cost(builder *b, int32_t from, int32_t to)
{
    return cost_between(b, from, to, 0.0, -1);
}

/* ---- loads and stores side by side ----------------------------------------------------------------------------------------- */

/* Its single value lies where its register's does: no update gives it on, which may lie with the carried one. */
static bool has_own_place(const numc_kernel *kernel, int32_t reg)
{
    const int32_t definition = kernel->definition[reg];
    const uint32_t kind = definition < 0 ? 0 : kernel->nodes[definition].kind;
    if (kind != NUMC_NODE_SCALAR && kind != NUMC_NODE_LOAD && kind != NUMC_NODE_CARRY)
        return false;
    for (uint32_t i = 0; i < kernel->node_count; ++i)
        if (kernel->nodes[i].kind == NUMC_NODE_UPDATE && kernel->nodes[i].operands[0] == reg)
            return false;
    return true;
}

static bool continues_row(const builder *b, int32_t i)
{
    const numc_kernel *kernel = b->kernel;
    const numc_kernel_node *before = &kernel->nodes[i - 1], *node = &kernel->nodes[i];
    const bool load = node->kind == NUMC_NODE_LOAD;
    if (before->kind != node->kind || (!load && node->kind != NUMC_NODE_STORE) || kernel->facts[i].parent != kernel->facts[i - 1].parent ||
        index_register(node) >= 0 || index_register(before) >= 0 || element_size(b, i) != (int64_t)sizeof(numc_cpu_value) ||
        element_size(b, i - 1) != (int64_t)sizeof(numc_cpu_value) ||
        kernel->accesses[node->extent].buffer != kernel->accesses[before->extent].buffer ||
        b->arguments->offsets[node->extent] != b->arguments->offsets[before->extent] + 1)
        return false;
    for (int32_t d = 0; d < kernel->facts[i].depth; ++d)
        if (stride_of(b, i, d) != stride_of(b, i - 1, d))
            return false;
    for (int32_t loop = kernel->facts[i].parent; loop >= 0; loop = kernel->facts[loop].parent)
        if (kernel->nodes[loop].kind != NUMC_NODE_SEQUENTIAL && kernel->nodes[loop].kind != NUMC_NODE_WHILE)
            return false;
    const int32_t first = load ? before->result : before->operands[0], next = load ? node->result : node->operands[0];
    return next == first + 1 && has_own_place(kernel, first) && has_own_place(kernel, next);
}

void numc_cpu_find_rows(builder *b)
{
    for (int32_t i = 1; i < (int32_t)b->kernel->node_count; ++i)
        b->follows[i] = continues_row(b, i);
}

/* ---- loads and stores that may disturb each other -------------------------------------------------------------------------- */

/* Adds to [low, high] what a loop does to an address, in bytes; false where that is not known. */
static bool extend_range(const builder *b, int32_t node, int32_t loop, int64_t *low, int64_t *high)
{
    const int64_t step = stride_of(b, node, b->kernel->facts[loop].depth) * element_size(b, node);
    if (step == 0)
        return true;
    if (!extent_known(&b->kernel->nodes[loop]))
        return false;
    const int64_t extent = b->arguments->extents[b->kernel->nodes[loop].extent];
    *(step < 0 ? low : high) += step * (extent > 0 ? extent - 1 : 0);
    return true;
}

/* May a load or store touch, during one run of the vector loop v, an element that another one touches? Both are inside v and
 * go to one buffer. Loops around v move both addresses alike where the strides agree. */
static bool may_meet(const builder *b, int32_t v, int32_t one, int32_t other)
{
    const numc_kernel *kernel = b->kernel;
    const int32_t pair[2] = {one, other};
    int64_t low[2], high[2];
    for (int k = 0; k < 2; ++k) {
        const numc_kernel_node *node = &kernel->nodes[pair[k]];
        if (index_register(node) >= 0)
            return true;
        low[k] = b->arguments->offsets[node->extent] * element_size(b, pair[k]);
        high[k] = low[k] + element_size(b, pair[k]) - 1;
        for (int32_t loop = kernel->facts[pair[k]].parent; loop >= v; loop = kernel->facts[loop].parent)
            if (!extend_range(b, pair[k], loop, &low[k], &high[k]))
                return true;
    }
    for (int32_t loop = kernel->facts[v].parent; loop >= 0; loop = kernel->facts[loop].parent) {
        const int32_t depth = kernel->facts[loop].depth;
        if (stride_of(b, one, depth) * element_size(b, one) == stride_of(b, other, depth) * element_size(b, other))
            continue;
        for (int k = 0; k < 2; ++k)
            if (!extend_range(b, pair[k], loop, &low[k], &high[k]))
                return true;
    }
    return low[0] <= high[1] && low[1] <= high[0];
}

/* A load and a store of the same element in each iteration, where the value loaded is used for the last time by the operation
 * whose result is stored, or before: x = f(x) in place. */
static bool in_place(const builder *b, int32_t load, int32_t store)
{
    const numc_kernel *kernel = b->kernel;
    const numc_kernel_node *from = &kernel->nodes[load], *to = &kernel->nodes[store];
    if (from->kind != NUMC_NODE_LOAD || from->operands[0] >= 0 || to->operands[1] >= 0 ||
        kernel->facts[load].parent != kernel->facts[store].parent ||
        kernel->last_use[from->result] > kernel->definition[to->operands[0]] || element_size(b, load) != element_size(b, store) ||
        b->arguments->offsets[from->extent] != b->arguments->offsets[to->extent])
        return false;
    for (int32_t d = 0; d < kernel->facts[load].depth; ++d)
        if (stride_of(b, load, d) != stride_of(b, store, d))
            return false;
    return true;
}

void numc_cpu_find_meetings(builder *b, int32_t loop)
{
    const numc_kernel *kernel = b->kernel;
    const int32_t end = kernel->nodes[loop].match;
    for (int32_t i = loop + 1; i < end; ++i)
        b->meets_store[i] = b->meets_load[i] = false;
    for (int32_t i = loop + 1; i < end; ++i) {
        const numc_kernel_node *store = &kernel->nodes[i];
        if (store->kind != NUMC_NODE_STORE)
            continue;
        for (int32_t k = loop + 1; k < end; ++k) {
            const numc_kernel_node *other = &kernel->nodes[k];
            if (k == i || (other->kind != NUMC_NODE_LOAD && other->kind != NUMC_NODE_STORE) ||
                kernel->accesses[other->extent].buffer != kernel->accesses[store->extent].buffer || in_place(b, k, i) ||
                !may_meet(b, loop, i, k))
                continue;
            b->meets_store[k] = true;
            *(other->kind == NUMC_NODE_LOAD ? &b->meets_load[i] : &b->meets_store[i]) = true;
        }
    }
}

