// What Embedded Swift and the compiler expect of a C library, for a module that has none.
//
// Memory: blocks of powers of two, each with a header of 16 bytes that says which power. What is
// freed goes to the list of its power and is taken from there; nothing is ever split or joined. So
// the module's memory grows to at most twice the most that was in use of each size, and then no
// more. One thread.

#include <stddef.h>
#include <stdint.h>

enum {
  page = 65536,
  header = 16,       // also the alignment of every block, and the largest that is asked for
  smallest = 5,      // blocks of 32 bytes, the header included
  largest = 27,      // 128 MiB: beyond it the answer is "no memory"
  out_of_memory = 12,  // ENOMEM, as posix_memalign returns it
};

struct block {
  uint32_t power;
  struct block *next;  // while free
};

extern unsigned char __heap_base;  // where the linker ends the module's own data
static uintptr_t fresh, limit;     // memory that no block was cut from yet
static struct block *freed[largest + 1];

int posix_memalign(void **result, size_t alignment, size_t size) {
  uint32_t power = smallest;
  while (power <= largest && ((size_t)1 << power) - header < size) power++;
  if (power > largest || alignment > header) return out_of_memory;
  struct block *block = freed[power];
  if (block) {
    freed[power] = block->next;
  } else {
    if (!fresh) {
      fresh = ((uintptr_t)&__heap_base + header - 1) & ~(uintptr_t)(header - 1);
      limit = __builtin_wasm_memory_size(0) * page;
    }
    size_t wanted = (size_t)1 << power;
    if (limit - fresh < wanted) {
      size_t pages = (wanted - (limit - fresh) + page - 1) / page;
      if (__builtin_wasm_memory_grow(0, pages) == (size_t)-1) return out_of_memory;
      limit += pages * page;
    }
    block = (struct block *)fresh;
    block->power = power;
    fresh += wanted;
  }
  *result = (char *)block + header;
  return 0;
}

void free(void *address) {
  if (!address) return;
  struct block *block = (struct block *)((char *)address - header);
  block->next = freed[block->power];
  freed[block->power] = block;
}

int memcmp(const void *left, const void *right, size_t count) {
  const unsigned char *a = left, *b = right;
  for (size_t i = 0; i < count; i++)
    if (a[i] != b[i]) return a[i] - b[i];
  return 0;
}

// What a trap says before it ends the module, where the code was not optimized: the host sees the
// trap.
int putchar(int character) { return character; }

// The seed of hash tables. The module has no chance of its own, and its input no way to choose
// enough keys: always the same, so that every run is.
void arc4random_buf(void *buffer, size_t count) {
  unsigned char *bytes = buffer;
  for (size_t i = 0; i < count; i++) bytes[i] = (unsigned char)(i * 37 + 11);
}

// The lower 128 bits of a product (compiler-rt's name), by 32-bit halves: checked multiplication
// of 64 bits asks for it.
__int128 __multi3(__int128 left, __int128 right) {
  uint64_t a = (uint64_t)left, b = (uint64_t)right;
  uint64_t a0 = (uint32_t)a, a1 = a >> 32, b0 = (uint32_t)b, b1 = b >> 32;
  uint64_t low = a0 * b0;
  uint64_t middle = a1 * b0 + (low >> 32);
  uint64_t carry = a0 * b1 + (uint32_t)middle;
  uint64_t high = a1 * b1 + (middle >> 32) + (carry >> 32);
  high += a * (uint64_t)(right >> 64) + (uint64_t)(left >> 64) * b;
  return (__int128)(((unsigned __int128)high << 64) | (carry << 32) | (uint32_t)low);
}
