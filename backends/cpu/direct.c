/* direct.c - kernels of one leaf, as eager array functions make them: one operation (or none) over nested parallel loops, or one
 * reduction innermost. They run without a plan: block functions are called on whole rows, strided operands pass through
 * pieces small enough for the first-level cache. Everything else is for plan.c. */
#include <string.h>

#include "cpu.h"

enum {
    DEPTH = 8,
    OPERANDS = 4,
    PIECE = 256,           /* elements at a time of what is not contiguous; a multiple of the 8 lanes */
    TILE_ROWS = 8,         /* of a turned operand: so many of its contiguous elements ... */
    TILE_COLUMNS = 128,    /* ... for so many columns */
    LINE = 64,             /* bytes; strides below are no worse than a straight read */
    COLUMN_BYTES = 1024,   /* of a row, while many rows are reduced into one */
    SPLIT_FROM = 100000,   /* estimated ns: below, waking threads costs more than it gains */
    SHARE = 25000,
    SHARES = 64
};

/* ---- recognising ------------------------------------------------------------------------------------------------------------- */

static bool is_access(const numc_kernel_node *node, uint32_t kind)
{
    return node->kind == kind && node->operands[kind == NUMC_NODE_LOAD ? 0 : 1] < 0;
}

/* The operand that a register holds: an access, or a constant. */
static bool take_operand(const numc_kernel *kernel, int32_t reg, numc_cpu_direct_operand *operand)
{
    const int32_t definition = reg < 0 ? -1 : kernel->definition[reg];
    if (definition < 0)
        return false;
    const numc_kernel_node *node = &kernel->nodes[definition];
    *operand = (numc_cpu_direct_operand){(int16_t)node->extent, kernel->register_sizes[reg], node->kind == NUMC_NODE_CONSTANT};
    return node->kind == NUMC_NODE_CONSTANT || is_access(node, NUMC_NODE_LOAD);
}

void numc_cpu_direct_find(const numc_device *device, numc_kernel *kernel)
{
    numc_cpu_direct *d = &kernel->direct;
    const numc_kernel_node *nodes = kernel->nodes;
    const int32_t count = (int32_t)kernel->node_count;
    int32_t depth = 0, i = 0, scalar = -1, store = -1, reduce = -1;
    while (i < count && nodes[i].kind == NUMC_NODE_CONSTANT)
        i++;
    const int32_t first = i;
    while (i < count && nodes[i].kind == NUMC_NODE_PARALLEL && nodes[i].operands[0] < 0)
        i++, depth++;
    const int32_t closing = count - depth;
    for (; i < closing; i++) {
        const numc_kernel_node *node = &nodes[i];
        if (node->kind == NUMC_NODE_REDUCE && reduce < 0 && node->operands[0] < 0 && i == first + depth && node->match == closing - 2) {
            reduce = i;
            continue;
        }
        if (node->kind == NUMC_NODE_END && reduce >= 0 && node->match == reduce)
            continue;
        if ((node->kind == NUMC_NODE_SCALAR || node->kind == NUMC_NODE_ACCUMULATE) && scalar < 0 &&
            (node->kind == NUMC_NODE_ACCUMULATE) == (reduce >= 0))
            scalar = i;
        else if (is_access(node, NUMC_NODE_STORE) && store < 0 && i == closing - 1)
            store = i;
        else if (node->kind != NUMC_NODE_CONSTANT && !is_access(node, NUMC_NODE_LOAD))
            return;
    }
    for (; i < count; i++)
        if (nodes[i].kind != NUMC_NODE_END)
            return;
    const int32_t loops = depth + (reduce >= 0);
    if (store < 0 || loops < 1 || loops > DEPTH || loops != (int32_t)kernel->depth)
        return;
    d->operands = scalar < 0 ? 1 : kernel->nodes[scalar].kind == NUMC_NODE_ACCUMULATE ? 1 : kernel->facts[scalar].arity;
    if (scalar >= 0 && (nodes[store].operands[0] != nodes[scalar].result))
        return;
    if (reduce >= 0 && scalar < 0)
        return;
    if (scalar >= 0 && reduce < 0 && kernel->facts[scalar].row == NULL)
        return; /* value by value through the host */
    bool loaded = false;
    for (int32_t k = 0; k < d->operands; k++) {
        if (!take_operand(kernel, scalar < 0 ? nodes[store].operands[0] : nodes[scalar].operands[k], &d->operand[k]))
            return;
        const bool constant = d->operand[k].constant;
        loaded = loaded || !constant;
        if (!constant && kernel->accesses[d->operand[k].number].buffer == kernel->accesses[nodes[store].extent].buffer)
            return; /* in place: the plan looks at who meets whom */
        d->memory[k] = device->blocks->memory(d->operand[k].size);
    }
    if (reduce >= 0 && !loaded)
        return;
    d->result = (numc_cpu_direct_operand){(int16_t)nodes[store].extent, kernel->register_sizes[nodes[store].operands[0]], false};
    d->memory[OPERANDS] = device->blocks->memory(d->result.size);
    d->depth = loops;
    for (int32_t k = 0; k < loops; k++)
        d->extent[k] = nodes[first + k].extent;
    d->weight = 0.2f;
    if (reduce >= 0) {
        d->reduction = kernel->facts[scalar].reduction;
        d->argument = kernel->facts[scalar].argument;
        d->kind = NUMC_CPU_DIRECT_REDUCE;
    } else {
        d->selects = scalar >= 0 && nodes[scalar].operation == NUMC_SCALAR_WHERE;
        d->row = scalar >= 0 ? kernel->facts[scalar].row : NULL;
        d->weight = scalar >= 0 ? kernel->facts[scalar].weight : 0.1f;
        d->kind = NUMC_CPU_DIRECT_MAP;
    }
}

