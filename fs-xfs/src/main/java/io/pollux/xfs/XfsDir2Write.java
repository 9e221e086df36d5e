// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;
import io.pollux.xfs.format.XfsDinode;

/**
 * Changes of directories in transactions. {@link XfsDir2} names the forms. A directory takes the
 * next form when a name does not fit, and the one before it when its names fit there.
 *
 * <p>Callers hold the directory's iRwsem exclusively. They set times and link counts. After any
 * error they cancel the transaction.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_dir2.c")
final class XfsDir2Write {
  private static final int MAX_NAME = 255;
  private static final byte[] DOT_DOT = {'.', '.'};

  /** The type of a directory in an entry. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_da_format.h", name = "XFS_DIR3_FT_DIR")
  static final int FT_DIR = 2;

  private XfsDir2Write() {}

  /**
   * The type of a file in an entry.
   *
   * @param mode its mode
   * @return XFS_DIR3_FT_*
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2.c", name = "xfs_mode_to_ftype")
  static int ftype(int mode) {
    return switch (mode & StatMode.S_IFMT) {
      case StatMode.S_IFREG -> 1;
      case StatMode.S_IFDIR -> FT_DIR;
      case StatMode.S_IFCHR -> 3;
      case StatMode.S_IFBLK -> 4;
      case StatMode.S_IFIFO -> 5;
      case StatMode.S_IFSOCK -> 6;
      case StatMode.S_IFLNK -> 7;
      default -> 0;
    };
  }

  /**
   * Makes a new inode an empty directory.
   *
   * @param dp the inode, without data
   * @param parent the inode number of its parent
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2.c", name = "xfs_dir_init")
  static void init(XfsInodeEdit dp, long parent) throws ErrnoException {
    XfsDir2SfEdit.empty(dp, parent).store();
  }

  /**
   * Adds a name.
   *
   * @param dp the directory
   * @param name a name that it does not have
   * @param ino its inode number
   * @param ftype its type, as {@link #ftype}
   * @throws ErrnoException ENAMETOOLONG, ENOSPC, EUCLEAN if the directory is damaged, or the
   *     device's error
   */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_dir2.c",
      name = {"xfs_dir_createname", "xfs_dir_createname_args"})
  static void create(XfsInodeEdit dp, byte[] name, long ino, int ftype) throws ErrnoException {
    checkName(name);
    XfsDirArgs args = new XfsDirArgs(dp, name, ino, ftype);
    if (args.isShort()) {
      createShort(args);
    } else if (args.isBlock()) {
      XfsDir2BlockEdit.create(args);
    } else if (args.isLeaf()) {
      XfsDir2LeafEdit.create(args);
    } else {
      XfsDir2NodeEdit.create(args);
    }
  }

  private static void checkName(byte[] name) throws ErrnoException {
    if (name.length == 0 || name.length > MAX_NAME) {
      throw new ErrnoException(name.length == 0 ? Errno.EINVAL : Errno.ENAMETOOLONG);
    }
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_sf.c", name = "xfs_dir2_sf_addname")
  private static void createShort(XfsDirArgs args) throws ErrnoException {
    XfsDir2SfEdit sf = XfsDir2SfEdit.decode(args.dp);
    if (sf.add(args.name, args.ftype, args.ino) && sf.fits()) {
      sf.store();
      return;
    }
    XfsDir2BlockEdit.fromShort(args, XfsDir2SfEdit.decode(args.dp));
    XfsDir2BlockEdit.create(args);
  }

  /**
   * Removes a name.
   *
   * @param dp the directory
   * @param name a name
   * @param ino the inode number that it has
   * @throws ErrnoException ENOENT if it is not there, EUCLEAN if it has another inode or the
   *     directory is damaged, or the device's error
   */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_dir2.c",
      name = {"xfs_dir_removename", "xfs_dir_removename_args"})
  static void remove(XfsInodeEdit dp, byte[] name, long ino) throws ErrnoException {
    XfsDirArgs args = new XfsDirArgs(dp, name, ino, 0);
    boolean found;
    if (args.isShort()) {
      found = removeShort(args);
    } else if (args.isBlock()) {
      found = XfsDir2BlockEdit.remove(args);
    } else if (args.isLeaf()) {
      found = XfsDir2LeafEdit.remove(args);
    } else {
      found = XfsDir2NodeEdit.remove(args);
    }
    check(found);
  }

  private static void check(boolean found) throws ErrnoException {
    if (!found) {
      throw new ErrnoException(Errno.ENOENT);
    }
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_sf.c", name = "xfs_dir2_sf_removename")
  private static boolean removeShort(XfsDirArgs args) throws ErrnoException {
    XfsDir2SfEdit sf = XfsDir2SfEdit.decode(args.dp);
    int i = sf.find(args.name);
    if (i < 0) {
      return false;
    }
    if (sf.entries().get(i).ino() != args.ino) {
      throw args.da.corrupt("a name has another inode than before");
    }
    sf.entries().remove(i);
    sf.store();
    return true;
  }

  /**
   * Replaces the inode of a name.
   *
   * @param dp the directory
   * @param name a name that it has
   * @param ino the new inode number
   * @param ftype its type, as {@link #ftype}
   * @throws ErrnoException ENOENT if the name is not there, ENOSPC, EUCLEAN if the directory is
   *     damaged, or the device's error
   */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_dir2.c",
      name = {"xfs_dir_replace", "xfs_dir_replace_args"})
  static void replace(XfsInodeEdit dp, byte[] name, long ino, int ftype) throws ErrnoException {
    XfsDirArgs args = new XfsDirArgs(dp, name, ino, ftype);
    if (args.isShort()) {
      XfsDir2SfEdit sf = XfsDir2SfEdit.decode(dp);
      int i = sf.find(name);
      check(i >= 0);
      sf.entries().set(i, sf.entries().get(i).with(ino, ftype));
      replaceShort(args, sf);
    } else {
      replaceInBlocks(args);
    }
  }

  /**
   * Replaces the parent of a directory.
   *
   * @param dp the directory
   * @param parent the new parent's inode number
   * @throws ErrnoException as {@link #replace}
   */
  static void replaceParent(XfsInodeEdit dp, long parent) throws ErrnoException {
    XfsDirArgs args = new XfsDirArgs(dp, DOT_DOT, parent, FT_DIR);
    if (args.isShort()) {
      XfsDir2SfEdit sf = XfsDir2SfEdit.decode(dp);
      sf.setParent(parent);
      replaceShort(args, sf);
    } else {
      replaceInBlocks(args);
    }
  }

  /** Stores a short directory after a replacement. A larger inode number may need more room. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_sf.c", name = "xfs_dir2_sf_replace")
  private static void replaceShort(XfsDirArgs args, XfsDir2SfEdit sf) throws ErrnoException {
    if (sf.fits()) {
      sf.store();
    } else {
      XfsDir2BlockEdit.fromShort(args, sf);
    }
  }

  private static void replaceInBlocks(XfsDirArgs args) throws ErrnoException {
    if (args.isBlock()) {
      check(XfsDir2BlockEdit.replace(args));
    } else if (args.isLeaf()) {
      check(XfsDir2LeafEdit.replace(args));
    } else {
      check(XfsDir2NodeEdit.replace(args));
    }
  }

  /** Whether a directory has no names besides "." and "..". */
  @LinuxSource(file = "fs/xfs/xfs_dir2.h", name = "xfs_dir_isempty")
  static boolean isEmpty(XfsInodeEdit dp) throws ErrnoException {
    return dp.data().format() == XfsDinode.FMT_LOCAL
        && XfsDir2SfEdit.decode(dp).entries().isEmpty();
  }

  /**
   * Finds a name, with the changes of the transaction.
   *
   * @param dp the directory
   * @param name a name other than "." and ".."
   * @return its inode number, or XfsDir2.NOT_FOUND
   * @throws ErrnoException EUCLEAN if the directory is damaged, or the device's error
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2.c", name = "xfs_dir_lookup")
  static long lookup(XfsInodeEdit dp, byte[] name) throws ErrnoException {
    XfsDirArgs args = new XfsDirArgs(dp, name, 0, 0);
    if (args.isShort()) {
      XfsDir2SfEdit sf = XfsDir2SfEdit.decode(dp);
      int i = sf.find(name);
      return i < 0 ? XfsDir2.NOT_FOUND : sf.entries().get(i).ino();
    }
    if (args.isBlock()) {
      return XfsDir2BlockEdit.lookup(args);
    }
    return args.isLeaf() ? XfsDir2LeafEdit.lookup(args) : XfsDir2NodeEdit.lookup(args);
  }

  /** Stores a short directory in a block, since attributes need its room in the inode. */
  static void toBlock(XfsInodeEdit dp, XfsDir2SfEdit sf) throws ErrnoException {
    XfsDir2BlockEdit.fromShort(new XfsDirArgs(dp, DOT_DOT, 0, 0), sf);
  }
}
