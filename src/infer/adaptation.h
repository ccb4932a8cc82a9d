/* adaptation.h - internal: when a warm-up learns. What it learns, and how, is kernel/warmup.h. */
#ifndef NUMC_INFER_ADAPTATION_H
#define NUMC_INFER_ADAPTATION_H

#include "base/context.h"
#include "kernel/warmup.h"

/* Windows of a warm-up of `warmup` transitions with `init` before the first window, `term` after the last, the first of length
 * `window`, each later one twice as long; a window whose successor would not fit is stretched to the end. As Stan, except:
 *  - fewer than 20: no window, only the step size is adapted (as Stan);
 *  - too short for init + window + term (20..149 with the defaults): 15% before, 25% after; the middle is one window, or, from
 *    45 draws on, two of one and two thirds. (Stan adapts no metric there.)
 *  - a last window shorter than the first is joined to the one before (with the defaults: 151..174, where Stan would estimate
 *    variances from as little as one draw). */
void numc__schedule_make(numc_k_schedule *schedule, int64_t warmup, int64_t init, int64_t term, int64_t window);

#endif
