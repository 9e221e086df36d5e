// SPDX-License-Identifier: GPL-2.0-only

/**
 * What user and kernel share, field by field: the counterpart of the kernel's {@code include/uapi}.
 *
 * <p>A structure is a final class with its {@link java.lang.foreign.StructLayout} as the only definition.
 * Offsets are read off that layout; nothing else in the project repeats a number. Accessors take the raw
 * address of the structure. Whoever calls them has made sure that the address is good: a user program
 * because it mapped the memory, the kernel because it checked or pinned the range through the task's
 * address space.
 *
 * <p>Byte order is little-endian, pointers and longs have 64 bits (LP64).
 */
@NullMarked
package io.pollux.uapi;

import org.jspecify.annotations.NullMarked;
