/* Exclusive or with a repeated 4-byte key, from one place to another: the one loop that
 * Python has no word for. Never touches a byte outside source[0..size) and target[0..size).
 */
#ifndef WSPROTO_CORE_MASKING_H
#define WSPROTO_CORE_MASKING_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#define WSPC_HIGH 0x8080808080808080u /* set where a byte is over 127 */

#if defined(__GNUC__)
#define WSPC_INLINE static inline __attribute__((always_inline))
#define WSPC_RESTRICT __restrict__
typedef uint64_t wspc_pair __attribute__((vector_size(16)));
typedef uint64_t wspc_vector __attribute__((vector_size(32)));
#else
#define WSPC_INLINE static __inline
#define WSPC_RESTRICT
#endif

/* Twice the key, as it stands `turn` bytes further on. */
WSPC_INLINE uint64_t
wspc_pad(const unsigned char *key, size_t turn)
{
    uint32_t half;
    uint64_t pad;

    memcpy(&half, key, 4);
    pad = (uint64_t)half << 32 | half;
    memcpy(&half, (const unsigned char *)&pad + (turn & 3), 4);
    return (uint64_t)half << 32 | half;
}

/* What follows returns all results or'ed together, in words. */

/* Any size, a word at a time. */
WSPC_INLINE uint64_t
wspc_mask_words(unsigned char *WSPC_RESTRICT target, const unsigned char *WSPC_RESTRICT source,
                size_t size, const unsigned char *key)
{
    const size_t length = size;
    const uint64_t pad = wspc_pad(key, 0);
    uint64_t word, seen = 0;
    size_t i;

    while (size >= 8) {
        memcpy(&word, source, 8);
        word ^= pad;
        seen |= word;
        memcpy(target, &word, 8);
        source += 8;
        target += 8;
        size -= 8;
    }
    if (size && length >= 8) {
        /* The last eight bytes, some of them once more: faster than the rest one by one. */
        memcpy(&word, source + size - 8, 8);
        word ^= wspc_pad(key, size);
        memcpy(target + size - 8, &word, 8);
        return seen | word;
    }
    for (i = 0; i < size; i++) {
        target[i] = source[i] ^ key[i & 3];
        seen |= target[i];
    }
    return seen;
}

#if defined(__GNUC__)
/* Where 16 bytes or more are masked in all, and these are the last. */
WSPC_INLINE uint64_t
wspc_mask_pairs(unsigned char *WSPC_RESTRICT target, const unsigned char *WSPC_RESTRICT source,
                size_t size, const unsigned char *key)
{
    const uint64_t pad = wspc_pad(key, 0), last = wspc_pad(key, size);
    const wspc_pair pads = {pad, pad}, lasts = {last, last};
    wspc_pair a, b, seen = {0};

    while (size >= 32) {
        memcpy(&a, source, 16);
        memcpy(&b, source + 16, 16);
        a ^= pads;
        b ^= pads;
        seen |= a | b;
        memcpy(target, &a, 16);
        memcpy(target + 16, &b, 16);
        source += 32;
        target += 32;
        size -= 32;
    }
    if (size >= 16) {
        memcpy(&a, source, 16);
        a ^= pads;
        seen |= a;
        memcpy(target, &a, 16);
        source += 16;
        target += 16;
        size -= 16;
    }
    if (size) {
        memcpy(&a, source + size - 16, 16);
        a ^= lasts;
        seen |= a;
        memcpy(target + size - 16, &a, 16);
    }
    return seen[0] | seen[1];
}

/* 128 bytes or more. */
WSPC_INLINE uint64_t
wspc_mask_vectors(unsigned char *WSPC_RESTRICT target, const unsigned char *WSPC_RESTRICT source,
                  size_t size, const unsigned char *key)
{
    const uint64_t pad = wspc_pad(key, 0);
    const wspc_vector pads = {pad, pad, pad, pad};
    wspc_vector a, b, c, d, seen = {0}, too = {0};

    while (size >= 128) {
        /* Four registers at once: more than one is needed to hide the time of a load. */
        memcpy(&a, source, 32);
        memcpy(&b, source + 32, 32);
        memcpy(&c, source + 64, 32);
        memcpy(&d, source + 96, 32);
        a ^= pads;
        b ^= pads;
        c ^= pads;
        d ^= pads;
        seen |= a | b;
        too |= c | d;
        memcpy(target, &a, 32);
        memcpy(target + 32, &b, 32);
        memcpy(target + 64, &c, 32);
        memcpy(target + 96, &d, 32);
        source += 128;
        target += 128;
        size -= 128;
    }
    seen |= too;
    return seen[0] | seen[1] | seen[2] | seen[3] | wspc_mask_pairs(target, source, size, key);
}

/* Out of line: what a long payload needs would slow down the short ones. */
static __attribute__((noinline)) uint64_t
wspc_mask_long(unsigned char *target, const unsigned char *source, size_t size,
               const unsigned char *key)
{
    return wspc_mask_vectors(target, source, size, key);
}

#if defined(__x86_64__)
__attribute__((target("avx2"), noinline)) static uint64_t
wspc_mask_avx2(unsigned char *target, const unsigned char *source, size_t size,
               const unsigned char *key)
{
    return wspc_mask_vectors(target, source, size, key);
}
#endif
#endif

/* Returns whether any result has its highest bit set, and so is not ASCII. */
static inline int
wspc_mask(unsigned char *target, const unsigned char *source, size_t size, const unsigned char *key)
{
#if defined(__GNUC__)
#if defined(__x86_64__)
    if (size >= 128 && __builtin_cpu_supports("avx2"))
        return (wspc_mask_avx2(target, source, size, key) & WSPC_HIGH) != 0;
#endif
    if (size >= 128)
        return (wspc_mask_long(target, source, size, key) & WSPC_HIGH) != 0;
    if (size >= 16)
        return (wspc_mask_pairs(target, source, size, key) & WSPC_HIGH) != 0;
#endif
    return (wspc_mask_words(target, source, size, key) & WSPC_HIGH) != 0;
}

#endif
