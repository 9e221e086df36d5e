// SPDX-License-Identifier: GPL-2.0-only

/**
 * The virtual filesystem: open files and their operations, the kiocb, inodes and path lookup.
 *
 * <p>A filesystem or driver brings an {@link io.pollux.core.vfs.Inode}, a {@link
 * io.pollux.core.vfs.FileOperations}, and, if it can be mounted, a {@link io.pollux.core.vfs.SuperBlock}.
 * The I/O path (readIter, writeIter, iopoll, fsync) answers with negative errnos; lookup and what else reads
 * metadata by name throws {@link io.pollux.core.ErrnoException}.
 *
 * <p>Lock order: an inode's {@code iRwsem} is the outermost lock of a file's I/O. It is taken in process
 * context, shared or exclusive, and is not held until an asynchronous request completes; {@code inodeDioBegin} is what
 * spans the I/O. A directory's orders changes of its names; that of the directory above comes first. The lock of a
 * descriptor table and the reference count of a file are leaves.
 */
@NullMarked
package io.pollux.core.vfs;

import org.jspecify.annotations.NullMarked;
