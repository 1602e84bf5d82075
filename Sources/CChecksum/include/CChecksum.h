#pragma once

#include <stddef.h>
#include <stdint.h>

/// Whether this processor has an instruction for CRC-32C: SSE 4.2 on x86-64, the CRC extension on
/// AArch64.
int cchecksum_has_crc32c(void);

/// Goes on with a CRC-32C over `count` bytes, by that instruction. The value is the one between
/// the inversions at the beginning and the end. `cchecksum_has_crc32c` has said that there is one.
uint32_t cchecksum_crc32c(uint32_t crc, const void *bytes, size_t count);
