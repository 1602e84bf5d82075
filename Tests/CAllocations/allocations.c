// The test program's own `malloc` and what belongs to it, which count and then ask the C library for
// the memory: what Swift's runtime and C libraries allocate comes through here, objects and buffers
// alike. It is for tests that count work; the product does not contain it.

#include "CAllocations.h"

#include <errno.h>
#include <stddef.h>

extern void *__libc_malloc(size_t size);
extern void *__libc_calloc(size_t elements, size_t size);
extern void *__libc_realloc(void *pointer, size_t size);
extern void *__libc_memalign(size_t alignment, size_t size);
extern void __libc_free(void *pointer);

static _Thread_local uint64_t count;
static _Thread_local int64_t live;

void *malloc(size_t size) {
    count += 1;
    live += 1;
    return __libc_malloc(size);
}

void *calloc(size_t elements, size_t size) {
    live += 1;
    return __libc_calloc(elements, size);
}

void *realloc(void *pointer, size_t size) {
    if (!pointer) live += 1;
    return __libc_realloc(pointer, size);
}

void *aligned_alloc(size_t alignment, size_t size) {
    live += 1;
    return __libc_memalign(alignment, size);
}

int posix_memalign(void **pointer, size_t alignment, size_t size) {
    *pointer = aligned_alloc(alignment, size);
    return *pointer ? 0 : ENOMEM;
}

void free(void *pointer) {
    if (pointer) live -= 1;
    __libc_free(pointer);
}

uint64_t CAllocationsOfThread(void) { return count; }

int64_t CAllocationsLiveOfThread(void) { return live; }
