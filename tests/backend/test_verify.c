/* test_verify.c - the verifier accepts what numc/backend.h allows and names what it forbids; the printer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <cmocka.h>

#include "backend/build.h"
#include "backend/device.h"
#include "base/text.h"

static numc_context *context;

static int set_up(void **state)
{
    (void)state;
    context = numc_open(&(numc_options){.backend = "ref"});
    return context == NULL;
}

static int tear_down(void **state)
{
    (void)state;
    numc_close(context);
    return 0;
}

static void accepts(const numc_build *b)
{
    if (numc__kernel_verify(context, &b->source) != NUMC_OK)
        print_error("%s\n", numc_error_message(context));
    assert_int_equal(numc_error_status(context), NUMC_OK);
}

static void refuses(const numc_build *b, const char *text)
{
    assert_int_equal(numc__kernel_verify(context, &b->source), NUMC_INTERNAL);
    if (strstr(numc_error_message(context), text) == NULL)
        print_error("'%s' is not in: %s\n", text, numc_error_message(context));
    assert_non_null(strstr(numc_error_message(context), text));
    numc_error_clear(context);
}

/* y[i] = sum_j x[i, j] * k, level 1; the tests below break one thing in it at a time. The nodes:
 * 0 constant, 1 parallel, 2 reduce, 3 load, 4 multiply, 5 accumulate, 6 end, 7 store, 8 end. */
static void well_formed(numc_build *b)
{
    numc_build_begin(b, 1);
    (void)numc_build_access(b, 0, NUMC_FLOAT64, 0);
    (void)numc_build_access(b, 1, NUMC_FLOAT64, 1);
    int32_t k = numc_build_constant(b, NUMC_FLOAT64);
    numc_build_loop(b, NUMC_NODE_PARALLEL, 0, -1);
    numc_build_loop(b, NUMC_NODE_REDUCE, 1, -1);
    int32_t product = numc_build_f64(b, NUMC_SCALAR_MULTIPLY, numc_build_load(b, 0, -1), k);
    int32_t sum = numc_build_accumulate(b, NUMC_REDUCTION_SUM, NUMC_FLOAT64, product);
    numc_build_end(b);
    numc_build_store(b, 1, sum, -1);
    numc_build_end(b);
}

static void a_well_formed_kernel_is_accepted(void **state)
{
    (void)state;
    numc_build b;
    well_formed(&b);
    accepts(&b);
    numc_build_begin(&b, 1); /* nothing at all */
    accepts(&b);
}

static void registers_are_typed_and_assigned_once_before_use(void **state)
{
    (void)state;
    numc_build b;
    well_formed(&b);
    b.nodes[4].operands[1] = 2; /* its own result */
    refuses(&b, "node 4 (scalar): an operand is read before");
    well_formed(&b);
    b.nodes[4].operands[1] = 99;
    refuses(&b, "not a register");
    well_formed(&b);
    b.nodes[4].result = 0;
    refuses(&b, "assigned twice");
    well_formed(&b);
    b.nodes[7].operands[0] = 2; /* the product, after its loop */
    refuses(&b, "node 7 (store): an operand was assigned inside a loop that has ended");
    well_formed(&b);
    b.nodes[4].operands[1] = 3; /* the sum, before the loop has ended */
    refuses(&b, "before it is assigned");
    well_formed(&b);
    b.dtypes[0] = NUMC_FLOAT32;
    refuses(&b, "an operand has the wrong dtype");
    b.dtypes[0] = NUMC_COMPLEX64;
    refuses(&b, "no acceptable dtype");
}

static void operations_admit_their_dtypes(void **state)
{
    (void)state;
    numc_build b;
    well_formed(&b);
    b.nodes[4].operation = 5; /* a hole of the table */
    refuses(&b, "operation is unknown");
    well_formed(&b);
    b.nodes[4].operation = NUMC_SCALAR_LOGICAL_AND;
    refuses(&b, "does not admit the dtype");
    well_formed(&b);
    b.nodes[4].operation = NUMC_SCALAR_LESS; /* gives bool, not float64 */
    refuses(&b, "result's register has the wrong dtype");
    well_formed(&b);
    b.nodes[5].operation = NUMC_REDUCTION_ANY;
    refuses(&b, "reduction does not admit");
    well_formed(&b);
    b.nodes[5].operation = NUMC_REDUCTION_ARGMAX;
    refuses(&b, "wrong dtype"); /* its result is int64 */
}

static void loops_match_and_stay_within_depth_and_level(void **state)
{
    (void)state;
    numc_build b;
    well_formed(&b);
    b.source.depth = 1;
    refuses(&b, "deeper than the kernel says");
    well_formed(&b);
    b.nodes[2].match = 8;
    refuses(&b, "do not match");
    well_formed(&b);
    b.source.node_count--;
    refuses(&b, "do not match");
    well_formed(&b);
    b.nodes[1].extent = 7;
    refuses(&b, "names no extent");
    well_formed(&b);
    b.nodes[2].kind = NUMC_NODE_SEQUENTIAL;
    refuses(&b, "needs level 3");
    well_formed(&b);
    b.nodes[2].kind = NUMC_NODE_PARALLEL;
    refuses(&b, "not stand directly in a reduce loop");
    well_formed(&b);
    b.nodes[1].kind = NUMC_NODE_REDUCE;
    refuses(&b, "a loop inside a reduce loop needs level 2");
    b.source.level = 2;
    accepts(&b);
    b.source.level = 4;
    refuses(&b, "level 4");
    well_formed(&b);
    numc_build_loop(&b, NUMC_NODE_PARALLEL, 0, -1);
    numc_build_end(&b);
    refuses(&b, "beside another needs level 2");
    b.source.level = 2;
    accepts(&b);
    well_formed(&b);
    b.nodes[4].kind = 42;
    refuses(&b, "(unknown): the kind is unknown");
}

