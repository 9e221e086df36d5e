// SPDX-License-Identifier: GPL-2.0-only

/**
 * The system calls: boots a kernel, starts programs, and dispatches each call by its x86-64 number.
 *
 * <p>A {@link io.pollux.syscalls.Program} uses two things of the kernel: the memory that it mapped,
 * and {@code long syscall(nr, a0 ... a5)}. Every call returns 0 or a positive result, or a negative
 * errno. It throws no exception, for any arguments.
 *
 * <p>Handlers are grouped by subject ({@code FileCalls}, {@code PathCalls}, {@code StorageCalls},
 * {@code MountCalls}, {@code DescriptorCalls}, {@code MemoryCalls}, {@code EventCalls}, {@code
 * ProcessCalls}); the aio package handles its own calls. A handler first copies its arguments out
 * of user memory. Only this package converts exceptions to errnos.
 */
@NullMarked
package io.pollux.syscalls;

import org.jspecify.annotations.NullMarked;
