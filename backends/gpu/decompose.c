/* decompose.c - QR, Hermitian eigenvalues and singular values, a work group for each matrix: by reflections, by Jacobi's rotations of
 * both sides, by those of one side (Hestenes). All that is decided on the way (what to turn, when to stop, the rank) is decided on the
 * device, so nothing waits. Outcomes as numc/backend.h has them, formulas as in backends/ref/factor.c, in the matrix' own precision. */
#include "gpu/internal.h"

/* Words: 0 matrices; 1, 2 what they measure; 3.. offsets of four views, 7.. strides of the first three by row and column; 14 the first
 * of this launch; 15 numbers of scratch for one; batch axes from 16; 33 GROUP, as a number
 * that the compiler does not know: it would write what follows once more for each of its halves. The others as each kernel says. */
enum { DECOMPOSE_WORDS = 34 };

/* SWEEPS as in ref; 6 to 10 are usual. NOTHING: columns shorter than this, beside elements near 1, count as zero. */
static const char numbers_text[] = NUMC_GPU_SPLIT_TEXT
    "#define SWEEPS 60\n"
    "#define WIDE (sizeof(R) == 8)\n"
    "#define EPS ((R)(WIDE ? 0x1p-52 : 0x1p-23))\n"
    "#define NOTHING ((R)(WIDE ? 0x1p-100 : 0x1p-50))\n"
    "#define NORMAL ((R)(WIDE ? 0x1p-1022 : 0x1p-126))\n"
    "#define SIDE(i, j) side[at + (i) * W(9) + (j) * W(10)]\n"
    "#define NANS PAIR(NOT_A_NUMBER, NOT_A_NUMBER)\n"
    "FN int numc_g_finite(T a)\n{\n    return RE(a) - RE(a) == 0 && IM(a) - IM(a) == 0;\n}\n"
    "FN R numc_g_square(T a)\n{\n    return RE(a) * RE(a) + IM(a) * IM(a);\n}\n"
    "FN R numc_g_part(T a)\n{\n    R re = RE(a) < 0 ? -RE(a) : RE(a), im = IM(a) < 0 ? -IM(a) : IM(a);\n    return re > im ? re : im;\n}\n"
    "FN T numc_g_over(T a, R r)\n{\n    return PAIR(RE(a) / r, IM(a) / r);\n}\n"
    "FN T numc_g_times(T a, R r)\n{\n    return PAIR(RE(a) * r, IM(a) * r);\n}\n"
    /* the largest power of 2 that is not above; 1 for 0 */
    "FN R numc_g_unit(R largest)\n"
    "{\n"
    "    R unit = 1;\n"
    "    while (unit <= largest / 2)\n"
    "        unit *= 2;\n"
    "    while (largest > 0 && unit > largest && unit > NORMAL)\n"
    "        unit /= 2;\n"
    "    return unit;\n"
    "}\n"
    /* of a value of each item, items from `count` on having 0: the sum, or the largest; halves in their order */
    "INSIDE R numc_g_join(LOCAL R *shared, R value, word count, int largest, int item, int group)\n"
    "{\n"
    "    int width = group;\n"
    "    shared[item] = value;\n"
    "    BARRIER();\n"
    "    while (width > 1 && width / 2 >= count)\n"
    "        width /= 2;\n"
    "    do {\n"
    "        width /= 2;\n"
    "        if (item < width) {\n"
    "            R other = shared[item + width];\n"
    "            shared[item] = !largest ? shared[item] + other : other > shared[item] ? other : shared[item];\n"
    "        }\n"
    "        BARRIER();\n"
    "    } while (width > 1);\n"
    "    value = shared[0];\n"
    "    BARRIER();\n"
    "    return value;\n"
    "}\n";

/* No barrier stands inside a condition, since PoCL writes what follows twice for each; nor in a loop that may have no turn, which is a
 * condition too once it is optimised. So all such loops have one turn, in which there may be nothing to do. */

/* ---- reflections ------------------------------------------------------------------------------------------------------------ */