static void accesses_are_for_loads_or_for_stores(void **state)
{
    (void)state;
    numc_build b;
    well_formed(&b);
    b.nodes[3].extent = 1;
    refuses(&b, "a load of an access that stores");
    well_formed(&b);
    b.nodes[7].extent = 0;
    refuses(&b, "a store to an access that loads");
    well_formed(&b);
    b.nodes[7].extent = 2;
    refuses(&b, "no such access");
    well_formed(&b);
    b.source.buffer_count = 1;
    refuses(&b, "names no buffer");
    well_formed(&b);
    b.nodes[3].operands[0] = 0; /* gathered by a float */
    refuses(&b, "wrong dtype");
    well_formed(&b);
    b.nodes[0].extent = 1;
    refuses(&b, "no such constant");
}

/* r0 constant, r1 carry; sequential { r2 = r1 + r0; next r1 = r2 } store r1 */
static void carried(numc_build *b, uint32_t kind)
{
    numc_build_begin(b, 3);
    (void)numc_build_access(b, 0, NUMC_FLOAT64, 1);
    int32_t start = numc_build_constant(b, NUMC_FLOAT64);
    int32_t value = numc_build_carry(b, start);
    numc_build_loop(b, kind, kind == NUMC_NODE_WHILE ? -1 : 0, -1);
    int32_t more = numc_build_f64(b, NUMC_SCALAR_ADD, value, start);
    if (kind == NUMC_NODE_WHILE)
        numc_build_continue(b, numc_build_scalar(b, NUMC_SCALAR_LESS, NUMC_FLOAT64, NUMC_BOOL, more, start, -1, -1));
    numc_build_update(b, value, more);
    numc_build_end(b);
    numc_build_store(b, 0, value, -1);
}

static void carried_registers_have_one_start_and_one_update(void **state)
{
    (void)state;
    numc_build b;
    carried(&b, NUMC_NODE_SEQUENTIAL);
    accepts(&b);
    carried(&b, NUMC_NODE_WHILE);
    accepts(&b);
    carried(&b, NUMC_NODE_SEQUENTIAL);
    b.nodes[4].result = 0;
    refuses(&b, "not carried");
    carried(&b, NUMC_NODE_SEQUENTIAL);
    b.nodes[3] = b.nodes[4];
    b.nodes[3].operands[0] = b.nodes[4].operands[0] = 0;
    refuses(&b, "updated twice");
    carried(&b, NUMC_NODE_PARALLEL);
    refuses(&b, "directly in a sequential or while loop");
    carried(&b, NUMC_NODE_WHILE);
    b.nodes[2].kind = NUMC_NODE_SEQUENTIAL;
    b.nodes[2].extent = 0;
    b.source.extent_count = 1;
    refuses(&b, "directly in a while loop");
}

static void the_printer_shows_the_tree(void **state)
{
    (void)state;
    numc_build b;
    numc_text text;
    numc__text_begin(&text, context->core);
    well_formed(&b);
    numc__kernel_print(&text, &b.source);
    assert_string_equal(text.data, "kernel level 1: 2 buffers, 2 extents, 1 constants, depth 2\n"
                                   "  a0: float64 loaded from buffer 0\n"
                                   "  a1: float64 stored in buffer 1\n"
                                   "  r0: float64 = constant k0\n"
                                   "  parallel i0 < n0 {\n"
                                   "    reduce i1 < n1 {\n"
                                   "      r1: float64 = load a0\n"
                                   "      r2: float64 = multiply r1 r0\n"
                                   "      r3: float64 = sum of r2\n"
                                   "    }\n"
                                   "    store a1 = r3\n"
                                   "  }\n");
    numc__text_end(&text);
    numc__text_begin(&text, context->core);
    carried(&b, NUMC_NODE_WHILE);
    numc__kernel_print(&text, &b.source);
    assert_non_null(strstr(text.data, "  r1: float64 = carry r0\n  while i0 {\n"));
    assert_non_null(strstr(text.data, "    continue if r3\n    next r1 = r2\n  }\n"));
    numc__text_end(&text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_well_formed_kernel_is_accepted),
        cmocka_unit_test(registers_are_typed_and_assigned_once_before_use),
        cmocka_unit_test(operations_admit_their_dtypes),
        cmocka_unit_test(loops_match_and_stay_within_depth_and_level),
        cmocka_unit_test(accesses_are_for_loads_or_for_stores),
        cmocka_unit_test(carried_registers_have_one_start_and_one_update),
        cmocka_unit_test(the_printer_shows_the_tree),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
