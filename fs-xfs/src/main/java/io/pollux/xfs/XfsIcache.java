// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.buffer.Buf;
import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsError;
import io.pollux.xfs.format.XfsSb;
import java.lang.ref.Reference;
import java.lang.ref.ReferenceQueue;
import java.lang.ref.WeakReference;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;

/**
 * The inodes in memory, by number. An inode is here as long as it is referenced elsewhere, so the
 * cache is as large as the set in use. There are never two objects for one number. A dropped inode
 * is decoded again from the buffer cache.
 */
@LinuxSource(file = "fs/xfs/xfs_icache.c")
final class XfsIcache {
  private static final class Entry extends WeakReference<XfsInode> {
    final Long ino;

    Entry(Long ino, XfsInode inode, ReferenceQueue<XfsInode> queue) {
      super(inode, queue);
      this.ino = ino;
    }
  }

  private final XfsMount mp;
  private final ConcurrentMap<Long, Entry> inodes = new ConcurrentHashMap<>();
  private final ReferenceQueue<XfsInode> gone = new ReferenceQueue<>();

  XfsIcache(XfsMount mp) {
    this.mp = mp;
  }

  /**
   * Returns an inode. From process context.
   *
   * @param current the calling task
   * @param ino its number; may be any value
   * @return the inode
   * @throws ErrnoException EUCLEAN if there is no such inode or it is damaged, or the device's
   *     error
   */
  @LinuxSource(file = "fs/xfs/xfs_icache.c", name = "xfs_iget")
  XfsInode iget(Task current, long ino) throws ErrnoException {
    Long key = ino;
    Entry entry = inodes.get(key);
    XfsInode there = entry == null ? null : entry.get();
    if (there != null) {
      return there;
    }
    Buf block = readBlock(current, ino);
    try {
      // keeps its inodes from being written until this one can be found by number
      block.lock(current);
      try {
        return insert(key, decode(ino, block.data()));
      } finally {
        block.unlock();
      }
    } finally {
      block.release();
    }
  }

  /** Inserts an inode unless the number has one. Returns the inode in the cache. */
  private XfsInode insert(Long key, XfsInode made) {
    for (Reference<? extends XfsInode> lost = gone.poll(); lost != null; lost = gone.poll()) {
      Entry entry = (Entry) lost;
      inodes.remove(entry.ino, entry);
    }
    Entry fresh = new Entry(key, made, gone);
    while (true) { // terminates: an entry in the way has an inode, or is removed
      Entry before = inodes.putIfAbsent(key, fresh);
      if (before == null) {
        return made;
      }
      XfsInode there = before.get();
      if (there != null) {
        return there;
      }
      inodes.remove(key, before);
    }
  }

  /** Forgets an inode, whose number may be used again. From any context. */
  void remove(XfsInode ip) {
    Entry entry = inodes.get(ip.ino());
    if (entry != null && entry.refersTo(ip)) {
      inodes.remove(ip.ino(), entry);
    }
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_ialloc.c", name = "xfs_imap")
  private Buf readBlock(Task current, long ino) throws ErrnoException {
    XfsSb sb = mp.sb();
    if (!sb.inoValid(ino)) {
      throw XfsError.corrupt("inode " + Long.toUnsignedString(ino) + ": outside the filesystem");
    }
    long fsb = sb.inoToFsb(ino);
    mp.perag().check(current, sb.agno(fsb));
    return mp.readBlocks(current, fsb, 1, mp.verifiers().inode(), () -> "inode " + ino);
  }

  private XfsInode decode(long ino, BufData block) throws ErrnoException {
    XfsSb sb = mp.sb();
    return XfsInodeBuf.decode(
        mp, ino, block.slice(sb.inoToOffset(ino), sb.inodeSize, "inode " + ino));
  }

  /**
   * Writes back the pages of every file. An inode with pages is always in this cache. From process
   * context. Returns 0 or the first error, which is also kept for fsync.
   */
  @LinuxSource(file = "fs/sync.c", name = "sync_inodes_sb")
  int writeBack(Task current) {
    int result = 0;
    for (Entry entry : inodes.values()) {
      XfsInode inode = entry.get();
      int status = inode == null ? 0 : inode.mapping().writeBack(current, 0, Long.MAX_VALUE);
      result = result == 0 ? status : result;
    }
    return result;
  }

  /**
   * Drops all inodes and their cached pages. An inode with cached pages is always in this cache.
   * Returns 0, or a write-back error that no open file has reported.
   */
  @LinuxSource(file = "fs/inode.c", name = "evict_inodes")
  int drop() {
    int unseen = 0;
    for (Entry entry : inodes.values()) {
      XfsInode inode = entry.get();
      if (inode != null) {
        int error = inode.mapping().takeUnseenError();
        unseen = unseen == 0 ? error : unseen;
        inode.mapping().invalidateAll();
      }
    }
    inodes.clear();
    return unseen;
  }
}
