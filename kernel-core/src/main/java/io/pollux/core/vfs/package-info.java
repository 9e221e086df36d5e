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
 * <p><b>I/O.</b> An inode's {@code iRwsem} is the outermost lock of a file's I/O. It is taken in
 * process context, shared or exclusive, and is released before an asynchronous request completes.
 * {@code inodeDioBegin} covers the rest of the I/O.
 *
 * <p><b>Names.</b> {@link io.pollux.core.vfs.Namei} takes the locks of Linux's
 * directory-locking.rst; an operation of a filesystem finds them held, and takes none of them.
 *
 * <ul>
 *   <li>lookup: iRwsem of the directory, shared or exclusive.
 *   <li>create, mkdir, mknod, symlink: iRwsem of the directory, exclusive, as for all below.
 *   <li>link: the directory, then the inode (I_RWSEM_CHILD).
 *   <li>unlink, rmdir: the directory, then the removed inode (I_RWSEM_CHILD).
 *   <li>rename in one directory: the directory. Between two: the rename lock of the filesystem
 *       (VFS_RENAME), then both directories. Of two directories an ancestor is first, else the old
 *       one; the second has the class I_RWSEM_PARENT2. The rename lock keeps the tree in place, so
 *       that no directory moves below itself.
 *   <li>rename, then: a replaced directory, or those of the two inodes that are not directories.
 *       The older inode is first (I_RWSEM_CHILD), the other has the class I_RWSEM_NONDIR2.
 *   <li>setattr, setxattr: the inode.
 * </ul>
 *
 * <p>Each change is inside {@link io.pollux.core.vfs.SuperBlock#wantWrite}, outside these locks: it
 * returns EROFS, and waits while the filesystem is frozen. The last drop of a reference, which may
 * free an inode, is outside the locks of the directories. iRwsem of a removed directory marks it as
 * dead; lookups and changes in it are ENOENT.
 *
 * <p><b>Mounts.</b> The lock S_UMOUNT of a filesystem orders freezes, remounts and periodic
 * write-back, and precedes all of these locks. A remount to read-only fails while a change is in
 * progress, a file is open for writing, or a removed file is in use. A mount holds iRwsem of the
 * covered directory; a removal checks for mounts under the same lock.
 *
 * <p>A walk holds no lock between two names. It holds iRwsem of a directory until the name found
 * there has its dentry. A {@link io.pollux.core.vfs.Dentry} keeps parent and name for users of a
 * file; a rename moves it. The lock of a tree of dentries, of a descriptor table, and the i_lock of
 * an inode are leaves. {@link io.pollux.core.sched} has the order of all locks.
 *
 * <p>Dumps: {@link io.pollux.core.vfs.FileTable#describe} lists the open files of a kernel. The
 * text of a {@link io.pollux.core.vfs.File} or a {@link io.pollux.core.vfs.Kiocb} is one line, from
 * any thread, without a lock.
 */
@NullMarked
package io.pollux.core.vfs;

import org.jspecify.annotations.NullMarked;
