// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.check;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.check.CheckClaims.Claim;
import io.pollux.xfs.format.XfsAgf;
import io.pollux.xfs.format.XfsAgfl;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.format.XfsVerify;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Compares the claims of a group with its free space, its owners and its reference counts. Each
 * block must have an owner or be free, and only data of files may have several owners.
 */
@LinuxSource(
    file = "repair/scan.c",
    name = {"validate_agf", "scan_freelist", "scan_allocbt"})
final class CheckSpace {
  private static final int AGF_SECTOR = 1;
  private static final int AGFL_SECTOR = 3;
  private static final int RMAP_OFFSET = 16;
  private static final long COW_FLAG = 1L << 31;

  /** A run of blocks and a number: its length again, or how often it is shared. */
  private record Run(long start, long count, long number) {
    long end() {
      return start + count;
    }
  }

  private final CheckReader reader;
  private final CheckReport report;
  private final CheckClaims claims;
  private final CheckInodeTrees trees;
  private final XfsSb sb;
  private long fdblocks;

  CheckSpace(CheckReader reader, CheckReport report, CheckClaims claims, CheckInodeTrees trees) {
    this.reader = reader;
    this.report = report;
    this.claims = claims;
    this.trees = trees;
    sb = reader.sb;
  }

  /** Free blocks of all groups checked so far, as the superblock counts them. */
  long fdblocks() {
    return fdblocks;
  }

  void group(long agno) throws ErrnoException {
    String what = "group " + agno + ", free space header (AGF)";
    BufData agf = agf(agno, what);
    List<Run> free = new ArrayList<>();
    List<Run> bySize = new ArrayList<>();
    CheckTree bno =
        tree(CheckTree.Kind.BNO, agno, CheckClaims.OWN_AG, (b, at) -> free.add(run(b, at, free)));
    boolean complete = bno.walk(agf.u32(XfsAgf.BNO_ROOT), agf.u32(XfsAgf.BNO_LEVEL));
    CheckTree cnt =
        tree(
            CheckTree.Kind.CNT,
            agno,
            CheckClaims.OWN_AG,
            (b, at) -> bySize.add(sized(b, at, bySize)));
    boolean both = cnt.walk(agf.u32(XfsAgf.CNT_ROOT), agf.u32(XfsAgf.CNT_LEVEL)) && complete;
    if (both) {
      bySize.sort(Comparator.comparingLong(Run::start));
      compare(free, bySize, cnt.what());
    }
    long treeBlocks = bno.blocks() + cnt.blocks() - 2;
    List<Claim> owners = new ArrayList<>();
    boolean ownersKnown = sb.rmapbt;
    if (sb.rmapbt) {
      CheckTree rmap =
          tree(CheckTree.Kind.RMAP, agno, CheckClaims.OWN_AG, (b, at) -> owner(b, at, owners));
      ownersKnown = rmap.walk(agf.u32(XfsAgf.RMAP_ROOT), agf.u32(XfsAgf.RMAP_LEVEL));
      report.equal(
          agf.u32(XfsAgf.RMAP_BLOCKS), rmap.blocks(), what, "the size of the tree of owners");
      treeBlocks += rmap.blocks() - 1;
    }
    List<Run> shared = new ArrayList<>();
    boolean sharedKnown = sb.reflink;
    if (sb.reflink) {
      CheckTree refc =
          tree(
              CheckTree.Kind.REFC,
              agno,
              CheckClaims.OWN_REFC,
              (b, at) -> reference(b, at, agno, shared));
      sharedKnown = refc.walk(agf.u32(XfsAgf.REFCOUNT_ROOT), agf.u32(XfsAgf.REFCOUNT_LEVEL));
      report.equal(
          agf.u32(XfsAgf.REFCOUNT_BLOCKS),
          refc.blocks(),
          what,
          "the size of the tree of reference counts");
    }
    long listed = freeList(agno, agf);
    counters(agf, free, complete, treeBlocks, what);
    fdblocks += agf.u32(XfsAgf.FREEBLKS) + listed + agf.u32(XfsAgf.BTREEBLKS);
    List<Claim> all = claims.take(agno);
    if (claims.overflowed()) {
      return;
    }
    if (complete) {
      sweep(agno, free, all);
    }
    if (ownersKnown) {
      compareOwners(agno, all, owners);
    }
    if (sharedKnown) {
      compareShared(agno, sharedRuns(all), merged(shared));
    }
  }

