/* rows.c - one pass over a large matrix X (N, D): X b, functions of its rows, and sums over them such as X^T r, block by block. Or,
 * without a matrix, over long data.
 *
 * A value is *mapped* when row i of it (index i of its first axis, of size N) depends on row i of X, and of other arrays, alone.
 * Sums of mapped values over rows are *sinks*. A scan over blocks of rows that fit the cache computes the mapped values of a block and adds
 * to the sinks, so X is read from memory once; what else needs a mapped value finds it stacked. The rows of a block are summed
 * first, then the blocks in order. A matrix of some megabytes is cut into parts first, each with a scan of its own, which threads
 * may share out; what they give is summed last. How many parts depends on the matrix alone. What comes after may read the matrix
 * twice again (a determinant of X' W X, then its derivative by rows): that is a pass of its own. */
#include "compile/rows.h"

#include <string.h>

#include "graph/build.h"

#ifndef NUMC_ROWS_BYTES /* tests build this file with less, so that small matrices go by blocks and parts */
#define NUMC_ROWS_BYTES (1 << 20)
#define NUMC_ROWS_PARTS 16
#endif
enum {
    LEAST_BYTES = NUMC_ROWS_BYTES,     /* of a matrix: below, the second pass finds it in the cache */
    BLOCK_BYTES = NUMC_ROWS_BYTES / 8, /* of its rows in a block: half of a small second-level cache */
    PART_BYTES = NUMC_ROWS_BYTES,      /* of its rows in a part, or more */
    LEAST_PARTS = 4,
    LEAST_LENGTH = NUMC_ROWS_BYTES / 16, /* of data without a matrix */
    MOST_PARTS = NUMC_ROWS_PARTS,
    MOST_PASSES = 4
};

typedef enum row_kind {
    ROW_BEFORE, /* does not depend on mapped values */
    ROW_MAPPED,
    ROW_SINK,
    ROW_AFTER /* depends on sinks, or on mapped values in another way */
} row_kind;

typedef struct rows {
    numc_context *context;
    const numc_graph *graph;
    int32_t matrix;
    int64_t count; /* N */
    int64_t block; /* rows in a block of the scan being recorded */
    /* per value */
    uint8_t *kinds;
    bool *fixed;    /* the same in every run */
    bool *sliced;   /* not mapped, but read row by row */
    bool *needed;   /* mapped or a sink: read after the scan */
    const numc_array **outer, **inner;
    /* as long as the graph has values */
    const numc_array **list, **operands;
    numc_array **results;
} rows;

static const numc_type *type_of(const rows *r, int32_t value)
{
    return &r->graph->values[value].type;
}

static const numc_node *maker(const rows *r, int32_t value)
{
    int32_t n = r->graph->values[value].node;
    return n < 0 ? NULL : &r->graph->nodes[n];
}

static bool has_rows(const rows *r, int32_t value)
{
    const numc_type *type = type_of(r, value);
    return type->rank > 0 && type->shape[0] == r->count;
}

/* ---- which value is what ------------------------------------------------------------------------------------------------- */

/* a of a^T: a permutation of two axes. -1 otherwise. */
static int32_t turned(const rows *r, int32_t value)
{
    const numc_node *node = maker(r, value);
    bool turns = node != NULL && node->primitive == NUMC_PRIMITIVE_PERMUTE && node->attributes.count == 2
                 && node->attributes.numbers[0] == 1;
    return turns ? node->inputs[0] : -1;
}

/* A splat, or the same for every row: made anew for a block. */
static bool is_spread(const rows *r, int32_t value)
{
    const numc_array *constant = r->graph->values[value].constant;
    const numc_node *node = maker(r, value);
    if (constant != NULL && constant->content == NUMC_CONTENT_IMMEDIATE)
        return true;
    return node != NULL && node->primitive == NUMC_PRIMITIVE_BROADCAST && r->kinds[node->inputs[0]] == ROW_BEFORE
           && (type_of(r, node->inputs[0])->rank < type_of(r, value)->rank || type_of(r, node->inputs[0])->shape[0] == 1);
}

static bool may_be_sliced(const rows *r, int32_t value)
{
    return r->kinds[value] == ROW_MAPPED || (r->kinds[value] == ROW_BEFORE && has_rows(r, value));
}

