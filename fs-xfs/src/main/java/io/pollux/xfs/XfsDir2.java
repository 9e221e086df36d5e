// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;

/**
 * Directories. There are five forms, in the order in which a directory grows into them:
 *
 * <ol>
 *   <li>short: in the inode ({@link XfsDir2Sf});
 *   <li>block: one block with entries and, at its end, their index ({@link XfsDir2Data});
 *   <li>leaf: blocks of entries and one of index;
 *   <li>node: many blocks of index, with a tree above them ({@link XfsDir2Leaf});
 *   <li>B+tree: the same with more extents than the inode holds, which only {@link XfsBmap} notices.
 * </ol>
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_dir2.c")
final class XfsDir2 {
  /** What a search answers when there is no such name. */
  static final long NOT_FOUND = 0;

  private static final int MAX_NAME = 255;

  /** DT_* of the types that entries tell, by their number: unknown, then XFS_DIR3_FT_REG_FILE and so on. */
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
   * @return the number of the inode
   * @throws ErrnoException ENOENT if there is no such name, EUCLEAN if the directory is damaged where the name would
   *     be, or the device's error
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

  /** Whether it is of the block form: nothing behind its first block. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2.c", name = "xfs_dir2_isblock")
  static boolean isBlock(Task current, XfsInode dp) throws ErrnoException {
    return dp.extents(current).lastOffset() == dp.mp().dirGeo().fsbCount;
  }

  /** DT_* of a type that an entry tells. */
  @LinuxSource(file = "fs/xfs/xfs_dir2_readdir.c", name = "xfs_dir3_get_dtype")
  static int dtype(int ftype) {
    return ftype < DTYPES.length ? DTYPES[ftype] : StatMode.DT_UNKNOWN;
  }

  /** Makes sure that a name is one. */
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
