// SPDX-License-Identifier: GPL-2.0-only

/**
 * The machine's io_uring, and a disk on it.
 *
 * <p>{@link io.pollux.block.driver.host.UringDisk} is the driver. It has a {@link
 * io.pollux.block.driver.host.PolledRing}, which tasks submit to and poll themselves, and an {@link
 * io.pollux.block.driver.host.IrqRing}, which belongs to a thread of its own, the one that interrupts come from. Both are
 * an {@link io.pollux.block.driver.host.IoUring} with {@link io.pollux.block.driver.host.Transfers}, which knows how a
 * request becomes an entry and what an answer means.
 *
 * <p>Nothing is allocated for a request: its tag is what the machine hands back. A tag has one entry at a time, and a ring
 * as many entries as there are tags, so no ring is ever full. A batch goes to the machine in one call. A poll makes no call
 * when there are completions to be seen, and, unless the machine polls the device (IOPOLL), none when there are none: the
 * machine says in the ring when it keeps completions back for the next call.
 *
 * <p>The file is registered with the rings, and so is memory that is mapped for a longer time, the fixed buffers of a
 * context ({@link io.pollux.core.mm.DmaMapping}). The first request that carries a mapping to a ring has all its segments
 * registered there, each as an entry of the ring's {@link io.pollux.block.driver.host.BufferTable}: from then on the
 * machine has the pages pinned, and a request whose memory is one piece of an entry is a READ_FIXED or WRITE_FIXED. When
 * the mapping is closed, the entries are cleared before anybody else can have the memory. Registered are pages, not
 * addresses: a program in C may have unmapped a buffer and have other memory there, and then its context's requests
 * still go to the pages that were registered, while those without the mapping, as of a plain {@code pread}, go to what
 * is there now. So it is the mapping that finds an entry, and never an address alone.
 *
 * <p>All else goes by address: requests without a mapping (a context without fixed buffers, system calls, a filesystem's
 * own), memory in several pieces (bios that were merged, unless their buffers lie side by side), a piece over the border
 * of two entries (each has 1 GiB at most), and mappings that could not be registered: past the machine's RLIMIT_MEMLOCK,
 * with more segments than the table has free, or of memory that the machine does not pin. That is no error, it is not
 * tried again for that mapping on that ring, and {@link io.pollux.block.driver.host.UringDisk#access()} says so.
 *
 * <p>Who changes the table is who may submit: any task under the lock of the polled ring, only the ring's own thread on
 * the other (SINGLE_ISSUER), which clears entries for the task that closes the mapping while that waits.
 *
 * <p>What the file can do is asked of it when it is opened: O_DIRECT with blocks as small as the disk is to have ({@code
 * statx}, and a try), IOPOLL (the device's queue, and a try), and ranges given back ({@code fallocate} behind the end). A
 * durable write is RWF_DSYNC, a flush {@code fdatasync}; a discard or zeroing is {@code fallocate}, as the machine's loop
 * device does it.
 *
 * <p>Locks: the reaping flag of the polled ring, which nobody waits for, then its submission lock, then a mapping's own.
 * None is held while a request is completed.
 */
@NullMarked
package io.pollux.block.driver.host;

import org.jspecify.annotations.NullMarked;
