#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/// How a job came to Swift's global pool or main executor.
typedef enum CSwiftEscapeKind {
    CSwiftEscapeGlobal = 0,
    CSwiftEscapeGlobalWithDelay = 1,
    CSwiftEscapeGlobalWithDeadline = 2,
    CSwiftEscapeMainExecutor = 3,
} CSwiftEscapeKind;

/// Who made the job that escaped: return addresses of the calling thread's stack, innermost first
/// (none for a continuation), and after them the resume functions of the job's chain of async frames.
typedef struct CSwiftEscape {
    CSwiftEscapeKind kind;
    /// The job itself, as `UnownedJob` has it.
    const void *job;
    /// Whether a continuation was resumed. The runtime sends every such task by way of the global
    /// pool (`swift_continuation_init` notes the generic executor), wherever it waited.
    bool isContinuation;
    const void *stack[24];
    size_t stackCount;
    const void *resume[16];
    size_t resumeCount;
} CSwiftEscape;

/// Told of each job that was kept from the global pool. It never runs unless the handler keeps it.
typedef void (*CSwiftEscapeHandler)(void *owner, const CSwiftEscape *escape);

/// Sets the process-wide hooks of the Swift runtime, once; a later call does nothing.
///
/// A job that a guarded thread enqueues is reported to that thread's handler and dropped. Jobs of
/// all other threads go where they would have gone without the hooks. The two words are those of
/// an `UnownedSerialExecutor` that lives for ever: a guarded thread takes it for the main actor's.
void CSwiftInstallHooks(uintptr_t mainTrapIdentity, uintptr_t mainTrapImplementation);

/// What the executor that stands in for the main actor's calls for every job it is given.
void CSwiftReportMainExecutorJob(const void *job);

/// Guards the calling thread for `owner` (not null) until `CSwiftUnguardThread`.
void CSwiftGuardThread(void *owner, CSwiftEscapeHandler handler);
void CSwiftUnguardThread(void);

/// The owner for which the calling thread is guarded, or null.
void *CSwiftThreadOwner(void);

/// A call of a real clock or random source: its function, and the return addresses of the stack,
/// innermost first.
typedef struct CSwiftMachineCall {
    const char *function;
    const void *stack[32];
    size_t stackCount;
} CSwiftMachineCall;

/// Told of each such call of a watched thread. It is answered all the same.
typedef void (*CSwiftMachineCallHandler)(void *owner, const CSwiftMachineCall *call);

/// Redirects the calls of the C library's clocks and random sources in all that is loaded, so that
/// watched threads can be told of theirs. Nothing of the process is changed until this is called;
/// calls of threads that are not watched give what they gave.
void CSwiftRedirectMachineCalls(void);

/// Watches the calling thread for `owner`, or ends that with null.
void CSwiftWatchThread(void *owner, CSwiftMachineCallHandler handler);

/// Calls `body(context)` on a new thread with a stack of `stackByteCount` bytes and waits for its
/// end. Returns 0, or the `errno` value of why there is no thread.
int CSwiftRunOnThread(size_t stackByteCount, void (*body)(void *context), void *context);

/// The demangled name of the function that contains `address`, as text that the caller frees with
/// `CSwiftFreeName`, or null when no symbol is known.
char *CSwiftCopyFunctionName(const void *address);
void CSwiftFreeName(char *name);
