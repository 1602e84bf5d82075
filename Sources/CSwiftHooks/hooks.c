#define _GNU_SOURCE
#include "CSwiftHooks.h"

#include <execinfo.h>
#include <pthread.h>
#include <string.h>

// The hooks and their originals as swiftlang/swift declares them in
// include/swift/Runtime/ConcurrencyHooks.def and ConcurrencyHooks.h.

#define SWIFTCALL __attribute__((swiftcall))

typedef struct SwiftJob SwiftJob;

typedef SWIFTCALL void (*EnqueueOriginal)(SwiftJob *);
typedef SWIFTCALL void (*EnqueueHook)(SwiftJob *, EnqueueOriginal);
typedef SWIFTCALL void (*DelayOriginal)(unsigned long long, SwiftJob *);
typedef SWIFTCALL void (*DelayHook)(unsigned long long, SwiftJob *, DelayOriginal);
typedef SWIFTCALL void (*DeadlineOriginal)(
    long long, long long, long long, long long, int, SwiftJob *);
typedef SWIFTCALL void (*DeadlineHook)(
    long long, long long, long long, long long, int, SwiftJob *, DeadlineOriginal);

extern EnqueueHook swift_task_enqueueGlobal_hook;
extern DelayHook swift_task_enqueueGlobalWithDelay_hook;
extern DeadlineHook swift_task_enqueueGlobalWithDeadline_hook;
extern EnqueueHook swift_task_enqueueMainExecutor_hook;

/// A SerialExecutorRef (swift/ABI/Executor.h): the object and its witness table.
typedef struct ExecutorReference {
    uintptr_t identity;
    uintptr_t implementation;
} ExecutorReference;

typedef SWIFTCALL ExecutorReference (*MainOriginal)(void);
typedef SWIFTCALL ExecutorReference (*MainHook)(MainOriginal);

extern MainHook swift_task_getMainExecutor_hook;

/// The head of an AsyncContext (swift/ABI/Task.h).
typedef struct AsyncFrame {
    struct AsyncFrame *parent;
    const void *resumeParent;
} AsyncFrame;

/// The head of a Job and of an AsyncTask (swift/ABI/Task.h), 64-bit.
struct SwiftJob {
    void *heapObject[2];
    void *schedulerPrivate[2];
    uint32_t flags;
    uint32_t identifier;
    void *reserved[2];
    const void *resume;
    AsyncFrame *frame;
};

/// JobKind::Task, in the lowest byte of a job's flags: only a task has async frames.
enum { JobKindMask = 0xff, JobKindTask = 0 };

static _Thread_local void *threadOwner;
static _Thread_local CSwiftEscapeHandler threadHandler;

static void report(CSwiftEscapeKind kind, const SwiftJob *job) {
    CSwiftEscape escape;
    memset(&escape, 0, sizeof escape);
    escape.kind = kind;
    escape.job = job;
    escape.resume[escape.resumeCount++] = job->resume;
    if ((job->flags & JobKindMask) == JobKindTask) {
        const AsyncFrame *frame = job->frame;
        // A resumed task goes on with its continuation's parent, in the continuation's own frame;
        // every other job starts with a function that its frame does not return to.
        escape.isContinuation = frame && frame->resumeParent == job->resume;
        while (frame && frame->resumeParent && escape.resumeCount < 16) {
            escape.resume[escape.resumeCount++] = frame->resumeParent;
            frame = frame->parent;
        }
    }
    // Unwinding costs microseconds, and the frames of a resumed task name who waited.
    if (!escape.isContinuation) {
        void *addresses[24];
        int count = backtrace(addresses, 24);
        for (int index = 0; index < count; index++) escape.stack[index] = addresses[index];
        escape.stackCount = (size_t)count;
    }
    threadHandler(threadOwner, &escape);
}

static SWIFTCALL void onGlobal(SwiftJob *job, EnqueueOriginal original) {
    if (!threadOwner) { original(job); return; }
    report(CSwiftEscapeGlobal, job);
}

static SWIFTCALL void onDelay(unsigned long long delay, SwiftJob *job, DelayOriginal original) {
    if (!threadOwner) { original(delay, job); return; }
    report(CSwiftEscapeGlobalWithDelay, job);
}

static SWIFTCALL void onDeadline(
    long long seconds, long long nanoseconds, long long toleranceSeconds,
    long long toleranceNanoseconds, int clock, SwiftJob *job, DeadlineOriginal original
) {
    if (!threadOwner) {
        original(seconds, nanoseconds, toleranceSeconds, toleranceNanoseconds, clock, job);
        return;
    }
    report(CSwiftEscapeGlobalWithDeadline, job);
}

static SWIFTCALL void onMainExecutor(SwiftJob *job, EnqueueOriginal original) {
    if (!threadOwner) { original(job); return; }
    report(CSwiftEscapeMainExecutor, job);
}

// The main actor's executor is asked for and enqueued on by itself, past
// `swift_task_enqueueMainExecutor`, so a guarded thread is given another one in its place.
static ExecutorReference mainTrap;

static SWIFTCALL ExecutorReference onGetMainExecutor(MainOriginal original) {
    return threadOwner ? mainTrap : original();
}

static void install(void) {
    swift_task_getMainExecutor_hook = onGetMainExecutor;
    swift_task_enqueueGlobal_hook = onGlobal;
    swift_task_enqueueGlobalWithDelay_hook = onDelay;
    swift_task_enqueueGlobalWithDeadline_hook = onDeadline;
    swift_task_enqueueMainExecutor_hook = onMainExecutor;
}

void CSwiftInstallHooks(uintptr_t mainTrapIdentity, uintptr_t mainTrapImplementation) {
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&lock);
    if (!mainTrap.identity) {
        mainTrap.identity = mainTrapIdentity;
        mainTrap.implementation = mainTrapImplementation;
    }
    pthread_mutex_unlock(&lock);
    pthread_once(&once, install);
}

void CSwiftReportMainExecutorJob(const void *job) {
    if (threadOwner) report(CSwiftEscapeMainExecutor, job);
}

void CSwiftGuardThread(void *owner, CSwiftEscapeHandler handler) {
    threadHandler = handler;
    threadOwner = owner;
}

void CSwiftUnguardThread(void) { threadOwner = NULL; }

void *CSwiftThreadOwner(void) { return threadOwner; }

typedef struct ThreadStart {
    void (*body)(void *);
    void *context;
} ThreadStart;

static void *runThread(void *argument) {
    ThreadStart *start = argument;
    start->body(start->context);
    return NULL;
}

int CSwiftRunOnThread(size_t stackByteCount, void (*body)(void *context), void *context) {
    ThreadStart start = {body, context};
    pthread_attr_t attributes;
    pthread_t thread;
    int status = pthread_attr_init(&attributes);
    if (status != 0) return status;
    status = pthread_attr_setstacksize(&attributes, stackByteCount);
    if (status == 0) status = pthread_create(&thread, &attributes, runThread, &start);
    pthread_attr_destroy(&attributes);
    return status != 0 ? status : pthread_join(thread, NULL);
}
