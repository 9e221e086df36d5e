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
 * The filesystem type flatfs: one directory, files of extents. {@link FlatFile} maps a file to the
 * disk, {@link FlatDir} has the names, and {@link FlatSuper} the rest.
 *
 * <p>On disk: a table of records, then blocks of data. Record 0 has the names, and each other
 * record an inode. Name n is that of the inode in record n. A record without a name is free.
 *
 * <p>After a crash each record is the old or the new one. Three rules keep them consistent:
 *
 * <ul>
 *   <li>Data is durable before the inode with its blocks.
 *   <li>An inode is durable before its name.
 *   <li>A block or a record is used again only when no inode or name on the disk refers to it.
 * </ul>
 *
 * <p>A mount computes the free blocks from the inodes that have a name.
 */
public final class FlatFs implements FileSystemType {
  static final long MAGIC = 0x34_53_46_54_41_4c_46L; // "FLATFS4"

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
        throw sb.error(Errno.EUCLEAN, damage.getFirst());
      }
      return sb;
    } catch (Throwable e) {
      sb.close();
      throw e;
    }
  }

  @Override
  public void mkfs(Task current, BlockDevice bdev, Options options) throws ErrnoException {
    options.requireAllKnown(name());
    try (FlatSuper sb = new FlatSuper(current, bdev, false)) {
      sb.format(current);
    }
  }

  @Override
  public void check(Task current, BlockDevice bdev, Options options, Consumer<String> damage)
      throws ErrnoException {
    options.requireAllKnown(name());
    try (FlatSuper sb = new FlatSuper(current, bdev, true)) {
      sb.readAll(current, damage);
    }
  }
}
