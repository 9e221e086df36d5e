// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import io.pollux.block.BlockDevice;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.SuperBlock;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import org.jspecify.annotations.Nullable;

/**
 * A mounted filesystem whose files are {@link IomapInode}s: it syncs and evicts them, and unmounts.
 * The filesystem adds the table of its inodes, {@link #writeInode}, and {@link #freeInode} if files
 * can be removed.
 */
public abstract class IomapSuperBlock extends SuperBlock implements AutoCloseable {
  private final BlockDevice bdev;

  /**
   * Creates a filesystem. From process context.
   *
   * @param current the mounting task
   * @param bdev the device
   * @param readOnly whether every write returns EROFS
   * @param blockSize the unit of allocation in bytes, a power of two
   */
  @SuppressWarnings("this-escape") // the work queue does not use it
  protected IomapSuperBlock(Task current, BlockDevice bdev, boolean readOnly, int blockSize) {
    super(bdev.dev(), readOnly, blockSize);
    this.bdev = bdev;
    initDioDoneWq(current, "dio/" + bdev.name());
  }

  /** Returns the device. */
  public final BlockDevice bdev() {
    return bdev;
  }

  // Implemented by the filesystem.

  /**
   * Returns the files in memory. A task iterates over them while other tasks add and remove files.
   */
  protected abstract Iterable<? extends IomapInode> inodes();

  /**
   * Frees an inode that has neither a name nor a user, and its blocks. No data of it is cached or
   * in flight. From process context. A second call for the same inode does nothing.
   *
   * @param inode an inode of this filesystem
   */
  protected void freeInode(IomapInode inode) {}

  /**
   * Writes an inode. On success its data and its metadata from before the call are durable. Two
   * tasks never write the same inode at once. From process context.
   */
  @Override
  public abstract int writeInode(Task current, Inode inode, boolean wait);

  /** Releases what the mount holds in memory. Also called when a mount has failed. */
  @Override
  public abstract void close();

  /**
   * Throws an exception for a negative errno.
   *
   * @param result 0 or a negative errno of the device
   * @throws ErrnoException that errno, with the name of the device
   */
  public final void check(int result) throws ErrnoException {
    if (result != 0) {
      throw error(-result, Errno.describe(-result));
    }
  }

  /**
   * Makes an exception that names the device.
   *
   * @param errno a positive error number
   * @param what the error, without a full stop
   */
  public final ErrnoException error(int errno, String what) {
    return new ErrnoException(errno, bdev.name() + ": " + what);
  }

  // Sync, evict, unmount.

  /** Writes back the pages and then the inode of each file, and flushes the device. */
  @Override
  @LinuxSource(file = "fs/sync.c", name = "__sync_filesystem")
  public int sync(Task current) {
    int result = syncInodes(current, true);
    int flushed = readOnly() ? 0 : bdev.flushAndWait(current);
    return result != 0 ? result : flushed;
  }

  /**
   * Writes the dirty inodes without their pages, and frees removed files. Afterwards the blocks
   * that files have dropped are free: an allocation that found no block calls this, and tries
   * again. From process context. The caller may hold iRwsem. It holds no locked page, and is not
   * inside {@link #writeInode}.
   *
   * @param current the calling task
   * @return 0 or the first error, a negative errno
   */
  public final int syncInodes(Task current) {
    return syncInodes(current, false);
  }

  private int syncInodes(Task current, boolean pages) {
    int result = 0;
    for (IomapInode inode : inodes()) {
      int status = 0;
      if (inode.igrab()) { // it is not evicted while it is written
        try {
          int written = pages ? inode.mapping().writeBack(current, 0, Long.MAX_VALUE) : 0;
          int stored = inode.syncMetadata(current);
          status = written != 0 ? written : stored;
        } finally {
          inode.iput(current);
        }
      } else {
        evict(current, inode); // left by evictInode, or being evicted
      }
      result = result != 0 ? result : status;
    }
    return result;
  }

  /** Frees an inode. Without a task it leaves the inode to the next sync. */
  @Override
  protected final void evictInode(@Nullable Task current, Inode inode) {
    if (current != null) {
      evict(current, (IomapInode) inode);
    }
  }

  private void evict(Task current, IomapInode inode) {
    inode.mapping().truncateRange(current, 0, Long.MAX_VALUE); // waits for write-back
    freeInode(inode);
  }

  @Override
  @LinuxSource(file = "fs/super.c", name = "generic_shutdown_super")
  public final void unmount(Task current) throws ErrnoException {
    drainDirectWrites();
    try {
      check(sync(current));
    } finally { // also if a method of the filesystem throws
      for (IomapInode inode : inodes()) {
        inode.mapping().truncateRange(current, 0, Long.MAX_VALUE);
      }
      close();
      bdev.pageCache().trim();
    }
  }
}
