// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.ag;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.btree.XfsBtreeCur;
import io.pollux.xfs.btree.XfsRmapQuery;
import io.pollux.xfs.btree.XfsRmapRec;
import io.pollux.xfs.format.XfsError;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.trans.XfsTrans;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Records the owners of blocks, on filesystems that do. Nothing happens on others.
 *
 * <p>C has two versions of each change, one for files that share blocks. These are right for both:
 * only if the record in question is not beside the place of a search are all records that cover the
 * block searched.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_rmap.c")
public final class XfsRmap {
  private final XfsAlloc alloc;

  XfsRmap(XfsAlloc alloc) {
    this.alloc = alloc;
  }

  // Mappings of files.

  /**
   * Records that a file maps an extent.
   *
   * @param tp the transaction
   * @param fsb its first block
   * @param len its length in blocks
   * @param owner the file, and the offset of the extent in it
   * @throws ErrnoException damage, or the device's error
   */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_rmap.c",
      name = {"xfs_rmap_map", "xfs_rmap_map_shared"})
  public void map(XfsTrans tp, long fsb, long len, XfsOwner owner) throws ErrnoException {
    if (tp.sb().rmapbt) {
      long agno = begin(tp, fsb, len);
      add(tp, agno, tp.sb().agbno(fsb), len, owner);
    }
  }

  /**
   * Records that a file no longer maps an extent.
   *
   * @param tp the transaction
   * @param fsb its first block
   * @param len its length in blocks
   * @param owner the file, and the offset of the extent in it
   * @throws ErrnoException EUCLEAN if it did not; other damage, or the device's error
   */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_rmap.c",
      name = {"xfs_rmap_unmap", "xfs_rmap_unmap_shared"})
  public void unmap(XfsTrans tp, long fsb, long len, XfsOwner owner) throws ErrnoException {
    if (tp.sb().rmapbt) {
      long agno = begin(tp, fsb, len);
      remove(tp, agno, tp.sb().agbno(fsb), len, owner);
    }
  }

  /**
   * Records that an extent of a file becomes written or unwritten.
   *
   * @param tp the transaction
   * @param fsb its first block
   * @param len its length in blocks
   * @param owner the file, and the offset of the extent in it
   * @param unwritten what it becomes
   * @throws ErrnoException EUCLEAN if it is not the other; other damage, or the device's error
   */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_rmap.c",
      name = {"xfs_rmap_convert", "xfs_rmap_convert_shared"})
  public void convert(XfsTrans tp, long fsb, long len, XfsOwner owner, boolean unwritten)
      throws ErrnoException {
    if (!tp.sb().rmapbt) {
      return;
    }
    long agno = begin(tp, fsb, len);
    XfsBtreeCur<XfsRmapRec> cur = alloc.rmapbt(tp, agno);
    XfsRmapRec before = owner.withUnwritten(!unwritten).record(tp.sb().agbno(fsb), len);
    XfsRmapRec after = owner.withUnwritten(unwritten).record(tp.sb().agbno(fsb), len);
    boolean shares = mayShare(tp.sb(), owner);
    XfsRmapRec there = covering(cur, shares, before);
    List<XfsRmapRec> old = new ArrayList<>(List.of(there));
    List<XfsRmapRec> made = rest(there, before);
    XfsRmapRec left = null;
    if (there.start() == before.start()) {
      boolean found = !shares || cur.lookupLe(after); // otherwise the cursor is there already
      if (found && sameKey(cur.get(), after)) { // the record itself, of the other state
        found = cur.previous();
      }
      left = leftOf(cur, shares, found ? cur.get() : null, after);
    }
    XfsRmapRec right = there.end() == before.end() ? rightOf(cur, after) : null;
    made.add(join(old, left, after, right));
    replace(cur, old, made);
  }

  private long begin(XfsTrans tp, long fsb, long len) throws ErrnoException {
    if (!tp.sb().extentValid(fsb, len)) {
      throw XfsError.corrupt("blocks outside the filesystem have an owner: " + fsb + "+" + len);
    }
    long agno = tp.sb().agno(fsb);
    alloc.fixFreelist(tp, agno);
    return agno;
  }

  // Blocks of a group. The free list is long enough.

  @LinuxSource(file = "fs/xfs/libxfs/xfs_rmap.c", name = "xfs_rmap_alloc")
  void add(XfsTrans tp, long agno, long agbno, long len, XfsOwner owner) throws ErrnoException {
    if (!tp.sb().rmapbt || owner.equals(XfsOwner.SKIP)) {
      return;
    }
    XfsBtreeCur<XfsRmapRec> cur = alloc.rmapbt(tp, agno);
    XfsRmapRec rec = owner.record(agbno, len);
    boolean shares = mayShare(tp.sb(), owner);
    XfsRmapRec there = cur.lookupLe(rec) ? cur.get() : null;
    if (there != null && there.end() > agbno && !shares) {
      throw cur.corrupt("the blocks of " + rec + " have an owner already: " + there);
    }
    List<XfsRmapRec> old = new ArrayList<>();
    XfsRmapRec right =
        there == null || shares ? rightOf(cur, rec) : after(rec, cur.next() ? cur.get() : null);
    XfsRmapRec left = leftOf(cur, shares, there, rec);
    List<XfsRmapRec> made = List.of(join(old, left, rec, right));
    replace(cur, old, made);
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_rmap.c", name = "xfs_rmap_free")
  void remove(XfsTrans tp, long agno, long agbno, long len, XfsOwner owner) throws ErrnoException {
    if (!tp.sb().rmapbt || owner.equals(XfsOwner.SKIP)) {
      return;
    }
    XfsBtreeCur<XfsRmapRec> cur = alloc.rmapbt(tp, agno);
    XfsRmapRec rec = owner.record(agbno, len);
    XfsRmapRec there =
        owner.equals(XfsOwner.ANY)
            ? ofAnyOwner(cur, rec)
            : covering(cur, mayShare(tp.sb(), owner), rec);
    if (there != null) {
      replace(cur, List.of(there), rest(there, rec));
    }
  }

  /**
   * The only record that has blocks of another, which must be all of them. Null if there is none:
   * the owner was removed before its blocks.
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_rmap.c", name = "xfs_rmap_unmap")
  private static @Nullable XfsRmapRec ofAnyOwner(XfsBtreeCur<XfsRmapRec> cur, XfsRmapRec rec)
      throws ErrnoException {
    if (!cur.lookupLe(rec)) {
      throw cur.corrupt("lacks a record of the group's headers");
    }
    XfsRmapRec there = cur.get();
    if (there.end() <= rec.start()) {
      if (!cur.next()) {
        return null;
      }
      there = cur.get();
    }
    if (there.start() >= rec.end()) {
      return null;
    }
    if (there.start() > rec.start() || there.end() < rec.end()) {
      throw cur.corrupt("has only a part of the blocks to be freed: " + there + ", not " + rec);
    }
    return there;
  }

  // Search.

  private static boolean sameOwner(XfsRmapRec a, XfsRmapRec b) {
    return a.owner() == b.owner() && a.flags() == b.flags();
  }

  /** Whether a record has the blocks of another at the same offsets. */
  private static boolean covers(XfsRmapRec a, XfsRmapRec b) {
    return sameOwner(a, b)
        && a.start() <= b.start()
        && a.end() >= b.end()
        && (!b.hasOffset() || b.offset() - a.offset() == b.start() - a.start());
  }

  /** Whether a record goes on as another. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_rmap.c", name = "xfs_rmap_is_mergeable")
  private static boolean touches(XfsRmapRec left, XfsRmapRec right) {
    return sameOwner(left, right)
        && left.end() == right.start()
        && (!left.hasOffset() || left.offset() + left.count() == right.offset());
  }

  /** Whether blocks may have several owners. */
  private static boolean mayShare(XfsSb sb, XfsOwner owner) {
    return sb.reflink && owner.shares();
  }

  /** The record that has all blocks of another. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_rmap.c", name = "xfs_rmap_lookup_le_range")
  private static XfsRmapRec covering(XfsBtreeCur<XfsRmapRec> cur, boolean shares, XfsRmapRec rec)
      throws ErrnoException {
    XfsRmapRec there = cur.lookupLe(rec) ? cur.get() : null;
    if (there != null && covers(there, rec)) {
      return there;
    }
    XfsRmapRec other =
        shares ? XfsRmapQuery.find(cur, rec.start(), each -> covers(each, rec)) : null;
    if (other == null) {
      throw cur.corrupt("lacks a record of " + rec);
    }
    return other;
  }

  /**
   * Returns the left neighbour that a record can be joined with, or null.
   *
   * @param there the last record before it
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_rmap.c", name = "xfs_rmap_find_left_neighbor")
  private static @Nullable XfsRmapRec leftOf(
      XfsBtreeCur<XfsRmapRec> cur, boolean shares, @Nullable XfsRmapRec there, XfsRmapRec rec)
      throws ErrnoException {
    if (there != null && touches(there, rec)) {
      return there;
    }
    return shares && rec.start() > 0
        ? XfsRmapQuery.find(cur, rec.start() - 1, each -> touches(each, rec))
        : null;
  }

  /** Returns the right neighbour that a record can be joined with, or null. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_rmap.c", name = "xfs_rmap_map_shared")
  private static @Nullable XfsRmapRec rightOf(XfsBtreeCur<XfsRmapRec> cur, XfsRmapRec rec)
      throws ErrnoException {
    long offset = rec.hasOffset() ? rec.offset() + rec.count() : 0;
    XfsRmapRec probe = new XfsRmapRec(rec.end(), 1, rec.owner(), offset, rec.flags());
    XfsRmapRec there = cur.lookupEq(probe) ? cur.get() : null;
    return after(rec, there);
  }

  /** Returns the next record if a record can be joined with it, otherwise null. */
  private static @Nullable XfsRmapRec after(XfsRmapRec rec, @Nullable XfsRmapRec next) {
    return next != null && touches(rec, next) ? next : null;
  }

  // Changes.

  /** Joins a record with its neighbours, which are added to those that go. */
  private static XfsRmapRec join(
      List<XfsRmapRec> old, @Nullable XfsRmapRec left, XfsRmapRec rec, @Nullable XfsRmapRec right) {
    XfsRmapRec joined = rec;
    if (left != null) {
      old.add(left);
      joined =
          new XfsRmapRec(
              left.start(), left.count() + rec.count(), rec.owner(), left.offset(), rec.flags());
    }
    if (right != null) {
      old.add(right);
      joined =
          new XfsRmapRec(
              joined.start(),
              joined.count() + right.count(),
              rec.owner(),
              joined.offset(),
              rec.flags());
    }
    return joined;
  }

  /** What remains of a record without the blocks of another. */
  private static List<XfsRmapRec> rest(XfsRmapRec there, XfsRmapRec without) {
    List<XfsRmapRec> rest = new ArrayList<>();
    long before = without.start() - there.start();
    if (before > 0) {
      rest.add(new XfsRmapRec(there.start(), before, there.owner(), there.offset(), there.flags()));
    }
    if (without.end() < there.end()) {
      long gone = without.end() - there.start();
      rest.add(
          new XfsRmapRec(
              without.end(),
              there.count() - gone,
              there.owner(),
              there.hasOffset() ? there.offset() + gone : 0,
              there.flags()));
    }
    return rest;
  }

  private static boolean sameKey(XfsRmapRec a, XfsRmapRec b) {
    int others = ~XfsRmapRec.UNWRITTEN;
    return a.start() == b.start()
        && a.owner() == b.owner()
        && a.offset() == b.offset()
        && (a.flags() & others) == (b.flags() & others);
  }

  /** Replaces records by others that have the same blocks, or fewer. */
  private static void replace(
      XfsBtreeCur<XfsRmapRec> cur, List<XfsRmapRec> old, List<XfsRmapRec> made)
      throws ErrnoException {
    List<XfsRmapRec> left = new ArrayList<>(made);
    for (XfsRmapRec each : old) {
      if (!cur.lookupEq(each)) {
        throw cur.corrupt("lacks " + each);
      }
      XfsRmapRec now = null;
      for (XfsRmapRec one : left) {
        now = sameKey(one, each) ? one : now;
      }
      if (now != null) {
        cur.update(now);
        left.remove(now);
      } else {
        cur.delete();
      }
    }
    for (XfsRmapRec each : left) {
      cur.insert(each);
    }
  }
}