  private CheckTree tree(CheckTree.Kind kind, long agno, long owner, CheckTree.Records records) {
    return new CheckTree(reader, report, claims, kind, agno, owner, records);
  }

  // Headers.

  private BufData agf(long agno, String what) throws ErrnoException {
    BufData agf = reader.header(agno, AGF_SECTOR, what);
    XfsVerify.checkCrc(agf, XfsAgf.CRC);
    XfsVerify.checkUuid(agf, XfsAgf.UUID, sb.metaUuid);
    if (agf.i32(XfsAgf.MAGICNUM) != XfsAgf.MAGIC || agf.u32(XfsAgf.SEQNO) != agno) {
      throw agf.corrupt("not the header of this group");
    }
    report.equal(agf.u32(XfsAgf.VERSIONNUM), XfsAgf.VERSION, what, "the version");
    report.equal(agf.u32(XfsAgf.LENGTH), sb.agSize(agno), what, "the size of the group");
    return agf;
  }

  private void counters(BufData agf, List<Run> free, boolean complete, long treeBlocks, String what)
      throws ErrnoException {
    if (!complete) {
      return;
    }
    long blocks = 0;
    long longest = 0;
    for (Run run : free) {
      blocks += run.count;
      longest = Math.max(longest, run.count);
    }
    report.equal(agf.u32(XfsAgf.FREEBLKS), blocks, what, "the number of free blocks");
    report.equal(agf.u32(XfsAgf.LONGEST), longest, what, "the longest free extent");
    report.equal(agf.u32(XfsAgf.BTREEBLKS), treeBlocks, what, "the number of blocks of trees");
  }

  /** Claims the blocks of the free list, which are reserved for trees. Returns how many. */
  private long freeList(long agno, BufData agf) throws ErrnoException {
    long count = agf.u32(XfsAgf.FLCOUNT);
    long first = agf.u32(XfsAgf.FLFIRST);
    long last = agf.u32(XfsAgf.FLLAST);
    int slots = (sb.sectSize - XfsAgfl.BNO) / 4;
    String what = "group " + agno + ", free list (AGFL)";
    if (first >= slots
        || last >= slots
        || count > slots
        || (count > 0 && (first + count - 1) % slots != last)) {
      report.add(what + ": " + count + " blocks from slot " + first + " to " + last);
      return count;
    }
    report.attempt(
        () -> {
          BufData agfl = reader.header(agno, AGFL_SECTOR, what);
          XfsVerify.checkCrc(agfl, XfsAgfl.CRC);
          XfsVerify.checkUuid(agfl, XfsAgfl.UUID, sb.metaUuid);
          if (agfl.i32(XfsAgfl.MAGICNUM) != XfsAgfl.MAGIC || agfl.u32(XfsAgfl.SEQNO) != agno) {
            throw agfl.corrupt("not the header of this group");
          }
          for (long i = 0; i < count; i++) {
            int slot = (int) ((first + i) % slots);
            long agbno = agfl.u32(XfsAgfl.BNO + 4 * slot);
            if (!sb.extentValid(sb.fsb(agno, agbno), 1) || agbno >= sb.agSize(agno)) {
              throw agfl.corrupt("slot " + slot + " has a block outside the group");
            }
            claims.add(agno, agbno, 1, CheckClaims.OWN_AG, 0);
          }
        });
    return count;
  }

  // Records.

  private Run run(BufData block, int at, List<Run> before) throws ErrnoException {
    Run run = new Run(block.u32(at), block.u32(at + 4), 0);
    if (run.count == 0 || (!before.isEmpty() && run.start < before.getLast().end())) {
      throw block.corrupt("the extent of block " + run.start + " is out of order");
    }
    return run;
  }

  private static Run sized(BufData block, int at, List<Run> before) throws ErrnoException {
    Run run = new Run(block.u32(at), block.u32(at + 4), 0);
    Run last = before.isEmpty() ? run : before.getLast();
    if (run.count < last.count || (run.count == last.count && run.start < last.start)) {
      throw block.corrupt("the extent of block " + run.start + " is out of order");
    }
    return run;
  }

  private static void owner(BufData block, int at, List<Claim> owners) throws ErrnoException {
    Claim owner =
        new Claim(block.u32(at), block.u32(at + 4), block.i64(at + 8), block.i64(at + RMAP_OFFSET));
    if (!owners.isEmpty() && owner.start() < owners.getLast().start()) {
      throw block.corrupt("the owner of block " + owner.start() + " is out of order");
    }
    owners.add(owner);
  }

