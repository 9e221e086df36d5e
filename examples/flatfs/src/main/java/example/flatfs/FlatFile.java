// SPDX-License-Identifier: GPL-2.0-only
package example.flatfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Inode;
import io.pollux.iomap.Iomap;
import io.pollux.iomap.IomapInode;
import io.pollux.iomap.space.BlockMap;
import io.pollux.uapi.Errno;
import io.pollux.uapi.StatMode;
import java.nio.ByteBuffer;

/** A file: the map of its blocks, and its form on the disk. */
final class FlatFile extends IomapInode {
  static final int ATTRIBUTES = 34; // bytes on the disk before the extents
  private static final long MAX_BYTES = 16L << 30;

  final int record;
  final BlockMap map;
  private final FlatSuper sb;

  /** Creates a new file, which has no name yet. */
  FlatFile(FlatSuper sb, int record, int permissions) {
    super(sb, sb.bdev(), record + 1, StatMode.S_IFREG | permissions); // the directory has inode 1
    this.sb = sb;
    this.record = record;
    map = new BlockMap(sb.space, MAX_BYTES, sb.maxExtents());
  }

  /** Makes a file from what {@link #encode} has stored. */
  static FlatFile decode(FlatSuper sb, int record, ByteBuffer from) throws ErrnoException {
    if (from.remaining() < ATTRIBUTES) {
      throw new ErrnoException(Errno.EUCLEAN, "has no good slot, or a short one");
    }
    FlatFile file = new FlatFile(sb, record, from.getShort() & StatMode.S_IALLUGO);
    long size = from.getLong();
    file.initAttributes(size, from.getInt(), from.getInt(), from.getLong(), from.getLong());
    if (size < 0 || size > MAX_BYTES) {
      throw new ErrnoException(Errno.EUCLEAN, "has an impossible size: " + size);
    }
    file.map.decode(from);
    file.cutBehindEnd();
    return file;
  }

  void encode(ByteBuffer to) {
    to.putShort((short) mode()).putLong(size()).putInt(uid()).putInt(gid());
    to.putLong(mtimeMillis()).putLong(ctimeMillis());
    map.encode(to);
  }

  /** Maps a position to the disk. A write to a hole allocates unwritten blocks. */
  @Override
  public int iomapBegin(Task current, Inode inode, long pos, long length, int flags, Iomap iomap) {
    if ((flags & IOMAP_WRITE) != 0 && !map.has(pos)) {
      boolean mayBlock = (flags & IOMAP_NOWAIT) == 0;
      int result = map.allocate(pos, length);
      if (result == -Errno.ENOSPC && mayBlock) {
        sb.syncInodes(current); // frees the blocks that were cut
        result = map.allocate(pos, length);
      }
      if (result != 0) {
        return mayBlock ? result : -Errno.EAGAIN;
      }
      markDirty();
    }
    map.find(pos, length, iomap);
    iomap.setFlags(isDirty() ? Iomap.IOMAP_F_DIRTY : 0);
    return 0;
  }

  /** The data of a range has been written. */
  @Override
  protected int convert(long from, long to) {
    return map.convert(from, to);
  }

  /** The file was cut. Its blocks become free when the inode is written. */
  @Override
  protected void cut(long from) {
    map.cut(from);
  }

  @Override
  protected long blocks() {
    return map.bytes() / 512;
  }

  @Override
  protected long maxBytes() {
    return MAX_BYTES;
  }

  @Override
  protected int nlink() {
    return sb.root.hasName(record) ? 1 : 0;
  }
}
