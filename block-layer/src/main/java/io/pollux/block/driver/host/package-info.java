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
 * as many entries as there are tags, so no ring is ever full.
 *
 * <p>Locks: the reaping flag of the polled ring, which nobody waits for, then its submission lock. Neither is held while a
 * request is completed.
 */
@NullMarked
package io.pollux.block.driver.host;

import org.jspecify.annotations.NullMarked;
