#pragma once

/// Keeps the process's memory out of core dumps and away from debuggers of the same user: no core
/// file of any size, and `PR_SET_DUMPABLE` off, which also covers core dumps that go to a program
/// (`core(5)`), where the size limit is not looked at. `prctl` takes variable arguments, which
/// Swift cannot call.
///
/// Returns 0, or the `errno` value of what was refused.
int sunny_forbid_memory_dumps(void);

/// Takes an exclusive (1) or shared (0) advisory lock on an open file, waiting for it when `waits`
/// is 1. In Swift the name `flock` is the structure's.
///
/// Returns 0, or the `errno` value: `EWOULDBLOCK` when another process holds it.
int sunny_lock_file(int descriptor, int exclusive, int waits);
