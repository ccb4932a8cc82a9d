/* The whole scalar kernel. */
#ifndef NUMC_KERNEL_KERNEL_H
#define NUMC_KERNEL_KERNEL_H

#include "config.h"
#include "exponential.h"
#include "trigonometric.h"
#include "roots.h"
#include "gamma.h"
#include "error_function.h"
#include "logistic.h"
#include "incomplete.h"
#include "random.h"
#include "table.h"

#endif