/* A mapped value or a factor of one, read row by row. */
static void slice(rows *r, int32_t value)
{
    if (r->kinds[value] == ROW_BEFORE && !is_spread(r, value))
        r->sliced[value] = true;
}

static bool reduces_rows(const numc_node *node)
{
    for (int32_t k = 0; k < node->attributes.count; k++)
        if (node->attributes.numbers[k] == 0)
            return true;
    return false;
}

static double bytes_of(const numc_type *type)
{
    double bytes = (double)numc_dtype_size(type->dtype);
    for (int32_t d = 0; d < type->rank; d++)
        bytes *= (double)type->shape[d];
    return bytes;
}

static bool is_data(const rows *r, int32_t value)
{
    return r->fixed[value] && r->kinds[value] == ROW_BEFORE && has_rows(r, value) && !is_spread(r, value);
}

/* Of a node that reads a mapped value and nothing that comes after. */
static row_kind kind_of_reader(rows *r, const numc_node *node)
{
    int32_t x = node->inputs[0], y = node->first_output;
    if (numc__primitive_is_scalar(node->primitive)) {
        for (int32_t k = 0; k < node->input_count; k++)
            slice(r, node->inputs[k]);
        return ROW_MAPPED;
    }
    switch (node->primitive) {
    case NUMC_PRIMITIVE_STOP_GRADIENT:
        return ROW_MAPPED;
    case NUMC_PRIMITIVE_RESHAPE:
        return has_rows(r, y) ? ROW_MAPPED : ROW_AFTER;
    case NUMC_PRIMITIVE_BROADCAST:
        return type_of(r, x)->rank == type_of(r, y)->rank ? ROW_MAPPED : ROW_AFTER;
    case NUMC_PRIMITIVE_PERMUTE:
        return node->attributes.numbers[0] == 0 ? ROW_MAPPED : ROW_AFTER;
    case NUMC_PRIMITIVE_REDUCE_SUM:
        return reduces_rows(node) ? ROW_SINK : ROW_MAPPED;
    case NUMC_PRIMITIVE_REDUCE_PROD:
    case NUMC_PRIMITIVE_REDUCE_MAX:
    case NUMC_PRIMITIVE_REDUCE_MIN:
    case NUMC_PRIMITIVE_REDUCE_ANY:
    case NUMC_PRIMITIVE_REDUCE_ALL:
        return reduces_rows(node) ? ROW_AFTER : ROW_MAPPED;
    case NUMC_PRIMITIVE_MATMUL:
        return r->kinds[x] == ROW_MAPPED && r->kinds[node->inputs[1]] == ROW_BEFORE && type_of(r, x)->rank == 2 ? ROW_MAPPED
                                                                                                                : ROW_AFTER;
    case NUMC_PRIMITIVE_GATHER:
        return node->attributes.numbers[0] == 0 && r->kinds[x] == ROW_BEFORE ? ROW_MAPPED : ROW_AFTER;
    default:
        return ROW_AFTER;
    }
}

/* a^T q, both by rows and one of them mapped. */
static bool is_contraction(const rows *r, const numc_node *node)
{
    if (node->primitive != NUMC_PRIMITIVE_MATMUL)
        return false;
    int32_t a = turned(r, node->inputs[0]), q = node->inputs[1];
    return a >= 0 && type_of(r, q)->rank == 2 && may_be_sliced(r, a) && may_be_sliced(r, q)
           && (r->kinds[a] == ROW_MAPPED || r->kinds[q] == ROW_MAPPED);
}

static bool is_first_product(const rows *r, const numc_node *node)
{
    return node->primitive == NUMC_PRIMITIVE_MATMUL && node->inputs[0] == r->matrix && r->kinds[node->inputs[1]] == ROW_BEFORE
           && !r->fixed[node->inputs[1]];
}

/* Without a matrix rows begin where data of so many elements meet what changes: in a scalar operation, as numbers of elements of
 * a small table, or in a product. */