static const char reflections_text[] =
    /* H = I - tau v v' with v[0] = 1 and H' x = beta e_0, beta real; v takes x's place */
    "INSIDE void numc_g_reflector(GLOBAL T *x, word step, word n, GLOBAL T *tau, GLOBAL T *beta, LOCAL R *shared, int item, int group)\n"
    "{\n"
    "    T first = n > 0 ? x[0] : ZERO;\n"
    "    R rest = 0, sum = 0;\n"
    "    for (word i = item; i < n; i += GROUP) {\n"
    "        R part = i > 0 ? numc_g_part(x[i * step]) : IM(first) < 0 ? -IM(first) : IM(first);\n"
    "        rest = part > rest ? part : rest;\n"
    "    }\n"
    "    rest = numc_g_join(shared, rest, n, 1, item, group);\n"
    "    const R size = numc_g_part(first), unit = rest == 0 ? (R)1 : size > rest ? size : rest;\n"
    "    for (word i = item; i < n; i += GROUP)\n"
    "        sum += numc_g_square(numc_g_over(x[i * step], unit));\n"
    "    R length = sqrt(numc_g_join(shared, sum, n, 0, item, group));\n"
    "    length = RE(first) < 0 ? length : -length;\n"
    "    T top = numc_g_over(first, unit), pivot = rest == 0 ? OF(1) : SUB(top, OF(length));\n"
    "    for (word i = item == 0 ? GROUP : item; i < n; i += GROUP)\n"
    "        x[i * step] = DIV(numc_g_over(x[i * step], unit), pivot);\n"
    "    if (item == 0 && n > 0) {\n"
    "        x[0] = OF(1);\n"
    "        beta[0] = OF(rest == 0 ? RE(first) : length * unit);\n"
    "        tau[0] = rest == 0 ? ZERO : numc_g_over(SUB(OF(length), top), length);\n"
    "    }\n"
    "    BARRIER();\n"
    "}\n"
    /* x = (I - tau v v') x: items share columns, and the rows of each where there are fewer columns than items */
    "INSIDE void numc_g_reflect(GLOBAL T *x, word down, word across, word rows, word columns, GLOBAL const T *v, word step, T tau,\n"
    "                       LOCAL T *shared, int item, int group)\n"
    "{\n"
    "    int width = group;\n"
    "    while (width > 1 && width / 2 >= columns)\n"
    "        width /= 2;\n"
    "    const int slices = group / width, slice = item / width, column = item % width;\n"
    "    word base = 0;\n"
    "    do {\n"
    "        const word j = base + column, end = j < columns ? rows : 0;\n"
    "        T sum = ZERO;\n"
    "        for (word i = slice; i < end; i += slices) {\n"
    "            T one = v[i * step];\n"
    "            sum = ADD(sum, MUL(CONJ(one), x[i * down + j * across]));\n"
    "        }\n"
    "        shared[item] = sum;\n"
    "        BARRIER();\n"
    "        sum = ZERO;\n"
    "        for (int s = 0; s < slices; s++)\n"
    "            sum = ADD(sum, shared[s * width + column]);\n"
    "        sum = MUL(sum, tau);\n"
    "        for (word i = slice; i < end; i += slices)\n"
    "            x[i * down + j * across] = SUB(x[i * down + j * across], MUL(v[i * step], sum));\n"
    "        BARRIER();\n"
    "        base += width;\n"
    "    } while (base < columns);\n"
    "}\n"
    /* x (rows, columns), without gaps, becomes R above its diagonal, which beta has, and the v below */
    "INSIDE void numc_g_reduce(GLOBAL T *x, word rows, word columns, word steps, GLOBAL T *tau, GLOBAL T *beta, LOCAL T *shared,\n"
    "                      LOCAL R *reals, int item, int group)\n"
    "{\n"
    "    word k = 0;\n"
    "    do {\n"
    "        const word left = k < steps ? rows - k : 0;\n"
    "        GLOBAL T *v = x + k * columns + k;\n"
    "        numc_g_reflector(v, columns, left, tau + k, beta + k, reals, item, group);\n"
    "        T turn = k < steps ? tau[k] : ZERO;\n"
    "        numc_g_reflect(v + 1, columns, 1, left, IS_ZERO(turn) ? 0 : columns - k - 1, v, columns, CONJ(turn), shared, item, group);\n"
    "    } while (++k < steps);\n"
    "}\n"
    /* columns `from` to `to` of the product of the reflections */
    "INSIDE void numc_g_expand(GLOBAL T *q, word down, word across, word from, word to, GLOBAL const T *x, word rows, word columns,\n"
    "                      word steps, GLOBAL const T *tau, LOCAL T *shared, int item, int group)\n"
    "{\n"
    "    const word wanted = to - from;\n"
    "    for (word e = item; e < rows * wanted; e += GROUP)\n"
    "        q[e / wanted * down + (from + e % wanted) * across] = e / wanted == from + e % wanted ? OF(1) : ZERO;\n"
    "    BARRIER();\n"
    "    word k = steps > 0 ? steps - 1 : 0;\n"
    "    do {\n"
    "        const word left = k < steps ? rows - k : 0, first = k > from ? k : from;\n"
    "        GLOBAL const T *v = x + k * columns + k;\n"
    "        T turn = k < steps ? tau[k] : ZERO;\n"
    "        numc_g_reflect(q + k * down + first * across, down, across, left, IS_ZERO(turn) ? 0 : to - first, v, columns, turn,\n"
    "                       shared, item, group);\n"
    "    } while (--k >= 0);\n"
    "}\n";

