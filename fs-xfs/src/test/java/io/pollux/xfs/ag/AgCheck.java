// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.ag;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.xfs.btree.XfsBtreeType;
import io.pollux.xfs.btree.XfsBtrees;
import io.pollux.xfs.format.XfsAgf;
import io.pollux.xfs.trans.XfsTrans;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.BitSet;
import java.util.Comparator;
import java.util.List;

/** Checks that the trees of all groups agree with each other and with the headers. */
final class AgCheck {
  private static final int RMAP_BYTES = 24;

  /** The records of the trees of owners, of all groups. */
  final List<ByteBuffer> rmaps = new ArrayList<>();

  /** The records of the trees of reference counts, with fsbs of their group added. */
  final List<long[]> refcounts = new ArrayList<>();

  int highest; // levels of any tree
  long free; // as the superblock counts

  /** Checks everything. */
  static AgCheck of(AgImage image) throws ErrnoException {
    AgCheck check = new AgCheck();
    for (long agno = 0; agno < image.sb.agCount; agno++) {
      try (XfsTrans tp = image.begin()) {
        check.group(image, tp, agno);
      }
    }
    assertThat(check.free).as("free blocks").isEqualTo(image.mount.fdblocks());
    XfsAlloc again = new XfsAlloc(image.ags, image.mount);
    again.reserve(image.current);
    assertThat(again.reserved()).as("set aside").isEqualTo(image.alloc.reserved());
    return check;
  }

  private RawTree tree(
      XfsTrans tp,
      BufData agf,
      long agno,
      XfsBtreeType<?> type,
      int root,
      int level,
      int recordBytes,
      int keyBytes)
      throws ErrnoException {
    highest = Math.max(highest, agf.i32(level));
    return new RawTree(tp, type, agno, recordBytes, keyBytes).walk(agf.u32(root), agf.i32(level));
  }

  private void group(AgImage image, XfsTrans tp, long agno) throws ErrnoException {
    XfsBtrees trees = image.ags.trees();
    BufData agf = image.ags.agf(tp, agno).data();
    RawTree byStart = tree(tp, agf, agno, trees.bnobt(), XfsAgf.BNO_ROOT, XfsAgf.BNO_LEVEL, 8, 8);
    RawTree byLength = tree(tp, agf, agno, trees.cntbt(), XfsAgf.CNT_ROOT, XfsAgf.CNT_LEVEL, 8, 8);
    List<byte[]> sorted = new ArrayList<>(byStart.records);
    sorted.sort(
        Comparator.<byte[]>comparingInt(rec -> ByteBuffer.wrap(rec).getInt(4))
            .thenComparingInt(rec -> ByteBuffer.wrap(rec).getInt(0)));
    assertThat(byLength.records).usingElementComparator(Arrays::compare).isEqualTo(sorted);
    int size = (int) image.sb.agSize(agno);
    BitSet used = new BitSet(size);
    long sum = 0;
    long longest = 0;
    int before = -1;
    for (byte[] each : byStart.records) {
      ByteBuffer rec = ByteBuffer.wrap(each);
      assertThat(rec.getInt(0)).as("extents that do not touch").isGreaterThan(before);
      before = rec.getInt(0) + rec.getInt(4);
      used.set(rec.getInt(0), before);
      sum += rec.getInt(4);
      longest = Math.max(longest, rec.getInt(4));
    }
    assertThat(before).isLessThanOrEqualTo(size);
    assertThat(agf.u32(XfsAgf.FREEBLKS)).isEqualTo(sum);
    assertThat(agf.u32(XfsAgf.LONGEST)).isEqualTo(longest);
    int treeBlocks = byStart.blocks + byLength.blocks - 2;
    if (image.sb.rmapbt) {
      RawTree owners =
          tree(tp, agf, agno, trees.rmapbt(), XfsAgf.RMAP_ROOT, XfsAgf.RMAP_LEVEL, RMAP_BYTES, 40);
      assertThat(agf.u32(XfsAgf.RMAP_BLOCKS)).isEqualTo(owners.blocks);
      treeBlocks += owners.blocks - 1;
      checkOwners(agf, owners.records, used, size);
    }
    if (image.sb.reflink) {
      RawTree counts =
          tree(
              tp,
              agf,
              agno,
              trees.refcountbt(),
              XfsAgf.REFCOUNT_ROOT,
              XfsAgf.REFCOUNT_LEVEL,
              12,
              4);
      assertThat(agf.u32(XfsAgf.REFCOUNT_BLOCKS)).isEqualTo(counts.blocks);
      for (byte[] each : counts.records) {
        ByteBuffer rec = ByteBuffer.wrap(each);
        refcounts.add(new long[] {image.sb.fsb(agno, rec.getInt(0)), rec.getInt(4), rec.getInt(8)});
      }
    }
    assertThat(agf.u32(XfsAgf.BTREEBLKS)).isEqualTo(treeBlocks);
    free += sum + agf.u32(XfsAgf.FLCOUNT) + treeBlocks;
  }

  /** Every block is free or has an owner; only files share. */
  private void checkOwners(BufData agf, List<byte[]> records, BitSet free, int size)
      throws ErrnoException {
    BitSet owned = new BitSet(size);
    BitSet files = new BitSet(size);
    byte[] before = new byte[RMAP_BYTES];
    long ag = 0;
    for (byte[] each : records) {
      ByteBuffer rec = ByteBuffer.wrap(each);
      int from = rec.getInt(0);
      int to = from + rec.getInt(4);
      assertThat(Arrays.compareUnsigned(key(before), key(each))).isNegative();
      before = each;
      boolean file = rec.getLong(8) >= 0;
      BitSet here = owned.get(from, to);
      assertThat(file ? here.cardinality() - files.get(from, to).cardinality() : here.cardinality())
          .as("owned twice")
          .isZero();
      owned.set(from, to);
      if (file) {
        files.set(from, to);
      }
      ag += rec.getLong(8) == XfsOwner.AG.owner() ? to - from : 0;
      rmaps.add(rec);
    }
    assertThat(owned.intersects(free)).as("owned and free").isFalse();
    owned.or(free);
    assertThat(owned.nextClearBit(0)).as("without an owner").isEqualTo(size);
    long roots = 3;
    assertThat(ag)
        .as("blocks of the group's trees")
        .isEqualTo(agf.u32(XfsAgf.FLCOUNT) + agf.u32(XfsAgf.BTREEBLKS) + roots);
  }

  private static byte[] key(byte[] rec) {
    return Arrays.copyOf(RawKeys.of(rec, 40), 20);
  }
}
