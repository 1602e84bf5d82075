#pragma once

#include <stdint.h>

/// Counts, from the first call on, the objects that Swift's runtime allocates: arrays' storage,
/// closures' contexts, boxes and instances.
void CAllocationsInstall(void);

/// How many the calling thread has allocated since then.
uint64_t CAllocationsOfThread(void);
