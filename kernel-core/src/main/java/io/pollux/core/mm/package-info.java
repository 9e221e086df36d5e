// SPDX-License-Identifier: GPL-2.0-only

/**
 * Memory management: what a user pointer means and how the kernel may touch what is behind it.
 *
 * <p>A user pointer is the real 64-bit address of native memory. {@link io.pollux.core.mm.AddressSpace} is
 * the only judge of it: a range is good if mappings cover it whole and their protection allows the access.
 * There are two ways to use a good one. Copying ({@code copyFromUser}, {@code copyToUser}) checks and
 * moves at once. Pinning ({@link io.pollux.core.mm.AddressSpace#pin}) takes references on the pages, after
 * which the kernel and its devices may use the memory until they unpin it, whatever the program unmaps
 * meanwhile.
 *
 * <p>Invariants of a program in Java, whose memory is a {@link io.pollux.core.mm.WindowSpace}:
 *
 * <ul>
 *   <li>Memory that was ever mapped stays readable and writable for the machine until the address space is
 *       closed, so a race of munmap against a copy is a wrong value in a wrong program, never a crash.
 *   <li>A range is given out again only when it is unmapped whole and nothing of it is pinned.
 *   <li>{@link io.pollux.core.mm.AddressSpace#pinnedPages()} is 0 when no I/O and no context is left.
 * </ul>
 *
 * <p>A C program ({@link io.pollux.core.mm.MachineSpace}) maps and unmaps its memory itself. There the first two
 * are the business of the fault handler in its process, and a pin is only a count.
 *
 * <p>A window knows its mappings twice, as the machine's kernel and processor do: a sorted list, which tells how far a mapping goes and
 * what its pages are, and a {@link io.pollux.core.mm.PageTable}, which tells at once whether a page may be accessed, however many
 * mappings there are. What fits into a page, such as most structures, asks the table alone.
 *
 * <p>Locks: the address space's own lock guards the list of mappings and the page table against changes. Lookups take no
 * lock: the list they read is immutable, and a page's rights are one byte. No other lock is taken inside it.
 */
@NullMarked
package io.pollux.core.mm;

import org.jspecify.annotations.NullMarked;
