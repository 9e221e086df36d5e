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
 * <p>The file is registered with the rings; buffers are not. Registered buffers are pages, and the pages of a process may be
 * replaced while its addresses stay; what the machine would then read and write would be memory that nobody sees.
 *
 * <p>What the file can do is asked of it when it is opened: O_DIRECT with blocks as small as the disk is to have ({@code
 * statx}, and a try), IOPOLL (the device's queue, and a try), and ranges given back ({@code fallocate} behind the end). A
 * durable write is RWF_DSYNC, a flush {@code fdatasync}; a discard or zeroing is {@code fallocate}, as the machine's loop
 * device does it.
 *
 * <p>Locks: the reaping flag of the polled ring, which nobody waits for, then its submission lock. Neither is held while a
 * request is completed.
 */
@NullMarked
package io.pollux.block.driver.host;

import org.jspecify.annotations.NullMarked;
