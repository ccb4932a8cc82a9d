/* vector.h - vectors of one real dtype. Included once for each, with T, V (a vector of LANES values of T, a divisor of 8), NAME(x) and
 * INLINE defined; in programs of native code it is text. */

INLINE V NAME(load)(const T *from)
{
    V x;
    memcpy(&x, from, sizeof x);
    return x;
}

INLINE void NAME(store)(T *to, V x)
{
    memcpy(to, &x, sizeof x);
}

INLINE V NAME(spread)(T x)
{
    return x - (V){0};
}

/* A sum of 8 lanes, as in kernels. */
INLINE T NAME(join)(const T *lane)
{
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}
