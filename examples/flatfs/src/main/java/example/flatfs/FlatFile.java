// SPDX-License-Identifier: GPL-2.0-only
package example.flatfs;

import static example.flatfs.FlatSuper.BLOCK;

import io.pollux.core.sched.Cred;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.Inode;
import io.pollux.iomap.Iomap;
import io.pollux.iomap.IomapInode;
import io.pollux.uapi.Errno;
import io.pollux.uapi.StatMode;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.BitSet;

/** A file: the map of its blocks, and its attributes. */
final class FlatFile extends IomapInode {
  static final long MAX_BYTES = 16L << 30;
  private static final int UNWRITTEN = 1 << 31;
  private static final int MAX_BLOCKS = (int) (MAX_BYTES / BLOCK);
  private static final int HEADROOM = 4096; // extents that write-back may split off

  volatile String name = ""; // empty: the inode is free
  volatile boolean dirty;
  volatile boolean writing; // a version without later changes is being written
  volatile boolean busy; // without a name, and open or not written yet
  volatile boolean evicted; // without a user, too
  long seq;
  private final FlatSuper sb;

  /**
   * The block on the disk for each block of the file, perhaps with UNWRITTEN; 0 is a hole. Changes
   * are made under the monitor; readers take no lock.
   */
  private volatile int[] map = {};

  private int extents; // in the map
  private volatile int allocated; // blocks
  private BitSet freed = new BitSet(); // blocks that only the inode on disk has

  FlatFile(FlatSuper sb, int ino, int mode) {
    super(sb, sb.bdev, ino + 2, mode);
    this.sb = sb;
  }

  private static int get(int[] map, int i) {
    return i < map.length ? map[i] : 0;
  }

  /** Whether block i continues the extent, or the hole, of the block before it. */
  private static boolean continues(int[] map, int i) {
    return i > 0 && get(map, i) == (get(map, i - 1) == 0 ? 0 : get(map, i - 1) + 1);
  }

  private static boolean begins(int[] map, int i) {
    return get(map, i) != 0 && !continues(map, i);
  }

  private void put(int i, int block) {
    int before = (begins(map, i) ? 1 : 0) + (begins(map, i + 1) ? 1 : 0);
    allocated += (block != 0 ? 1 : 0) - (map[i] != 0 ? 1 : 0);
    map[i] = block;
    extents += (begins(map, i) ? 1 : 0) + (begins(map, i + 1) ? 1 : 0) - before;
  }

  @Override
  public int iomapBegin(Task current, Inode inode, long pos, long length, int flags, Iomap iomap) {
    if (pos >= MAX_BYTES) {
      iomap.setHole(pos, length);
      return 0;
    }
    int first = (int) (pos / BLOCK);
    int end = (int) Math.min((pos + length - 1) / BLOCK + 1, MAX_BLOCKS);
    if ((flags & IOMAP_WRITE) != 0 && get(map, first) == 0 && !allocate(first, end)) {
      return -Errno.ENOSPC;
    }
    int[] now = map;
    int next = first + 1;
    while (next < end && continues(now, next)) {
      next = next < now.length ? next + 1 : end;
    }
    int block = get(now, first);
    long start = (long) first * BLOCK;
    long bytes = (long) (next - first) * BLOCK;
    if (block == 0) {
      iomap.setHole(start, bytes);
    } else {
      long addr = (long) (block & ~UNWRITTEN) * BLOCK;
      iomap.setMapped(block < 0, start, bytes, addr, sb.bdev);
      iomap.setFlags(dirty || writing ? Iomap.IOMAP_F_DIRTY : 0);
    }
    return 0;
  }

  /** Allocates unwritten blocks from first on. Returns false if there is no space. */
  private synchronized boolean allocate(int first, int end) {
    if (get(map, first) != 0) {
      return true; // another writer allocated it
    }
    int stop = first + 1;
    while (stop < end && get(map, stop) == 0) {
      stop++;
    }
    long got = extents + HEADROOM > sb.maxExtents() ? 0 : sb.allocate(stop - first);
    int count = (int) got;
    if (first + count > map.length) {
      map = Arrays.copyOf(map, Math.max(first + count, Math.min(2 * map.length, MAX_BLOCKS)));
    }
    for (int i = 0; i < count; i++) {
      put(first + i, (int) (got >>> 32) + i | UNWRITTEN);
    }
    dirty |= count > 0;
    return count > 0;
  }

