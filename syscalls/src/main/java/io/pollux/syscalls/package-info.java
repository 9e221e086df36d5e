// SPDX-License-Identifier: GPL-2.0-only

/**
 * Where user programs come in: a kernel is booted, programs are started, and each call of a program is
 * looked up by its x86-64 number.
 *
 * <p>A {@link io.pollux.syscalls.Program} sees two things of the kernel: the memory that it mapped, and
 * {@code long syscall(nr, a0 ... a5)}. Every call answers a result that is not negative, or a negative errno.
 * Whatever the arguments are, no exception comes out.
 *
 * <p>Handlers are grouped by what they are about ({@code FileCalls}, {@code PathCalls}, {@code StorageCalls}, {@code
 * DescriptorCalls}, {@code MemoryCalls}, {@code EventCalls}, {@code ProcessCalls}); those of aio are aio's own. A handler
 * copies its arguments out of user memory before anything else, and errors that arrive as exceptions become errnos here
 * and nowhere else.
 */
@NullMarked
package io.pollux.syscalls;

import org.jspecify.annotations.NullMarked;