  private void reference(BufData block, int at, long agno, List<Run> shared) throws ErrnoException {
    long start = block.u32(at);
    Run run = new Run(start & ~COW_FLAG, block.u32(at + 4), block.u32(at + 8));
    if ((start & COW_FLAG) != 0) { // a copy that was not finished
      if (run.number != 1 || run.end() > sb.agSize(agno)) {
        throw block.corrupt("the copy in progress at block " + run.start + " is damaged");
      }
      claims.add(agno, run.start, run.count, CheckClaims.OWN_COW, 0);
      return;
    }
    if (run.number < 2 || (!shared.isEmpty() && run.start < shared.getLast().end())) {
      throw block.corrupt("the reference count of block " + run.start + " is damaged");
    }
    shared.add(run);
  }

  // Comparisons.

  private void compare(List<Run> byBlock, List<Run> other, String what) {
    int i = 0;
    while (i < byBlock.size() && i < other.size() && byBlock.get(i).equals(other.get(i))) {
      i++;
    }
    if (i < byBlock.size() || i < other.size()) {
      Run differs = i < byBlock.size() ? byBlock.get(i) : other.get(i);
      report.add(what + ": does not agree with the tree by block, at block " + differs.start);
    }
  }

  private static String blocks(long agno, long start, long end) {
    return end - start == 1
        ? "group " + agno + ", block " + start
        : "group " + agno + ", blocks " + start + " to " + (end - 1);
  }

  /** Walks claims and free extents in order of their blocks. */
  private void sweep(long agno, List<Run> free, List<Claim> all) {
    long covered = 0;
    Claim furthest = null; // whose end is covered
    int next = 0;
    for (Claim claim : all) {
      for (; next < free.size() && free.get(next).start < claim.start(); next++) {
        covered = freeRun(agno, free.get(next), covered, furthest);
        furthest = free.get(next).end() >= covered ? null : furthest;
      }
      if (claim.start() > covered) {
        report.add(blocks(agno, covered, claim.start()) + ": neither free nor in use");
      } else if (claim.start() < covered) {
        overlap(agno, claim, covered, furthest);
      }
      if (claim.end() > covered) {
        covered = claim.end();
        furthest = claim;
      }
    }
    for (; next < free.size(); next++) {
      covered = freeRun(agno, free.get(next), covered, furthest);
      furthest = null;
    }
    if (covered < sb.agSize(agno)) {
      report.add(blocks(agno, covered, sb.agSize(agno)) + ": neither free nor in use");
    } else if (covered > sb.agSize(agno)) {
      report.add(blocks(agno, sb.agSize(agno), covered) + ": are behind the end of the group");
    }
  }

  private long freeRun(long agno, Run run, long covered, @Nullable Claim by) {
    if (run.start > covered) {
      report.add(blocks(agno, covered, run.start) + ": neither free nor in use");
    } else if (run.start < covered) {
      report.add(
          blocks(agno, run.start, Math.min(covered, run.end()))
              + ": free, and in use by "
              + (by == null ? "something" : by.ownerName()));
    }
    return Math.max(covered, run.end());
  }

  private void overlap(long agno, Claim claim, long covered, @Nullable Claim other) {
    long end = Math.min(covered, claim.end());
    if (other == null) {
      report.add(blocks(agno, claim.start(), end) + ": free, and in use by " + claim.ownerName());
      return;
    }
    boolean shared = claim.sharable() && other.sharable() && sb.reflink;
    if (!shared) {
      report.add(
          blocks(agno, claim.start(), end)
              + ": in use by "
              + other.ownerName()
              + " and by "
              + claim.ownerName());
      return;
    }
    requireReflink(claim);
    requireReflink(other);
  }

  private void requireReflink(Claim claim) {
    CheckChunk chunk = trees.chunkOf(claim.owner());
    int index = chunk == null ? 0 : (int) (claim.owner() - chunk.ino);
    if (chunk != null && (chunk.reflinked >> index & 1) == 0) {
      chunk.reflinked |= 1L << index; // once
      report.add(claim.ownerName() + ": shares blocks, and has not the flag for it");
    }
  }

