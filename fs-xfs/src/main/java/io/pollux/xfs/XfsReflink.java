// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.core.ErrnoException;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Attr;
import io.pollux.core.vfs.FileOperations;
import io.pollux.iomap.InodeDioWait;
import io.pollux.uapi.Differs;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.ag.XfsAlloc.Extent;
import io.pollux.xfs.ag.XfsOwner;
import io.pollux.xfs.ag.XfsRefcountTree.Reach;
import io.pollux.xfs.format.XfsDinode;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.trans.XfsTrans;
import java.util.List;

/** Files that share blocks: clones share them, and writes get copies of their own. */
@LinuxSource(file = "fs/xfs/xfs_reflink.c")
final class XfsReflink {
  /** Bytes that each call of unshare covers at least. */
  static final long STEP = 512 << 10;

  /** The most bytes that one call copies. */
  private static final int MAX_COPY = 1 << 20;

  /** The most runs that one transaction copies, and records of counts that a run changes. */
  private static final int MOST_COPIES = 16;

  private XfsReflink() {}

  /**
   * Gives a file its own copy of the blocks at a position, as far as they are shared. With iRwsem;
   * sleeps.
   *
   * @param current the calling task
   * @param ip the file
   * @param pos the first byte, in a mapped extent
   * @param extent bytes up to the end of the extent
   * @param length bytes to be written
   * @return 0 or a negative errno
   */
  @Differs(
      kind = Differs.Kind.SIMPLER,
      why =
          "A write to shared blocks first copies them, and then writes to the copies. Linux writes"
              + " to new blocks, which replace the shared ones when the write has completed.",
      test = "XfsReflinkTest#aWriteToSharedBlocksLeavesTheOtherFileAsItWas")
  @LinuxSource(
      file = "fs/xfs/xfs_reflink.c",
      name = {"xfs_reflink_allocate_cow", "xfs_reflink_end_cow"})
  static int unshare(Task current, XfsInode ip, long pos, long extent, long length) {
    XfsSb sb = ip.mp().sb();
    long first = pos >> sb.blockLog;
    long end = unsharedEnd(ip, pos, extent, length) >> sb.blockLog;
    if (ip.mp().available() < end - first) {
      return -Errno.ENOSPC;
    }
    try (XfsTrans tp = ip.mp().trans().begin(current, 0)) {
      XfsForkEdit fork = XfsInodeEdit.of(tp, ip).data();
      long at = first;
      for (int turn = 1; at < end; turn++) { // each passes a part of an extent or a hole
        at = unshareOne(fork, at, end);
        if (turn % MOST_COPIES == 0 && at < end && fork.changed() != null) {
          tp.roll(); // each copy is on the device
          fork = XfsInodeEdit.of(tp, ip).data();
        }
      }
      if (fork.changed() != null) { // else nothing was shared
        tp.commit();
      }
      return 0;
    } catch (ErrnoException e) {
      return -ip.mp().failed(current, e).errno();
    }
  }

  /** The byte behind the range that a call of {@link #unshare} checks and copies. */
  static long unsharedEnd(XfsInode ip, long pos, long extent, long length) {
    XfsSb sb = ip.mp().sb();
    long bytes = Math.min(Math.min(extent, length), MAX_COPY - sb.blockSize);
    return XfsIomapWrite.blocksTo(sb, pos + bytes) << sb.blockLog;
  }

  /** Copies the first shared run of a range. Returns the block behind it, or the end. */
  private static long unshareOne(XfsForkEdit fork, long off, long end) throws ErrnoException {
    XfsExtentMap map = fork.map();
    int index = map.find(off);
    if (index == XfsExtentMap.NONE || off >= map.endOff(index)) {
      return index + 1 < map.count() ? Math.min(end, map.startOff(index + 1)) : end;
    }
    XfsExtentMap.Rec rec = map.get(index).clip(off, Math.min(end, map.endOff(index)));
    if (rec.unwritten()) {
      return rec.endOff();
    }
    XfsMount mp = fork.inode().mp();
    Extent shared = mp.refcounts().findShared(fork.tp(), rec.startBlock(), rec.blockCount());
    if (shared == null) {
      return rec.endOff();
    }
    long from = off + shared.fsb() - rec.startBlock();
    long most = mp.refcounts().reach(fork.tp(), shared.fsb(), shared.len(), MOST_COPIES).blocks();
    Extent made = mp.alloc().allocate(fork.tp(), shared.fsb(), 1, most, XfsOwner.SKIP);
    fork.tp().awaitFreed(made.fsb(), made.len());
    copy(fork.tp().current(), mp, shared.fsb(), made.fsb(), made.len());
    XfsBmapi.remap(fork, from, made.len(), made.fsb());
    return from + made.len();
  }