/* 1 rows, 2 columns, 13 columns of q. Views: a, q, r. Scratch: rows x columns, tau, beta. */
static const char qr_text[] =
    "KERNEL qr(GLOBAL const T *a, GLOBAL T *q, GLOBAL T *r, GLOBAL T *room, WORDS)\n"
    "{\n"
    "    SHARED T shared[GROUP];\n"
    "    SHARED R reals[GROUP];\n"
    "    const int item = ITEM, group = (int)W(33);\n"
    "    const word m = W(1), n = W(2), middle = W(13), least = m < n ? m : n;\n"
    "    GLOBAL T *x = room + NUMBER * W(15);\n"
    "    GLOBAL T *tau = x + m * n;\n"
    "    GLOBAL T *beta = tau + least;\n"
    "    word from = W(3), at = W(4), to = W(5);\n"
    "    R bad = 0;\n"
    "    { SPLIT(NUMBER + W(14), 16); from += PLACE(16, 0); at += PLACE(16, 1); to += PLACE(16, 2); }\n"
    "    for (word e = item; e < m * n; e += GROUP) {\n"
    "        x[e] = a[from + e / n * W(7) + e % n * W(8)];\n"
    "        bad = numc_g_finite(x[e]) ? bad : (R)1;\n"
    "    }\n"
    "    bad = numc_g_join(reals, bad, GROUP, 1, item, group);\n"
    "    const word steps = bad == 0 ? least : 0;\n"
    "    numc_g_reduce(x, m, n, steps, tau, beta, shared, reals, item, group);\n"
    "    numc_g_expand(q + at, W(9), W(10), 0, bad == 0 ? middle : 0, x, m, n, steps, tau, shared, item, group);\n"
    "    for (word e = item; e < (bad == 0 ? middle * n : 0); e += GROUP) {\n"
    "        word i = e / n, j = e % n;\n"
    "        r[to + i * W(11) + j * W(12)] = j < i ? ZERO : j == i ? beta[i] : x[e];\n"
    "    }\n"
    "    for (word e = item; e < (bad == 0 ? 0 : m * middle); e += GROUP)\n"
    "        q[at + e / middle * W(9) + e % middle * W(10)] = NANS;\n"
    "    for (word e = item; e < (bad == 0 ? 0 : middle * n); e += GROUP)\n"
    "        r[to + e / n * W(11) + e % n * W(12)] = NANS;\n"
    "}\n";

/* ---- rotations -------------------------------------------------------------------------------------------------------------- */

/* Columns x, y of squared lengths (or diagonal elements) left, right, with inner = x' y: c x - s phase y and s x + c phase y are
 * orthogonal. In turn t of a sweep PAIR names the h-th of disjoint pairs p < q, so that all pairs come once; `players` is even, and a
 * number that is too large has nobody to play with. */
static const char rotations_text[] =
    "FN R numc_g_length(T a)\n"
    "{\n"
    "    R part = numc_g_part(a);\n"
    "    return part == 0 ? part : part * sqrt(numc_g_square(numc_g_over(a, part)));\n"
    "}\n"
    "FN R numc_g_tangent(R left, R right, R size)\n"
    "{\n"
    "    R zeta = (right - left) / (2 * size), steep = zeta < 0 ? -zeta : zeta;\n"
    "    R t = steep * EPS > 1 ? 1 / (2 * steep) : 1 / (steep + sqrt(1 + steep * steep));\n"
    "    return zeta < 0 ? -t : t;\n"
    "}\n"
    "FN void numc_g_rotation(R left, R right, T inner, R size, R *c, R *s, T *phase)\n"
    "{\n"
    "    R tangent = numc_g_tangent(left, right, size);\n"
    "    *c = 1 / sqrt(1 + tangent * tangent);\n"
    "    *s = *c * tangent;\n"
    "    *phase = numc_g_over(CONJ(inner), size);\n"
    "}\n"
    "FN T numc_g_one(T x, T y, R c, R s, T phase)\n{\n    return SUB(numc_g_times(x, c), numc_g_times(MUL(phase, y), s));\n}\n"
    "FN T numc_g_two(T x, T y, R c, R s, T phase)\n{\n    return ADD(numc_g_times(x, s), numc_g_times(MUL(phase, y), c));\n}\n"
    "#define PAIR_OF(h, t, p, q) word p = (h) == 0 ? players - 1 : ((t) + (h)) % (players - 1), "
    "q = (h) == 0 ? (t) : ((t) + players - 1 - (h)) % (players - 1); "
    "if (p > q) { word swap = p; p = q; q = swap; }\n"
    /* how many come before the i-th, in ascending (sign 1) or descending order, equal ones as they are */
    "FN word numc_g_rank(GLOBAL const R *values, word n, word i, R sign)\n"
    "{\n"
    "    word rank = 0;\n"
    "    for (word j = 0; j < n; j++)\n"
    "        rank += sign * values[j] < sign * values[i] || (values[j] == values[i] && j < i) ? 1 : 0;\n"
    "    return rank;\n"
    "}\n";

/* The rotations of turn t, which stamps `turned` where one is wanted; then x <- J' x J by blocks of 2 x 2, one item for each and what
 * lies across the diagonal. */
