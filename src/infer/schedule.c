/* When a warm-up updates the metric. The rules stand in adaptation.h. */
#include "infer/adaptation.h"

void numc__schedule_make(numc_k_schedule *schedule, int64_t warmup, int64_t init, int64_t term, int64_t window)
{
    schedule->warmup = warmup;
    schedule->first = warmup;
    schedule->count = 0;
    if (warmup < 20)
        return;
    if (init > warmup || term > warmup || window > warmup || init + window + term > warmup) {
        init = warmup * 15 / 100;
        term = warmup / 4;
        window = warmup - init - term;
        if (window >= 45)
            window /= 3; /* the rest stretches to two thirds */
    }
    schedule->first = init;
    int64_t start = init, size = window < 1 ? 1 : window, least = size, stop = warmup - term;
    while (start < stop && schedule->count < NUMC_K_WINDOWS) {
        int64_t end = start + size;
        bool first = schedule->count == 0;
        /* Stan asks for room for the window after this one, but not at the first */
        if (first ? stop - end < least : end != stop && end + 2 * size > stop)
            end = stop;
        schedule->ends[schedule->count++] = end - 1;
        start = end;
        size *= 2;
    }
}
