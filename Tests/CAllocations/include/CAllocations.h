#pragma once

#include <stdint.h>

/// How many allocations the calling thread has made so far: objects, and the storage of arrays,
/// strings and closures.
uint64_t CAllocationsOfThread(void);

/// How many more allocations the calling thread has made than it has freed. Only differences mean
/// something, as threads free for each other.
int64_t CAllocationsLiveOfThread(void);