/* ---- a kernel with its arguments ---------------------------------------------------------------------------------------------- */

typedef struct walk {
    const numc_cpu_direct *how;
    int32_t depth, places_count; /* of operands and the result, which is last */
    int32_t turned;              /* the loop, not the innermost, along which a strided operand is contiguous; -1: none */
    bool plain;                  /* the block function takes whole rows as they lie */
    bool contiguous_result, spread; /* spread: single operands are written out */
    bool strided[OPERANDS], single[OPERANDS], turns[OPERANDS];
    numc_block_fn function;      /* NULL: copy */
    int64_t extents[DEPTH];
    char *places[OPERANDS + 1];
    int64_t steps[OPERANDS + 1][DEPTH]; /* bytes */
} walk;

/* Fills everything but what only one kind needs. */
static void walk_begin(walk *w, const numc_kernel *kernel, const numc_kernel_arguments *arguments)
{
    const numc_cpu_direct *d = &kernel->direct;
    const int32_t depth = d->depth, result = d->operands;
    const size_t row = (size_t)kernel->depth + 1;
    w->how = d;
    w->turned = -1;
    w->plain = w->spread = w->contiguous_result = false;
    w->function = NULL;
    w->depth = depth;
    w->places_count = result + 1;
    int32_t loop = 0;
    do /* there is at least one */
        w->extents[loop] = arguments->extents[d->extent[loop]];
    while (++loop < depth);
    for (int32_t p = 0; p <= result; p++) {
        const numc_cpu_direct_operand *operand = p == result ? &d->result : &d->operand[p];
        if (operand->constant) {
            /* only read: the block functions take their operands as const */
            w->places[p] = (char *)(uintptr_t)&arguments->constants[operand->number];
            loop = 0;
            do
                w->steps[p][loop] = 0;
            while (++loop < depth);
            continue;
        }
        const int64_t size = operand->size, *strides = arguments->strides + (size_t)operand->number * row;
        w->places[p] = (char *)arguments->buffers[kernel->accesses[operand->number].buffer] +
                       arguments->offsets[operand->number] * size;
        loop = 0;
        do
            w->steps[p][loop] = strides[loop] * size;
        while (++loop < depth);
    }
}

static bool is_empty(const walk *w, int32_t loops)
{
    for (int32_t k = 0; k < loops; k++)
        if (w->extents[k] <= 0)
            return true;
    return false;
}

