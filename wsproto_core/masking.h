/* Exclusive or with a repeated 4-byte key, from one place to another: the one loop that
 * Python has no word for. Never touches a byte outside source[0..size) and target[0..size).
 */
#ifndef WSPROTO_CORE_MASKING_H
#define WSPROTO_CORE_MASKING_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__GNUC__)
#define WSPC_INLINE static inline __attribute__((always_inline))
#define WSPC_RESTRICT __restrict__
typedef uint64_t wspc_pair __attribute__((vector_size(16)));
typedef uint64_t wspc_vector __attribute__((vector_size(32)));
#else
#define WSPC_INLINE static __inline
#define WSPC_RESTRICT
#endif

/* Returns whether any result has its highest bit set, and so is not ASCII. */
WSPC_INLINE int
wspc_mask_any(unsigned char *WSPC_RESTRICT target, const unsigned char *WSPC_RESTRICT source,
              size_t size, const unsigned char *key)
{
    const size_t length = size;
    uint32_t half;
    uint64_t pad, word, seen = 0;
    unsigned char octets = 0;
    size_t i;

    memcpy(&half, key, 4);
    pad = (uint64_t)half << 32 | half;
#if defined(__GNUC__)
    if (size >= 128) {
        /* Four registers at once: more than one is needed to hide the time of a load. */
        const wspc_vector pads = {pad, pad, pad, pad};
        wspc_vector a, b, c, d, any[2] = {{0}, {0}};
        do {
            memcpy(&a, source, 32);
            memcpy(&b, source + 32, 32);
            memcpy(&c, source + 64, 32);
            memcpy(&d, source + 96, 32);
            a ^= pads;
            b ^= pads;
            c ^= pads;
            d ^= pads;
            any[0] |= a | b;
            any[1] |= c | d;
            memcpy(target, &a, 32);
            memcpy(target + 32, &b, 32);
            memcpy(target + 64, &c, 32);
            memcpy(target + 96, &d, 32);
            source += 128;
            target += 128;
            size -= 128;
        } while (size >= 128);
        any[0] |= any[1];
        seen = any[0][0] | any[0][1] | any[0][2] | any[0][3];
    }
    if (size >= 16) {
        const wspc_pair pads = {pad, pad};
        wspc_pair a, any = {0};
        do {
            memcpy(&a, source, 16);
            a ^= pads;
            any |= a;
            memcpy(target, &a, 16);
            source += 16;
            target += 16;
            size -= 16;
        } while (size >= 16);
        seen |= any[0] | any[1];
    }
#endif
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
        memcpy(&half, (const unsigned char *)&pad + (size & 3), 4);
        memcpy(&word, source + size - 8, 8);
        word ^= (uint64_t)half << 32 | half;
        seen |= word;
        memcpy(target + size - 8, &word, 8);
        size = 0;
    }
    for (i = 0; i < size; i++) {
        target[i] = source[i] ^ key[i & 3];
        octets |= target[i];
    }
    return ((seen & 0x8080808080808080u) | (octets & 0x80u)) != 0;
}

#if defined(__GNUC__) && defined(__x86_64__)
__attribute__((target("avx2"))) static int
wspc_mask_avx2(unsigned char *target, const unsigned char *source, size_t size,
               const unsigned char *key)
{
    return wspc_mask_any(target, source, size, key);
}
#endif

static inline int
wspc_mask(unsigned char *target, const unsigned char *source, size_t size, const unsigned char *key)
{
#if defined(__GNUC__) && defined(__x86_64__)
    if (size >= 128 && __builtin_cpu_supports("avx2"))
        return wspc_mask_avx2(target, source, size, key);
#endif
    return wspc_mask_any(target, source, size, key);
}

#endif
