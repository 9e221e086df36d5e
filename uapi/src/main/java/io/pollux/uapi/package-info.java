// SPDX-License-Identifier: GPL-2.0-only

/**
 * The interface between user programs and the kernel, field by field: {@code include/uapi}.
 *
 * <p>A structure is a final class. Its {@link java.lang.foreign.StructLayout} is the only
 * definition of its offsets. Accessors take the raw address {@code at} of the structure. The caller
 * ensures that the address is valid. A user program has mapped the memory; the kernel has checked
 * or pinned the range through the task's address space.
 *
 * <p>Byte order is little-endian; pointers and longs have 64 bits (LP64).
 */
@NullMarked
package io.pollux.uapi;

import org.jspecify.annotations.NullMarked;