static const char both_sides_text[] =
    "INSIDE void numc_g_choose(GLOBAL const T *x, word n, word players, word t, int stamp, GLOBAL T *phases, GLOBAL R *cosines,\n"
    "                      GLOBAL R *sines, LOCAL int *turned, int item)\n"
    "{\n"
    "    for (word h = item; h < players / 2; h += GROUP) {\n"
    "        PAIR_OF(h, t, p, q);\n"
    "        R c = 1, s = 0;\n"
    "        if (q < n) {\n"
    "            T inner = x[p * n + q], phase;\n"
    "            R left = RE(x[p * n + p]), right = RE(x[q * n + q]), size = numc_g_length(inner);\n"
    "            R most = left < 0 ? -left : left, other = right < 0 ? -right : right;\n"
    "            most = other > most ? other : most;\n"
    "            if (!(size <= EPS / 2 * most || size < NOTHING)) {\n"
    "                numc_g_rotation(left, right, inner, size, &c, &s, &phase);\n"
    "                phases[h] = phase;\n"
    "                turned[0] = stamp;\n"
    "            }\n"
    "        }\n"
    "        cosines[h] = c;\n"
    "        sines[h] = s;\n"
    "    }\n"
    "}\n"
    "FN void numc_g_both_sides(GLOBAL T *x, word n, word players, word t, GLOBAL const T *phases, GLOBAL const R *cosines,\n"
    "                          GLOBAL const R *sines, int item)\n"
    "{\n"
    "    const word pairs = players / 2;\n"
    "    for (word e = item; e < pairs * pairs; e += GROUP) {\n"
    "        const word h = e / pairs, g = e % pairs;\n"
    "        if (g > h || (sines[h] == 0 && sines[g] == 0))\n"
    "            continue;\n"
    "        PAIR_OF(h, t, p, q);\n"
    "        PAIR_OF(g, t, r, s);\n"
    "        if (g == h) {\n"
    "            R shift = numc_g_length(x[p * n + q]) * (sines[h] / cosines[h]);\n"
    "            x[p * n + p] = OF(RE(x[p * n + p]) - shift);\n"
    "            x[q * n + q] = OF(RE(x[q * n + q]) + shift);\n"
    "            x[p * n + q] = ZERO;\n"
    "            x[q * n + p] = ZERO;\n"
    "            continue;\n"
    "        }\n"
    "        const int down = q < n, across = s < n;\n"
    "        T one = x[p * n + r], two = across ? x[p * n + s] : ZERO;\n"
    "        T three = down ? x[q * n + r] : ZERO, four = down && across ? x[q * n + s] : ZERO, old;\n"
    "#define MIX(x, y, h, phase) { old = x; x = numc_g_one(old, y, cosines[h], sines[h], phase); "
    "y = numc_g_two(old, y, cosines[h], sines[h], phase); }\n"
    "        if (sines[g] != 0) {\n"
    "            MIX(one, two, g, phases[g]);\n"
    "            MIX(three, four, g, phases[g]);\n"
    "        }\n"
    "        if (sines[h] != 0) {\n"
    "            T phase = CONJ(phases[h]);\n"
    "            MIX(one, three, h, phase);\n"
    "            MIX(two, four, h, phase);\n"
    "        }\n"
    "#define BOTH(i, j, value) { x[(i) * n + (j)] = value; x[(j) * n + (i)] = CONJ(value); }\n"
    "        BOTH(p, r, one);\n"
    "        if (across)\n"
    "            BOTH(p, s, two);\n"
    "        if (down)\n"
    "            BOTH(q, r, three);\n"
    "        if (down && across)\n"
    "            BOTH(q, s, four);\n"
    "    }\n"
    "}\n";

/* 1 extent; 13 stride of the values; 31 whether vectors are wanted. Views: a, vectors, -, values. Scratch: the matrix; the vectors as rows;
 * for each pair its phase, cosine and sine; values. */
static const char eigh_text[] =
    "KERNEL eigh(GLOBAL const T *a, GLOBAL T *vectors, GLOBAL R *values, GLOBAL T *room, WORDS)\n"
    "{\n"
    "    SHARED R reals[GROUP];\n"
    "    SHARED int turned[1];\n"
    "    const int item = ITEM, group = (int)W(33);\n"
    "    const word n = W(1), players = n + n % 2, pairs = players / 2;\n"
    "    GLOBAL T *x = room + NUMBER * W(15);\n"
    "    GLOBAL T *rows = x + n * n;\n"
    "    GLOBAL T *phases = rows + n * n;\n"
    "    GLOBAL R *cosines = (GLOBAL R *)(phases + pairs);\n"
    "    GLOBAL R *sines = cosines + pairs;\n"
    "    GLOBAL R *found = sines + pairs;\n"
    "    word from = W(3), at = W(4), to = W(6);\n"
    "    R bad = 0, largest = 0;\n"
    "    int stamp = 0, sweep = 0, going;\n"
    "    { SPLIT(NUMBER + W(14), 16); from += PLACE(16, 0); at += PLACE(16, 1); to += PLACE(16, 3); }\n"
    "    for (word e = item; e < n * n; e += GROUP) {\n"
    "        word i = e / n, j = e % n;\n"
    "        T value = i < j ? a[from + j * W(7) + i * W(8)] : a[from + i * W(7) + j * W(8)];\n"
    "        value = i == j ? OF(RE(value)) : i < j ? CONJ(value) : value;\n"
    "        bad = numc_g_finite(value) ? bad : (R)1;\n"
    "        largest = numc_g_part(value) > largest ? numc_g_part(value) : largest;\n"
    "        x[e] = value;\n"
    "        rows[e] = i == j ? OF(1) : ZERO;\n"
    "    }\n"
    "    bad = numc_g_join(reals, bad, GROUP, 1, item, group);\n"
    "    largest = numc_g_join(reals, largest, GROUP, 1, item, group);\n"
    "    largest = numc_g_unit(bad != 0 ? (R)0 : largest);\n"
    "    for (word e = item; e < n * n; e += GROUP)\n"
    "        x[e] = numc_g_over(x[e], largest);\n"
    "    if (item == 0)\n"
    "        turned[0] = 0;\n"
    "    BARRIER();\n"
    "    do {\n"
    "        const int begin = stamp;\n"
    "        word t = 0;\n"
    "        do {\n"
    "            stamp++;\n"
    "            numc_g_choose(x, n, players, t, stamp, phases, cosines, sines, turned, item);\n"
    "            BARRIER();\n"
    "            const word parts = turned[0] == stamp && W(31) != 0 ? pairs * n : 0;\n"
    "            if (turned[0] == stamp)\n"
    "                numc_g_both_sides(x, n, players, t, phases, cosines, sines, item);\n"
    "            for (word e = item; e < parts; e += GROUP) {\n"
    "                const word h = e / n, i = e % n;\n"
    "                PAIR_OF(h, t, p, q);\n"
    "                if (sines[h] == 0)\n"
    "                    continue;\n"
    "                T one = rows[p * n + i], two = rows[q * n + i];\n"
    "                rows[p * n + i] = numc_g_one(one, two, cosines[h], sines[h], phases[h]);\n"
    "                rows[q * n + i] = numc_g_two(one, two, cosines[h], sines[h], phases[h]);\n"
    "            }\n"
    "            BARRIER();\n"
    "        } while (++t < players - 1);\n"
    "        going = turned[0] > begin ? 1 : 0;\n"
    "        bad = ++sweep == SWEEPS && going != 0 ? (R)1 : bad;\n"
    "        BARRIER();\n"
    "    } while (going != 0 && bad == 0);\n"
    "    for (word i = item; i < n; i += GROUP)\n"
    "        found[i] = RE(x[i * n + i]);\n"
    "    BARRIER();\n"
    "    for (word i = item; i < n; i += GROUP) {\n"
    "        const word rank = bad != 0 ? i : numc_g_rank(found, n, i, 1);\n"
    "        values[to + rank * W(13)] = bad != 0 ? (R)NOT_A_NUMBER : found[i] * largest;\n"
    "        for (word j = 0; W(31) != 0 && j < n; j++)\n"
    "            vectors[at + j * W(9) + rank * W(10)] = bad != 0 ? NANS : rows[i * n + j];\n"
    "    }\n"
    "}\n";

