// SPDX-License-Identifier: GPL-2.0-only
package example.flatfs;

import static example.flatfs.FlatFs.BLOCK;

import io.pollux.core.ErrnoException;
import io.pollux.core.filemap.Mapping;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.FileOperations;
import io.pollux.core.vfs.Iattr;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Kiocb;
import io.pollux.iomap.InodeDioWait;
import io.pollux.iomap.Iomap;
import io.pollux.iomap.IomapBuffered;
import io.pollux.iomap.IomapDioEnd;
import io.pollux.iomap.IomapOps;
import io.pollux.iomap.IomapPages;
import io.pollux.iomap.IomapWritebackOps;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Stat;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/** A file: its extents, and the operations on them that iomap calls. */
final class FlatFile extends Inode implements IomapOps, IomapWritebackOps, IomapDioEnd {
  /** The largest size of a file. */
  static final long MOST = 1L << 50;

  private static final long UNWRITTEN = 1; // in the length of an extent

  /** Offset, length and address of each extent, in order. A change replaces the array. */
  volatile long[] extents = {};

  volatile long size;
  volatile long mtime;
  volatile int uid;
  volatile int gid;
  volatile String name = ""; // empty: the inode is free
  volatile boolean dirty;
  volatile boolean busy; // without a name, and open or not written yet
  volatile boolean evicted; // without a user, too
  long seq;
  private final FlatSuper sb;
  private final Mapping mapping;
  private List<long[]> freed = new ArrayList<>(); // blocks that the inode on the disk still has

  FlatFile(FlatSuper sb, int ino, int mode) {
    super(sb, ino + 2, mode);
    this.sb = sb;
    mapping = new Mapping(sb.bdev.pageCache(), new IomapPages(this, this, this));
  }

  void touch() {
    mtime = System.currentTimeMillis();
    dirty = true;
  }

  // Extents. A change holds the monitor of the file; a reader takes the array without it.

  /** Returns the index of the last extent that begins at or before a position; -3 if none does. */
  private static int find(long[] all, long pos) {
    int low = 0;
    int high = all.length / 3;
    while (low < high) {
      int middle = (low + high) >>> 1;
      if (all[3 * middle] <= pos) {
        low = middle + 1;
      } else {
        high = middle;
      }
    }
    return 3 * (low - 1);
  }

  private static long end(long[] all, int i) {
    return all[i] + (all[i + 1] & -BLOCK);
  }

  @Override
  public int iomapBegin(Task current, Inode inode, long pos, long length, int flags, Iomap iomap) {
    long[] all = extents;
    int i = find(all, pos);
    if (i >= 0 && pos < end(all, i)) {
      map(all, i, iomap);
      return 0;
    }
    long next = i + 3 < all.length ? all[i + 3] : Long.MAX_VALUE;
    if ((flags & IOMAP_WRITE) == 0) {
      iomap.setHole(pos, next - pos);
      return 0;
    }
    return allocate(pos, length, iomap);
  }

  private void map(long[] all, int i, Iomap iomap) {
    boolean unwritten = (all[i + 1] & UNWRITTEN) != 0;
    iomap.setMapped(unwritten, all[i], all[i + 1] & -BLOCK, all[i + 2], sb.bdev);
    iomap.setFlags(dirty ? Iomap.IOMAP_F_DIRTY : 0);
  }

  /** Allocates unwritten blocks in a hole, from a position on. Returns 0 or -ENOSPC. */
  private synchronized int allocate(long pos, long length, Iomap iomap) {
    long[] all = extents;
    int i = find(all, pos);
    if (i < 0 || pos >= end(all, i)) { // else another writer has allocated it
      long start = pos & -BLOCK;
      long most = i + 3 < all.length ? all[i + 3] - start : Long.MAX_VALUE - BLOCK;
      long wanted = Math.min((pos - start + length + BLOCK - 1) & -BLOCK, most);
      long[] got = all.length + 9 > FlatSuper.MAX_LONGS ? null : sb.allocate(wanted);
      if (got == null) {
        return -Errno.ENOSPC;
      }
      i += 3;
      List<long[]> list = list();
      list.add(i / 3, new long[] {start, got[1] | UNWRITTEN, got[0]});
      set(list);
      all = extents;
      i = find(all, pos);
    }
    map(all, i, iomap);
    return 0;
  }

  private List<long[]> list() {
    List<long[]> list = new ArrayList<>();
    for (int i = 0; i < extents.length; i += 3) {
      list.add(Arrays.copyOfRange(extents, i, i + 3));
    }
    return list;
  }

  /** Replaces the extents, and merges adjacent ones. */
  private void set(List<long[]> list) {
    List<long[]> joined = new ArrayList<>();
    for (long[] each : list) {
      long[] last = joined.isEmpty() ? new long[3] : joined.getLast();
      long bytes = last[1] & -BLOCK;
      boolean same = ((last[1] ^ each[1]) & UNWRITTEN) == 0 && bytes > 0;
      if (same && each[0] == last[0] + bytes && each[2] == last[2] + bytes) {
        last[1] += each[1] & -BLOCK;
      } else {
        joined.add(each.clone());
      }
    }
    extents = joined.stream().flatMapToLong(Arrays::stream).toArray();
    dirty = true;
  }

