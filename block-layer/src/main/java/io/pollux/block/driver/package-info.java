// SPDX-License-Identifier: GPL-2.0-only

/**
 * Disks. A driver answers interrupt-driven requests when they are queued, or later from a thread of its own, and polled
 * ones when somebody polls.
 *
 * <ul>
 *   <li>{@link io.pollux.block.driver.NullDisk}: nothing moves, and it takes as long as it is told to.
 *   <li>{@link io.pollux.block.driver.RamDisk}: memory, sparse, with discards. A thread of its own may move data while the processor
 *       goes on, as a real disk does.
 *   <li>{@link io.pollux.block.driver.HostDisk}: a file or a device of the machine, through its io_uring ({@code
 *       io.pollux.block.driver.host}).
 *   <li>{@link io.pollux.block.driver.FaultDisk}: any of them, with faults: errors, lateness, disorder, a volatile cache and
 *       power cuts, all drawn from one seed or scripted ({@link io.pollux.block.driver.FaultPlan}), and all told of ({@link
 *       io.pollux.block.driver.FaultLog}).
 * </ul>
 */
@NullMarked
package io.pollux.block.driver;

import org.jspecify.annotations.NullMarked;
