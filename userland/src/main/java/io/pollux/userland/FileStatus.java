// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.userland;

import io.pollux.uapi.Stat;
import io.pollux.uapi.StatMode;

/**
 * The result of stat(2).
 *
 * @param dev device of the filesystem
 * @param ino inode number
 * @param nlink number of names
 * @param mode type and permissions
 * @param uid owner
 * @param gid group
 * @param rdev device number of a device node
 * @param size bytes
 * @param blksize preferred I/O size in bytes
 * @param blocks allocated space in units of 512 bytes
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
   * A time: seconds + nanoseconds/1e9 since 1970, also before it.
   *
   * @param seconds whole seconds
   * @param nanos from 0 to 999,999,999
   */
  public record Time(long seconds, long nanos) {}

  /**
   * Reads a struct stat.
   *
   * @param at its address
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
   * @param type one of StatMode.S_IF*
   */
  public boolean is(int type) {
    return StatMode.isType(mode, type);
  }
}