  @Override
  protected synchronized int convert(long from, long to) {
    int first = (int) (from / BLOCK);
    int end = (int) Math.min((to + BLOCK - 1) / BLOCK, map.length);
    int splits = (splits(first) ? 1 : 0) + (splits(end) ? 1 : 0);
    if (extents + splits > sb.maxExtents()) {
      return -Errno.ENOSPC;
    }
    for (int i = first; i < end; i++) {
      put(i, map[i] & ~UNWRITTEN);
    }
    dirty = true;
    return 0;
  }

  /** Whether an unwritten extent reaches from the block before i to i. */
  private boolean splits(int i) {
    return get(map, i) < 0 && continues(map, i);
  }

  /** Drops blocks. They become free when the inode is written. */
  @Override
  protected synchronized void cut(long from) {
    for (int i = (int) (from / BLOCK); i < map.length; i++) {
      if (map[i] != 0) {
        freed.set(map[i] & ~UNWRITTEN);
        put(i, 0);
      }
    }
    dirty = true;
  }

  /** Frees the inode: no name, no size, no blocks. */
  void clear() {
    name = "";
    iSizeWrite(0);
    cut(0);
  }

  /** Encodes attributes and extents. Returns the blocks to free once they are durable. */
  synchronized BitSet encode(ByteBuffer to) {
    to.putInt(uid()).putInt(gid()).putLong(mtimeMillis()).putLong(ctimeMillis());
    to.putLong(size()).putInt(extents);
    for (int i = 0, next; i < map.length; i = next) {
      next = i + 1;
      while (next < map.length && continues(map, next)) {
        next++;
      }
      if (map[i] != 0) {
        to.putInt(i).putInt(map[i]).putInt(next - i);
      }
    }
    BitSet lost = freed;
    freed = new BitSet();
    return lost;
  }

  /** Decodes the form of {@link #encode}. Returns false if it is invalid. */
  boolean decode(ByteBuffer from) {
    int owner = from.getInt();
    int group = from.getInt();
    long modified = from.getLong();
    long changed = from.getLong();
    long size = from.getLong();
    initAttributes(size, owner, group, modified, changed);
    int count = from.getInt();
    boolean good = size >= 0 && size <= MAX_BYTES && count >= 0 && count <= sb.maxExtents();
    if (good && count > 0) { // room for all extents, if the last one is valid
      int last = from.position() + (count - 1) * FlatSuper.EXTENT;
      long end = (long) from.getInt(last) + from.getInt(last + 8);
      good = end > 0 && end <= MAX_BLOCKS;
      map = new int[good ? (int) end : 0];
    }
    int behind = 0;
    for (int n = 0; good && n < count; n++) { // sorted, disjoint, and inside the device
      int first = from.getInt();
      int block = from.getInt();
      int blocks = from.getInt();
      good =
          first >= behind
              && blocks > 0
              && first <= map.length - blocks
              && sb.isData(block & ~UNWRITTEN, blocks);
      if (good) {
        behind = first + blocks;
        for (int i = 0; i < blocks; i++) {
          put(first + i, block + i);
        }
      }
    }
    return good;
  }

  /** Adds the blocks to a set. Returns whether one of them was in it. */
  boolean addBlocks(BitSet used) {
    boolean shared = false;
    for (int block : map) {
      shared |= block != 0 && used.get(block & ~UNWRITTEN);
      used.set(block & ~UNWRITTEN); // block 0 is never free
    }
    return shared;
  }

  /** Keeps blocks to free for the next write, because the write of the inode failed. */
  synchronized void keep(BitSet blocks) {
    freed.or(blocks);
    dirty = true;
  }

  @Override
  public int fsync(Task current, File file, long start, long end, boolean datasync) {
    int result = mapping().fsyncRange(current, file, start, end);
    int written = sb.fsync(current, this);
    return result != 0 ? result : written;
  }

  @Override
  protected long blocks() {
    return (long) allocated * (BLOCK / 512);
  }

  @Override
  protected void markDirty() {
    dirty = true;
  }

  @Override
  protected long maxBytes() {
    return MAX_BYTES;
  }

  /** Checks what {@link #decode} does not: the slot, the type and the name. */
  boolean isValid(int which) {
    boolean free = name.isEmpty() && mode() == 0;
    boolean named = isType(StatMode.S_IFREG) && !name.equals(".") && !name.equals("..");
    boolean good = name.indexOf('/') < 0 && name.indexOf(0) < 0;
    return (free || named) && good && seq >= 0 && seq <= 1L << 62 && (seq & 1) == which;
  }

  void setOwner(Cred owner) {
    initAttributes(0, owner.fsuid(), owner.fsgid(), 0, 0);
    updateTime();
  }

  @Override
  protected int nlink() {
    return name.isEmpty() ? 0 : 1;
  }
}