/* The next position of loops [0, loops) without `skip`; loop 0 ends at `last`. False at the end. */
static bool next_position(const walk *w, int32_t loops, int32_t skip, int64_t first, int64_t last, int64_t *index, char **at)
{
    for (int32_t k = loops - 1; k >= 0; k--) {
        if (k == skip)
            continue;
        const int64_t start = k == 0 ? first : 0, end = k == 0 ? last : w->extents[k];
        if (++index[k] < end) {
            for (int32_t p = 0; p < w->places_count; p++)
                at[p] += w->steps[p][k];
            return true;
        }
        for (int32_t p = 0; p < w->places_count; p++)
            at[p] -= (end - 1 - start) * w->steps[p][k];
        index[k] = start;
    }
    return false;
}

typedef struct share_task {
    const walk *w;
    void (*run)(const walk *w, int64_t first, int64_t last);
    int64_t length, share;
} share_task;

static void run_share(void *user, int64_t number)
{
    const share_task *t = user;
    const int64_t first = number * t->share, last = first + t->share < t->length ? first + t->share : t->length;
    t->run(t->w, first, last);
}

/* Loop 0 in shares: no share's result depends on another's, so the number of threads changes no bit. */
static void run_all(const numc_device *device, const walk *w, double cost, void (*run)(const walk *w, int64_t first, int64_t last))
{
    const int64_t length = w->extents[0];
    const numc_host *host = device->host;
    if (cost > SPLIT_FROM) {
        const int32_t threads = host->thread_count(host->user);
        int64_t shares = (int64_t)(cost / SHARE);
        shares = shares > 4 * (int64_t)threads ? 4 * (int64_t)threads : shares > SHARES ? SHARES : shares;
        share_task task = {w, run, length, (length + shares - 1) / shares};
        if (w->depth == 1)
            task.share = (task.share + 63) / 64 * 64;
        shares = (length + task.share - 1) / task.share;
        if (threads > 1 && shares > 1) {
            host->parallel_for(host->user, shares, run_share, &task);
            return;
        }
    }
    run(w, 0, length);
}

/* ---- maps ------------------------------------------------------------------------------------------------------------------- */

static void call(const walk *w, int64_t n, char *result, char *const *operands)
{
    const numc_cpu_direct *d = w->how;
    if (w->function != NULL)
        w->function((size_t)n, result, operands[0], operands[1], operands[2], operands[3]);
    else if (w->single[0])
        d->memory[0]->fill((size_t)n, result, operands[0]);
    else
        d->memory[0]->copy((size_t)n, result, operands[0]);
}

/* A row of the innermost loop in pieces: what is not contiguous is brought together first; `tile` holds the turned operands'
 * pieces, or is NULL. */
static void map_pieces(const walk *w, int64_t n, char *const *at, char *const *tile)
{
    const numc_cpu_direct *d = w->how;
    const int32_t inner = w->depth - 1, result = d->operands;
    _Alignas(64) char scratch[OPERANDS + 1][PIECE * 8];
    char *operands[OPERANDS] = {NULL, NULL, NULL, NULL};
    for (int32_t p = 0; p < result; p++)
        if (w->single[p]) {
            operands[p] = at[p];
            if (w->spread) {
                d->memory[p]->fill((size_t)(n < PIECE ? n : PIECE), scratch[p], at[p]);
                operands[p] = scratch[p];
            }
        }
    for (int64_t first = 0; first < n; first += PIECE) {
        const int64_t m = n - first < PIECE ? n - first : PIECE;
        for (int32_t p = 0; p < result; p++) {
            if (w->single[p])
                continue;
            char *from = at[p] + first * w->steps[p][inner];
            if (tile != NULL && tile[p] != NULL) {
                operands[p] = tile[p] + first * d->operand[p].size;
            } else if (w->strided[p]) {
                d->memory[p]->load((size_t)m, scratch[p], from, w->steps[p][inner]);
                operands[p] = scratch[p];
            } else {
                operands[p] = from;
            }
        }
        char *to = at[result] + first * w->steps[result][inner];
        if (w->contiguous_result) {
            call(w, m, to, operands);
        } else {
            call(w, m, scratch[OPERANDS], operands);
            d->memory[OPERANDS]->store((size_t)m, to, scratch[OPERANDS], w->steps[result][inner]);
        }
    }
}