  private static void copy(Task current, XfsMount mp, long from, long to, long blocks)
      throws ErrnoException {
    XfsSb sb = mp.sb();
    BlockDevice bdev = mp.bdev();
    int bytes = Math.toIntExact(blocks << sb.blockLog);
    int mapped = bytes + HostMemory.PAGE_SIZE - 1 & -HostMemory.PAGE_SIZE;
    long memory = HostMemory.map(mapped);
    try {
      transfer(bdev, current, sb.fsbToByte(from), memory, bytes, BlkTypes.REQ_OP_READ);
      transfer(bdev, current, sb.fsbToByte(to), memory, bytes, BlkTypes.REQ_OP_WRITE);
    } finally {
      HostMemory.unmap(memory, mapped);
    }
  }

  private static void transfer(
      BlockDevice bdev, Task current, long position, long memory, int bytes, int op)
      throws ErrnoException {
    int result = bdev.transferAndWait(current, position, memory, bytes, op);
    if (result != 0) {
      throw new ErrnoException(-result);
    }
  }

  /**
   * Implements FICLONERANGE and FIDEDUPERANGE: lets a file share blocks of another one. The VFS
   * holds both locks and has checked the ranges.
   *
   * @param current the calling task
   * @param from the file
   * @param pos its first byte
   * @param to the file that gets the blocks
   * @param toPos its first byte
   * @param length bytes
   * @param flags FileOperations.REMAP_FILE_DEDUP or 0
   * @return 0 or a negative errno
   */
  @LinuxSource(
      file = "fs/xfs/xfs_reflink.c",
      name = {"xfs_reflink_remap_range", "xfs_reflink_remap_prep"})
  static int remapRange(
      Task current, XfsInode from, long pos, XfsInode to, long toPos, long length, int flags) {
    XfsMount mp = to.mp();
    XfsSb sb = mp.sb();
    if (!sb.reflink) {
      return -Errno.EOPNOTSUPP;
    }
    if (mp.readOnly()) {
      return -Errno.EROFS;
    }
    if (toPos > to.maxBytes() - length) {
      return -Errno.EFBIG;
    }
    long blocks = XfsIomapWrite.blocksTo(sb, length);
    long end = toPos + (blocks << sb.blockLog);
    try {
      check(InodeDioWait.awaitNone(current, from, mp.bdev(), false));
      check(InodeDioWait.awaitNone(current, to, mp.bdev(), false));
      if (toPos > to.size()) {
        check(XfsSetattr.zeroGap(current, to, to.size(), toPos));
      }
      check(from.mapping().writeAndWaitRange(current, pos, pos + length - 1));
      check(to.mapping().writeAndWaitRange(current, toPos, Long.MAX_VALUE));
      boolean dedupe = (flags & FileOperations.REMAP_FILE_DEDUP) != 0;
      if (dedupe && !XfsCompare.equal(current, from, pos, to, toPos, length)) {
        return -Errno.EBADE;
      }
      to.mapping().truncateRange(current, toPos, end - 1);
      int privs = dedupe ? 0 : Attr.removedPrivs(current, to);
      if (privs != 0) {
        check(XfsSetattr.removePrivs(current, to, privs));
      }
      long first = pos >> sb.blockLog;
      long size = dedupe ? 0 : toPos + length;
      share(current, from, first, to, toPos >> sb.blockLog, blocks, size);
      return 0;
    } catch (ErrnoException e) {
      return -mp.failed(current, e).errno();
    }
  }

  private static void check(int result) throws ErrnoException {
    if (result != 0) {
      throw new ErrnoException(-result);
    }
  }

  /**
   * Shares a range of a file's blocks with another file. Both have iRwsem held exclusively, their
   * pages are clean, and no direct I/O is in flight. Offsets and lengths are blocks.
   *
   * @param current the calling task
   * @param from the file
   * @param off its first block
   * @param to the other file, or the same with a range that does not overlap
   * @param toOff its first block
   * @param count blocks
   * @param size the other file's size afterwards, unless it is larger; 0 if its content stays
   */
  @LinuxSource(
      file = "fs/xfs/xfs_reflink.c",
      name = {"xfs_reflink_remap_blocks", "xfs_reflink_remap_extent"})
  static void share(
      Task current, XfsInode from, long off, XfsInode to, long toOff, long count, long size)
      throws ErrnoException {
    mark(current, from, to);
    long done = 0;
    while (done < count) { // each turn advances by at least a block
      if (to.mp().available() == 0) { // the trees may grow
        throw new ErrnoException(Errno.ENOSPC);
      }
      try (XfsTrans tp = to.mp().trans().begin(current, 0)) {
        XfsForkEdit source = XfsInodeEdit.of(tp, from).data();
        XfsForkEdit target = XfsInodeEdit.of(tp, to).data();
        long run = shareOne(source, off + done, target, toOff + done, count - done);
        XfsInodeEdit edit = target.inode();
        if (done + run == count && size > edit.size()) {
          edit.setSize(size);
        }
        if (size != 0) {
          edit.touch();
        }
        tp.commit();
        done += run;
      }
    }
    to.growSize(size);
  }