static bool is_first_of_data(rows *r, const numc_node *node)
{
    int32_t y = node->first_output, x = node->inputs[0];
    if (r->matrix >= 0 || node->output_count != 1 || r->fixed[y] || !has_rows(r, y))
        return false;
    if (node->primitive == NUMC_PRIMITIVE_GATHER)
        return node->attributes.numbers[0] == 0 && is_data(r, node->inputs[1])
               && bytes_of(type_of(r, x)) <= BLOCK_BYTES;
    if (node->primitive == NUMC_PRIMITIVE_MATMUL)
        return type_of(r, x)->rank == 2 && is_data(r, x);
    bool meets = false;
    for (int32_t k = 0; k < node->input_count && numc__primitive_is_scalar(node->primitive); k++)
        meets = meets || is_data(r, node->inputs[k]);
    return meets;
}

/* True: the matrix is read before and after functions of its rows; without one: there is a sum over rows. */
static bool find_kinds(rows *r)
{
    const numc_graph *graph = r->graph;
    bool twice = false;
    memset(r->kinds, ROW_BEFORE, (size_t)graph->value_count);
    memset(r->sliced, 0, (size_t)graph->value_count);
    for (int32_t n = 0; n < graph->node_count; n++) {
        const numc_node *node = &graph->nodes[n];
        bool mapped = false, after = false;
        row_kind kind = ROW_BEFORE;
        for (int32_t k = 0; k < node->input_count; k++) {
            mapped = mapped || r->kinds[node->inputs[k]] == ROW_MAPPED;
            after = after || r->kinds[node->inputs[k]] >= ROW_SINK;
        }
        if (is_contraction(r, node)) {
            kind = ROW_SINK;
            slice(r, turned(r, node->inputs[0]));
            slice(r, node->inputs[1]);
            twice = twice || turned(r, node->inputs[0]) == r->matrix;
        } else if (after) {
            kind = ROW_AFTER;
        } else if (mapped) {
            kind = node->output_count == 1 ? kind_of_reader(r, node) : ROW_AFTER;
        } else if (is_first_product(r, node)) {
            kind = ROW_MAPPED;
            slice(r, r->matrix);
        } else if (is_first_of_data(r, node)) {
            kind = ROW_MAPPED;
            for (int32_t k = 0; k < node->input_count; k++)
                if (numc__primitive_is_scalar(node->primitive) || k == (node->primitive == NUMC_PRIMITIVE_GATHER))
                    slice(r, node->inputs[k]);
        }
        twice = twice || (r->matrix < 0 && kind == ROW_SINK);
        for (int32_t k = 0; k < node->output_count; k++)
            r->kinds[node->first_output + k] = (uint8_t)kind;
    }
    return twice;
}

static void find_needed(rows *r)
{
    const numc_graph *graph = r->graph;
    memset(r->needed, 0, (size_t)graph->value_count);
    for (int32_t k = 0; k < graph->output_count; k++)
        r->needed[graph->outputs[k]] = true;
    for (int32_t n = graph->node_count - 1; n >= 0; n--) {
        const numc_node *node = &graph->nodes[n];
        bool used = false;
        for (int32_t k = 0; k < node->output_count; k++)
            used = used || r->needed[node->first_output + k];
        for (int32_t k = 0; k < node->input_count && used && r->kinds[node->first_output] == ROW_AFTER; k++)
            r->needed[node->inputs[k]] = true;
    }
}

/* The length of the largest data. */
static bool find_length(rows *r)
{
    double largest = 0.0;
    for (int32_t v = 0; v < r->graph->input_count; v++) {
        const numc_type *type = type_of(r, v);
        double bytes = bytes_of(type);
        if (!r->fixed[v] || type->rank == 0 || bytes <= largest)
            continue;
        largest = bytes;
        r->count = type->shape[0];
    }
    return largest >= LEAST_BYTES && r->count >= LEAST_LENGTH;
}

/* Of the matrix, or of all that is read row by row. */
static double row_bytes(const rows *r)
{
    double bytes = 0.0;
    for (int32_t v = 0; v < r->graph->value_count; v++) {
        const numc_type *type = type_of(r, v);
        if (r->matrix >= 0 ? v == r->matrix : r->sliced[v])
            bytes += bytes_of(type) / (double)r->count;
    }
    return bytes;
}

