// SPDX-License-Identifier: GPL-2.0-only

/**
 * The host's io_uring, and a disk on it.
 *
 * <p>{@link io.pollux.block.driver.host.UringDisk} is the driver. It has a {@link
 * io.pollux.block.driver.host.PolledRing}, which tasks submit to and poll themselves. It also has
 * an {@link io.pollux.block.driver.host.IrqRing}, whose own thread submits and completes. Both
 * consist of an {@link io.pollux.block.driver.host.IoUring} and {@link
 * io.pollux.block.driver.host.Transfers}, which converts requests to entries and completions to
 * results.
 *
 * <p>A request allocates nothing: its tag is the entry's user data. A tag has at most one entry,
 * and a ring has as many entries as there are tags, so a ring is never full. A batch is submitted
 * in one host call. A poll makes no host call while completions are visible. If none is visible, it
 * makes a host call with IOPOLL. It also makes one when a ring flag says that the host keeps
 * completions until the next call.
 *
 * <p><b>Registered buffers.</b> The file is registered with the rings. So are a context's fixed
 * buffers, as a mapping ({@link io.pollux.core.mm.DmaMapping}). The first request of a mapping on a
 * ring registers all its segments, each as an entry of the ring's {@link
 * io.pollux.block.driver.host.BufferTable}. The host then has the pages pinned, and a request whose
 * memory is one piece of an entry becomes READ_FIXED or WRITE_FIXED. Closing the mapping clears the
 * entries before the memory can be reused.
 *
 * <p>An entry is found by its mapping, never by an address alone, because the host registers pages,
 * not addresses. A C program may unmap a buffer and map other memory there. Its context's requests
 * still use the registered pages, while a plain {@code pread} uses the new memory.
 *
 * <p>All other requests pass an address:
 *
 * <ul>
 *   <li>requests without a mapping: a context without fixed buffers, system calls, a filesystem's
 *       own I/O;
 *   <li>memory in several pieces: merged bios, unless their buffers are contiguous;
 *   <li>a piece that crosses from one entry to the next; an entry has at most 1 GiB;
 *   <li>mappings that could not be registered. They exceed the host's RLIMIT_MEMLOCK or the free
 *       entries of the table, or have memory that the host does not pin.
 * </ul>
 *
 * <p>A failed registration is not an error and is not retried for that mapping on that ring. {@link
 * io.pollux.block.driver.host.UringDisk#access()} reports it.
 *
 * <p>The submitter of a ring also changes its table. For the polled ring that is any task, under
 * the ring's lock. For the other ring it is only the ring's own thread (SINGLE_ISSUER). It clears
 * entries for the task that closes the mapping, while that task waits.
 *
 * <p><b>The file's features</b> are probed when it is opened. {@code statx} and a trial read check
 * O_DIRECT with the disk's block size. The device's queue attributes and a trial read check IOPOLL.
 * {@code fallocate} beyond the end checks hole punching. A durable write is RWF_DSYNC, and a flush
 * is {@code fdatasync}. Discards and zeroing are {@code fallocate}, as in the loop device.
 *
 * <p>Lock order: the reaping flag of the polled ring, which no thread waits for; its submission
 * lock; a mapping's lock. None is held while a request is completed.
 */
@NullMarked
package io.pollux.block.driver.host;

import org.jspecify.annotations.NullMarked;