/* The rotations of turn t for columns of x (n, as rows of m) and of v (of which `kept` elements are wanted), several items to a pair. */
static const char one_side_text[] =
    "INSIDE void numc_g_one_side(GLOBAL T *x, word m, GLOBAL T *v, word n, word kept, word t, int stamp, LOCAL R *lefts, LOCAL R *rights,\n"
    "                        LOCAL T *inners, LOCAL T *phases, LOCAL R *cosines, LOCAL R *sines, LOCAL int *turned, int item, int group)\n"
    "{\n"
    "    const word players = n + n % 2, pairs = players / 2;\n"
    "    const R tolerance = (8 + sqrt((R)m)) * EPS;\n"
    "    int lanes = group / 8;\n"
    "    while (lanes > 1 && lanes / 2 >= m)\n"
    "        lanes /= 2;\n"
    "    const int lane = item % lanes, slot = item / lanes, slots = group / lanes;\n"
    "    word base = 0;\n"
    "    do {\n"
    "        PAIR_OF(base + slot, t, p, q);\n"
    "        const int plays = base + slot < pairs && q < n;\n"
    "        R left = 0, right = 0;\n"
    "        T inner = ZERO;\n"
    "        for (word i = lane; plays && i < m; i += lanes) {\n"
    "            T one = x[p * m + i], two = x[q * m + i];\n"
    "            left += numc_g_square(one);\n"
    "            right += numc_g_square(two);\n"
    "            inner = ADD(inner, MUL(CONJ(one), two));\n"
    "        }\n"
    "        lefts[item] = left;\n"
    "        rights[item] = right;\n"
    "        inners[item] = inner;\n"
    "        BARRIER();\n"
    "        if (lane == 0) {\n"
    "            for (int k = 1; k < lanes; k++) {\n"
    "                left += lefts[item + k];\n"
    "                right += rights[item + k];\n"
    "                inner = ADD(inner, inners[item + k]);\n"
    "            }\n"
    "            R size = numc_g_length(inner), c = 1, s = 0;\n"
    "            if (plays && !(size <= tolerance * sqrt(left) * sqrt(right) || left < NOTHING * NOTHING\n"
    "                           || right < NOTHING * NOTHING)) {\n"
    "                T phase;\n"
    "                numc_g_rotation(left, right, inner, size, &c, &s, &phase);\n"
    "                phases[slot] = phase;\n"
    "                turned[0] = stamp;\n"
    "            }\n"
    "            cosines[slot] = c;\n"
    "            sines[slot] = s;\n"
    "        }\n"
    "        BARRIER();\n"
    "        const word parts = sines[slot] == 0 ? 0 : m + kept;\n"
    "        for (word i = lane; i < parts; i += lanes) {\n"
    "            GLOBAL T *first = i < m ? x + p * m + i : v + p * n + i - m;\n"
    "            GLOBAL T *second = i < m ? x + q * m + i : v + q * n + i - m;\n"
    "            T one = first[0], two = second[0];\n"
    "            first[0] = numc_g_one(one, two, cosines[slot], sines[slot], phases[slot]);\n"
    "            second[0] = numc_g_two(one, two, cosines[slot], sines[slot], phases[slot]);\n"
    "        }\n"
    "        base += slots;\n"
    "    } while (base < pairs);\n"
    "}\n";

/* Of the matrix, or its adjoint where that is the tall one: 1 rows, 2 columns. 13 stride of the values; 31 columns of the side that is as
 * long as the rows, 0: no vectors; 32 1: of the adjoint. Views: a, that side, the other one, values. Scratch: columns as rows; those of the other
 * side; tau, beta; lengths, and their places. */