/* The largest matrix that is read twice, or else, in the first pass, data that are long; false when there is neither. */
static bool find_matrix(rows *r, const bool *fixed, bool first)
{
    const numc_graph *graph = r->graph;
    uint64_t largest = 0;
    int32_t found = -1;
    for (int32_t v = 0; v < graph->value_count; v++)
        r->fixed[v] = v < graph->input_count ? fixed != NULL && fixed[v] : graph->values[v].constant != NULL;
    for (int32_t n = 0; n < graph->node_count; n++) {
        const numc_node *node = &graph->nodes[n];
        bool same = true;
        for (int32_t k = 0; k < node->input_count; k++)
            same = same && r->fixed[node->inputs[k]];
        for (int32_t k = 0; k < node->output_count; k++)
            r->fixed[node->first_output + k] = same;
    }
    for (int32_t n = 0; n < graph->node_count; n++) {
        const numc_node *node = &graph->nodes[n];
        int32_t x = node->primitive == NUMC_PRIMITIVE_MATMUL ? node->inputs[0] : -1;
        if (x < 0 || type_of(r, x)->rank != 2 || (x >= graph->input_count && !r->fixed[x]))
            continue;
        uint64_t bytes = numc_dtype_size(type_of(r, x)->dtype);
        bytes *= (uint64_t)type_of(r, x)->shape[0] * (uint64_t)type_of(r, x)->shape[1];
        if (bytes < LEAST_BYTES || bytes <= largest)
            continue;
        r->matrix = x;
        r->count = type_of(r, x)->shape[0];
        if (!find_kinds(r))
            continue;
        largest = bytes;
        found = x;
    }
    r->matrix = found;
    if (found >= 0)
        r->count = type_of(r, found)->shape[0];
    else if (!first || !find_length(r))
        return false;
    bool reads = find_kinds(r);
    find_needed(r);
    if (found >= 0)
        return reads;
    for (int32_t v = 0; v < graph->value_count; v++) /* what is stacked is written and read again: a pass gains nothing then */
        reads = reads && !(r->kinds[v] == ROW_MAPPED && r->needed[v]);
    return reads && row_bytes(r) * (double)r->count >= LEAST_PARTS * PART_BYTES;
}

/* ---- recording ----------------------------------------------------------------------------------------------------------- */

static const numc_array *bind_one(rows *r, int32_t primitive, const numc_array *const *inputs, int32_t count,
                                  const numc_attributes *attributes)
{
    return r->context->status != NUMC_OK ? NULL : numc__bind1(r->context, primitive, inputs, count, attributes);
}

/* x with another shape; BROADCAST or RESHAPE. */
static const numc_array *shaped(rows *r, int32_t primitive, const numc_array *x, int32_t rank, const int64_t *shape)
{
    const numc_attributes attributes = {.count = rank, .numbers = shape};
    return bind_one(r, primitive, &x, 1, &attributes);
}

/* The shape of a value by rows with another number of rows; `parts`, `steps` > 0: blocks of them, (parts, steps, rows, ...). */
static int32_t row_shape(const rows *r, int32_t value, int64_t parts, int64_t steps, int64_t count, int64_t *shape)
{
    const numc_type *type = type_of(r, value);
    int32_t rank = 0;
    if (parts > 0)
        shape[rank++] = parts;
    if (steps > 0)
        shape[rank++] = steps;
    shape[rank++] = count;
    for (int32_t d = 1; d < type->rank; d++)
        shape[rank++] = type->shape[d];
    return rank;
}

/* As many rows from `first` on as (parts, steps, block, ...) has; parts may be 0: (steps, block, ...). */
static const numc_array *blocks_of(rows *r, int32_t value, int64_t first, int64_t parts, int64_t steps)
{
    const numc_type *type = type_of(r, value);
    const numc_array *x = r->outer[value];
    int64_t numbers[3 * NUMC_RANK_LIMIT] = {0}, shape[NUMC_RANK_LIMIT + 2], count = (parts > 0 ? parts : 1) * steps * r->block;
    if (count < r->count) {
        for (int32_t d = 0; d < type->rank; d++) {
            numbers[d] = d == 0 ? first : 0;
            numbers[type->rank + d] = d == 0 ? count : type->shape[d];
            numbers[2 * type->rank + d] = 1;
        }
        const numc_attributes attributes = {.count = 3 * type->rank, .numbers = numbers};
        x = bind_one(r, NUMC_PRIMITIVE_SLICE, &x, 1, &attributes);
    }
    int32_t rank = row_shape(r, value, parts, steps, r->block, shape);
    return shaped(r, NUMC_PRIMITIVE_RESHAPE, x, rank, shape);
}

