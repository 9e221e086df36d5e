// SPDX-License-Identifier: GPL-2.0-only

/**
 * Buffers of metadata blocks, for every filesystem: the counterpart of fs/xfs/xfs_buf.c, and of
 * buffer heads as fs/gfs2/meta_io.c uses them.
 *
 * <p>A mount owns one {@link io.pollux.block.buffer.BufCache}. It reads and writes the device, and
 * bounds the memory of all buffers of the mount. A {@link io.pollux.block.buffer.BufSpace} finds
 * buffers by position; XFS has one space, GFS2 one for each glock. A {@link
 * io.pollux.block.buffer.Buf} is one block of metadata, in one piece or in several.
 *
 * <p>A reader calls {@code read}, takes the {@linkplain io.pollux.block.buffer.Buf#data contents},
 * and releases the buffer; {@link io.pollux.block.buffer.BufSpace#readData} does all three. A
 * writer changes a copy and publishes it:
 *
 * <pre>{@code
 * Buf buf = space.read(current, position, length, ops, what); // held
 * try {
 *   buf.lock(current);
 *   try {
 *     BufEdit edit = buf.edit(); // a private copy
 *     edit.put32(at, value);
 *     buf.markDirty(); // the copy becomes the contents
 *     buf.write(current); // or later, by writeBack
 *   } finally {
 *     buf.unlock(); // drops a copy that was not published
 *   }
 * } finally {
 *   buf.release();
 * }
 * }</pre>
 *
 * <p>Invariants:
 *
 * <ul>
 *   <li><b>Contents are immutable.</b> A {@link io.pollux.block.buffer.BufData} never changes. A
 *       change makes new contents, which {@code markDirty} publishes at once. A reader therefore
 *       needs no lock for a consistent block; a cancelled change leaves no trace.
 *   <li><b>A block of a space has one buffer</b> while it is held, dirty or pinned. Two spaces may
 *       hold the same block; the filesystem's own locks then serialize them.
 *   <li><b>Contents are verified</b> by the {@link io.pollux.block.buffer.BufOps} of the read. If
 *       the verifier or the device fails, the buffer stays without contents, and the next read goes
 *       to the device. A hit with other ops is verified again, with the new ops. At each read, the
 *       reader checks that the block belongs to its file or group, which the verifier cannot know.
 *   <li><b>A write first verifies a copy</b>, in which the verifier also updates the checksum. A
 *       block that fails is not written.
 *   <li><b>A pinned buffer is not written.</b> The log pins buffers that are not durable in it yet.
 *   <li><b>Memory is bounded.</b> Over the cache's limit, unreferenced buffers are dropped, least
 *       recently used first. Held, dirty and pinned buffers count and stay; the filesystem bounds
 *       its dirty buffers by {@code writeBack}.
 * </ul>
 *
 * <p>References: {@code get}, {@code find}, {@code read} and {@code hold} take one; {@code release}
 * drops one. The dirty state holds one, and so does each pin. A buffer with 0 references may be
 * dropped at any time. A space must stay reachable by its filesystem while it has dirty buffers.
 *
 * <p>Memory: contents are arrays of the Java heap, so that contents outlive their buffer. Transfers
 * go through staging memory, which the cache maps and keeps. {@code get}, {@code read} and {@code
 * edit} allocate: this package is not for the I/O path.
 *
 * <p>Locks: the buffer's lock serializes writers, and the first read of a block. Another task may
 * unlock it, as after a transaction's commit. A task that locks a buffer twice gets the errno for
 * damage instead of a deadlock. This happens only on a damaged disk, where two structures claim one
 * block. A task that locks several buffers takes them in an order that its filesystem defines, or
 * by {@code tryLock}. {@code read} holds the lock of a buffer without contents during the transfer.
 * The cache's own lock is the innermost. It is never held during I/O, and a hit takes no lock.
 *
 * <p>Context: {@code get}, {@code read}, {@code lock}, {@code write} and {@code writeBack} may
 * sleep, and need process context. {@code release}, {@code unlock}, {@code pin}, {@code unpin} and
 * {@code invalidate} may be called in any context.
 *
 * <p>Errors: an {@link io.pollux.core.ErrnoException} with the device's errno or the filesystem's
 * errno for damage (EUCLEAN for XFS, EIO for GFS2). A failed write leaves the buffer dirty, for the
 * next attempt.
 */
@NullMarked
package io.pollux.block.buffer;

import org.jspecify.annotations.NullMarked;