static const char svd_text[] =
    "KERNEL svd(GLOBAL const T *a, GLOBAL T *side, GLOBAL T *other, GLOBAL R *values, GLOBAL T *room, WORDS)\n"
    "{\n"
    "    SHARED T inners[GROUP];\n"
    "    SHARED R lefts[GROUP];\n"
    "    SHARED R rights[GROUP];\n"
    "    SHARED T phases[GROUP];\n"
    "    SHARED R cosines[GROUP];\n"
    "    SHARED R sines[GROUP];\n"
    "    SHARED int turned[1];\n"
    "    const int item = ITEM, group = (int)W(33);\n"
    "    const word m = W(1), n = W(2), players = n + n % 2, wanted = W(31);\n"
    "    GLOBAL T *x = room + NUMBER * W(15);\n"
    "    GLOBAL T *v = x + n * m;\n"
    "    GLOBAL T *tau = v + n * n;\n"
    "    GLOBAL T *beta = tau + n;\n"
    "    GLOBAL R *lengths = (GLOBAL R *)(beta + n);\n"
    "    GLOBAL R *places = lengths + n;\n"
    "    word from = W(3), at = W(4), across = W(5), to = W(6), rank = 0;\n"
    "    R bad = 0, largest = 0;\n"
    "    int stamp = 0, sweep = 0, going;\n"
    "    { SPLIT(NUMBER + W(14), 16); from += PLACE(16, 0); at += PLACE(16, 1); across += PLACE(16, 2); to += PLACE(16, 3); }\n"
    "    for (word e = item; e < n * m; e += GROUP) {\n"
    "        T value = a[from + e % m * W(7) + e / m * W(8)];\n"
    "        bad = numc_g_finite(value) ? bad : (R)1;\n"
    "        largest = numc_g_part(value) > largest ? numc_g_part(value) : largest;\n"
    "        x[e] = W(32) != 0 ? CONJ(value) : value;\n"
    "    }\n"
    "    bad = numc_g_join(lefts, bad, GROUP, 1, item, group);\n"
    "    largest = numc_g_join(lefts, largest, GROUP, 1, item, group);\n"
    "    largest = numc_g_unit(bad != 0 ? (R)0 : largest);\n"
    "    for (word e = item; e < n * m; e += GROUP)\n"
    "        x[e] = numc_g_over(x[e], largest);\n"
    "    for (word e = item; e < n * n; e += GROUP)\n"
    "        v[e] = e / n == e % n ? OF(1) : ZERO;\n"
    "    if (item == 0)\n"
    "        turned[0] = 0;\n"
    "    BARRIER();\n"
    "    do {\n"
    "        const int begin = stamp;\n"
    "        word t = 0;\n"
    "        do {\n"
    "            stamp++;\n"
    "            numc_g_one_side(x, m, v, n, wanted != 0 ? n : 0, t, stamp, lefts, rights, inners, phases, cosines, sines,\n"
    "                            turned, item, group);\n"
    "            BARRIER();\n"
    "        } while (++t < players - 1);\n"
    "        going = turned[0] > begin ? 1 : 0;\n"
    "        bad = ++sweep == SWEEPS && going != 0 ? (R)1 : bad;\n"
    "        BARRIER();\n"
    "    } while (going != 0 && bad == 0);\n"
    "    for (word j = item; j < n; j += GROUP) {\n"
    "        R sum = 0;\n"
    "        for (word i = 0; i < m; i++)\n"
    "            sum += numc_g_square(x[j * m + i]);\n"
    "        lengths[j] = bad != 0 ? (R)NOT_A_NUMBER : sqrt(sum);\n"
    "    }\n"
    "    BARRIER();\n"
    "    for (word j = item; j < n; j += GROUP) {\n"
    "        const word place = bad != 0 ? j : numc_g_rank(lengths, n, j, -1);\n"
    "        places[j] = (R)place;\n"
    "        values[to + place * W(13)] = lengths[j] * largest;\n"
    "    }\n"
    "    BARRIER();\n"
    "    for (word j = 0; j < n; j++)\n"
    "        rank += lengths[j] < NOTHING ? 0 : 1;\n"
    "    for (word e = item; e < (wanted != 0 ? n * m : 0); e += GROUP) {\n"
    "        const word j = e / m, place = (word)places[j];\n"
    "        if (place < rank)\n"
    "            SIDE(e % m, place) = numc_g_over(x[e], lengths[j]);\n"
    "    }\n"
    "    for (word e = item; e < (wanted != 0 ? n * n : 0); e += GROUP) {\n"
    "        T value = bad != 0 ? NANS : v[e];\n"
    "        other[across + e % n * W(11) + (word)places[e / n] * W(12)] = W(32) != 0 ? value : CONJ(value);\n"
    "    }\n"
    "}\n";

