// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.check;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;
import io.pollux.xfs.format.XfsAgi;
import io.pollux.xfs.format.XfsDinode;
import io.pollux.xfs.format.XfsError;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.format.XfsVerify;

/** Checks inodes: the core, the extents of both forks, symbolic links, and attributes. */
@LinuxSource(file = "repair/dinode.c", name = "process_dinode")
final class CheckInode {
  private static final int TYPE_SHIFT = 12;
  private static final int SYMLINK_MAGIC = 0x58534c4d; // XSLM
  private static final int SYMLINK_HEADER = 56;
  private static final int SYMLINK_CRC = 12;
  private static final long MAX_SYMLINK = 1024;

  private static final long KNOWN_FLAGS2 =
      XfsDinode.DIFLAG2_DAX
          | XfsDinode.DIFLAG2_REFLINK
          | XfsDinode.DIFLAG2_COWEXTSIZE
          | XfsDinode.DIFLAG2_BIGTIME
          | XfsDinode.DIFLAG2_NREXT64;

  private final CheckReader reader;
  private final CheckReport report;
  private final CheckClaims claims;
  private final CheckInodeTrees trees;
  private final XfsSb sb;

  CheckInode(CheckReader reader, CheckReport report, CheckClaims claims, CheckInodeTrees trees) {
    this.reader = reader;
    this.report = report;
    this.claims = claims;
    this.trees = trees;
    sb = reader.sb;
  }

  /** Checks all inodes of a chunk. */
  void chunk(CheckChunk chunk) {
    for (int i = 0; i < CheckChunk.INODES; i++) {
      if (chunk.exists(i)) {
        int index = i;
        report.attempt(() -> inode(chunk, index));
      }
    }
  }

  /** Reads an inode and checks what identifies it. */
  BufData read(long ino) throws ErrnoException {
    BufData block = reader.blocks(sb.inoToFsb(ino), 1, "inode " + ino);
    BufData inode = block.slice(sb.inoToOffset(ino), sb.inodeSize, "inode " + ino);
    if (inode.u16(XfsDinode.MAGICNUM) != XfsDinode.MAGIC
        || inode.u8(XfsDinode.VERSIONNUM) != XfsDinode.VERSION) {
      throw inode.corrupt("there is no inode");
    }
    XfsVerify.checkCrc(inode, XfsDinode.CRC);
    XfsVerify.checkUuid(inode, XfsDinode.UUID, sb.metaUuid);
    if (inode.i64(XfsDinode.INO) != ino) {
      throw inode.corrupt("belongs to another place");
    }
    return inode;
  }

