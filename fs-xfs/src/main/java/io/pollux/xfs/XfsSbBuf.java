// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.buffer.Buf;
import io.pollux.block.buffer.BufEdit;
import io.pollux.block.buffer.BufOps;
import io.pollux.block.buffer.BufSpace;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Differs;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsBufOps;
import io.pollux.xfs.format.XfsDsb;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.trans.XfsTrans;
import io.pollux.xfs.trans.XfsTransItem;
import io.pollux.xfs.trans.XfsTransMount;

/**
 * The superblock on the disk while the filesystem is mounted for writing: the mark that it needs
 * repair, and the counters.
 *
 * <p>The mark is written before the first change of a structure, and is removed by the unmount when
 * everything else is on the disk. A process that dies in between leaves a filesystem that Linux and
 * Pollux refuse until xfs_repair has run.
 */
@LinuxSource(
    file = "fs/xfs/libxfs/xfs_sb.c",
    name = {"xfs_log_sb", "xfs_sync_sb"})
final class XfsSbBuf {
  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "XFS_SB_VERSION_ATTRBIT")
  private static final int VERSION_ATTR = 0x10;

  private final XfsSb sb;
  private final BufSpace bufs;
  private final BufOps ops;
  private boolean marked; // under the transaction lock
  private boolean attributes; // the version's bit is set; under the transaction lock

  XfsSbBuf(XfsSb sb, BufSpace bufs) {
    this.sb = sb;
    this.bufs = bufs;
    ops = new XfsBufOps("xfs_sb", sb, XfsDsb.CRC, (same, data) -> {});
  }

  /** A change of the superblock. */
  private interface Change {
    void apply(BufEdit edit) throws ErrnoException;
  }

  /** Marks the filesystem, unless it is marked. With the transaction lock. */
  @Differs(
      kind = Differs.Kind.SIMPLER,
      why =
          "A filesystem that is changed carries NEEDSREPAIR until its unmount, since commits are"
              + " written in place. In Linux the log makes them whole.",
      test = "XfsWriteTest#aChangedFilesystemNeedsRepairUntilItsUnmount")
  void mark(Task current) throws ErrnoException {
    if (!marked) {
      write(
          current,
          edit ->
              edit.put32(
                  XfsDsb.FEATURES_INCOMPAT,
                  edit.i32(XfsDsb.FEATURES_INCOMPAT) | XfsSb.INCOMPAT_NEEDSREPAIR));
      marked = true;
    }
  }

  /** Sets the version's bit for extended attributes when the transaction commits. */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_bmap.c",
      name = {"xfs_bmap_add_attrfork", "xfs_add_attr"})
  void addAttributes(XfsTrans tp) {
    if (!attributes && tp.item(this) == null) {
      tp.join(this, new Attributes());
    }
  }

  private final class Attributes implements XfsTransItem {
    @Override
    public void prepare(XfsTrans tp) {}

    @Override
    public void committed() {
      attributes = true;
    }
  }

  /**
   * Stores the counters and removes the mark. Everything else is durable, and nothing changes.
   * Returns 0 or a negative errno.
   */
  int unmark(Task current, XfsTransMount counters) {
    if (!marked) {
      return 0;
    }
    try {
      write(
          current,
          edit -> {
            edit.put64(XfsDsb.ICOUNT, counters.icount());
            edit.put64(XfsDsb.IFREE, counters.ifree());
            edit.put64(XfsDsb.FDBLOCKS, counters.fdblocks());
            if (attributes) {
              edit.put16(XfsDsb.VERSIONNUM, edit.u16(XfsDsb.VERSIONNUM) | VERSION_ATTR);
            }
            edit.put32(
                XfsDsb.FEATURES_INCOMPAT,
                edit.i32(XfsDsb.FEATURES_INCOMPAT) & ~XfsSb.INCOMPAT_NEEDSREPAIR);
          });
      marked = false;
      return 0;
    } catch (ErrnoException e) {
      return -e.errno();
    }
  }

  /** Writes a change. If that fails it is taken back, so that no later write-back stores it. */
  private void write(Task current, Change change) throws ErrnoException {
    Buf buf = bufs.read(current, 0, sb.sectSize, ops, () -> "superblock");
    try {
      byte[] before = buf.data().copy(0, sb.sectSize);
      try {
        store(current, buf, change);
        int result = bufs.cache().bdev().flushAndWait(current);
        if (result != 0) {
          throw new ErrnoException(-result, "the superblock could not be written");
        }
      } catch (ErrnoException e) {
        publish(current, buf, edit -> edit.put(0, before));
        throw e;
      }
    } finally {
      buf.release();
    }
  }

  private static void store(Task current, Buf buf, Change change) throws ErrnoException {
    publish(current, buf, change);
    buf.lock(current);
    try {
      buf.write(current);
    } finally {
      buf.unlock();
    }
  }

  private static void publish(Task current, Buf buf, Change change) throws ErrnoException {
    buf.lock(current);
    try {
      change.apply(buf.edit());
      buf.markDirty();
    } finally {
      buf.unlock();
    }
  }
}
