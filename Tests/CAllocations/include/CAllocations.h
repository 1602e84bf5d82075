#pragma once

#include <stdint.h>

/// How many allocations the calling thread has made so far: objects, and the storage of arrays,
/// strings and closures.
uint64_t CAllocationsOfThread(void);
