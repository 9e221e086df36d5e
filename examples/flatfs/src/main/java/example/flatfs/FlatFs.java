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
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * The filesystem type flatfs: one directory, files of extents.
 *
 * <p>On disk: inodes of two slots each, then blocks of data. A write of an inode goes to the older
 * slot, with a higher sequence number and a checksum. A mount takes the newest valid slot. So after
 * a crash each inode is the old or the new one.
 *
 * <p>A mount computes the free blocks from the inodes. A crash in a rename may leave two inodes
 * with one name: the newer one keeps it, and the mount clears the other.
 */
public final class FlatFs implements FileSystemType {
  static final long MAGIC = 0x32_53_46_54_41_4c_46L; // "FLATFS2"

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
      List<String> damage = new ArrayList<>();
      sb.readAll(current, damage::add);
      if (!damage.isEmpty()) {
        throw error(Errno.EUCLEAN, bdev, damage.getFirst());
      }
      sb.check(readOnly ? 0 : sb.freeEvicted(current));
      return sb;
    } catch (Throwable e) {
      sb.release();
      throw e;
    }
  }

  @Override
  public void mkfs(Task current, BlockDevice bdev, Options options) throws ErrnoException {
    options.requireAllKnown(name());
    FlatSuper sb = new FlatSuper(current, bdev, false);
    try {
      sb.check(bdev.zeroAndWait(current, 0, sb.dataStart(), 0));
      for (int ino = 0; ino < FlatSuper.INODES; ino++) {
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
      sb.readAll(current, damage);
    } finally {
      sb.release();
    }
  }

  static ErrnoException error(int errno, BlockDevice bdev, String what) {
    return new ErrnoException(errno, bdev.name() + ": " + what);
  }

  static ErrnoException error(int errno, BlockDevice bdev) {
    return error(errno, bdev, Errno.describe(errno));
  }
}