static void map_row(const walk *w, int64_t n, char *const *at)
{
    if (w->plain)
        call(w, n, at[w->how->operands], at);
    else
        map_pieces(w, n, at, NULL);
}

/* Asks for the lines of the next tile, whose columns are `step` apart, while this one is worked on. */
static void fetch(const char *from, int64_t step, int64_t bytes)
{
#if defined(__GNUC__)
    for (int64_t c = 0; c < TILE_COLUMNS; c++, from += step)
        for (int64_t k = 0; k < bytes; k += LINE)
            __builtin_prefetch(from + k, 0, 2);
#else
    (void)from, (void)step, (void)bytes;
#endif
}

/* Loops `turned` and innermost in tiles: a turned operand is read along its own lines and written across into a tile. */
static void map_tiles(const walk *w, int64_t rows, char *const *at)
{
    const numc_cpu_direct *d = w->how;
    const int32_t inner = w->depth - 1, turned = w->turned;
    const int64_t columns = w->extents[inner];
    _Alignas(64) char tiles[OPERANDS][TILE_ROWS * TILE_COLUMNS * 8];
    bool simple = !w->spread && w->contiguous_result; /* nothing but the turned operands to bring together */
    for (int32_t p = 0; p < d->operands; p++)
        simple = simple && (w->turns[p] || !w->strided[p]);
    for (int64_t row = 0; row < rows; row += TILE_ROWS) {
        const int64_t r = rows - row < TILE_ROWS ? rows - row : TILE_ROWS;
        for (int64_t column = 0; column < columns; column += TILE_COLUMNS) {
            const int64_t c = columns - column < TILE_COLUMNS ? columns - column : TILE_COLUMNS;
            char *tile[OPERANDS] = {NULL, NULL, NULL, NULL}, *place[OPERANDS + 1] = {NULL};
            for (int32_t p = 0; p <= d->operands; p++) {
                place[p] = at[p] + row * w->steps[p][turned] + column * w->steps[p][inner];
                if (p < d->operands && w->turns[p]) {
                    tile[p] = tiles[p];
                    if (columns - column >= 2 * TILE_COLUMNS)
                        fetch(place[p] + TILE_COLUMNS * w->steps[p][inner], w->steps[p][inner], r * d->operand[p].size);
                    d->memory[p]->turn((size_t)r, (size_t)c, tiles[p], (int64_t)TILE_COLUMNS * d->operand[p].size, place[p],
                                       w->steps[p][inner]);
                }
            }
            for (int64_t k = 0; k < r; k++) {
                if (simple) {
                    char *operands[OPERANDS] = {tile[0] != NULL ? tile[0] : place[0], tile[1] != NULL ? tile[1] : place[1],
                                                tile[2] != NULL ? tile[2] : place[2], tile[3] != NULL ? tile[3] : place[3]};
                    call(w, c, place[d->operands], operands);
                } else {
                    map_pieces(w, c, place, tile);
                }
                for (int32_t p = 0; p <= d->operands; p++) {
                    place[p] += w->steps[p][turned];
                    if (p < d->operands && tile[p] != NULL)
                        tile[p] += (int64_t)TILE_COLUMNS * d->operand[p].size;
                }
            }
        }
    }
}

static void map_range(const walk *w, int64_t first, int64_t last)
{
    const int32_t inner = w->depth - 1;
    char *at[OPERANDS + 1] = {NULL, NULL, NULL, NULL, NULL};
    for (int32_t p = 0; p < w->places_count; p++)
        at[p] = w->places[p] + first * w->steps[p][0];
    if (inner == 0) {
        map_row(w, last - first, at);
        return;
    }
    int64_t index[DEPTH] = {first};
    do {
        if (w->turned < 0)
            map_row(w, w->extents[inner], at);
        else
            map_tiles(w, w->turned == 0 ? last - first : w->extents[w->turned], at);
    } while (next_position(w, inner, w->turned, first, last, index, at));
}

