// The test program's own `malloc`, which counts and then asks the C library for the memory: what
// Swift's runtime allocates comes through here, objects and buffers alike. It is for tests that
// count work; the product does not contain it.

#include "CAllocations.h"

#include <stddef.h>

extern void *__libc_malloc(size_t size);

static _Thread_local uint64_t count;

void *malloc(size_t size) {
    count += 1;
    return __libc_malloc(size);
}

uint64_t CAllocationsOfThread(void) { return count; }
