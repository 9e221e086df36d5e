// SPDX-License-Identifier: GPL-2.0-only

/**
 * Memory management: checks of user pointers, and access to user memory.
 *
 * <p>A user pointer is the real 64-bit address of native memory. {@link
 * io.pollux.core.mm.AddressSpace} checks it: a range is valid if mappings cover it and their
 * protection allows the access. A valid range is used in one of two ways. Copying ({@code
 * copyFromUser}, {@code copyToUser}) checks and copies at once. Pinning ({@link
 * io.pollux.core.mm.AddressSpace#pin}) takes references on the pages. The kernel and its devices
 * may then use the memory until they unpin it, even if the program unmaps it.
 *
 * <p>Invariants of a Java program, whose memory is a {@link io.pollux.core.mm.WindowSpace}:
 *
 * <ul>
 *   <li>Memory that was ever mapped stays accessible to the host until the address space is closed.
 *       A race of munmap and a copy gives the program a wrong value, but never a crash.
 *   <li>A range is reused only when all of it is unmapped and none of it is pinned.
 *   <li>{@link io.pollux.core.mm.AddressSpace#pinnedPages()} is 0 if no I/O is in flight and no
 *       context exists.
 * </ul>
 *
 * <p>A C program ({@link io.pollux.core.mm.MachineSpace}) maps and unmaps its memory itself. The
 * fault handler in its process ensures the first two invariants, and a pin is only a count.
 *
 * <p>A window has two structures for its mappings. A sorted list gives the extent and the pages of
 * a mapping. A {@link io.pollux.core.mm.PageTable} gives the rights of a page in constant time. A
 * range no longer than a page is checked in the table alone.
 *
 * <p>Locks: the address space's own lock guards changes of the list and the page table. Lookups
 * take no lock: the list is immutable, and the rights of a page are one byte. No other lock is
 * taken under it.
 */
@NullMarked
package io.pollux.core.mm;

import org.jspecify.annotations.NullMarked;
