// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.check;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsAgi;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.format.XfsVerify;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/** Reads the inode header (AGI) and the inode trees of the groups, and keeps what inodes exist. */
@LinuxSource(
    file = "repair/scan.c",
    name = {"validate_agi", "scan_inobt"})
final class CheckInodeTrees {
  private static final int AGI_SECTOR = 2;

  private final CheckReader reader;
  private final CheckReport report;
  private final CheckClaims claims;
  private final XfsSb sb;
  private final NavigableMap<Long, CheckChunk> chunks = new TreeMap<>();
  private long count;
  private long freeCount;

  CheckInodeTrees(CheckReader reader, CheckReport report, CheckClaims claims) {
    this.reader = reader;
    this.report = report;
    this.claims = claims;
    sb = reader.sb;
  }

  /** All chunks, by their first inode. */
  NavigableMap<Long, CheckChunk> chunks() {
    return chunks;
  }

  /** The chunk with an inode, or null. */
  @Nullable CheckChunk chunkOf(long ino) {
    Map.Entry<Long, CheckChunk> entry = chunks.floorEntry(ino);
    CheckChunk chunk = entry == null ? null : entry.getValue();
    return chunk != null && ino - chunk.ino < CheckChunk.INODES ? chunk : null;
  }

  /** Whether an inode is in use. */
  boolean used(long ino) {
    CheckChunk chunk = chunkOf(ino);
    return chunk != null && chunk.used((int) (ino - chunk.ino));
  }

  long count() {
    return count;
  }

  long freeCount() {
    return freeCount;
  }

  /** Reads the header of a group. */
  BufData agi(long agno) throws ErrnoException {
    BufData agi = reader.header(agno, AGI_SECTOR, "group " + agno + ", inode header (AGI)");
    XfsVerify.checkCrc(agi, XfsAgi.CRC);
    XfsVerify.checkUuid(agi, XfsAgi.UUID, sb.metaUuid);
    if (agi.i32(XfsAgi.MAGICNUM) != XfsAgi.MAGIC || agi.u32(XfsAgi.SEQNO) != agno) {
      throw agi.corrupt("not the header of this group");
    }
    return agi;
  }

  /** Checks a group. */
  void group(long agno) throws ErrnoException {
    BufData agi = agi(agno);
    String what = "group " + agno + ", inode header (AGI)";
    report.equal(agi.u32(XfsAgi.VERSIONNUM), XfsAgi.VERSION, what, "the version");
    report.equal(agi.u32(XfsAgi.LENGTH), sb.agSize(agno), what, "the size of the group");
    NavigableMap<Long, CheckChunk> mine = new TreeMap<>();
    CheckTree tree =
        tree(CheckTree.Kind.INO, agno, (block, at) -> add(mine, chunk(block, at, agno), block));
    boolean complete = tree.walk(agi.u32(XfsAgi.ROOT), agi.u32(XfsAgi.LEVEL));
    long inodes = 0;
    long free = 0;
    for (CheckChunk chunk : mine.values()) {
      inodes += chunk.count();
      free += chunk.freeCount();
    }
    count += inodes;
    freeCount += free;
    if (complete) {
      report.equal(agi.u32(XfsAgi.COUNT), inodes, what, "the number of inodes");
      report.equal(agi.u32(XfsAgi.FREECOUNT), free, what, "the number of free inodes");
    }
    claimChunks(agno, mine);
    chunks.putAll(mine);
    if (sb.inobtcnt) {
      report.equal(agi.u32(XfsAgi.IBLOCKS), tree.blocks(), what, "the size of the inode tree");
    }
    if (sb.finobt) {
      finobt(agno, agi, mine, complete, what);
    }
  }

  private void finobt(
      long agno, BufData agi, Map<Long, CheckChunk> mine, boolean complete, String what)
      throws ErrnoException {
    NavigableMap<Long, CheckChunk> free = new TreeMap<>();
    CheckTree tree =
        tree(CheckTree.Kind.FINO, agno, (block, at) -> add(free, chunk(block, at, agno), block));
    boolean both = tree.walk(agi.u32(XfsAgi.FREE_ROOT), agi.u32(XfsAgi.FREE_LEVEL)) && complete;
    if (sb.inobtcnt) {
      report.equal(agi.u32(XfsAgi.FBLOCKS), tree.blocks(), what, "the size of the free inode tree");
    }
    if (!both) {
      return;
    }
    for (CheckChunk chunk : mine.values()) {
      CheckChunk other = free.remove(chunk.ino);
      boolean same =
          other == null
              ? chunk.freeCount() == 0
              : other.free == chunk.free
                  && other.existing() == chunk.existing()
                  && chunk.freeCount() > 0;
      if (!same) {
        report.add(
            tree.what()
                + ": the chunk of inode "
                + chunk.ino
                + (other == null ? " is missing" : " differs from that of the inode tree"));
      }
    }
    for (CheckChunk chunk : free.values()) {
      report.add(tree.what() + ": the chunk of inode " + chunk.ino + " does not exist");
    }
  }

  private CheckTree tree(CheckTree.Kind kind, long agno, CheckTree.Records records) {
    return new CheckTree(reader, report, claims, kind, agno, CheckClaims.OWN_INOBT, records);
  }

  private static void add(NavigableMap<Long, CheckChunk> to, CheckChunk chunk, BufData block)
      throws ErrnoException {
    if (!to.isEmpty() && chunk.ino < to.lastKey() + CheckChunk.INODES) {
      throw block.corrupt("the chunk of inode " + chunk.ino + " is out of order");
    }
    to.put(chunk.ino, chunk);
  }

  /** Decodes a record. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_ialloc.c", name = "xfs_inobt_check_irec")
  private CheckChunk chunk(BufData block, int at, long agno) throws ErrnoException {
    long agino = block.u32(at);
    int holes = sb.sparse ? block.u16(at + 4) : 0;
    CheckChunk chunk = new CheckChunk(sb.ino(agno, agino), holes, block.i64(at + 8));
    long first = agino >>> sb.inopbLog;
    long last = (agino + CheckChunk.INODES - 1) >>> sb.inopbLog;
    if (first == 0 || last >= sb.agSize(agno)) {
      boolean lastExists = chunk.exists(CheckChunk.INODES - 1);
      if (first == 0 || lastExists || first >= sb.agSize(agno)) {
        throw block.corrupt("the chunk of inode " + chunk.ino + " is outside the group");
      }
    }
    long free = sb.sparse ? block.u8(at + 7) : block.u32(at + 4);
    long inodes = sb.sparse ? block.u8(at + 6) : CheckChunk.INODES;
    if (inodes != chunk.count() || free != chunk.freeCount()) {
      report.add(
          "group "
              + agno
              + ": the chunk of inode "
              + chunk.ino
              + " counts "
              + inodes
              + " inodes, "
              + free
              + " free, and has "
              + chunk.count()
              + " and "
              + chunk.freeCount());
    }
    return chunk;
  }

  /** Claims the blocks of inodes. A block may have several chunks. */
  private void claimChunks(long agno, NavigableMap<Long, CheckChunk> mine) {
    long claimed = 0; // up to this block
    for (CheckChunk chunk : mine.values()) {
      long agino = sb.inoToAgino(chunk.ino);
      for (int i = 0; i < CheckChunk.INODES; i++) {
        long agbno = (agino + i) >>> sb.inopbLog;
        if (chunk.exists(i) && agbno >= claimed) {
          claims.add(agno, agbno, 1, CheckClaims.OWN_INODES, 0);
          claimed = agbno + 1;
        }
      }
    }
  }
}
