// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsDinode;
import io.pollux.xfs.format.XfsError;
import io.pollux.xfs.trans.XfsTrans;
import org.jspecify.annotations.Nullable;

/**
 * A fork of an inode in a transaction. Its extents are a list in memory, from which the commit
 * makes the records in the inode; a fork with more extents than fit there has a B+tree, which each
 * change updates.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_inode_fork.h", name = "xfs_ifork")
final class XfsForkEdit {
  private final XfsInodeEdit inode;
  private final boolean attr;
  private @Nullable XfsExtentMap map; // null: not read
  private boolean changed;
  private @Nullable XfsBmapBtree btree; // null: not used by this transaction

  XfsForkEdit(XfsInodeEdit inode, boolean attr) {
    this.inode = inode;
    this.attr = attr;
  }

  XfsInodeEdit inode() {
    return inode;
  }

  boolean isAttr() {
    return attr;
  }

  /** Offset of its first byte in the inode. */
  int start() throws ErrnoException {
    return XfsDinode.CORE_BYTES + (attr ? inode.u8(XfsDinode.FORKOFF) << 3 : 0);
  }

  /** Its bytes in the inode; 0 for the attributes of an inode without a fork for them. */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_format.h",
      name = {"XFS_DFORK_DSIZE", "XFS_DFORK_ASIZE"})
  int room() throws ErrnoException {
    int all = inode.mp().sb().inodeSize - XfsDinode.CORE_BYTES;
    int forkOff = inode.u8(XfsDinode.FORKOFF) << 3;
    if (attr) {
      return forkOff == 0 ? 0 : all - forkOff;
    }
    return forkOff == 0 ? all : forkOff;
  }

  /** One of XfsDinode.FMT_*. */
  int format() throws ErrnoException {
    return inode.u8(attr ? XfsDinode.AFORMAT : XfsDinode.FORMAT);
  }

  void setFormat(int format) throws ErrnoException {
    inode.put8(attr ? XfsDinode.AFORMAT : XfsDinode.FORMAT, format);
  }

  /** The number of extents that the inode tells. */
  long count() throws ErrnoException {
    if (inode.nrext64()) {
      return attr
          ? inode.i32(XfsDinode.NEXTENTS) & 0xffff_ffffL
          : inode.i64(XfsDinode.BIG_NEXTENTS);
    }
    return attr ? inode.u16(XfsDinode.ANEXTENTS) : inode.i32(XfsDinode.NEXTENTS) & 0xffff_ffffL;
  }

  private void setCount(long count) throws ErrnoException {
    if (inode.nrext64()) {
      if (attr) {
        inode.put32(XfsDinode.NEXTENTS, (int) count);
      } else {
        inode.put64(XfsDinode.BIG_NEXTENTS, count);
      }
    } else if (attr) {
      inode.put16(XfsDinode.ANEXTENTS, (int) count);
    } else {
      inode.put32(XfsDinode.NEXTENTS, (int) count);
    }
  }

  /** The most extents that the inode can count. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_inode_fork.h", name = "xfs_iext_max_nextents")
  private long maxCount() throws ErrnoException {
    if (inode.nrext64()) {
      return attr ? 0xffff_ffffL : (1L << 48) - 1;
    }
    return attr ? Short.MAX_VALUE : Integer.MAX_VALUE;
  }

  /** The extents of the fork with the changes so far. May read the tree. */
  XfsExtentMap map() throws ErrnoException {
    XfsExtentMap there = map;
    if (there == null) {
      XfsInode ip = inode.inode();
      if (format() == XfsDinode.FMT_LOCAL || format() == XfsDinode.FMT_DEV || count() == 0) {
        there = new XfsExtents.Builder(inode.mp().sb(), 0).build();
      } else if (ip == null) {
        throw XfsError.corrupt(inode.what() + ": is new and has extents");
      } else {
        there = attr ? ip.attrExtents(inode.tp().current()) : ip.extents(inode.tp().current());
      }
      map = there;
    }
    return there;
  }

  /** The extents if they were changed, or null. */
  @Nullable XfsExtentMap changed() {
    return changed ? map : null;
  }

  /** As {@link #map}, as the tree that plans changes. */
  XfsExtentTree tree() throws ErrnoException {
    return XfsExtentTree.of(map(), inode.mp().sb());
  }

  /**
   * Changes the extents.
   *
   * @param edit a change that {@link #tree} has planned
   * @throws ErrnoException EFBIG if the inode cannot count so many
   */
  void apply(XfsExtentTree.Edit edit) throws ErrnoException {
    XfsExtentTree before = tree();
    if (before.count() - edit.removed() + edit.added().size() > maxCount()) {
      throw new ErrnoException(Errno.EFBIG, inode.what() + ": too many extents");
    }
    XfsExtentTree after = before.apply(edit);
    if (format() == XfsDinode.FMT_BTREE) {
      btree().replace(before, edit);
    }
    map = after;
    changed = true;
    setCount(after.count());
    fitFormat();
  }

  private XfsBmapBtree btree() throws ErrnoException {
    XfsBmapBtree open = btree;
    if (open == null) {
      open = new XfsBmapBtree(this);
      btree = open;
    }
    return open;
  }

  /** Moves the records between the inode and a tree as their number demands. */
  private void fitFormat() throws ErrnoException {
    XfsExtentMap now = map();
    boolean fits = now.count() <= room() / XfsExtents.RECORD_BYTES;
    if (format() == XfsDinode.FMT_EXTENTS && !fits) {
      btree().fromExtents(now);
    } else if (format() == XfsDinode.FMT_BTREE && fits) {
      btree().toExtents();
    }
  }

  /** Moves the root's entries into a block. The root then needs the least room in the inode. */
  void growRoot() throws ErrnoException {
    btree().growRoot();
    btree().prepare();
    btree = null; // made for the old room
  }

  /** Called after the room in the inode has changed. */
  void roomChanged() throws ErrnoException {
    if (format() == XfsDinode.FMT_EXTENTS) {
      changed = changed || map().count() >= 0;
      fitFormat();
    }
  }

  /** Writes the records into the inode, for the commit. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_inode_fork.c", name = "xfs_iflush_fork")
  void prepare() throws ErrnoException {
    if (format() == XfsDinode.FMT_LOCAL) {
      return; // what was a tree is in the inode now
    }
    if (btree != null) {
      btree.prepare();
    }
    if (!changed || format() != XfsDinode.FMT_EXTENTS) {
      return;
    }
    XfsExtentMap now = map();
    for (int i = 0; i < now.count(); i++) {
      XfsExtentMap.Rec rec = now.get(i);
      inode.put64(start() + i * XfsExtents.RECORD_BYTES, rec.first());
      inode.put64(start() + i * XfsExtents.RECORD_BYTES + Long.BYTES, rec.second());
    }
  }

  XfsTrans tp() {
    return inode.tp();
  }
}
