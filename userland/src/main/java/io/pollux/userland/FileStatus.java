// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.userland;

import io.pollux.uapi.Stat;
import io.pollux.uapi.StatMode;

/**
 * What stat(2) says of a file.
 *
 * @param dev device that the file is on
 * @param ino inode number
 * @param nlink names
 * @param mode type and permissions
 * @param uid owner
 * @param gid group
 * @param rdev device that the file is
 * @param size bytes
 * @param blksize preferred I/O size
 * @param blocks 512-byte blocks that it takes
 * @param atime last access
 * @param mtime last change of the content
 * @param ctime last change of the inode
 */
public record FileStatus(
    long dev,
    long ino,
    long nlink,
    int mode,
    int uid,
    int gid,
    long rdev,
    long size,
    long blksize,
    long blocks,
    Time atime,
    Time mtime,
    Time ctime) {

  /**
   * A point in time: seconds + nanoseconds/1e9 after 1970, also for times before it.
   *
   * @param seconds whole seconds
   * @param nanos from 0 to 999,999,999
   */
  public record Time(long seconds, long nanos) {}

  /**
   * Reads a struct stat.
   *
   * @param at its address
   * @return the status
   */
  public static FileStatus read(long at) {
    return new FileStatus(
        Stat.stDev(at),
        Stat.stIno(at),
        Stat.stNlink(at),
        Stat.stMode(at),
        Stat.stUid(at),
        Stat.stGid(at),
        Stat.stRdev(at),
        Stat.stSize(at),
        Stat.stBlksize(at),
        Stat.stBlocks(at),
        new Time(Stat.stAtime(at), Stat.stAtimeNsec(at)),
        new Time(Stat.stMtime(at), Stat.stMtimeNsec(at)),
        new Time(Stat.stCtime(at), Stat.stCtimeNsec(at)));
  }

  /**
   * Whether the file is of a type.
   *
   * @param type one of StatMode's S_IF* types
   * @return true if so
   */
  public boolean is(int type) {
    return StatMode.isType(mode, type);
  }
}