/* Operand k is read row by row; or else whole, for every row. */
static bool reads_rows(const rows *r, const numc_node *node, int32_t k)
{
    if (node->primitive == NUMC_PRIMITIVE_GATHER)
        return k == 1;
    return node->primitive != NUMC_PRIMITIVE_MATMUL || k == 0 || r->kinds[node->first_output] == ROW_SINK;
}

/* The rows of a value that belong to the block. */
static const numc_array *in_block(rows *r, int32_t value)
{
    const numc_array *constant = r->graph->values[value].constant;
    int64_t shape[NUMC_RANK_LIMIT + 2];
    if (r->kinds[value] == ROW_MAPPED || r->sliced[value])
        return r->inner[value];
    int32_t rank = row_shape(r, value, 0, 0, r->block, shape);
    if (constant != NULL)
        return numc__array_new_immediate(r->context, constant->dtype, rank, shape, constant->immediate);
    return shaped(r, NUMC_PRIMITIVE_BROADCAST, r->outer[maker(r, value)->inputs[0]], rank, shape);
}

/* A mapped value, or what a block adds to a sink. */
static numc_status apply_in_block(rows *r, const numc_node *node)
{
    int32_t y = node->first_output;
    numc_attributes attributes = node->attributes;
    int64_t shape[NUMC_RANK_LIMIT + 2];
    const numc_array *inputs[8];
    NUMC_REQUIRE(r->context, node->input_count <= 8, NUMC_INTERNAL, "compile: %s of a block has %d operands",
                 numc__primitive_name(node->primitive), (int)node->input_count);
    for (int32_t k = 0; k < node->input_count; k++) {
        int32_t a = r->kinds[y] == ROW_SINK && node->primitive == NUMC_PRIMITIVE_MATMUL && k == 0 ? turned(r, node->inputs[0]) : -1;
        inputs[k] = reads_rows(r, node, k) ? in_block(r, a >= 0 ? a : node->inputs[k]) : r->outer[node->inputs[k]];
        if (a >= 0) {
            const numc_attributes *turn = &maker(r, node->inputs[0])->attributes;
            inputs[k] = bind_one(r, NUMC_PRIMITIVE_PERMUTE, &inputs[k], 1, turn);
        }
    }
    if (node->primitive == NUMC_PRIMITIVE_RESHAPE || node->primitive == NUMC_PRIMITIVE_BROADCAST) {
        attributes.count = row_shape(r, y, 0, 0, r->block, shape);
        attributes.numbers = shape;
    }
    r->inner[y] = bind_one(r, node->primitive, inputs, node->input_count, &attributes);
    return r->context->status;
}

static bool is_carry(const rows *r, int32_t value)
{
    return r->kinds[value] == ROW_SINK && r->needed[value];
}

static bool is_stacked(const rows *r, int32_t value)
{
    return r->kinds[value] == ROW_MAPPED && r->needed[value];
}

/* Inputs: the carries, then a block of each sliced value. Outputs: the carries, then the stacked values. */
static numc_status record_body(rows *r, numc_trace *trace, int32_t *output_count)
{
    const numc_graph *graph = r->graph;
    int32_t count = 0;
    for (int32_t v = 0; v < graph->value_count; v++)
        if (is_carry(r, v)) /* kept apart until the node has been applied */
            r->list[count++] = numc__trace_input(trace, type_of(r, v), NULL);
    for (int32_t v = 0; v < graph->value_count; v++) {
        if (!r->sliced[v])
            continue;
        int64_t shape[NUMC_RANK_LIMIT + 2];
        int32_t rank = row_shape(r, v, 0, 0, r->block, shape);
        r->inner[v] = numc__trace_input(trace, &(numc_type){type_of(r, v)->dtype, rank, shape}, NULL);
    }
    for (int32_t n = 0; n < graph->node_count; n++) {
        int32_t kind = r->kinds[graph->nodes[n].first_output];
        if (kind == ROW_MAPPED || kind == ROW_SINK)
            NUMC_TRY(apply_in_block(r, &graph->nodes[n]));
    }
    count = 0;
    for (int32_t v = 0; v < graph->value_count; v++) {
        if (!is_carry(r, v))
            continue;
        const numc_array *sum[2] = {r->list[count], r->inner[v]};
        r->results[count++] = (numc_array *)(uintptr_t)bind_one(r, NUMC_SCALAR_ADD, sum, 2, NULL);
    }
    for (int32_t v = 0; v < graph->value_count; v++)
        if (is_stacked(r, v))
            r->results[count++] = (numc_array *)(uintptr_t)r->inner[v];
    *output_count = count;
    return r->context->status;
}