  /** Merges adjacent records of one owner, which the tree may or may not have as one. */
  private static List<Claim> mergedOwners(List<Claim> from) {
    List<Claim> sorted = new ArrayList<>(from);
    long flags = CheckClaims.ATTR_FORK | CheckClaims.BMBT | CheckClaims.UNWRITTEN;
    sorted.sort(
        Comparator.comparingLong(Claim::owner)
            .thenComparingLong(claim -> claim.offset() & flags)
            .thenComparingLong(Claim::start)
            .thenComparingLong(Claim::offset));
    List<Claim> merged = new ArrayList<>();
    for (Claim claim : sorted) {
      Claim last = merged.isEmpty() ? null : merged.getLast();
      boolean counts = claim.isFile() && (claim.offset() & CheckClaims.BMBT) == 0;
      boolean joins =
          last != null
              && last.owner() == claim.owner()
              && last.end() == claim.start()
              && (counts
                  ? last.offset() + last.count() == claim.offset()
                  : last.offset() == claim.offset());
      if (joins && last != null) {
        merged.set(
            merged.size() - 1,
            new Claim(last.start(), last.count() + claim.count(), last.owner(), last.offset()));
      } else {
        merged.add(claim);
      }
    }
    merged.sort(Claim.BY_START);
    return merged;
  }

  @LinuxSource(file = "repair/rmap.c", name = "rmaps_verify_btree")
  private void compareOwners(long agno, List<Claim> all, List<Claim> owners) {
    List<Claim> expected = mergedOwners(all);
    List<Claim> found = mergedOwners(owners);
    int i = 0;
    int j = 0;
    while (i < expected.size() || j < found.size()) { // each step advances one of them
      int order =
          i == expected.size()
              ? 1
              : j == found.size() ? -1 : Claim.BY_START.compare(expected.get(i), found.get(j));
      Claim claim = order <= 0 ? expected.get(i) : found.get(j);
      boolean lengthDiffers = order == 0 && expected.get(i).count() != found.get(j).count();
      if (order != 0 || lengthDiffers) {
        report.add(
            blocks(agno, claim.start(), claim.end())
                + ": in use by "
                + claim.ownerName()
                + (order < 0
                    ? ", which the tree of owners does not have"
                    : order > 0
                        ? " only in the tree of owners"
                        : ", with another length in the tree of owners"));
      }
      i += order <= 0 ? 1 : 0;
      j += order >= 0 ? 1 : 0;
    }
  }

  private static List<Run> merged(List<Run> from) {
    List<Run> merged = new ArrayList<>();
    for (Run run : from) {
      Run last = merged.isEmpty() ? null : merged.getLast();
      if (last != null && last.end() == run.start && last.number == run.number) {
        merged.set(merged.size() - 1, new Run(last.start, last.count + run.count, run.number));
      } else {
        merged.add(run);
      }
    }
    return merged;
  }

  /** The runs of blocks with several owners, and how many. */
  @LinuxSource(file = "repair/rmap.c", name = "compute_refcounts")
  private static List<Run> sharedRuns(List<Claim> all) {
    List<Run> runs = new ArrayList<>();
    long[] starts = all.stream().filter(Claim::sharable).mapToLong(Claim::start).sorted().toArray();
    long[] ends = all.stream().filter(Claim::sharable).mapToLong(Claim::end).sorted().toArray();
    int i = 0;
    int j = 0;
    long from = 0;
    while (j < ends.length) { // each step takes a start or an end
      long at = i < starts.length ? Math.min(starts[i], ends[j]) : ends[j];
      int depth = i - j;
      if (depth > 1 && at > from) {
        runs.add(new Run(from, at - from, depth));
      }
      i = after(starts, i, at);
      j = after(ends, j, at);
      from = at;
    }
    return merged(runs);
  }

  private static int after(long[] sorted, int from, long value) {
    int i = from;
    while (i < sorted.length && sorted[i] == value) {
      i++;
    }
    return i;
  }

  private void compareShared(long agno, List<Run> expected, List<Run> found) {
    int i = 0;
    while (i < expected.size() && i < found.size() && expected.get(i).equals(found.get(i))) {
      i++;
    }
    if (i < expected.size() || i < found.size()) {
      Run run = i < expected.size() ? expected.get(i) : found.get(i);
      String is =
          i < found.size()
              ? "" + found.get(i).number + " from block " + found.get(i).start
              : "none";
      report.add(
          "group "
              + agno
              + ", block "
              + run.start
              + ": the reference count is wrong ("
              + (i < expected.size() ? expected.get(i).number + " owners" : "not shared")
              + ", recorded: "
              + is
              + ")");
    }
  }
}