  private void inode(CheckChunk chunk, int index) throws ErrnoException {
    long ino = chunk.ino + index;
    BufData inode = read(ino);
    int mode = inode.u16(XfsDinode.MODE);
    if (inode.i32(XfsDinode.NEXT_UNLINKED) != -1) {
      chunk.chained |= 1L << index;
    }
    if (!chunk.used(index)) {
      if (mode != 0) {
        throw inode.corrupt("is in use, and free in the inode tree");
      }
      if (inode.i64(XfsDinode.SIZE) < 0) {
        throw inode.corrupt("is free, and has a negative size");
      }
      hints(inode, inode.i64(XfsDinode.FLAGS2));
      return;
    }
    if (mode == 0) {
      throw inode.corrupt("is free, and in use in the inode tree");
    }
    chunk.types[index] = (byte) (mode >> TYPE_SHIFT);
    chunk.nlink[index] = inode.i32(XfsDinode.NLINK);
    core(inode, mode);
    if ((inode.i64(XfsDinode.FLAGS2) & XfsDinode.DIFLAG2_REFLINK) != 0) {
      chunk.reflinked |= 1L << index;
    }
    forks(ino, inode, mode);
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_inode_buf.c", name = "xfs_dinode_verify")
  private void core(BufData inode, int mode) throws ErrnoException {
    int format = inode.u8(XfsDinode.FORMAT);
    long size = inode.i64(XfsDinode.SIZE);
    boolean good =
        switch (mode & StatMode.S_IFMT) {
          case StatMode.S_IFREG -> format == XfsDinode.FMT_EXTENTS || format == XfsDinode.FMT_BTREE;
          case StatMode.S_IFDIR ->
              format >= XfsDinode.FMT_LOCAL && format <= XfsDinode.FMT_BTREE && size > 0;
          case StatMode.S_IFLNK ->
              (format == XfsDinode.FMT_LOCAL || format == XfsDinode.FMT_EXTENTS)
                  && size > 0
                  && size <= MAX_SYMLINK;
          case StatMode.S_IFCHR, StatMode.S_IFBLK, StatMode.S_IFIFO, StatMode.S_IFSOCK ->
              format == XfsDinode.FMT_DEV && size == 0;
          default -> false;
        };
    if (!good || size < 0) {
      throw inode.corrupt(
          "mode 0"
              + Integer.toOctalString(mode)
              + ", format "
              + format
              + " and size "
              + size
              + " do not go together");
    }
    long flags2 = inode.i64(XfsDinode.FLAGS2);
    boolean known =
        ((flags2 & XfsDinode.DIFLAG2_BIGTIME) == 0 || sb.bigtime)
            && ((flags2 & XfsDinode.DIFLAG2_NREXT64) == 0 || sb.nrext64)
            && ((flags2 & XfsDinode.DIFLAG2_REFLINK) == 0 || sb.reflink);
    if (!known) {
      throw inode.corrupt("uses features that the filesystem does not have");
    }
    if ((inode.u16(XfsDinode.FLAGS) & XfsDinode.DIFLAG_REALTIME) != 0) {
      throw inode.corrupt("its data is on a realtime device, which there is not");
    }
    hints(inode, flags2);
    boolean local = format == XfsDinode.FMT_LOCAL;
    int room = CheckExtents.fork(inode, false, inode.toString()).size();
    if (local && size > room) {
      throw inode.corrupt(size + " bytes do not fit into it");
    }
  }

  /** Checks what free inodes have, too: hints for the size of extents need their flags. */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_inode_buf.c",
      name = {"xfs_inode_validate_extsize", "xfs_inode_validate_cowextsize"})
  private static void hints(BufData inode, long flags2) throws ErrnoException {
    int hint = XfsDinode.DIFLAG_EXTSIZE | XfsDinode.DIFLAG_EXTSZINHERIT;
    boolean given = (inode.u16(XfsDinode.FLAGS) & hint) != 0;
    boolean copyGiven = (flags2 & XfsDinode.DIFLAG2_COWEXTSIZE) != 0;
    if (given != (inode.i32(XfsDinode.EXTSIZE) != 0)
        || copyGiven != (inode.i32(XfsDinode.COWEXTSIZE) != 0)) {
      throw inode.corrupt("its hint for the size of extents does not fit its flags");
    }
    boolean large = (flags2 & XfsDinode.DIFLAG2_NREXT64) != 0;
    if (large ? inode.u16(XfsDinode.ANEXTENTS) != 0 : inode.i64(XfsDinode.BIG_NEXTENTS) != 0) {
      throw inode.corrupt("has two counts of extents");
    }
    if ((flags2 & ~KNOWN_FLAGS2) != 0) {
      throw inode.corrupt("has flags that are not known");
    }
  }

  /** Checks that the target of a symbolic link has no byte 0. */
  @LinuxSource(file = "repair/dinode.c", name = "process_symlink")
  private static void target(BufData from, int at, int bytes) throws ErrnoException {
    for (byte b : from.copy(at, bytes)) {
      if (b == 0) {
        throw from.corrupt("a target with a byte that names can't have");
      }
    }
  }

