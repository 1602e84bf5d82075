#define _GNU_SOURCE
#include "CSwiftHooks.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <execinfo.h>
#include <link.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

// Swift's clocks and generators, BoringSSL and SQLite all end up in a few functions of the C
// library, which every object calls through a slot that the dynamic linker filled. Those slots are
// redirected to the functions below, in whatever is loaded. A thread that is not watched goes on to
// the C library, and so does a watched one after its call was told.
//
// What this cannot see: a system call or an instruction (`rdtsc`, `rdrand`) in line, and what the
// C library asks within itself.

static _Thread_local void *watcher;
static _Thread_local CSwiftMachineCallHandler watcherHandler;

void CSwiftWatchThread(void *owner, CSwiftMachineCallHandler handler) {
    watcherHandler = handler;
    watcher = owner;
}

/// The return addresses that the chain of frame pointers gives, which Swift keeps everywhere.
static size_t walkFrames(const void **addresses, size_t limit) {
    pthread_attr_t attributes;
    void *stackStart = NULL;
    size_t stackSize = 0, count = 0;
    if (pthread_getattr_np(pthread_self(), &attributes) != 0) return 0;
    pthread_attr_getstack(&attributes, &stackStart, &stackSize);
    pthread_attr_destroy(&attributes);
    uintptr_t frame = (uintptr_t)__builtin_frame_address(0);
    uintptr_t end = (uintptr_t)stackStart + stackSize;
    while (count < limit) {
        const uintptr_t *words = (const uintptr_t *)frame;
        addresses[count++] = (const void *)words[1];
        uintptr_t next = words[0];
        // A caller's frame lies above, in the same stack; anything else is no frame.
        if (next <= frame || next % sizeof(void *) != 0 || next + 2 * sizeof(void *) > end) break;
        frame = next;
    }
    return count;
}

static void tell(const char *function) {
    int savedError = errno;
    void *owner = watcher;
    // The handler may ask the machine itself.
    watcher = NULL;
    CSwiftMachineCall call;
    memset(&call, 0, sizeof call);
    call.function = function;
    void *addresses[32];
    int count = backtrace(addresses, 32);
    for (int index = 0; index < count; index++) call.stack[index] = addresses[index];
    call.stackCount = (size_t)count;
    // Not every function of the libraries can be unwound, nor does every one keep its frame pointer.
    const void *frames[32];
    size_t frameCount = walkFrames(frames, 32);
    if (frameCount > call.stackCount) {
        memcpy(call.stack, frames, frameCount * sizeof frames[0]);
        call.stackCount = frameCount;
    }
    watcherHandler(owner, &call);
    watcher = owner;
    errno = savedError;
}

/// The functions that are redirected; the order of `redirections`.
enum {
    ClockGetTime, GetTimeOfDay, Time, TimespecGet, Clock, GetRandom, GetEntropy, Arc4Random,
    Arc4RandomBuffer, Arc4RandomUniform, Rand, Random, SystemCall, Open, Open64, OpenAt, OpenAt64,
    FileOpen, FileOpen64, RedirectionCount
};

static void *originals[RedirectionCount];

#define ORIGINAL(index, type) ((type)originals[index])

static int trappedClockGetTime(clockid_t clock, struct timespec *time) {
    if (watcher) tell("clock_gettime");
    return ORIGINAL(ClockGetTime, int (*)(clockid_t, struct timespec *))(clock, time);
}

static int trappedGetTimeOfDay(struct timeval *time, void *zone) {
    if (watcher) tell("gettimeofday");
    return ORIGINAL(GetTimeOfDay, int (*)(struct timeval *, void *))(time, zone);
}

static time_t trappedTime(time_t *time) {
    if (watcher) tell("time");
    return ORIGINAL(Time, time_t (*)(time_t *))(time);
}

static int trappedTimespecGet(struct timespec *time, int base) {
    if (watcher) tell("timespec_get");
    return ORIGINAL(TimespecGet, int (*)(struct timespec *, int))(time, base);
}

static clock_t trappedClock(void) {
    if (watcher) tell("clock");
    return ORIGINAL(Clock, clock_t (*)(void))();
}

static ssize_t trappedGetRandom(void *buffer, size_t length, unsigned flags) {
    if (watcher) tell("getrandom");
    return ORIGINAL(GetRandom, ssize_t (*)(void *, size_t, unsigned))(buffer, length, flags);
}

static int trappedGetEntropy(void *buffer, size_t length) {
    if (watcher) tell("getentropy");
    return ORIGINAL(GetEntropy, int (*)(void *, size_t))(buffer, length);
}

