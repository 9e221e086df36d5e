// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.check;

import io.pollux.block.buffer.BufCache;
import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsDsb;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.format.XfsVerify;
import java.util.LinkedHashSet;
import java.util.Set;
import java.util.function.Consumer;

/** Cross-checks a filesystem. */
@LinuxSource(file = "repair/xfs_repair.c", name = "main")
public final class XfsCheck {
  private static final byte REGULAR = 8; // type bits of modes
  private static final byte DIRECTORY = 4;

  /** Fields that all superblocks share: pairs of offset and bytes. */
  private static final int[] GEOMETRY = {
    XfsDsb.MAGICNUM, 16,
    XfsDsb.UUID, 24,
    XfsDsb.AGBLOCKS, 8,
    XfsDsb.LOGBLOCKS, 4,
    XfsDsb.SECTSIZE, 6,
    XfsDsb.BLOCKLOG, 5,
    XfsDsb.DIRBLKLOG, 8,
    XfsDsb.META_UUID, 16
  };

  private final XfsSb sb;
  private static final long MIN_REALTIME_EXTENT = 4096;
  private static final long MAX_REALTIME_EXTENT = 1 << 30;
  private static final int VERSION_ALIGN = 0x80;
  private static final int CLUSTER_BYTES = 8192;
  private static final int MIN_INODE_BYTES = 256;
  private static final int CHUNK_INODES = 64;

  private final BufData superblock;
  private final CheckReader reader;
  private final CheckReport report;
  private final CheckClaims claims = new CheckClaims();
  private final CheckInodeTrees trees;

  private XfsCheck(CheckReader reader, BufData superblock, CheckReport report) {
    this.reader = reader;
    this.superblock = superblock;
    this.report = report;
    sb = reader.sb;
    trees = new CheckInodeTrees(reader, report, claims);
  }

  /**
   * Checks everything. From process context; sleeps.
   *
   * @param current the calling task
   * @param cache reads from the device
   * @param sb the superblock, valid by itself
   * @param damage receives a sentence for each contradiction
   * @throws ErrnoException the device's error, if it can't read the superblock
   */
  public static void check(Task current, BufCache cache, XfsSb sb, Consumer<String> damage)
      throws ErrnoException {
    CheckReader reader = new CheckReader(current, cache, sb);
    BufData superblock = reader.header(0, 0, "superblock");
    new XfsCheck(reader, superblock, new CheckReport(damage)).run();
  }

  private void run() throws ErrnoException {
    for (long agno = 0; agno < sb.agCount; agno++) {
      long group = agno;
      long headers = Math.max(1, (4L * sb.sectSize) >> sb.blockLog);
      claims.add(agno, 0, headers, CheckClaims.OWN_FS, 0);
      report.attempt(() -> copy(group));
      report.attempt(() -> trees.group(group));
    }
    claims.add(sb, sb.logStart, sb.logBlocks, CheckClaims.OWN_LOG, 0);
    CheckInode inodes = new CheckInode(reader, report, claims, trees);
    trees.chunks().values().forEach(inodes::chunk);
    for (long agno = 0; agno < sb.agCount; agno++) {
      long group = agno;
      try {
        inodes.unlinked(group, trees.agi(group));
      } catch (ErrnoException e) {
        // the header was reported before
      }
    }
    inodes.strayChains();
    directories(inodes);
    new CheckLinks(report, trees, sb.rootIno, named()).check();
    CheckSpace space = new CheckSpace(reader, report, claims, trees);
    boolean complete = true;
    for (long agno = 0; agno < sb.agCount; agno++) {
      long group = agno;
      complete &= report.attempt(() -> space.group(group));
    }
    if (claims.overflowed()) {
      report.add("there are more extents than can be compared with free space and owners");
    }
    report.attempt(() -> geometry(reader.sb));
    String what = "superblock";
    report.equal(superblock.i64(XfsDsb.ICOUNT), trees.count(), what, "the number of inodes");
    report.equal(
        superblock.i64(XfsDsb.IFREE), trees.freeCount(), what, "the number of free inodes");
    if (complete) {
      report.equal(
          superblock.i64(XfsDsb.FDBLOCKS), space.fdblocks(), what, "the number of free blocks");
    }
  }