/* Then, where vectors are wanted: what the rank leaves open, the columns of Q behind those of the first ones'; and the adjoint. */
static const char complete_text[] =
    "KERNEL complete(GLOBAL const T *a, GLOBAL T *side, GLOBAL const T *other, GLOBAL const R *values, GLOBAL T *room, WORDS)\n"
    "{\n"
    "    SHARED T shared[GROUP];\n"
    "    SHARED R reals[GROUP];\n"
    "    const int item = ITEM, group = (int)W(33);\n"
    "    const word m = W(1), n = W(2), wanted = W(31);\n"
    "    GLOBAL T *x = room + NUMBER * W(15);\n"
    "    GLOBAL T *tau = x + n * m + n * n;\n"
    "    GLOBAL T *beta = tau + n;\n"
    "    GLOBAL R *lengths = (GLOBAL R *)(beta + n);\n"
    "    word at = W(4), rank = 0;\n"
    "    { SPLIT(NUMBER + W(14), 16); at += PLACE(16, 1); }\n"
    "    for (word j = 0; j < n; j++)\n"
    "        rank += lengths[j] < NOTHING ? 0 : 1;\n"
    "    const int bad = n > 0 && lengths[0] != lengths[0];\n"
    "    const word open = !bad && rank < wanted ? wanted - rank : 0, steps = open > 0 ? rank : 0;\n"
    "    for (word e = item; e < m * steps; e += GROUP)\n"
    "        x[e] = SIDE(e / rank, e % rank);\n"
    "    BARRIER();\n"
    "    numc_g_reduce(x, m, rank, steps, tau, beta, shared, reals, item, group);\n"
    "    numc_g_expand(side + at, W(9), W(10), wanted - open, wanted, x, m, rank, steps, tau, shared, item, group);\n"
    "    for (word e = item; e < (bad ? m * wanted : 0); e += GROUP)\n"
    "        SIDE(e / wanted, e % wanted) = NANS;\n"
    "    for (word e = item; e < (W(32) != 0 ? m * wanted : 0); e += GROUP)\n"
    "        SIDE(e / wanted, e % wanted) = CONJ(SIDE(e / wanted, e % wanted));\n"
    "}\n";

/* ---- slots ------------------------------------------------------------------------------------------------------------------ */

static uint32_t component(uint32_t dtype)
{
    return dtype == NUMC_COMPLEX64 ? (uint32_t)NUMC_FLOAT32 : dtype == NUMC_COMPLEX128 ? (uint32_t)NUMC_FLOAT64 : dtype;
}

static int32_t admit(numc_device *device, const numc_view *a, bool square)
{
    if (a->rank < 2 || (square && a->shape[a->rank - 1] != a->shape[a->rank - 2]))
        return numc_gpu_fail(device, NUMC_INVALID_ARGUMENT, "a factorisation needs (square) matrices");
    if (a->dtype < NUMC_FLOAT32 || a->dtype > NUMC_COMPLEX128)
        return numc_gpu_fail(device, NUMC_UNSUPPORTED, "factorisations need a float or complex dtype");
    return NUMC_OK;
}

/* An output of the batch's leading axes, of `axes` more with these extents. */
static bool fits(const numc_view *view, const numc_view *a, uint32_t dtype, int32_t axes, int64_t rows, int64_t columns)
{
    const int32_t batch = a->rank - 2;
    bool good = view->rank == batch + axes && view->dtype == dtype && view->shape[batch] == rows
                && (axes == 1 || view->shape[batch + 1] == columns);
    for (int32_t d = 0; d < batch && good; d++)
        good = view->shape[d] == a->shape[d];
    return good;
}

typedef struct step {
    const char *name; /* NULL: none */
    const char *texts[5]; /* the kernel's is the last */
} step;

static int32_t step_kernel(numc_device *device, const step *one, uint32_t dtype, void **kernel)
{
    numc_gpu_text defines = {.device = device};
    const char *const *text = one->texts;
    numc_gpu_factor_defines(&defines, dtype);
    for (; text[1] != NULL; text++)
        numc_gpu_text_add(&defines, text[0], strlen(text[0]));
    int32_t status = defines.failed ? numc_gpu_fail(device, NUMC_MEMORY, "out of memory for the text of a program")
                                    : numc_gpu_fixed_kernel(device, text[0], defines.data, one->name, kernel);
    numc_gpu_text_end(&defines);
    return status;
}

enum { ROOM = 1 << 26 }; /* bytes of scratch that are always well spent */

/* Runs the steps for all matrices, as many at once as keep the device busy, each with `numbers` of scratch. views[3] has the values; what is
 * NULL is not there. A bit of `turned`: the view's last two axes are exchanged. */