  private void forks(long ino, BufData inode, int mode) throws ErrnoException {
    String name = "inode " + ino;
    CheckExtents data = CheckExtents.read(reader, ino, inode, false, name);
    data.claim(claims, false);
    long blocks = data.blocks();
    if (inode.u8(XfsDinode.FORKOFF) != 0) {
      String attrName = name + ", its attributes";
      CheckExtents attr = CheckExtents.read(reader, ino, inode, true, attrName);
      attr.claim(claims, true);
      blocks += attr.blocks();
      report.attempt(() -> new CheckAttr(reader, report, ino, inode, attr).check());
    } else if (CheckExtents.count(inode, true) != 0) {
      report.add(name + ": counts extents of attributes, and has no attribute fork");
    }
    report.equal(inode.i64(XfsDinode.NBLOCKS), blocks, name, "the number of blocks");
    if ((mode & StatMode.S_IFMT) == StatMode.S_IFLNK) {
      int size = (int) inode.i64(XfsDinode.SIZE);
      if (inode.u8(XfsDinode.FORMAT) == XfsDinode.FMT_EXTENTS) {
        symlink(ino, size, data);
      } else {
        target(inode, XfsDinode.CORE_BYTES, size);
      }
    }
  }

  @LinuxSource(file = "repair/dinode.c", name = "process_symlink_remote")
  private void symlink(long ino, int size, CheckExtents extents) throws ErrnoException {
    String name = "inode " + ino + ", symbolic link";
    int perBlock = sb.blockSize - SYMLINK_HEADER;
    int left = (size + perBlock - 1) / perBlock;
    int done = 0;
    for (CheckExtents.Extent extent : extents.list()) {
      int run = (int) Math.min(left, extent.count());
      if (run == 0) {
        break;
      }
      BufData piece = reader.blocks(extent.fsb(), run, name);
      if (piece.i32(0) != SYMLINK_MAGIC) {
        throw piece.corrupt("bad magic number");
      }
      XfsVerify.checkCrc(piece, SYMLINK_CRC);
      XfsVerify.checkUuid(piece, 16, sb.metaUuid);
      XfsVerify.checkOwner(piece, 32, ino);
      XfsVerify.checkDaddr(piece, 40);
      int bytes = Math.min(size - done, piece.size() - SYMLINK_HEADER);
      if (piece.u32(4) != done || piece.u32(8) != bytes) {
        throw piece.corrupt("a part is not where it belongs");
      }
      target(piece, SYMLINK_HEADER, bytes);
      done += bytes;
      left -= run;
    }
    if (done != size) {
      throw XfsError.corrupt(name + ": is shorter than it says");
    }
  }

  /** Follows the unlinked lists of a group. */
  @LinuxSource(file = "repair/phase3.c", name = "process_agi_unlinked")
  void unlinked(long agno, BufData agi) throws ErrnoException {
    for (int bucket = 0; bucket < XfsAgi.UNLINKED_BUCKETS; bucket++) {
      long agino = agi.u32(XfsAgi.UNLINKED + 4 * bucket);
      int at = bucket;
      String name = "group " + agno + ", unlinked list " + bucket;
      report.attempt(() -> follow(agno, agino, at, name));
    }
  }

  /** Reports inodes that point to another one without being on a list. */
  void strayChains() {
    for (CheckChunk chunk : trees.chunks().values()) {
      for (long stray = chunk.chained & ~chunk.unlinked; stray != 0; stray &= stray - 1) {
        report.add(
            "inode "
                + (chunk.ino + Long.numberOfTrailingZeros(stray))
                + ": is on no unlinked list, and points to another inode of one");
      }
    }
  }

  private void follow(long agno, long first, int bucket, String name) throws ErrnoException {
    long agino = first;
    while (agino != 0xffff_ffffL) { // ends: no inode is met twice
      long ino = sb.ino(agno, agino);
      CheckChunk chunk = trees.chunkOf(ino);
      int index = chunk == null ? 0 : (int) (ino - chunk.ino);
      if (chunk == null || !chunk.used(index) || sb.inoToAgno(ino) != agno) {
        throw XfsError.corrupt(name + ": inode " + ino + " is not in use");
      }
      if ((chunk.unlinked >> index & 1) != 0) {
        throw XfsError.corrupt(name + ": inode " + ino + " is listed twice");
      }
      chunk.unlinked |= 1L << index;
      if (agino % XfsAgi.UNLINKED_BUCKETS != bucket) {
        report.add(name + ": inode " + ino + " belongs to another list");
      }
      agino = read(ino).u32(XfsDinode.NEXT_UNLINKED);
    }
  }
}
