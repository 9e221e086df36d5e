// SPDX-License-Identifier: GPL-2.0-only

/**
 * The virtual filesystem: open files and their operations, the kiocb, inodes and path lookup.
 *
 * <p>A filesystem or driver implements {@link io.pollux.core.vfs.Inode} and {@link
 * io.pollux.core.vfs.FileOperations}. If it can be mounted, it also implements {@link
 * io.pollux.core.vfs.SuperBlock}. The I/O path (readIter, writeIter, iopoll, fsync) returns
 * negative errnos. Lookup and other access to metadata by name throws {@link
 * io.pollux.core.ErrnoException}.
 *
 * <p>Lock order: an inode's {@code iRwsem} is the outermost lock of a file's I/O. It is taken in
 * process context, shared or exclusive, and is released before an asynchronous request completes.
 * {@code inodeDioBegin} covers the rest of the I/O. A directory's iRwsem orders changes of its
 * names; the parent directory's is taken first. The lock of a descriptor table and the reference
 * count of a file are leaves. {@link io.pollux.core.sched} has the order of all locks.
 *
 * <p>Dumps: {@link io.pollux.core.vfs.FileTable#describe} lists the open files of a kernel. The
 * text of a {@link io.pollux.core.vfs.File} or a {@link io.pollux.core.vfs.Kiocb} is one line, from
 * any thread, without a lock.
 */
@NullMarked
package io.pollux.core.vfs;

import org.jspecify.annotations.NullMarked;