/* Over the sequences r->inner holds; the carries start at zero, or where an earlier scan left them. */
static numc_status bind_scan(rows *r, numc_graph *body, const numc_array *const *captured, int32_t captured_count, bool carry,
                             bool anew, int64_t steps, int32_t output_count)
{
    const numc_graph *graph = r->graph;
    _Alignas(16) static const unsigned char zero[16] = {0};
    int32_t carries = 0, sequences = 0, total = 0;
    size_t size = ((size_t)graph->value_count + (size_t)captured_count + 1) * sizeof(numc_array *);
    const numc_array **operands = numc__allocate(r->context, size);
    if (operands == NULL)
        return r->context->status;
    for (int32_t v = 0; v < graph->value_count; v++) {
        if (!carry || !is_carry(r, v))
            continue;
        const numc_type *type = type_of(r, v);
        operands[total++] = anew ? numc__array_new_immediate(r->context, type->dtype, type->rank, type->shape, zero) : r->outer[v];
        carries++;
    }
    for (int32_t v = 0; v < graph->value_count; v++) {
        if (!r->sliced[v])
            continue;
        operands[total++] = r->inner[v];
        sequences++;
    }
    for (int32_t k = 0; k < captured_count; k++)
        operands[total++] = captured[k];
    const int64_t numbers[5] = {carries, sequences, steps, 0, 1};
    const numc_attributes attributes = {.count = 5, .numbers = numbers, .graphs = {body}};
    numc_status status = r->context->status;
    if (status == NUMC_OK)
        status = numc__bind(r->context, NUMC_PRIMITIVE_SCAN, operands, total, &attributes, r->results, output_count);
    numc__free(r->context, operands, size);
    return status;
}

/* A graph and what it reads beside its inputs. */
typedef struct body {
    numc_graph *graph;
    const numc_array **captured;
    int32_t captured_count, output_count;
} body;

static void body_end(rows *r, body *b)
{
    numc__free(r->context, b->captured, (size_t)b->captured_count * sizeof *b->captured);
    numc__graph_release(b->graph);
}

/* One block. */
static numc_status body_of_block(rows *r, body *b)
{
    numc_trace *trace = numc__trace_begin(r->context);
    if (trace == NULL)
        return r->context->status;
    if (record_body(r, trace, &b->output_count) == NUMC_OK)
        b->graph = numc__trace_finish(trace, r->results, b->output_count, &b->captured, &b->captured_count);
    else
        numc__trace_abandon(trace);
    return r->context->status;
}

/* The scan over the blocks of one part. */
static numc_status body_of_part(rows *r, const body *block, int64_t steps, body *b)
{
    numc_trace *trace = numc__trace_begin(r->context);
    if (trace == NULL)
        return r->context->status;
    b->output_count = block->output_count;
    for (int32_t v = 0; v < r->graph->value_count; v++) {
        if (!r->sliced[v])
            continue;
        int64_t shape[NUMC_RANK_LIMIT + 2];
        int32_t rank = row_shape(r, v, 0, steps, r->block, shape);
        r->inner[v] = numc__trace_input(trace, &(numc_type){type_of(r, v)->dtype, rank, shape}, NULL);
    }
    if (bind_scan(r, block->graph, block->captured, block->captured_count, true, true, steps, b->output_count) == NUMC_OK)
        b->graph = numc__trace_finish(trace, r->results, b->output_count, &b->captured, &b->captured_count);
    else
        numc__trace_abandon(trace);
    return r->context->status;
}