  /** Checks fields of the superblock that a mount does not use. */
  @LinuxSource(
      file = "repair/sb.c",
      name = {"verify_sb", "sb_validate_ino_align"})
  private void geometry(XfsSb sb) throws ErrnoException {
    String what = "superblock";
    long realtime = superblock.u32(XfsDsb.REXTSIZE) << sb.blockLog;
    report.require(
        realtime >= MIN_REALTIME_EXTENT && realtime <= MAX_REALTIME_EXTENT,
        what,
        "the extent size of the realtime device is " + realtime + " bytes");
    long unit = superblock.u32(XfsDsb.UNIT);
    long width = superblock.u32(XfsDsb.WIDTH);
    report.require(
        (unit == 0) == (width == 0) && (unit == 0 || width % unit == 0),
        what,
        "a stripe of " + width + " blocks has units of " + unit);
    long cluster = CLUSTER_BYTES >> sb.blockLog;
    long align = superblock.u32(XfsDsb.INOALIGNMT);
    boolean aligned = (superblock.u16(XfsDsb.VERSIONNUM) & VERSION_ALIGN) != 0;
    report.require(
        !aligned
            || align == cluster
            || align == cluster * (sb.inodeSize / MIN_INODE_BYTES)
            || (sb.sparse && align == ((long) sb.inodeSize * CHUNK_INODES) >> sb.blockLog),
        what,
        "inodes are aligned to " + align + " blocks");
  }

  /** Checks a copy of the superblock. */
  @LinuxSource(file = "repair/sb.c", name = "verify_set_primary_sb")
  private void copy(long agno) throws ErrnoException {
    if (agno == 0) {
      return;
    }
    BufData copy = reader.header(agno, 0, "superblock of group " + agno);
    XfsVerify.checkCrc(copy, XfsDsb.CRC);
    for (int i = 0; i < GEOMETRY.length; i += 2) {
      if (!copy.matches(GEOMETRY[i], superblock.copy(GEOMETRY[i], GEOMETRY[i + 1]))) {
        throw copy.corrupt("differs from the first one, at byte " + GEOMETRY[i]);
      }
    }
  }

  private void directories(CheckInode inodes) {
    for (CheckChunk chunk : trees.chunks().values()) {
      for (int i = 0; i < CheckChunk.INODES; i++) {
        if (chunk.used(i) && chunk.types[i] == DIRECTORY) {
          int index = i;
          report.attempt(
              () ->
                  new CheckDir(reader, report, trees, chunk, index, inodes.read(chunk.ino + index))
                      .check());
        }
      }
    }
  }

  /** The inodes that the superblock names instead of a directory. */
  private Set<Long> named() throws ErrnoException {
    require(sb.rootIno, DIRECTORY, "the root directory");
    Set<Long> named = new LinkedHashSet<>();
    named.add(require(superblock.i64(XfsDsb.RBMINO), REGULAR, "the realtime bitmap"));
    named.add(require(superblock.i64(XfsDsb.RSUMINO), REGULAR, "the realtime summary"));
    for (int at : new int[] {XfsDsb.UQUOTINO, XfsDsb.GQUOTINO, XfsDsb.PQUOTINO}) {
      long ino = superblock.i64(at);
      if (ino != 0 && ino != -1) {
        named.add(require(ino, REGULAR, "a file of quotas"));
      }
    }
    return named;
  }

  private long require(long ino, byte type, String what) {
    CheckChunk chunk = trees.chunkOf(ino);
    int index = chunk == null ? 0 : (int) (ino - chunk.ino);
    if (chunk == null || !chunk.used(index) || chunk.types[index] != type) {
      report.add("superblock: inode " + ino + " is not " + what);
    }
    return ino;
  }
}
