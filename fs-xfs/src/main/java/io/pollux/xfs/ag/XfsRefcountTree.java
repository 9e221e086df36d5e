// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.ag;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.ag.XfsAlloc.Extent;
import io.pollux.xfs.btree.XfsBtreeCur;
import io.pollux.xfs.btree.XfsRefcountRec;
import io.pollux.xfs.format.XfsError;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.trans.XfsTrans;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Counts the owners of blocks of files. The tree has records for blocks with several owners only; a
 * block without a record has one owner, or none if it is free.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_refcount.c")
public final class XfsRefcountTree {
  /** A count that has reached this stays. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "MAXREFCOUNT")
  private static final long MAX_REFS = 0xffff_ffffL;

  private final XfsAlloc alloc;

  public XfsRefcountTree(XfsAlloc alloc) {
    this.alloc = alloc;
  }

  /**
   * Adds an owner to an extent.
   *
   * @param tp the transaction
   * @param fsb its first block
   * @param len its length in blocks
   * @throws ErrnoException ENOSPC if the tree can't grow; damage, or the device's error
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_refcount.c", name = "xfs_refcount_increase_extent")
  public void increase(XfsTrans tp, long fsb, long len) throws ErrnoException {
    new Change(tp, fsb, len, 1).run();
  }

  /**
   * Takes an owner from an extent, and frees the blocks that had no other. The owner must have been
   * removed from the tree of owners.
   *
   * @param tp the transaction
   * @param fsb its first block
   * @param len its length in blocks
   * @throws ErrnoException ENOSPC if the tree can't grow; damage, or the device's error
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_refcount.c", name = "xfs_refcount_decrease_extent")
  public void decrease(XfsTrans tp, long fsb, long len) throws ErrnoException {
    if (tp.sb().reflink) {
      new Change(tp, fsb, len, -1).run();
    } else {
      alloc.free(tp, fsb, len, XfsOwner.SKIP);
    }
  }

  /**
   * Finds the first run of blocks of an extent that have several owners.
   *
   * @param tp the transaction
   * @param fsb its first block
   * @param len its length in blocks
   * @return the run, inside the extent; or null
   * @throws ErrnoException damage, or the device's error
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_refcount.c", name = "xfs_refcount_find_shared")
  public @Nullable Extent findShared(XfsTrans tp, long fsb, long len) throws ErrnoException {
    XfsSb sb = tp.sb();
    if (!sb.reflink) {
      return null;
    }
    check(sb, fsb, len);
    long start = sb.agbno(fsb);
    long end = start + len;
    XfsBtreeCur<XfsRefcountRec> cur = alloc.refcountbt(tp, sb.agno(fsb));
    boolean more = seek(cur, start + 1);
    if (!more || cur.get().start() >= end) {
      return null;
    }
    long from = Math.max(start, cur.get().start());
    long to = cur.get().end();
    while (to < end && cur.next() && cur.get().start() == to) { // it increases
      to = cur.get().end();
    }
    return new Extent(sb.fsb(sb.agno(fsb), from), Math.min(to, end) - from);
  }

  /**
   * The part of an extent whose counts one transaction changes.
   *
   * @param blocks its length
   * @param records records of the tree that it touches, at least 1
   */
  public record Reach(long blocks, int records) {}

  /**
   * Limits a change to the first part of an extent.
   *
   * @param tp the transaction
   * @param fsb the first block of the extent
   * @param len its length in blocks
   * @param most the most records to change, at least 1
   * @return the part
   * @throws ErrnoException damage, or the device's error
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_refcount.c", name = "xfs_refcount_still_have_space")
  public Reach reach(XfsTrans tp, long fsb, long len, int most) throws ErrnoException {
    XfsSb sb = tp.sb();
    if (!sb.reflink) {
      return new Reach(len, 1);
    }
    check(sb, fsb, len);
    long start = sb.agbno(fsb);
    long end = start + len;
    XfsBtreeCur<XfsRefcountRec> cur = alloc.refcountbt(tp, sb.agno(fsb));
    long to = end;
    int records = 0;
    for (boolean more = seek(cur, start + 1);
        more && cur.get().start() < end;
        more = cur.next()) { // at most as many turns as records
      if (records == most) {
        return new Reach(to - start, records);
      }
      records++;
      to = Math.min(end, cur.get().end());
    }
    return new Reach(len, Math.max(1, records));
  }

  /** As {@link #reach}, for the last part of an extent. */
  public Reach reachBack(XfsTrans tp, long fsb, long len, int most) throws ErrnoException {
    XfsSb sb = tp.sb();
    if (!sb.reflink) {
      return new Reach(len, 1);
    }
    check(sb, fsb, len);
    long start = sb.agbno(fsb);
    long end = start + len;
    XfsBtreeCur<XfsRefcountRec> cur = alloc.refcountbt(tp, sb.agno(fsb));
    long from = end;
    int records = 0;
    while (from > start
        && cur.lookupLe(new XfsRefcountRec(from - 1, 1, 0))
        && cur.get().end() > start) { // at most as many turns as records
      if (records == most) {
        return new Reach(end - from, records);
      }
      records++;
      from = cur.get().start();
    }
    return new Reach(len, Math.max(1, records));
  }

