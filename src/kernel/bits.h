/*
 * Random bits per element: keys, splits and bits are functions of whole numbers alone, those of JAX with
 * threefry_partitionable on; element i of an array uses the counter (i >> 32, i). After config.h or narrow.h.
 */
#ifndef NUMC_KERNEL_BITS_H
#define NUMC_KERNEL_BITS_H

typedef struct numc_k_key {
    numc_k_u32 first;
    numc_k_u32 second;
} numc_k_key;

NUMC_KERNEL_FN numc_k_u32 numc_k_rotate(numc_k_u32 x, int distance)
{
    return (x << distance) | (x >> (32 - distance));
}

#define NUMC_KERNEL_THREEFRY_ROUND(distance) \
    x0 += x1;                                \
    x1 = numc_k_rotate(x1, distance) ^ x0;

/* Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror and Shaw 2011). */
NUMC_KERNEL_FN numc_k_key numc_k_threefry(numc_k_u32 k0, numc_k_u32 k1, numc_k_u32 c0, numc_k_u32 c1)
{
    numc_k_u32 k2 = k0 ^ k1 ^ 0x1bd11bdau;
    numc_k_u32 x0 = c0 + k0;
    numc_k_u32 x1 = c1 + k1;
    numc_k_key out;
    NUMC_KERNEL_THREEFRY_ROUND(13) NUMC_KERNEL_THREEFRY_ROUND(15)
    NUMC_KERNEL_THREEFRY_ROUND(26) NUMC_KERNEL_THREEFRY_ROUND(6)
    x0 += k1;
    x1 += k2 + 1u;
    NUMC_KERNEL_THREEFRY_ROUND(17) NUMC_KERNEL_THREEFRY_ROUND(29)
    NUMC_KERNEL_THREEFRY_ROUND(16) NUMC_KERNEL_THREEFRY_ROUND(24)
    x0 += k2;
    x1 += k0 + 2u;
    NUMC_KERNEL_THREEFRY_ROUND(13) NUMC_KERNEL_THREEFRY_ROUND(15)
    NUMC_KERNEL_THREEFRY_ROUND(26) NUMC_KERNEL_THREEFRY_ROUND(6)
    x0 += k0;
    x1 += k1 + 3u;
    NUMC_KERNEL_THREEFRY_ROUND(17) NUMC_KERNEL_THREEFRY_ROUND(29)
    NUMC_KERNEL_THREEFRY_ROUND(16) NUMC_KERNEL_THREEFRY_ROUND(24)
    x0 += k1;
    x1 += k2 + 4u;
    NUMC_KERNEL_THREEFRY_ROUND(13) NUMC_KERNEL_THREEFRY_ROUND(15)
    NUMC_KERNEL_THREEFRY_ROUND(26) NUMC_KERNEL_THREEFRY_ROUND(6)
    out.first = x0 + k2;
    out.second = x1 + (k0 + 5u);
    return out;
}

/* The block of counter i: split(key, n)[i] for any n > i, and the source of element i's bits. */
NUMC_KERNEL_FN numc_k_key numc_k_key_split(numc_k_u32 k0, numc_k_u32 k1, numc_k_u64 i)
{
    return numc_k_threefry(k0, k1, (numc_k_u32)(i >> 32), (numc_k_u32)i);
}

/* The key of a 64-bit seed: its high and low words. */
NUMC_KERNEL_FN numc_k_key numc_k_key_from_seed(numc_k_u64 seed)
{
    numc_k_key key;
    key.first = (numc_k_u32)(seed >> 32);
    key.second = (numc_k_u32)seed;
    return key;
}

/* fold_in(key, data): JAX's for data below 2^32, the same block with a high word above. */
NUMC_KERNEL_FN numc_k_key numc_k_key_fold_in(numc_k_u32 k0, numc_k_u32 k1, numc_k_u64 data)
{
    return numc_k_threefry(k0, k1, (numc_k_u32)(data >> 32), (numc_k_u32)data);
}

NUMC_KERNEL_FN numc_k_u64 numc_k_bits64(numc_k_u32 k0, numc_k_u32 k1, numc_k_u64 i)
{
    numc_k_key block = numc_k_key_split(k0, k1, i);
    return ((numc_k_u64)block.first << 32) | block.second;
}

NUMC_KERNEL_FN numc_k_u32 numc_k_bits32(numc_k_u32 k0, numc_k_u32 k1, numc_k_u64 i)
{
    numc_k_key block = numc_k_key_split(k0, k1, i);
    return block.first ^ block.second;
}

NUMC_KERNEL_FN numc_k_u32 numc_k_bits16(numc_k_u32 k0, numc_k_u32 k1, numc_k_u64 i)
{
    return numc_k_bits32(k0, k1, i) & 0xffffu;
}

NUMC_KERNEL_FN numc_k_u32 numc_k_bits8(numc_k_u32 k0, numc_k_u32 k1, numc_k_u64 i)
{
    return numc_k_bits32(k0, k1, i) & 0xffu;
}

#endif
