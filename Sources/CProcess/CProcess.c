#include "CProcess.h"

#include <errno.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/resource.h>

int sunny_forbid_memory_dumps(void) {
    struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) != 0) return errno;
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0) return errno;
    return 0;
}

int sunny_lock_file(int descriptor, int exclusive, int waits) {
    int operation = (exclusive ? LOCK_EX : LOCK_SH) | (waits ? 0 : LOCK_NB);
    while (flock(descriptor, operation) != 0) {
        if (errno != EINTR) return errno;
    }
    return 0;
}