/* Which variant of the block function takes single operands as they are; NULL: they are to be spread out. */
static numc_block_fn variant_of(const walk *w)
{
    const numc_cpu_direct *d = w->how;
    int variant = 0;
    if (d->selects)
        variant = w->single[0] ? -1 : (w->single[1] ? 1 : 0) + (w->single[2] ? 2 : 0);
    else if (d->operands == 2)
        variant = w->single[0] && w->single[1] ? -1 : w->single[0] ? 1 : w->single[1] ? 2 : 0;
    else
        for (int32_t p = 0; p < d->operands; p++)
            variant = w->single[p] ? -1 : variant;
    return variant < 0 ? NULL : d->row->variants[variant];
}

static bool map(const numc_device *device, walk *w)
{
    const numc_cpu_direct *d = w->how;
    const int32_t inner = w->depth - 1, result = d->operands;
    if (is_empty(w, w->depth))
        return true;
    bool strided = false, single = false;
    for (int32_t p = 0; p < result; p++) {
        w->single[p] = w->steps[p][inner] == 0;
        w->strided[p] = !w->single[p] && w->steps[p][inner] != d->operand[p].size;
        single = single || w->single[p];
        strided = strided || w->strided[p];
    }
    w->contiguous_result = w->steps[result][inner] == d->result.size;
    bool spread = false;
    if (d->row != NULL) {
        w->function = single ? variant_of(w) : d->row->variants[0];
        spread = w->function == NULL;
        if (spread)
            w->function = d->row->variants[0];
    }
    w->spread = spread;
    w->plain = !strided && !spread && w->contiguous_result;
    double total = 1.0;
    for (int32_t k = 0; k < w->depth; k++)
        total *= (double)w->extents[k];
    if (w->extents[inner] < 8 && total > 64.0)
        return false; /* rows too short to be worth a call each */
    if (strided && w->contiguous_result) {
        for (int32_t p = 0; p < result; p++) {
            w->turns[p] = false;
            const int64_t step = w->steps[p][inner];
            for (int32_t k = 0; k < inner && w->strided[p] && w->turned < 0 && (step >= LINE || step <= -LINE); k++)
                if (w->steps[p][k] == d->operand[p].size && w->extents[k] >= 4)
                    w->turned = k;
        }
        for (int32_t p = 0; p < result && w->turned >= 0; p++)
            w->turns[p] = w->strided[p] && w->steps[p][w->turned] == d->operand[p].size;
    }
    const double each = (double)d->weight + 0.1 * (result + 1) + (strided ? 0.7 : 0.0);
    run_all(device, w, total * each, map_range);
    return true;
}

/* ---- reductions ------------------------------------------------------------------------------------------------------------- */

/* n elements, `step` bytes apart. */
static void reduce_one(const walk *w, int64_t n, const char *from, int64_t step, char *to)
{
    const numc_cpu_direct *d = w->how;
    const size_t size = d->operand[0].size;
    _Alignas(64) char piece[PIECE * 8], lanes[64];
    numc_block_extreme state = {.index = -1};
    if (step == (int64_t)size && d->argument == NULL) {
        d->reduction->whole((size_t)n, to, from);
        return;
    }
    for (int k = 0; k < 8 && d->argument == NULL; k++)
        memcpy(lanes + (size_t)k * size, &d->reduction->identity, size);
    for (int64_t first = 0; first < n; first += PIECE) {
        const size_t m = (size_t)(n - first < PIECE ? n - first : PIECE);
        const char *at = from + first * step;
        if (step != (int64_t)size) {
            d->memory[0]->load(m, piece, at, step);
            at = piece;
        }
        if (d->argument != NULL)
            d->argument->accumulate(m, &state, at, first);
        else
            d->reduction->accumulate(m, lanes, at);
    }
    if (d->argument != NULL) {
        const int64_t index = state.index < 0 ? 0 : state.index;
        memcpy(to, &index, sizeof index);
    } else {
        d->reduction->finish(to, lanes);
    }
}

