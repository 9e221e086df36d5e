// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.log;

import io.pollux.block.buffer.BufCache;
import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsAgf;
import io.pollux.xfs.format.XfsAgi;
import io.pollux.xfs.format.XfsDsb;
import io.pollux.xfs.format.XfsError;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.format.XfsVerify;
import java.util.List;

/**
 * Recovers a filesystem from its log before it is mounted.
 *
 * <ol>
 *   <li>{@link #replay} changes the blocks of the disk.
 *   <li>{@link #open} prepares the log for new records.
 *   <li>The mount finishes {@link #intents} in one checkpoint. Until it is durable, recovery begins
 *       where this one did.
 * </ol>
 *
 * <p>After an error the next recovery begins again.
 */
@LinuxSource(
    file = "fs/xfs/xfs_log_recover.c",
    name = {"xlog_do_recover", "xlog_recover_finish"})
public final class XlogRecovery {
  /** Incompatible features of the log that are known: changes of attributes by name. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "XFS_SB_FEAT_INCOMPAT_LOG_ALL")
  private static final int KNOWN_LOG_INCOMPAT = 1;

  private final Task current;
  private final BufCache target;
  private final XlogTypes types;
  private final XlogDevice device;
  private final XlogHead head;
  private List<XlogIntent> intents = List.of();

  private XlogRecovery(
      Task current, BufCache target, XlogTypes types, XlogDevice device, XlogHead head) {
    this.current = current;
    this.target = target;
    this.types = types;
    this.device = device;
    this.head = head;
  }

  /**
   * Finds the head and the tail. From process context; sleeps.
   *
   * @param current the calling task
   * @param target the device; blocks that the replay changes leave no buffers in it
   * @param types the types of blocks
   * @return the recovery, which has done nothing
   * @throws ErrnoException EUCLEAN if the log is damaged, EROFS if it is dirty and the device can't
   *     be written, EINVAL if the log has unknown features, or the device's error
   */
  @LinuxSource(file = "fs/xfs/xfs_log_recover.c", name = "xlog_recover")
  public static XlogRecovery find(Task current, BufCache target, XlogTypes types)
      throws ErrnoException {
    XlogDevice device = new XlogDevice(target, types.sb());
    XlogHead head = XlogFind.find(current, device);
    if (!head.clean()) {
      if (target.bdev().readOnly()) {
        throw XlogFind.dirty(target.bdev().name() + " can't be written to");
      }
      int unknown = types.sb().logIncompat() & ~KNOWN_LOG_INCOMPAT;
      if (unknown != 0) {
        throw new ErrnoException(
            Errno.EINVAL,
            "the log is dirty and has features that are not known here (log_incompat bits 0x"
                + Integer.toHexString(unknown)
                + ")");
      }
    }
    return new XlogRecovery(current, target, types, device, head);
  }

  /** {@return whether there is nothing to do} */
  public boolean clean() {
    return head.clean();
  }

  /** {@return the head and the tail} */
  public XlogHead head() {
    return head;
  }

  /** {@return the intents without a done item, in the order of the log; after {@link #replay}} */
  public List<XlogIntent> intents() {
    return intents;
  }

  /**
   * Applies all transactions, and then counts the free space and the inodes. All is durable when
   * this returns. The superblock has to be read again. From process context; sleeps.
   *
   * @throws ErrnoException EUCLEAN if the log or a block is damaged, EOPNOTSUPP if the log has
   *     items that are not supported, or the device's error
   */
  public void replay() throws ErrnoException {
    ReplayBuffers buffers = new ReplayBuffers(current, target);
    XlogReplay replay = new XlogReplay(buffers, types);
    XlogReader reader = new XlogReader(current, device);
    reader.pass(head.tailBlock(), head.block(), new XlogTransactions(replay::first));
    intents = replay.intents();
    reader.pass(head.tailBlock(), head.block(), new XlogTransactions(replay::second));
    buffers.writeAll();
    flush();
    XfsSb sb = replay.sb();
    count(sb, buffers);
    buffers.writeAll();
    flush();
  }

  /**
   * Opens the log for writing. After {@link #replay}, if the log was dirty: recovery does not read
   * it again, except for intents, until the first checkpoint. From process context; sleeps.
   *
   * @return the log, whose next record goes to the head
   * @throws ErrnoException the device's error
   */
  public Xlog open() throws ErrnoException {
    if (!head.clean()) {
      new XlogTailWriter(current, device).clearStale(head, head.tailBlock());
      flush();
    }
    return new Xlog(device, head, !intents.isEmpty());
  }

  private void flush() throws ErrnoException {
    int result = target.bdev().flushAndWait(current);
    if (result != 0) {
      throw new ErrnoException(-result, "log: the recovery could not be made durable");
    }
  }

  /** Counts what the groups have, into the superblock. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_ag.c", name = "xfs_initialize_perag_data")
  private void count(XfsSb sb, ReplayBuffers buffers) throws ErrnoException {
    long free = 0;
    long inodes = 0;
    long freeInodes = 0;
    for (long agno = 0; agno < sb.agCount; agno++) {
      BufData agf = header(sb, agno, 1, XfsAgf.MAGIC, XfsAgf.CRC);
      BufData agi = header(sb, agno, 2, XfsAgi.MAGIC, XfsAgi.CRC);
      free += agf.u32(XfsAgf.FREEBLKS) + agf.u32(XfsAgf.FLCOUNT) + agf.u32(XfsAgf.BTREEBLKS);
      inodes += agi.u32(XfsAgi.COUNT);
      freeInodes += agi.u32(XfsAgi.FREECOUNT);
    }
    if (free > sb.dblocks || freeInodes > inodes) {
      throw XfsError.corrupt("the groups have more free space than there is; run xfs_repair");
    }
    ReplayBuffers.Block block = buffers.read(0, sb.sectSize);
    block.data.put64(XfsDsb.ICOUNT, inodes);
    block.data.put64(XfsDsb.IFREE, freeInodes);
    block.data.put64(XfsDsb.FDBLOCKS, free);
    XfsVerify.updateCrc(block.data, 0, sb.sectSize, XfsDsb.CRC);
    block.changed = true;
  }

  private BufData header(XfsSb sb, long agno, int sector, int magic, int crc)
      throws ErrnoException {
    String what = "group " + agno + ", header " + sector;
    BufData data = target.readUncached(current, sb.agHeader(agno, sector), sb.sectSize, what);
    XfsVerify.checkCrc(data, crc);
    if (data.i32(0) != magic) {
      throw data.corrupt("not the header of this group");
    }
    return data;
  }
}
