// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;

/**
 * Directories. There are five forms, from the smallest to the largest:
 *
 * <ol>
 *   <li>short: in the inode ({@link XfsDir2Sf});
 *   <li>block: one block with entries and, at its end, their index ({@link XfsDir2Data});
 *   <li>leaf: blocks of entries and one block of index;
 *   <li>node: many blocks of index, with a tree above them ({@link XfsDir2Leaf});
 *   <li>B+tree: as node, with more extents than the inode has room for; only {@link XfsBmap} sees
 *       the difference.
 * </ol>
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_dir2.c")
final class XfsDir2 {
  /** Returned by a search that finds no such name. */
  static final long NOT_FOUND = 0;

  private static final int MAX_NAME = 255;

  /** DT_* by the type in an entry: unknown, then XFS_DIR3_FT_REG_FILE and so on. */
  private static final int[] DTYPES = {
    StatMode.DT_UNKNOWN,
    StatMode.DT_REG,
    StatMode.DT_DIR,
    StatMode.DT_CHR,
    StatMode.DT_BLK,
    StatMode.DT_FIFO,
    StatMode.DT_SOCK,
    StatMode.DT_LNK
  };

  private XfsDir2() {}

  /**
   * Finds a name. From process context.
   *
   * @param current the calling task
   * @param dp the directory
   * @param name the name
   * @return the inode number
   * @throws ErrnoException ENOENT if there is no such name, EUCLEAN if the directory is damaged
   *     where the name would be, or the device's error
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2.c", name = "xfs_dir_lookup")
  static long lookup(Task current, XfsInode dp, byte[] name) throws ErrnoException {
    if (name.length > MAX_NAME) {
      throw new ErrnoException(Errno.ENAMETOOLONG);
    }
    long ino;
    if (dp.format() == XfsInodeBuf.Format.LOCAL) {
      ino = XfsDir2Sf.lookup(dp, name);
    } else if (isBlock(current, dp)) {
      ino = XfsDir2Data.lookupBlock(current, dp, name);
    } else {
      ino = XfsDir2Leaf.lookup(current, dp, name);
    }
    if (ino == NOT_FOUND) {
      throw new ErrnoException(Errno.ENOENT);
    }
    return ino;
  }

  /** Whether the directory is of the block form: it ends with its first block. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2.c", name = "xfs_dir2_isblock")
  static boolean isBlock(Task current, XfsInode dp) throws ErrnoException {
    return dp.extents(current).lastOffset() == dp.mp().dirGeo().fsbCount;
  }

  /** The DT_* of an entry's type. */
  @LinuxSource(file = "fs/xfs/xfs_dir2_readdir.c", name = "xfs_dir3_get_dtype")
  static int dtype(int ftype) {
    return ftype < DTYPES.length ? DTYPES[ftype] : StatMode.DT_UNKNOWN;
  }

  /** Checks that a name has no slash and no zero byte. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2.c", name = "xfs_dir2_namecheck")
  static byte[] checkName(XfsInode dp, byte[] name) throws ErrnoException {
    for (byte b : name) {
      if (b == 0 || b == '/') {
        throw dp.corrupt("a name with a slash or a zero in it");
      }
    }
    return name;
  }
}
