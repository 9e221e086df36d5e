// SPDX-License-Identifier: GPL-2.0-only

/**
 * Disks. A driver completes interrupt-driven requests inside queueRqs, or later on its own thread, and polled ones
 * inside a poll.
 *
 * <ul>
 *   <li>{@link io.pollux.block.driver.NullDisk}: moves no data, with a configured latency.
 *   <li>{@link io.pollux.block.driver.RamDisk}: memory, sparse, with discards. An optional thread moves data in
 *       parallel with the submitter, as DMA does.
 *   <li>{@link io.pollux.block.driver.HostDisk}: a file or block device of the host, through the host's io_uring
 *       ({@code io.pollux.block.driver.host}).
 *   <li>{@link io.pollux.block.driver.FaultDisk}: wraps another disk and injects faults: errors, delays, reordering, a
 *       volatile cache and power cuts. They are drawn from one seed or scripted
 *       ({@link io.pollux.block.driver.FaultPlan}), and recorded ({@link io.pollux.block.driver.FaultLog}).
 * </ul>
 */
@NullMarked
package io.pollux.block.driver;

import org.jspecify.annotations.NullMarked;
