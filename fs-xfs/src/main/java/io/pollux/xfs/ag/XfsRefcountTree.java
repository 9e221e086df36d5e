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
 *
 * <p>Behind them, with the highest bit of their start set, it has records of the space that Linux
 * has set aside for copies on write. This kernel adds none, but finishes what Linux began.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_refcount.c")
public final class XfsRefcountTree {
  /** A count that has reached this stays. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "MAXREFCOUNT")
  private static final long MAX_REFS = 0xffff_ffffL;

  /** In the start of a record of space that is set aside. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "XFS_REFC_COWFLAG")
  private static final long COW_FLAG = 1L << 31;

  /** The most records that one call of {@link #leftovers} returns. */
  private static final int MOST_LEFTOVERS = 1024;

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
    new Change(tp, fsb, len, 1, 0).run();
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
      for (Extent each : drop(tp, fsb, len)) {
        alloc.free(tp, each.fsb(), each.len(), XfsOwner.SKIP);
      }
    } else {
      alloc.free(tp, fsb, len, XfsOwner.SKIP);
    }
  }

  /**
   * As {@link #decrease}, but leaves it to the caller to free the blocks that had no other owner.
   * The filesystem shares blocks.
   *
   * @param tp the transaction
   * @param fsb its first block
   * @param len its length in blocks
   * @return the extents to be freed
   * @throws ErrnoException ENOSPC if the tree can't grow; damage, or the device's error
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_refcount.c", name = "xfs_refcount_adjust")
  public List<Extent> drop(XfsTrans tp, long fsb, long len) throws ErrnoException {
    return new Change(tp, fsb, len, -1, 0).run();
  }

  /**
   * Records that an extent is set aside for a copy on write, as Linux does.
   *
   * @param tp the transaction
   * @param fsb its first block
   * @param len its length in blocks
   * @throws ErrnoException EUCLEAN if a part of it is already; ENOSPC if the tree can't grow; other
   *     damage, or the device's error
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_refcount.c", name = "__xfs_refcount_cow_alloc")
  public void setAside(XfsTrans tp, long fsb, long len) throws ErrnoException {
    new Change(tp, fsb, len, 1, COW_FLAG).run();
  }

  /**
   * Records that an extent is no longer set aside. Its blocks are not freed.
   *
   * @param tp the transaction
   * @param fsb its first block
   * @param len its length in blocks
   * @throws ErrnoException EUCLEAN if it is not set aside; other damage, or the device's error
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_refcount.c", name = "__xfs_refcount_cow_free")
  public void takeBack(XfsTrans tp, long fsb, long len) throws ErrnoException {
    new Change(tp, fsb, len, -1, COW_FLAG).run();
  }

  /**
   * Returns the first extents of a group that are set aside, in their order.
   *
   * @param tp the transaction
   * @param agno a valid group
   * @return none if there are no more
   * @throws ErrnoException damage, or the device's error
   */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_refcount.c",
      name = {"xfs_refcount_recover_cow_leftovers", "xfs_refcount_recover_extent"})
  public List<Extent> leftovers(XfsTrans tp, long agno) throws ErrnoException {
    List<Extent> found = new ArrayList<>();
    XfsBtreeCur<XfsRefcountRec> cur = alloc.refcountbt(tp, agno);
    boolean more = cur.lookupGe(new XfsRefcountRec(COW_FLAG, 1, 1));
    while (more && found.size() < MOST_LEFTOVERS) {
      XfsRefcountRec rec = cur.get();
      found.add(new Extent(tp.sb().fsb(agno, rec.start() & ~COW_FLAG), rec.count()));
      more = cur.next();
    }
    return found;
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
    private final int plain; // owners of a block without a record
    private final XfsBtreeCur<XfsRefcountRec> cur;
    private final List<XfsRefcountRec> old = new ArrayList<>();
    private final List<XfsRefcountRec> made = new ArrayList<>();
    private final List<Extent> freed = new ArrayList<>();

    /**
     * Prepares a change.
     *
     * @param flag COW_FLAG for space that is set aside, otherwise 0
     */
    Change(XfsTrans tp, long fsb, long len, int delta, long flag) throws ErrnoException {
      check(tp.sb(), fsb, len);
      this.tp = tp;
      this.delta = delta;
      agno = tp.sb().agno(fsb);
      start = tp.sb().agbno(fsb) | flag;
      end = start + len;
      plain = flag == 0 ? 1 : 0;
      cur = alloc.refcountbt(tp, agno);
    }

    /** Changes the tree. Returns the blocks without an owner. */
    List<Extent> run() throws ErrnoException {
      long at = start;
      boolean more = seek(cur, start);
      while (more && cur.get().start() <= end) { // the records' order is checked
        XfsRefcountRec rec = cur.get();
        old.add(rec);
        append(rec.start(), Math.min(rec.end(), start), rec.refs());
        append(at, Math.min(rec.start(), end), plain + delta);
        long refs = rec.refs() == MAX_REFS ? MAX_REFS : rec.refs() + delta;
        append(Math.max(rec.start(), start), Math.min(rec.end(), end), refs);
        append(Math.max(rec.start(), end), rec.end(), rec.refs());
        at = Math.max(at, Math.min(rec.end(), end));
        more = cur.next();
      }
      append(at, end, plain + delta);
      store();
      return freed;
    }

    /** Adds a range to the new records, merged with the one before. */
    @LinuxSource(
        file = "fs/xfs/libxfs/xfs_refcount.c",
        name = {"xfs_refcount_merge_extents", "xfs_refcount_adjust_extents"})
    private void append(long from, long to, long refs) throws ErrnoException {
      if (from >= to) {
        return;
      }
      if (plain == 0 && (refs < 0 || refs > 1)) {
        throw cur.corrupt("space is set aside " + (refs < 0 ? "nowhere" : "twice") + ": " + from);
      }
      XfsRefcountRec last = made.isEmpty() ? null : made.getLast();
      if (refs == 0 && plain == 1) {
        freed.add(new Extent(tp.sb().fsb(agno, from), to - from));
      } else if (last != null && last.end() == from && last.refs() == refs) {
        made.set(made.size() - 1, new XfsRefcountRec(last.start(), to - last.start(), refs));
      } else if (refs > plain) {
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
