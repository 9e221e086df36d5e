// SPDX-License-Identifier: GPL-2.0-only
package example.flatfs;

import io.pollux.block.BlockDevice;
import io.pollux.block.bdev.FileSystemType;
import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.SuperBlock;
import io.pollux.uapi.Errno;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.BitSet;
import java.util.function.Consumer;

/**
 * The filesystem type flatfs: one directory, files of extents.
 *
 * <p>On disk: {@link #INODES} inodes of two slots each, then blocks of data. A write of an inode
 * goes to the older slot, with a higher sequence number and a checksum. A mount takes the newest
 * valid slot. So after a crash each inode is the old or the new one.
 *
 * <p>A mount computes the free blocks from the inodes. A crash in a rename may leave two inodes
 * with one name: the newer one keeps it, and the mount clears the other.
 */
public final class FlatFs implements FileSystemType {
  static final int INODES = 32;
  static final int BLOCK = 4096;
  static final int SLOT = 128 << 10;
  static final long DATA = 2L * INODES * SLOT;
  static final long MAGIC = 0x31_53_46_54_41_4c_46L; // "FLATFS1"

  @Override
  public String name() {
    return "flatfs";
  }

  @Override
  public boolean recognises(MemorySegment head) {
    return head.byteSize() >= 8 && head.get(ValueLayout.JAVA_LONG_UNALIGNED, 0) == MAGIC;
  }

  @Override
  public SuperBlock mount(Task current, BlockDevice bdev, boolean readOnly, Options options)
      throws ErrnoException {
    options.requireAllKnown(name());
    FlatSuper sb = new FlatSuper(current, bdev, readOnly);
    try {
      sb.readAll(current);
      return sb;
    } catch (Throwable e) {
      sb.release();
      throw e;
    }
  }

  @Override
  public void mkfs(Task current, BlockDevice bdev, Options options) throws ErrnoException {
    options.requireAllKnown(name());
    if (bdev.bytes() < 2 * DATA) {
      throw new ErrnoException(Errno.EINVAL, "flatfs needs at least " + 2 * DATA + " bytes");
    }
    int result = bdev.zeroAndWait(current, 0, DATA, 0);
    if (result != 0) {
      throw new ErrnoException(-result, bdev.name() + ": " + Errno.describe(-result));
    }
    FlatSuper sb = new FlatSuper(current, bdev, false);
    try {
      for (int ino = 0; ino < INODES; ino++) {
        FlatFile free = new FlatFile(sb, ino, 0);
        sb.check(sb.write(current, free));
        sb.check(sb.write(current, free)); // the other slot
      }
    } finally {
      sb.release();
    }
  }

  @Override
  public void check(Task current, BlockDevice bdev, Options options, Consumer<String> damage)
      throws ErrnoException {
    options.requireAllKnown(name());
    FlatSuper sb = new FlatSuper(current, bdev, true);
    try {
      sb.readAll(current);
      BitSet used = new BitSet();
      for (FlatFile file : sb.files()) {
        for (int i = 0; i < file.extents.length; i += 3) {
          int first = (int) (file.extents[i + 2] / BLOCK);
          int end = first + (int) ((file.extents[i + 1] & -BLOCK) / BLOCK);
          if (used.get(first, end).cardinality() > 0) {
            damage.accept("two extents share blocks from " + first + " on, one of " + file.name);
          }
          used.set(first, end);
        }
      }
    } finally {
      sb.release();
    }
  }
}
