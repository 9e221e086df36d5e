// SPDX-License-Identifier: GPL-2.0-only

/**
 * The drivers of disks. A driver completes polled requests inside a poll. It completes
 * interrupt-driven requests inside queueRqs, or later on its own thread.
 *
 * <ul>
 *   <li>{@link io.pollux.block.driver.NullDisk}: moves no data; its latency is configured.
 *   <li>{@link io.pollux.block.driver.RamDisk}: memory, sparse, with discards. An optional thread
 *       moves data in parallel with the submitter, as DMA does.
 *   <li>{@link io.pollux.block.driver.HostDisk}: a file or block device of the host, through the
 *       host's io_uring ({@code io.pollux.block.driver.host}).
 *   <li>{@link io.pollux.block.driver.FaultDisk}: wraps another disk and injects faults: errors,
 *       delays, reordering, a volatile cache and power cuts. A {@link
 *       io.pollux.block.driver.FaultPlan} defines them by a seed or one by one. A {@link
 *       io.pollux.block.driver.FaultLog} records them.
 * </ul>
 */
@NullMarked
package io.pollux.block.driver;

import org.jspecify.annotations.NullMarked;