static uint32_t trappedArc4Random(void) {
    if (watcher) tell("arc4random");
    return ORIGINAL(Arc4Random, uint32_t (*)(void))();
}

static void trappedArc4RandomBuffer(void *buffer, size_t length) {
    if (watcher) tell("arc4random_buf");
    ORIGINAL(Arc4RandomBuffer, void (*)(void *, size_t))(buffer, length);
}

static uint32_t trappedArc4RandomUniform(uint32_t bound) {
    if (watcher) tell("arc4random_uniform");
    return ORIGINAL(Arc4RandomUniform, uint32_t (*)(uint32_t))(bound);
}

// These two are seeded, but every thread of the process draws from them.
static int trappedRand(void) {
    if (watcher) tell("rand");
    return ORIGINAL(Rand, int (*)(void))();
}

static long trappedRandom(void) {
    if (watcher) tell("random");
    return ORIGINAL(Random, long (*)(void))();
}

// Reads as many arguments as a system call can have, as the C library's own does.
static long trappedSystemCall(long number, long a, long b, long c, long d, long e, long f) {
    if (watcher) {
        if (number == SYS_getrandom) tell("getrandom");
        if (number == SYS_clock_gettime) tell("clock_gettime");
        if (number == SYS_gettimeofday) tell("gettimeofday");
#ifdef SYS_time
        if (number == SYS_time) tell("time");
#endif
    }
    return ORIGINAL(SystemCall, long (*)(long, long, long, long, long, long, long))(
        number, a, b, c, d, e, f);
}

static void tellIfRandom(const char *path) {
    if (!watcher || !path) return;
    if (strcmp(path, "/dev/urandom") == 0) tell("open of /dev/urandom");
    if (strcmp(path, "/dev/random") == 0) tell("open of /dev/random");
}

static int trappedOpen(const char *path, int flags, mode_t mode) {
    tellIfRandom(path);
    return ORIGINAL(Open, int (*)(const char *, int, ...))(path, flags, mode);
}

static int trappedOpen64(const char *path, int flags, mode_t mode) {
    tellIfRandom(path);
    return ORIGINAL(Open64, int (*)(const char *, int, ...))(path, flags, mode);
}

static int trappedOpenAt(int folder, const char *path, int flags, mode_t mode) {
    tellIfRandom(path);
    return ORIGINAL(OpenAt, int (*)(int, const char *, int, ...))(folder, path, flags, mode);
}

static int trappedOpenAt64(int folder, const char *path, int flags, mode_t mode) {
    tellIfRandom(path);
    return ORIGINAL(OpenAt64, int (*)(int, const char *, int, ...))(folder, path, flags, mode);
}

static FILE *trappedFileOpen(const char *path, const char *mode) {
    tellIfRandom(path);
    return ORIGINAL(FileOpen, FILE *(*)(const char *, const char *))(path, mode);
}

static FILE *trappedFileOpen64(const char *path, const char *mode) {
    tellIfRandom(path);
    return ORIGINAL(FileOpen64, FILE *(*)(const char *, const char *))(path, mode);
}

static const struct {
    const char *symbol;
    void *replacement;
} redirections[RedirectionCount] = {
    [ClockGetTime] = {"clock_gettime", trappedClockGetTime},
    [GetTimeOfDay] = {"gettimeofday", trappedGetTimeOfDay},
    [Time] = {"time", trappedTime},
    [TimespecGet] = {"timespec_get", trappedTimespecGet},
    [Clock] = {"clock", trappedClock},
    [GetRandom] = {"getrandom", trappedGetRandom},
    [GetEntropy] = {"getentropy", trappedGetEntropy},
    [Arc4Random] = {"arc4random", trappedArc4Random},
    [Arc4RandomBuffer] = {"arc4random_buf", trappedArc4RandomBuffer},
    [Arc4RandomUniform] = {"arc4random_uniform", trappedArc4RandomUniform},
    [Rand] = {"rand", trappedRand},
    [Random] = {"random", trappedRandom},
    [SystemCall] = {"syscall", trappedSystemCall},
    [Open] = {"open", trappedOpen},
    [Open64] = {"open64", trappedOpen64},
    [OpenAt] = {"openat", trappedOpenAt},
    [OpenAt64] = {"openat64", trappedOpenAt64},
    [FileOpen] = {"fopen", trappedFileOpen},
    [FileOpen64] = {"fopen64", trappedFileOpen64},
};