  private static void check(XfsSb sb, long fsb, long len) throws ErrnoException {
    if (!sb.extentValid(fsb, len)) {
      throw XfsError.corrupt("blocks outside the filesystem are shared: " + fsb + "+" + len);
    }
  }

  /** Moves to the first record that ends at or after a block. Returns whether there is one. */
  private static boolean seek(XfsBtreeCur<XfsRefcountRec> cur, long to) throws ErrnoException {
    XfsRefcountRec probe = new XfsRefcountRec(to - 1, 1, 0);
    return (cur.lookupLe(probe) && cur.get().end() >= to) || cur.lookupGe(probe);
  }

  /** One change of the counts of a range. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_refcount.c", name = "xfs_refcount_adjust")
  private final class Change {
    private final XfsTrans tp;
    private final long agno;
    private final long start;
    private final long end;
    private final int delta;
    private final XfsBtreeCur<XfsRefcountRec> cur;
    private final List<XfsRefcountRec> old = new ArrayList<>();
    private final List<XfsRefcountRec> made = new ArrayList<>();
    private final List<Extent> freed = new ArrayList<>();

    Change(XfsTrans tp, long fsb, long len, int delta) throws ErrnoException {
      check(tp.sb(), fsb, len);
      this.tp = tp;
      this.delta = delta;
      agno = tp.sb().agno(fsb);
      start = tp.sb().agbno(fsb);
      end = start + len;
      cur = alloc.refcountbt(tp, agno);
    }

    void run() throws ErrnoException {
      long at = start;
      boolean more = seek(cur, start);
      while (more && cur.get().start() <= end) { // the records' order is checked
        XfsRefcountRec rec = cur.get();
        old.add(rec);
        append(rec.start(), Math.min(rec.end(), start), rec.refs());
        append(at, Math.min(rec.start(), end), 1 + delta);
        long refs = rec.refs() == MAX_REFS ? MAX_REFS : rec.refs() + delta;
        append(Math.max(rec.start(), start), Math.min(rec.end(), end), refs);
        append(Math.max(rec.start(), end), rec.end(), rec.refs());
        at = Math.max(at, Math.min(rec.end(), end));
        more = cur.next();
      }
      append(at, end, 1 + delta);
      store();
      for (Extent each : freed) {
        alloc.free(tp, each.fsb(), each.len(), XfsOwner.SKIP);
      }
    }

    /** Adds a range to the new records, merged with the one before. */
    @LinuxSource(
        file = "fs/xfs/libxfs/xfs_refcount.c",
        name = {"xfs_refcount_merge_extents", "xfs_refcount_adjust_extents"})
    private void append(long from, long to, long refs) {
      if (from >= to) {
        return;
      }
      XfsRefcountRec last = made.isEmpty() ? null : made.getLast();
      if (refs == 0) {
        freed.add(new Extent(tp.sb().fsb(agno, from), to - from));
      } else if (last != null && last.end() == from && last.refs() == refs) {
        made.set(made.size() - 1, new XfsRefcountRec(last.start(), to - last.start(), refs));
      } else if (refs > 1) {
        made.add(new XfsRefcountRec(from, to - from, refs));
      }
    }

    /** Replaces the records. Those with the same start are updated. */
    private void store() throws ErrnoException {
      int next = 0;
      for (XfsRefcountRec each : old) {
        while (next < made.size() && made.get(next).start() < each.start()) { // it increases
          cur.insert(made.get(next++));
        }
        if (next < made.size() && made.get(next).equals(each)) {
          next++;
          continue;
        }
        if (!cur.lookupEq(each)) {
          throw cur.corrupt("lacks " + each);
        }
        if (next < made.size() && made.get(next).start() == each.start()) {
          cur.update(made.get(next++));
        } else {
          cur.delete();
        }
      }
      while (next < made.size()) { // it increases
        cur.insert(made.get(next++));
      }
    }
  }
}