/* Rows [first, first + parts steps block), `parts` 0 for one: sinks grow, and stacked values get their rows. */
static numc_status scan_rows(rows *r, int64_t first, int64_t parts, int64_t steps, int64_t block)
{
    const numc_graph *graph = r->graph;
    const numc_attributes axis = {.count = 1, .numbers = (const int64_t[]){0}};
    int32_t k = 0;
    body inner = {0}, outer = {0};
    r->block = block;
    numc_status status = body_of_block(r, &inner);
    if (status == NUMC_OK && parts > 0)
        status = body_of_part(r, &inner, steps, &outer);
    for (int32_t v = 0; v < graph->value_count && status == NUMC_OK; v++)
        if (r->sliced[v])
            r->inner[v] = blocks_of(r, v, first, parts, steps);
    const body *whole = parts > 0 ? &outer : &inner;
    if (status == NUMC_OK)
        status = bind_scan(r, whole->graph, whole->captured, whole->captured_count, parts == 0, first == 0, parts > 0 ? parts : steps,
                           whole->output_count);
    body_end(r, &inner);
    body_end(r, &outer);
    NUMC_TRY(status);
    for (int32_t v = 0; v < graph->value_count; v++) {
        if (!is_carry(r, v))
            continue;
        const numc_array *sum = r->results[k++];
        r->outer[v] = parts > 0 ? bind_one(r, NUMC_PRIMITIVE_REDUCE_SUM, &sum, 1, &axis) : sum;
    }
    for (int32_t v = 0; v < graph->value_count; v++) {
        if (!is_stacked(r, v))
            continue;
        int64_t shape[NUMC_RANK_LIMIT + 2];
        int32_t rank = row_shape(r, v, 0, 0, (parts > 0 ? parts : 1) * steps * block, shape);
        const numc_array *both[2] = {r->outer[v], shaped(r, NUMC_PRIMITIVE_RESHAPE, r->results[k++], rank, shape)};
        r->outer[v] = first > 0 ? bind_one(r, NUMC_PRIMITIVE_CONCAT, both, 2, &axis) : both[1];
    }
    return r->context->status;
}

/* Rows of a block, whole lanes, so that few are left over: at most `most`, more than half of it. */
static int64_t choose_block(int64_t count, int64_t parts, int64_t most)
{
    int64_t best = most;
    for (int64_t b = most; b > most / 2 && b >= 8; b -= 8)
        if (count % (parts * b) < count % (parts * best))
            best = b;
    return best;
}

/* A matrix turned twice is itself, which the next pass must see. */
static numc_status apply_outside(rows *r, const numc_node *node)
{
    const char *site = r->context->site;
    int32_t once = turned(r, node->first_output), twice = once >= 0 ? turned(r, once) : -1;
    if (twice >= 0) {
        r->outer[node->first_output] = r->outer[twice];
        return NUMC_OK;
    }
    for (int32_t k = 0; k < node->input_count; k++)
        r->operands[k] = r->outer[node->inputs[k]];
    if (node->site != NULL)
        r->context->site = node->site;
    numc_status status = numc__bind(r->context, node->primitive, r->operands, node->input_count, &node->attributes, r->results,
                                    node->output_count);
    r->context->site = site;
    for (int32_t k = 0; k < node->output_count; k++)
        r->outer[node->first_output + k] = r->results[k];
    return status;
}

/* Whether all the node reads is there: what comes after may be read by nothing that is needed. */
static bool is_wanted(const rows *r, const numc_node *node)
{
    for (int32_t k = 0; k < node->input_count; k++)
        if (r->outer[node->inputs[k]] == NULL)
            return false;
    return true;
}