static void reduce_range(const walk *w, int64_t first, int64_t last)
{
    const int32_t inner = w->depth - 1;
    char *at[OPERANDS + 1] = {NULL, NULL, NULL, NULL, NULL};
    if (inner == 0) {
        reduce_one(w, w->extents[0], w->places[0], w->steps[0][0], w->places[1]);
        return;
    }
    for (int32_t p = 0; p < w->places_count; p++)
        at[p] = w->places[p] + first * w->steps[p][0];
    int64_t index[DEPTH] = {first};
    do
        reduce_one(w, w->extents[inner], at[0], w->steps[0][inner], at[1]);
    while (next_position(w, inner, -1, first, last, index, at));
}

/* Neighbouring columns, `count` of them, reduced over n rows that lie `step` bytes apart: each lane is a row of its own. */
static void reduce_columns(const walk *w, int64_t n, int64_t count, const char *from, int64_t step, char *to, int64_t to_step)
{
    static const uint8_t tree[7][2] = {{0, 4}, {2, 6}, {0, 2}, {1, 5}, {3, 7}, {1, 3}, {0, 1}};
    const numc_cpu_direct *d = w->how;
    const int64_t size = d->operand[0].size, most = COLUMN_BYTES / size;
    _Alignas(64) char lanes[8][COLUMN_BYTES];
    for (int64_t column = 0; column < count; column += most) {
        const size_t m = (size_t)(count - column < most ? count - column : most);
        const char *at = from + column * size;
        for (int k = 0; k < 8; k++)
            d->memory[0]->fill(m, lanes[k], &d->reduction->identity);
        int64_t i = 0;
        for (; i + 32 <= n; i += 32, at += 32 * step) /* four rows of a lane at a time */
            for (int k = 0; k < 8; k++)
                d->reduction->combine_4(m, lanes[k], at + k * step, 8 * step);
        for (; i < n; i++, at += step)
            d->reduction->combine(m, lanes[i & 7], lanes[i & 7], at, NULL, NULL);
        for (int t = 0; t < 7; t++)
            d->reduction->combine(m, lanes[tree[t][0]], lanes[tree[t][0]], lanes[tree[t][1]], NULL, NULL);
        d->memory[0]->store(m, to + column * to_step, lanes[0], to_step);
    }
}

/* Loop w->turned, next to the innermost, along which the operand is contiguous. */
static void reduce_columns_range(const walk *w, int64_t first, int64_t last)
{
    const int32_t inner = w->depth - 1, columns = inner - 1;
    char *at[OPERANDS + 1] = {NULL, NULL, NULL, NULL, NULL};
    for (int32_t p = 0; p < w->places_count; p++)
        at[p] = w->places[p] + first * w->steps[p][0];
    int64_t index[DEPTH] = {first};
    do
        reduce_columns(w, w->extents[inner], columns == 0 ? last - first : w->extents[columns], at[0], w->steps[0][inner], at[1],
                       w->steps[1][columns]);
    while (columns > 0 && next_position(w, columns, -1, first, last, index, at));
}

static bool reduce(const numc_device *device, walk *w)
{
    const numc_cpu_direct *d = w->how;
    const int32_t inner = w->depth - 1;
    const int64_t n = w->extents[inner] > 0 ? w->extents[inner] : 0, size = d->operand[0].size;
    if (is_empty(w, inner))
        return true;
    w->extents[inner] = n;
    double total = (double)n;
    for (int32_t k = 0; k < inner; k++)
        total *= (double)w->extents[k];
    if (n < 8 && total > 64.0)
        return false;
    const double cost = total * 0.3;
    if (inner > 0 && d->reduction != NULL && w->steps[0][inner] != size && w->steps[0][inner - 1] == size &&
        w->extents[inner - 1] >= 8)
        run_all(device, w, cost, reduce_columns_range);
    else if (inner == 0)
        reduce_range(w, 0, 1);
    else
        run_all(device, w, cost, reduce_range);
    return true;
}

bool numc_cpu_direct_run(const numc_device *device, const numc_kernel *kernel, const numc_kernel_arguments *arguments)
{
    walk w; /* each member is set where it is first needed: clearing all of it would cost more than a small kernel */
    walk_begin(&w, kernel, arguments);
    return kernel->direct.kind == NUMC_CPU_DIRECT_MAP ? map(device, &w) : reduce(device, &w);
}