  /**
   * Frees the space that Linux has set aside for copies on write that it did not finish. After the
   * recovery of a log, from process context. No task uses that space then.
   *
   * @param current the calling task
   * @param mp the filesystem
   * @throws ErrnoException damage, or the device's error
   */
  @LinuxSource(file = "fs/xfs/xfs_reflink.c", name = "xfs_reflink_recover_cow")
  static void recoverCow(Task current, XfsMount mp) throws ErrnoException {
    long groups = mp.sb().reflink ? mp.sb().agCount : 0;
    for (long agno = 0; agno < groups; agno++) {
      boolean more = true;
      while (more) { // each turn takes records out of the tree
        more = recoverSome(current, mp, agno);
      }
    }
  }

  private static boolean recoverSome(Task current, XfsMount mp, long agno) throws ErrnoException {
    try (XfsTrans tp = mp.trans().begin(current, 0)) {
      List<Extent> left = mp.refcounts().leftovers(tp, agno);
      for (Extent each : left) {
        mp.refcounts().takeBack(tp, each.fsb(), each.len());
        mp.alloc().free(tp, each.fsb(), each.len(), XfsOwner.COW);
        tp.roll();
      }
      if (!left.isEmpty()) {
        tp.commit();
      }
      return !left.isEmpty();
    }
  }

  /** Sets the flag that both may share blocks. */
  @LinuxSource(file = "fs/xfs/xfs_reflink.c", name = "xfs_reflink_set_inode_flag")
  private static void mark(Task current, XfsInode from, XfsInode to) throws ErrnoException {
    try (XfsTrans tp = from.mp().trans().begin(current, 0)) {
      for (XfsInode ip : new XfsInode[] {from, to}) {
        XfsInodeEdit edit = XfsInodeEdit.of(tp, ip);
        edit.put64(XfsDinode.FLAGS2, edit.flags2() | XfsDinode.DIFLAG2_REFLINK);
      }
      tp.commit();
    }
  }

  /** Returns how many blocks of a range one transaction replaces by shared ones or by a hole. */
  private static long replaceable(XfsForkEdit fork, long off, long count) throws ErrnoException {
    XfsExtentMap map = fork.map();
    int found = map.find(off);
    int index = found == XfsExtentMap.NONE || off >= map.endOff(found) ? found + 1 : found;
    int left = XfsBmapi.MOST;
    while (index < map.count()
        && map.startOff(index) < off + count) { // each turn uses some of left
      if (left <= 0) {
        return map.startOff(index) - off;
      }
      long from = Math.max(off, map.startOff(index));
      long length = Math.min(off + count, map.endOff(index)) - from;
      long fsb = map.startBlock(index) + from - map.startOff(index);
      Reach reach = fork.inode().mp().refcounts().reach(fork.tp(), fsb, length, left);
      if (reach.blocks() < length) {
        return from + reach.blocks() - off;
      }
      left -= reach.records();
      index++;
    }
    return count;
  }

  /** Shares what one extent has. Returns blocks. */
  private static long shareOne(
      XfsForkEdit source, long off, XfsForkEdit target, long toOff, long most)
      throws ErrnoException {
    XfsExtentMap map = source.map();
    int index = map.find(off);
    // unwritten blocks read as zeroes, as a hole does, which the other file gets
    boolean mapped = index != XfsExtentMap.NONE && off < map.endOff(index);
    long next =
        mapped
            ? map.endOff(index)
            : index + 1 < map.count() ? map.startOff(index + 1) : Long.MAX_VALUE;
    long run = Math.min(most, next - off);
    run = Math.min(run, XfsExtentMap.MAX_EXTLEN);
    run = replaceable(target, toOff, run);
    XfsMount mp = source.inode().mp();
    boolean shares = mapped && !map.unwritten(index);
    long fsb = shares ? map.startBlock(index) + off - map.startOff(index) : 0;
    if (shares) {
      run = mp.refcounts().reach(source.tp(), fsb, run, XfsBmapi.MOST).blocks();
    }
    XfsBmapi.unmapAll(target, toOff, run);
    if (shares) {
      mp.refcounts().increase(source.tp(), fsb, run);
      XfsBmapi.add(target, toOff, fsb, run);
    }
    return run;
  }
}
