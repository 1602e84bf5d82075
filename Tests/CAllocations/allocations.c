// The hook that Swift's runtime has for instruments: an entry of its own for each allocation, used
// once the flag is set. It is for tests that count work; the product does not contain it.

#include "CAllocations.h"

#include <stdbool.h>
#include <stddef.h>

typedef void *(*Allocate)(const void *metadata, size_t size, size_t alignmentMask);

extern Allocate _swift_allocObject;
extern bool _swift_enableSwizzlingOfAllocationAndRefCountingFunctions_forInstrumentsOnly;

static Allocate original;
static _Thread_local uint64_t count;

static void *counted(const void *metadata, size_t size, size_t alignmentMask) {
    count += 1;
    return original(metadata, size, alignmentMask);
}

void CAllocationsInstall(void) {
    if (original) return;
    original = _swift_allocObject;
    _swift_allocObject = counted;
    _swift_enableSwizzlingOfAllocationAndRefCountingFunctions_forInstrumentsOnly = true;
}

uint64_t CAllocationsOfThread(void) { return count; }
