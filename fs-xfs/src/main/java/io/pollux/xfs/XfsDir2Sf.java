// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.core.vfs.DirContext;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;

/**
 * Short directories, in the inode: the parent's inode number, then the entries. If one inode number
 * needs 8 bytes, all of the directory's take 8, otherwise 4. Each entry has the offset that it
 * would have in a block, which is its position for readdir.
 *
 * <pre>
 *   header: count 8 bits, count of 8-byte numbers 8 bits, parent
 *   entry:  length of the name 8 bits, offset 16 bits, name, type 8 bits, inode number
 * </pre>
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_sf.c")
final class XfsDir2Sf {
  /** Handles an entry. Returns whether to continue. */
  private interface Visitor {
    boolean visit(int offset, int nameAt, int nameLength, int ftype, long ino)
        throws ErrnoException;
  }

  private XfsDir2Sf() {}

  /** Returns the inode number of a name, or NOT_FOUND. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_sf.c", name = "xfs_dir2_sf_lookup")
  static long lookup(XfsInode dp, byte[] name) throws ErrnoException {
    BufData fork = dp.fork();
    long[] found = {XfsDir2.NOT_FOUND};
    walk(
        dp,
        (offset, nameAt, nameLength, ftype, ino) -> {
          if (nameLength == name.length && fork.matches(nameAt, name)) {
            found[0] = ino;
            return false;
          }
          return true;
        });
    return found[0];
  }

  /** Lists from context.pos on. */
  @LinuxSource(file = "fs/xfs/xfs_dir2_readdir.c", name = "xfs_dir2_sf_getdents")
  static void list(XfsInode dp, DirContext context) throws ErrnoException {
    BufData fork = dp.fork();
    int dot = XfsDir2Data.FIRST_OFFSET >> 3;
    int dotdot = (XfsDir2Data.FIRST_OFFSET + XfsDir2Data.entrySize(dp.mp().sb(), 1)) >> 3;
    if (context.pos() <= dot
        && !context.emit(new byte[] {'.'}, dp.ino(), StatMode.DT_DIR, dot + 1)) {
      return;
    }
    if (context.pos() <= dotdot
        && !context.emit(new byte[] {'.', '.'}, parent(dp), StatMode.DT_DIR, dotdot + 1)) {
      return;
    }
    walk(
        dp,
        (offset, nameAt, nameLength, ftype, ino) -> {
          long position = offset >> 3;
          if (context.pos() > position) {
            return true;
          }
          byte[] name = XfsDir2.checkName(dp, fork.copy(nameAt, nameLength));
          return context.emit(name, ino, XfsDir2.dtype(ftype), position + 1);
        });
  }

  private static int inoBytes(BufData fork) throws ErrnoException {
    return fork.u8(1) == 0 ? 4 : 8;
  }

  private static long ino(XfsInode dp, BufData fork, int at) throws ErrnoException {
    long ino = inoBytes(fork) == 4 ? fork.u32(at) : fork.i64(at);
    if (!dp.mp().sb().inoValid(ino)) {
      throw dp.corrupt("an entry points outside the filesystem");
    }
    return ino;
  }

  private static long parent(XfsInode dp) throws ErrnoException {
    return ino(dp, dp.fork(), 2);
  }

  /** Walks the entries, at most 255, and checks each. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_dir2_sf.c", name = "xfs_dir2_sf_verify")
  private static void walk(XfsInode dp, Visitor visitor) throws ErrnoException {
    BufData fork = dp.fork();
    int count = fork.u8(0);
    int inoBytes = inoBytes(fork);
    int typeBytes = dp.mp().sb().ftype ? 1 : 0;
    int at = 2 + inoBytes;
    int free =
        XfsDir2Data.FIRST_OFFSET
            + XfsDir2Data.entrySize(dp.mp().sb(), 1)
            + XfsDir2Data.entrySize(dp.mp().sb(), 2);
    for (int i = 0; i < count; i++) {
      int nameLength = fork.u8(at);
      int offset = fork.u16(at + 1);
      int nameAt = at + 3;
      int inoAt = nameAt + nameLength + typeBytes;
      at = inoAt + inoBytes;
      if (nameLength == 0 || at > dp.size()) {
        throw dp.corrupt("an entry goes beyond the end of the directory");
      }
      if (offset < free) {
        throw dp.corrupt("entries overlap or are not in order");
      }
      free = offset + XfsDir2Data.entrySize(dp.mp().sb(), nameLength);
      int ftype = typeBytes == 0 ? 0 : fork.u8(nameAt + nameLength);
      if (!visitor.visit(offset, nameAt, nameLength, ftype, ino(dp, fork, inoAt))) {
        return;
      }
    }
    if (at != dp.size()) {
      throw dp.corrupt("the directory is longer than its entries");
    }
  }
}
