// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import io.pollux.block.BlockDevice;
import io.pollux.core.filemap.Mapping;
import io.pollux.core.ramfs.Ramfs;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.FileOperations;
import io.pollux.core.vfs.Inode;
import io.pollux.uapi.Errno;
import io.pollux.uapi.StatMode;

/** A file of blocks, each of which is a hole, unwritten or written, somewhere on the disk. */
final class ExtentFile extends Inode implements IomapOps {
  final Iomap.Type[] types;
  final long[] places; // byte on the disk
  private final BlockDevice bdev;
  private final int blockSize;
  private final long size;
  private final Mapping mapping;

  /** Whether iomapBegin fails with EAGAIN for IOMAP_NOWAIT. */
  volatile boolean notInMemory;

  /** Whether {@link #mapping} throws, as a completion of a write calls it. */
  volatile boolean broken;

  ExtentFile(BlockDevice bdev, int blockSize, long size) {
    super(new Ramfs(1), 7, StatMode.S_IFREG);
    this.bdev = bdev;
    this.blockSize = blockSize;
    this.size = size;
    types = new Iomap.Type[(int) ((size + blockSize - 1) / blockSize)];
    places = new long[types.length];
    mapping = new Mapping(bdev.pageCache(), new IomapPages(this, this));
  }

  @Override
  public long size() {
    return size;
  }

  @Override
  public Mapping mapping() {
    if (broken) {
      throw new AssertionError("broken");
    }
    return mapping;
  }

  @Override
  public FileOperations fop() {
    return new FileOperations() {};
  }

  @Override
  protected void getattr(long stat) {}

  /** Bytes from a position on that are in written blocks of the file. */
  int writtenFrom(int pos) {
    int at = pos;
    while (at < size && types[at / blockSize] == Iomap.Type.MAPPED) {
      at = (at / blockSize + 1) * blockSize;
    }
    return Math.clamp(size - pos, 0, at - pos);
  }

  @Override
  public int iomapBegin(Task current, Inode inode, long pos, long length, int flags, Iomap iomap) {
    if ((flags & IOMAP_NOWAIT) != 0 && notInMemory) {
      return -Errno.EAGAIN;
    }
    int block = (int) (pos / blockSize);
    long start = (long) block * blockSize;
    if (block >= types.length || types[block] == Iomap.Type.HOLE) {
      iomap.setHole(start, blockSize);
    } else {
      iomap.setMapped(types[block] == Iomap.Type.UNWRITTEN, start, blockSize, places[block], bdev);
    }
    return 0;
  }
}
