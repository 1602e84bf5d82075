#include "CChecksum.h"

#include <string.h>

// Swift has no names for these instructions. Eight bytes take as long as the instruction waits for
// itself, three cycles; tables take five times that.

#if defined(__x86_64__)

#include <nmmintrin.h>

int cchecksum_has_crc32c(void) { return __builtin_cpu_supports("sse4.2") != 0; }

__attribute__((target("sse4.2")))
uint32_t cchecksum_crc32c(uint32_t crc, const void *bytes, size_t count) {
    const unsigned char *next = bytes;
    uint64_t value = crc;
    for (; count >= 8; count -= 8, next += 8) {
        uint64_t word;
        memcpy(&word, next, 8);
        value = _mm_crc32_u64(value, word);
    }
    uint32_t rest = (uint32_t)value;
    for (; count > 0; count -= 1, next += 1) { rest = _mm_crc32_u8(rest, *next); }
    return rest;
}

#elif defined(__aarch64__) && defined(__linux__)

#include <arm_acle.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>

int cchecksum_has_crc32c(void) { return (getauxval(AT_HWCAP) & HWCAP_CRC32) != 0; }

__attribute__((target("crc")))
uint32_t cchecksum_crc32c(uint32_t crc, const void *bytes, size_t count) {
    const unsigned char *next = bytes;
    for (; count >= 8; count -= 8, next += 8) {
        uint64_t word;
        memcpy(&word, next, 8);
        crc = __crc32cd(crc, word);
    }
    for (; count > 0; count -= 1, next += 1) { crc = __crc32cb(crc, *next); }
    return crc;
}

#else

int cchecksum_has_crc32c(void) { return 0; }

// Nobody calls it.
uint32_t cchecksum_crc32c(uint32_t crc, const void *bytes, size_t count) {
    (void)bytes;
    (void)count;
    return crc;
}

#endif
