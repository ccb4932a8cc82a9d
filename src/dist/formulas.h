/* formulas.h - of src/dist: a function of a class in a line, and the constructors of classes with one parameter or two. */
#ifndef NUMC_DIST_FORMULAS_H
#define NUMC_DIST_FORMULAS_H

#include "dist/internal.h"

#define FIRST numc__parameter(d, 0)
#define SECOND numc__parameter(d, 1)

#define SUPPORT(name, region)                                                                      \
    static numc_constraint *name(const numc_distribution *d)                                       \
    {                                                                                              \
        return region;                                                                             \
    }
#define MOMENT(name, formula)                                                                      \
    static numc_array *name(const numc_distribution *d)                                            \
    {                                                                                              \
        return formula;                                                                            \
    }
#define ELEMENTWISE(name, argument, formula)                                                       \
    static numc_array *name(const numc_distribution *d, const numc_array *argument)                \
    {                                                                                              \
        return formula;                                                                            \
    }
#define SAMPLER(name, formula)                                                                     \
    static numc_array *name(const numc_distribution *d, const numc_array *key, numc_shape shape)   \
    {                                                                                              \
        return formula;                                                                            \
    }

#define MAKE_1(name)                                                                               \
    numc_distribution *numc_##name##_(numc_context *context, numc_operand parameter)               \
    {                                                                                              \
        return numc_distribution_new_(context, &class_##name, &parameter, 1, NULL);                \
    }
#define MAKE_2(name)                                                                               \
    numc_distribution *numc_##name##_(numc_context *context, numc_operand first, numc_operand second) \
    {                                                                                              \
        return numc_distribution_new_(context, &class_##name, (const numc_operand[]){first, second}, 2, NULL); \
    }

#endif
