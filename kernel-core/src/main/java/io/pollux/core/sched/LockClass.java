// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.sched;

import io.pollux.uapi.LinuxSource;

/**
 * The kinds of locks that have a place in the lock order, outermost first. A thread that holds a
 * lock waits only for locks of later kinds. The package describes the rules; {@link LockOrder}
 * checks them.
 */
@LinuxSource(file = "include/linux/lockdep.h", name = "lock_class")
public enum LockClass {
  // Held across a sleep.

  /** The enter flag of an aio context. No thread waits for it. */
  AIO_ENTER("the enter flag of an aio context", true),
  /** The lock of the thread that polls for an aio context: RingEntry's pollLock. */
  AIO_POLL("the pollLock of an aio context", true),
  /** Orders freezes and remounts of a filesystem (C: s_umount). */
  S_UMOUNT("the mount lock of a filesystem", true),
  /** Shared by each change of a filesystem, exclusive while it is frozen (C: s_writers). */
  SB_WRITERS("the writers' lock of a filesystem", true),
  /** Orders the renames between directories of a filesystem (C: s_vfs_rename_mutex). */
  VFS_RENAME("the rename lock of a filesystem", true),
  /** An inode's iRwsem; of two directories, the parent's. */
  I_RWSEM("an inode's iRwsem", true),
  /** The iRwsem of the second directory of a rename. */
  I_RWSEM_PARENT2("the iRwsem of the second directory of a rename", true),
  /** The iRwsem of an inode below a directory whose iRwsem is held. */
  I_RWSEM_CHILD("the iRwsem of an inode in a locked directory", true),
  /** The iRwsem of the second inode of a rename that is not a directory. */
  I_RWSEM_NONDIR2("the iRwsem of the second file of a rename", true),
  /** The lock under which a sync writes the times of a mount's inodes. */
  INODE_TIMES("the lock of a mount's changed inode times", true),
  /** The glock of an inode in GFS2. */
  GFS2_INODE_GLOCK("an inode's glock", true),
  /** A locked page of the page cache, or a run of them. */
  PAGE("a page's lock", true),
  /** The glock of a resource group in GFS2. */
  GFS2_RGRP_GLOCK("a resource group's glock", true),
  /** The lock that a transaction of XFS holds from its start to its end. */
  XFS_TRANS("the transaction lock of an XFS", true),
  /** The lock under which XFS reads the extents of a file. */
  XFS_EXTENTS("the extents lock of an XFS inode", true),
  /** The lock under which commits add to a checkpoint of XFS. */
  XFS_CIL("the lock of an XFS checkpoint", true),
  /** The lock of a metadata buffer. */
  BUF("a buffer's lock", true),

  // Not held across a sleep. In C most are spinlocks.

  /** The readers' lock of an aio context's old ring. */
  AIO_READERS("the readers' lock of an aio context", false),
  /** The lock of a glock's queue. */
  GFS2_GLOCK_QUEUE("the lock of a glock's queue", false),
  /** The lock of a pipe. */
  PIPE("a pipe's lock", false),
  /** The i_lock of an inode: its references and names. */
  I_LOCK("an inode's i_lock", false),
  /** The pages of a ramfs. */
  RAM_PAGES("the lock of ramfs's pages", false),
  /** The lock of a page cache. */
  PAGE_CACHE("the lock of a page cache", false),
  /** The lock of a buffer cache. */
  BUF_CACHE("the lock of a buffer cache", false),
  /** The lock of a buffer space. */
  BUF_SPACE("the lock of a buffer space", false),
  /** The lock of a table of aio contexts. */
  AIO_TABLE("the lock of a table of aio contexts", false),
  /** The lock of a context's submitted polled requests. */
  AIO_SUBMITTED("the lock of an aio context's submitted requests", false),
  /** The lock of a context's cancellable requests (C: ctx_lock). */
  AIO_CANCEL("the lock of an aio context's cancellable requests", false),
  /** The lock under which events are posted. */
  AIO_COMPLETION("the completionLock of an aio context", false),
  /** The lock of a descriptor table. */
  FILES("the lock of a descriptor table", false),
  /** The lock of a tree of dentries (C: rename_lock). */
  DCACHE("the lock of a tree of dentries", false),
  /** The lock of the file locks on an inode. */
  FILE_LOCKS("the lock of an inode's file locks", false),
  /** The lock of a disk's queue while it is shut down. */
  REQUEST_QUEUE("the lock of a request queue", false),
  /** The lock of a work queue. */
  WORK_QUEUE("the lock of a work queue", false),
  /** The lock of a wait queue. */
  WAIT_QUEUE("the lock of a wait queue", false);

  private final String text;
  private final boolean sleeps;

  LockClass(String text, boolean sleeps) {
    this.text = text;
    this.sleeps = sleeps;
  }

  /** Whether a thread that holds such a lock may sleep. */
  public boolean sleeps() {
    return sleeps;
  }

  /** Returns a phrase for messages. */
  @Override
  public String toString() {
    return text;
  }
}