// What a relocation is called whose place holds nothing but a function's address.
#if defined(__x86_64__)
enum { RelocationSlot = R_X86_64_JUMP_SLOT, RelocationData = R_X86_64_GLOB_DAT };
#elif defined(__aarch64__)
enum { RelocationSlot = R_AARCH64_JUMP_SLOT, RelocationData = R_AARCH64_GLOB_DAT };
#else
#error "name the relocations of this machine"
#endif

/// What of an object's dynamic section is needed.
typedef struct Object {
    uintptr_t base;
    const Elf64_Sym *symbols;
    const char *strings;
    /// Pages from here to there were made read-only once the slots in them were filled.
    uintptr_t protectedStart, protectedEnd;
} Object;

static void writeSlot(const Object *object, void **slot, void *value) {
    uintptr_t pageSize = (uintptr_t)sysconf(_SC_PAGESIZE);
    uintptr_t address = (uintptr_t)slot;
    void *page = (void *)(address & ~(pageSize - 1));
    bool isProtected = address >= object->protectedStart && address < object->protectedEnd;
    if (isProtected && mprotect(page, pageSize, PROT_READ | PROT_WRITE) != 0) return;
    __atomic_store_n(slot, value, __ATOMIC_RELEASE);
    if (isProtected) mprotect(page, pageSize, PROT_READ);
}

static void redirectTable(const Object *object, const Elf64_Rela *table, size_t byteCount) {
    for (size_t index = 0; index < byteCount / sizeof(Elf64_Rela); index++) {
        uint64_t type = ELF64_R_TYPE(table[index].r_info);
        if (type != RelocationSlot && type != RelocationData) continue;
        const Elf64_Sym *symbol = &object->symbols[ELF64_R_SYM(table[index].r_info)];
        // A function that the object defines itself only shares the name.
        if (symbol->st_shndx != SHN_UNDEF) continue;
        const char *name = object->strings + symbol->st_name;
        for (int choice = 0; choice < RedirectionCount; choice++) {
            if (!originals[choice] || strcmp(name, redirections[choice].symbol) != 0) continue;
            void **slot = (void **)(object->base + table[index].r_offset);
            if (*slot != redirections[choice].replacement)
                writeSlot(object, slot, redirections[choice].replacement);
            break;
        }
    }
}

static int redirectObject(struct dl_phdr_info *info, size_t size, void *context) {
    (void)size;
    (void)context;
    Object object = {.base = info->dlpi_addr};
    const Elf64_Dyn *dynamic = NULL;
    uintptr_t pageSize = (uintptr_t)sysconf(_SC_PAGESIZE);
    for (int index = 0; index < info->dlpi_phnum; index++) {
        const Elf64_Phdr *header = &info->dlpi_phdr[index];
        uintptr_t start = object.base + header->p_vaddr;
        if (header->p_type == PT_DYNAMIC) dynamic = (const Elf64_Dyn *)start;
        if (header->p_type == PT_GNU_RELRO) {
            object.protectedStart = start & ~(pageSize - 1);
            object.protectedEnd = (start + header->p_memsz) & ~(pageSize - 1);
        }
    }
    if (!dynamic) return 0;
    const Elf64_Rela *slots = NULL, *others = NULL;
    size_t slotBytes = 0, otherBytes = 0;
    for (; dynamic->d_tag != DT_NULL; dynamic++) {
        // The linker has made these absolute, but for the kernel's own object.
        uintptr_t address = dynamic->d_un.d_ptr;
        if (address < object.base) address += object.base;
        switch (dynamic->d_tag) {
        case DT_SYMTAB: object.symbols = (const Elf64_Sym *)address; break;
        case DT_STRTAB: object.strings = (const char *)address; break;
        case DT_JMPREL: slots = (const Elf64_Rela *)address; break;
        case DT_PLTRELSZ: slotBytes = dynamic->d_un.d_val; break;
        case DT_RELA: others = (const Elf64_Rela *)address; break;
        case DT_RELASZ: otherBytes = dynamic->d_un.d_val; break;
        default: break;
        }
    }
    if (!object.symbols || !object.strings) return 0;
    if (slots) redirectTable(&object, slots, slotBytes);
    if (others) redirectTable(&object, others, otherBytes);
    return 0;
}

static void findOriginals(void) {
    for (int index = 0; index < RedirectionCount; index++)
        originals[index] = dlsym(RTLD_DEFAULT, redirections[index].symbol);
}

void CSwiftRedirectMachineCalls(void) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_once(&once, findOriginals);
    // Each time, as a library may have been loaded since, and as the linker may have filled a slot
    // late, in between, that was redirected before.
    pthread_mutex_lock(&lock);
    dl_iterate_phdr(redirectObject, NULL);
    pthread_mutex_unlock(&lock);
}
