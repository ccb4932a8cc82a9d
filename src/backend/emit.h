/* emit.h - internal: a kernel being written as text. emit_value.c writes values (operations, conversions, reductions), emit.c the
 * loops around them and what stands before. Functions answer false where there is no text for something. */
#ifndef NUMC_BACKEND_EMIT_H
#define NUMC_BACKEND_EMIT_H

#include "backend/internal.h"
#include "base/text.h"

typedef struct dialect {
    const char *prologue;
    const char *entry;   /* before the name */
    const char *global;  /* address space of buffers and arguments */
    const char *restricted;
    bool separate_buffers;
    const char *literal; /* behind a whole number of 64 bits */
} dialect;

enum { NUMC_EMIT_FLAT = 8 };

typedef struct emitter {
    numc_text *text;
    const numc_kernel_source *source;
    const dialect *dialect;
    int depth;        /* loops around the node being written */
    bool devices;     /* a GPU dialect */
    bool by_value;    /* its words are a struct, not a pointer */
    bool by_groups;   /* a work group for each iteration of the flattened loops */
    bool grouped;     /* the node being written is run by all items of a group alike */
    uint32_t flat[NUMC_EMIT_FLAT]; /* parallel loops shared by items or groups, outermost first */
    uint32_t flat_count;
    const numc_kernel_arguments *known; /* extents, strides and constants are written into the text; or NULL */
    bool item;        /* known, and for one work item of a device: loops as they stand, nothing side by side */
    const numc_kernel_groups *groups;   /* or NULL */
    const char *lanes; /* the first of eight iterations of a reduce loop side by side: r5, of bytes in a row, comes from w5, which holds
                        * all eight; or NULL */
    bool calls[NUMC_SCALAR_LIMIT]; /* functions of src/kernel that stand outside loops so often that they are called, not copied */
    bool calling;     /* what is written is such a call */
    int strip;        /* iterations side by side (see add_strips), of which `strip` is written; 0: no such */
} emitter;

#define ADD(e, ...) numc__text_add((e)->text, __VA_ARGS__)

static inline const char *dtype_name(uint32_t dtype)
{
    return numc_dtype_name((numc_dtype)dtype);
}

static inline numc_kind kind_of(uint32_t dtype)
{
    return numc_dtype_kind((numc_dtype)dtype);
}

static inline bool is_loop(uint32_t kind)
{
    return kind >= NUMC_NODE_PARALLEL && kind <= NUMC_NODE_WHILE;
}

static inline void indent(emitter *e, int extra)
{
    for (int i = 0; i <= e->depth + extra; i++)
        ADD(e, "    ");
}

/* The value of an operation on operands given as text, cast to the result's type. */
bool numc__text_operation(emitter *e, uint32_t operation, uint32_t dtype, uint32_t result, const char *const *operands);
bool numc__text_is_function(uint32_t operation); /* its text is a call of src/kernel */
void numc__text_shared(emitter *e, uint32_t operation); /* that function, called: once in a text */
void numc__text_conversion(emitter *e, uint32_t from, uint32_t to, const char *operand);
/* A register's declaration up to the equals sign. */
void numc__text_declare(emitter *e, int32_t number);

void numc__text_identity(emitter *e, uint32_t reduction, uint32_t dtype);
bool numc__text_is_argument(uint32_t reduction);
/* The accumulators that stand directly in the loop at node `loop`, by calling `each`. */
bool numc__text_for_accumulators(emitter *e, uint32_t loop, bool (*each)(emitter *e, const numc_kernel_node *node));
/* In a loop shared by a group's items: a5 is what the item has so far, m5 where it found its extreme. */
bool numc__text_start_item(emitter *e, const numc_kernel_node *node);
bool numc__text_finish_item(emitter *e, const numc_kernel_node *node);
/* l5: the lanes of register 5; m5: where the extreme of a lane was found. */
bool numc__text_start_lanes(emitter *e, const numc_kernel_node *node);
bool numc__text_finish_lanes(emitter *e, const numc_kernel_node *node);
bool numc__text_accumulate(emitter *e, const numc_kernel_node *node);

#endif
