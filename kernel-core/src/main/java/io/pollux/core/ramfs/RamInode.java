// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.ramfs;

import io.pollux.core.mm.HostMemory;
import io.pollux.core.vfs.Inode;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Stat;

/** The common part of a file and a directory in memory: links and times. */
@LinuxSource(file = "fs/ramfs/inode.c", name = "ramfs_get_inode")
abstract class RamInode extends Inode {
  private static final int SECTOR_SHIFT = 9;
  private static final long MILLIS = 1000;
  private static final long NANOS_OF_MILLI = 1_000_000;

  private final long birthMillis = System.currentTimeMillis();
  private volatile long writeMillis = birthMillis;
  private volatile long changeMillis = birthMillis;

  /**
   * Creates an inode.
   *
   * @param fs the filesystem
   * @param ino the inode number
   * @param mode type and permissions
   */
  RamInode(Ramfs fs, long ino, int mode) {
    super(fs, ino, mode);
  }

  /** Returns the number of names. */
  abstract int nlink();

  /** Returns the number of pages. */
  abstract int nrPages();

  /** Sets the times of a change of the content. */
  @LinuxSource(file = "fs/inode.c", name = "file_update_time")
  final void modified() {
    long now = System.currentTimeMillis(); // as coarse as the tick of a kernel; allocates nothing
    writeMillis = now;
    changeMillis = now;
  }

  /** Sets the time of a change of the attributes. */
  final void changed() {
    changeMillis = System.currentTimeMillis();
  }

  @Override
  protected final void getattr(long stat) {
    Stat.stNlink(stat, nlink());
    Stat.stBlksize(stat, HostMemory.PAGE_SIZE);
    Stat.stBlocks(stat, (long) nrPages() << (HostMemory.PAGE_SHIFT - SECTOR_SHIFT));
    Stat.stAtime(stat, birthMillis / MILLIS); // not changed by reads
    Stat.stAtimeNsec(stat, birthMillis % MILLIS * NANOS_OF_MILLI);
    long write = writeMillis;
    Stat.stMtime(stat, write / MILLIS);
    Stat.stMtimeNsec(stat, write % MILLIS * NANOS_OF_MILLI);
    long change = changeMillis;
    Stat.stCtime(stat, change / MILLIS);
    Stat.stCtimeNsec(stat, change % MILLIS * NANOS_OF_MILLI);
  }
}