static numc_status record(rows *r, numc_trace *trace)
{
    const numc_graph *graph = r->graph;
    for (int32_t v = 0; v < graph->value_count; v++) {
        if (v < graph->input_count)
            r->outer[v] = numc__trace_input(trace, &graph->values[v].type, graph->values[v].name);
        else if (graph->values[v].constant != NULL)
            r->outer[v] = numc__constant_on(r->context, graph->values[v].constant);
        NUMC_TRY(r->context->status);
    }
    for (int32_t n = 0; n < graph->node_count; n++)
        if (r->kinds[graph->nodes[n].first_output] == ROW_BEFORE)
            NUMC_TRY(apply_outside(r, &graph->nodes[n]));
    int64_t bytes = (int64_t)row_bytes(r), block = BLOCK_BYTES / (bytes > 0 ? bytes : 1);
    block = block < 8 ? 8 : block > r->count ? r->count : block & ~(int64_t)7;
    int64_t parts = (int64_t)((double)r->count * (double)bytes / PART_BYTES);
    parts = parts < LEAST_PARTS || r->count < 2 * MOST_PARTS * block ? 0 : parts > MOST_PARTS ? MOST_PARTS : parts;
    block = choose_block(r->count, parts > 0 ? parts : 1, block);
    int64_t steps = r->count / block / (parts > 0 ? parts : 1), rest = r->count - (parts > 0 ? parts : 1) * steps * block;
    NUMC_TRY(scan_rows(r, 0, parts, steps, block));
    if (rest > 0)
        NUMC_TRY(scan_rows(r, r->count - rest, 0, 1, rest));
    for (int32_t n = 0; n < graph->node_count; n++)
        if (r->kinds[graph->nodes[n].first_output] == ROW_AFTER && is_wanted(r, &graph->nodes[n]))
            NUMC_TRY(apply_outside(r, &graph->nodes[n]));
    for (int32_t k = 0; k < graph->output_count; k++)
        r->results[k] = (numc_array *)(uintptr_t)r->outer[graph->outputs[k]];
    return NUMC_OK;
}

static bool has_rows_enough(const numc_graph *graph, const bool *fixed)
{
    for (int32_t v = 0; v < graph->input_count && fixed != NULL; v++) {
        const numc_type *type = &graph->values[v].type;
        if (fixed[v] && type->rank > 0 && type->shape[0] >= LEAST_LENGTH)
            return true;
    }
    for (int32_t n = 0; n < graph->node_count; n++) {
        const numc_type *x = graph->nodes[n].primitive == NUMC_PRIMITIVE_MATMUL ? &graph->values[graph->nodes[n].inputs[0]].type : NULL;
        if (x != NULL && x->rank == 2 && numc_dtype_kind(x->dtype) == NUMC_KIND_REAL && x->shape[0] >= 64 && x->shape[1] >= 1
            && x->shape[0] > LEAST_BYTES / (x->shape[1] * (int64_t)numc_dtype_size(x->dtype)))
            return true;
    }
    return false;
}

static numc_graph *pass_over(numc_context *context, numc_graph *graph, const bool *fixed, bool first)
{
    size_t values = (size_t)graph->value_count + (size_t)graph->output_count + numc__graph_width(graph);
    size_t pointers = 5 * values * sizeof(numc_array *), bytes = pointers + 4 * values;
    char *block = numc__allocate_zero(context, 1, bytes);
    if (block == NULL)
        return NULL;
    const numc_array **arrays = (const numc_array **)(void *)block;
    rows r = {.context = context, .graph = graph, .outer = arrays, .inner = arrays + values, .list = arrays + 2 * values,
              .operands = arrays + 3 * values, .results = (numc_array **)(uintptr_t)(arrays + 4 * values),
              .kinds = (uint8_t *)block + pointers};
    r.fixed = (bool *)(r.kinds + values);
    r.sliced = r.fixed + values;
    r.needed = r.sliced + values;
    numc_graph *made = NULL;
    if (!find_matrix(&r, fixed, first)) {
        made = numc__graph_keep(graph);
    } else {
        numc_trace *trace = numc__trace_begin(context);
        if (trace != NULL && record(&r, trace) == NUMC_OK)
            made = numc__trace_finish(trace, r.results, graph->output_count, NULL, NULL);
        else if (trace != NULL)
            numc__trace_abandon(trace);
    }
    numc__free(context, block, bytes);
    return made;
}

numc_graph *numc__graph_rows(numc_context *context, numc_graph *graph, const bool *fixed)
{
    numc_graph *made = numc__graph_keep(graph);
    for (int pass = 0; pass < MOST_PASSES && has_rows_enough(graph, fixed); pass++) {
        numc_graph *before = made;
        made = pass_over(context, before, fixed, pass == 0);
        numc__graph_release(before);
        if (made == NULL || made == before)
            break;
    }
    return made;
}