static int32_t decompose(numc_device *device, const step *steps, const numc_view *const *views, int turned, int64_t numbers, int64_t *words)
{
    const numc_view *a = views[0], *list[5], *all[4];
    const int32_t batch = a->rank - 2;
    void *kernels[2] = {NULL, NULL}, *memory;
    uint32_t count = 0;
    int32_t status = NUMC_OK;
    for (int v = 0; v < 4; v++) {
        all[v] = views[v] != NULL ? views[v] : a;
        words[3 + v] = all[v]->offset;
        for (int d = 0; v < 3 && d < 2; d++)
            words[7 + 2 * v + d] = all[v]->strides[batch + (turned >> v & 1 ? 1 - d : d)];
        if (views[v] != NULL)
            list[count++] = views[v];
    }
    words[13] = views[3] != NULL ? views[3]->strides[batch] : words[13];
    words[0] = numc_gpu_join(all, (int32_t[]){0, 0, 0, 0}, 4, batch, words + 16);
    words[15] = numbers;
    words[33] = NUMC_GPU_GROUP;
    if (words[0] < 0)
        return numc_gpu_fail(device, NUMC_UNSUPPORTED, "the batch axes of these matrices do not join to three");
    if (words[0] == 0)
        return NUMC_OK;
    for (int k = 0; k < 2 && status == NUMC_OK && steps[k].name != NULL; k++)
        status = step_kernel(device, &steps[k], a->dtype, &kernels[k]);
    const int64_t size = numbers * (int64_t)numc_gpu_size(a->dtype), busy = (int64_t)device->facts.units * 16;
    const int64_t most = ROOM / size > busy ? ROOM / size : busy > 0 ? busy : 1, together = words[0] < most ? words[0] : most;
    if (status == NUMC_OK)
        status = numc_gpu_memory_allocate(device, (uint64_t)(together * size), &memory);
    if (status != NUMC_OK)
        return status;
    const numc_view room = {.memory = memory, .dtype = a->dtype};
    list[count++] = &room;
    for (words[14] = 0; words[14] < words[0] && status == NUMC_OK; words[14] += together)
        for (int k = 0; k < 2 && status == NUMC_OK && kernels[k] != NULL; k++)
            status = numc_gpu_fixed_run(device, kernels[k], list, count, words, DECOMPOSE_WORDS,
                                        (uint64_t)(words[0] - words[14] < together ? words[0] - words[14] : together), NUMC_GPU_GROUP);
    numc_gpu_memory_release(device, memory, (uint64_t)(together * size));
    return status;
}

int32_t numc_gpu_qr(numc_device *device, const numc_view *a, const numc_view *q, const numc_view *r)
{
    static const step steps[2] = {{"qr", {numbers_text, reflections_text, qr_text}}};
    int32_t status = admit(device, a, false), batch = a->rank - 2;
    if (status != NUMC_OK)
        return status;
    const int64_t m = a->shape[batch], n = a->shape[batch + 1], least = m < n ? m : n;
    const int64_t middle = q->rank == a->rank ? q->shape[batch + 1] : -1;
    if ((middle != least && middle != m) || !fits(q, a, a->dtype, 2, m, middle) || !fits(r, a, a->dtype, 2, middle, n))
        return numc_gpu_fail(device, NUMC_INVALID_ARGUMENT, "qr: views do not fit");
    int64_t words[DECOMPOSE_WORDS] = {[1] = m, n, [13] = middle};
    return middle == 0 ? NUMC_OK : decompose(device, steps, (const numc_view *[]){a, q, r, NULL}, 0, m * n + 2 * least + 1, words);
}

/* The kernel takes only views that are there, so where there are no vectors it is given the matrix in their place, and leaves it alone. */
int32_t numc_gpu_eigh(numc_device *device, const numc_view *a, const numc_view *values, const numc_view *vectors)
{
    static const step steps[2] = {{"eigh", {numbers_text, rotations_text, both_sides_text, eigh_text}}};
    int32_t status = admit(device, a, true), batch = a->rank - 2;
    if (status != NUMC_OK)
        return status;
    const int64_t n = a->shape[batch];
    if (!fits(values, a, component(a->dtype), 1, n, 0) || (vectors != NULL && !fits(vectors, a, a->dtype, 2, n, n)))
        return numc_gpu_fail(device, NUMC_INVALID_ARGUMENT, "eigh: views do not fit");
    int64_t words[DECOMPOSE_WORDS] = {[1] = n, n, [31] = vectors != NULL};
    const numc_view *const views[] = {a, vectors != NULL ? vectors : a, NULL, values};
    return n == 0 ? NUMC_OK : decompose(device, steps, views, 0, 2 * n * n + 4 * n + 4, words);
}

int32_t numc_gpu_svd(numc_device *device, const numc_view *a, const numc_view *u, const numc_view *s, const numc_view *vh)
{
    static const step steps[2] = {{"svd", {numbers_text, rotations_text, one_side_text, svd_text}},
                                  {"complete", {numbers_text, reflections_text, complete_text}}};
    static const step values_alone[2] = {{"svd", {numbers_text, rotations_text, one_side_text, svd_text}}};
    int32_t status = admit(device, a, false), batch = a->rank - 2;
    if (status != NUMC_OK)
        return status;
    const int64_t m = a->shape[batch], n = a->shape[batch + 1], least = m < n ? m : n, most = m < n ? n : m;
    const bool vectors = u != NULL;
    const bool full = vectors && vh != NULL && m != n && fits(u, a, a->dtype, 2, m, m) && fits(vh, a, a->dtype, 2, n, n);
    if (vectors != (vh != NULL) || !fits(s, a, component(a->dtype), 1, least, 0)
        || (vectors && (!fits(u, a, a->dtype, 2, m, full ? m : least) || !fits(vh, a, a->dtype, 2, full ? n : least, n))))
        return numc_gpu_fail(device, NUMC_INVALID_ARGUMENT, "svd: views do not fit");
    if (most == 0 || (least == 0 && !full))
        return NUMC_OK;
    const bool wide = m < n;
    int64_t words[DECOMPOSE_WORDS] = {[1] = most, least, [31] = !vectors ? 0 : full ? most : least, [32] = wide};
    const numc_view *const views[] = {a, !vectors ? a : wide ? vh : u, !vectors ? a : wide ? u : vh, s};
    return decompose(device, vectors ? steps : values_alone, views, wide ? 1 | 2 : 4, most * least + least * least + 5 * least + 1, words);
}