  /** Converts the unwritten blocks of a range. Returns 0, or -ENOSPC for too many extents. */
  private synchronized int convert(long from, long to) {
    List<long[]> list = new ArrayList<>();
    for (long[] each : list()) {
      long bytes = each[1] & -BLOCK;
      long start = Math.clamp(from & -BLOCK, each[0], each[0] + bytes);
      long stop = Math.clamp((to + BLOCK - 1) & -BLOCK, each[0], each[0] + bytes);
      if ((each[1] & UNWRITTEN) == 0 || start >= stop) {
        list.add(each);
        continue;
      }
      add(list, each, each[0], start, UNWRITTEN);
      add(list, each, start, stop, 0);
      add(list, each, stop, each[0] + bytes, UNWRITTEN);
    }
    if (3 * list.size() > FlatSuper.MAX_LONGS) {
      return -Errno.ENOSPC;
    }
    set(list);
    return 0;
  }

  private static void add(List<long[]> list, long[] of, long from, long to, long flag) {
    if (from < to) {
      list.add(new long[] {from, (to - from) | flag, of[2] + from - of[0]});
    }
  }

  /** Drops the extents from a position on. Their blocks become free when the inode is written. */
  private synchronized void cut(long from) {
    List<long[]> kept = new ArrayList<>();
    for (long[] each : list()) {
      long bytes = each[1] & -BLOCK;
      long at = Math.clamp(from, each[0], each[0] + bytes);
      add(kept, each, each[0], at, each[1] & UNWRITTEN);
      if (at < each[0] + bytes) {
        freed.add(new long[] {each[2] + at - each[0], each[0] + bytes - at});
      }
    }
    set(kept);
  }

  /** Frees the inode: no name, no size, no extents. */
  void clear() {
    name = "";
    size = 0;
    cut(0);
  }

  /** Encodes the file. Returns the blocks to free once the encoded inode is durable. */
  synchronized List<long[]> encode(Consumer<FlatFile> encoder) {
    encoder.accept(this);
    List<long[]> now = freed;
    freed = new ArrayList<>();
    return now;
  }

  /** Takes back blocks to free, because the write of the inode failed. */
  synchronized void keep(List<long[]> blocks) {
    freed.addAll(blocks);
    dirty = true;
  }

  // Completion of direct writes, and write-back.

  @Override
  public int endIo(@Nullable Task current, Kiocb iocb, long bytes, int error, int flags) {
    if (error != 0) {
      return 0;
    }
    long end = iocb.kiPos + bytes;
    int result = (flags & IOMAP_DIO_UNWRITTEN) != 0 ? convert(iocb.kiPos, end) : 0;
    if (result == 0 && end > size) {
      iSizeWrite(end);
    }
    return result;
  }

  @Override
  public boolean sleeps(Kiocb iocb, long bytes, int error, int flags) {
    return false; // endIo only changes memory; fsync writes the inode
  }

  @Override
  public int mapBlocks(Task current, Inode inode, long pos, long length, Iomap iomap) {
    return iomapBegin(current, inode, pos, length, 0, iomap);
  }

  @Override
  public int endIoend(
      Task current, Inode inode, long pos, long length, boolean unwritten, int error) {
    return unwritten && error == 0 ? convert(pos, pos + length) : 0;
  }

  // The inode.

  @Override
  public synchronized void iSizeWrite(long bytes) {
    size = bytes;
    dirty = true;
  }

  @Override
  public void setattr(Task current, Iattr attr) throws ErrnoException {
    if (attr.has(Iattr.ATTR_SIZE)) {
      resize(current, attr.size());
    }
    uid = attr.has(Iattr.ATTR_UID) ? attr.uid() : uid;
    gid = attr.has(Iattr.ATTR_GID) ? attr.gid() : gid;
    if (attr.has(Iattr.ATTR_MODE)) {
      setMode(attr.mode());
    }
    if (attr.has(Iattr.ATTR_MTIME) && attr.has(Iattr.ATTR_MTIME_SET)) {
      mtime = attr.mtime().seconds() * 1000 + attr.mtime().nanos() / 1_000_000;
    } else if (attr.has(Iattr.ATTR_MTIME)) {
      mtime = System.currentTimeMillis();
    }
    dirty = true;
  }

  /** Sets the size, with iRwsem held exclusively. */
  private void resize(Task current, long bytes) throws ErrnoException {
    if (bytes > MOST) {
      throw new ErrnoException(Errno.EFBIG);
    }
    InodeDioWait.awaitNone(current, this, sb.bdev, false);
    if (bytes < size) {
      sb.check(IomapBuffered.truncatePage(current, this, bytes, this));
      size = bytes;
      mapping.truncateRange(current, bytes, Long.MAX_VALUE);
      cut((bytes + BLOCK - 1) & -BLOCK);
    }
    size = bytes; // the old last block is zero after the old end
    touch();
  }

  @Override
  public long size() {
    return size;
  }

  @Override
  public int uid() {
    return uid;
  }

  @Override
  public int gid() {
    return gid;
  }

  @Override
  protected int nlink() {
    return name.isEmpty() ? 0 : 1;
  }

  @Override
  public Mapping mapping() {
    return mapping;
  }

  @Override
  public FileOperations fop() {
    return FlatFileOperations.INSTANCE;
  }

  @Override
  protected void getattr(Task current, long stat) {
    Stat.stBlksize(stat, BLOCK);
    Stat.stMtime(stat, Math.floorDiv(mtime, 1000L));
    Stat.stMtimeNsec(stat, Math.floorMod(mtime, 1000L) * 1_000_000);
  }
}
