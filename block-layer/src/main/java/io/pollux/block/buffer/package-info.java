// SPDX-License-Identifier: GPL-2.0-only

/**
 * Buffers of metadata blocks, for every filesystem: the counterpart of fs/xfs/xfs_buf.c, and of buffer heads as
 * fs/gfs2/meta_io.c uses them.
 *
 * <p>A mount owns one {@link io.pollux.block.buffer.BufCache}. It reads and writes the device, and bounds the memory
 * of all buffers of the mount. A {@link io.pollux.block.buffer.BufSpace} finds buffers by position; XFS has one
 * space, GFS2 one for each glock. A {@link io.pollux.block.buffer.Buf} is one block of metadata, in one piece or in
 * several.
 *
 * <p>A reader calls {@code read}, takes the {@linkplain io.pollux.block.buffer.Buf#data contents}, and releases the
 * buffer; {@link io.pollux.block.buffer.BufSpace#readData} does all three. A writer changes a copy and publishes it:
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
 *   <li><b>Contents are immutable.</b> A {@link io.pollux.block.buffer.BufData} never changes. A change makes new
 *       contents, which {@code markDirty} publishes at once. A reader therefore needs no lock for a consistent block;
 *       a cancelled change leaves no trace.
 *   <li><b>One block of a space is one buffer</b> while it is held, dirty or pinned. Two spaces may hold the same
 *       block; the filesystem's own locks then keep them apart.
 *   <li><b>Contents were verified</b> by the {@link io.pollux.block.buffer.BufOps} of the read. If the verifier or
 *       the device fails, the buffer stays without contents, and the next read goes to the device. A hit with other
 *       ops is verified again, by those. The verifier does not know the reader; each reader checks itself whether the
 *       block belongs to its file.
 *   <li><b>A write verifies first</b>, on a copy, where the verifier also updates the checksum. A block that fails is
 *       not written.
 *   <li><b>A pinned buffer is not written.</b> The log pins what it has not yet made durable.
 *   <li><b>Memory is bounded.</b> Buffers that nothing holds are dropped, least recently used first, until the limit
 *       of the cache holds. Held, dirty and pinned buffers count and stay; the filesystem bounds its dirty buffers by
 *       {@code writeBack}.
 * </ul>
 *
 * <p>References: {@code get}, {@code find}, {@code read} and {@code hold} take one; {@code release} drops one. The
 * dirty state holds one, and so does each pin. A buffer at 0 references may go at any time. A space must stay
 * reachable by its filesystem while it has dirty buffers.
 *
 * <p>Memory: contents are arrays of the Java heap, so that contents outlive their buffer. Transfers go through
 * staging memory, which the cache maps and keeps. {@code get}, {@code read} and {@code edit} allocate; nothing here
 * is meant for the path of each request.
 *
 * <p>Locks: the buffer's lock orders writers, and the first read of a block. It has no owner in the sense of a
 * thread: another task may unlock, as after a transaction's commit. Only a disk that claims one block twice makes a
 * task lock a buffer twice; the task gets the error for damage then, and does not hang. A task that locks several buffers takes them in an order of its filesystem, or by {@code tryLock}. {@code read} takes the lock of a
 * buffer without contents for the time of the transfer. The cache's own lock is the innermost; it is never held
 * during I/O, nor for a hit, which takes no lock at all.
 *
 * <p>Context: {@code get}, {@code read}, {@code lock}, {@code write} and {@code writeBack} may sleep, and need
 * process context. {@code release}, {@code unlock}, {@code pin}, {@code unpin} and {@code invalidate} are for any
 * context.
 *
 * <p>Errors: an {@link io.pollux.core.ErrnoException} with the device's errno, or with the errno for damage that the
 * filesystem gave to the cache (EUCLEAN for XFS, EIO for GFS2). A failed write leaves the buffer dirty, for the next
 * attempt.
 */
@NullMarked
package io.pollux.block.buffer;

import org.jspecify.annotations.NullMarked;
