// SPDX-License-Identifier: GPL-2.0-only
package com.example.myfs;

import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.bdev.FileSystemType;
import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.SuperBlock;
import io.pollux.uapi.Errno;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.List;
import java.util.function.Consumer;

/**
 * A read-only filesystem: one directory, whose files are one extent each.
 *
 * <p>On disk: a header with {@code MAGIC}, the number of files and a checksum, then the table of
 * the files, then their data from {@code DATA} on. {@link Table} has the layout.
 */
public final class MyFs implements FileSystemType {
  static final int BLOCK = 4096;
  static final int DATA = 256 << 10;
  static final long MAGIC = 0x31_30_53_46_59_4dL; // "MYFS01": choose another one

  @Override
  public String name() {
    return "myfs";
  }

  @Override
  public boolean recognises(MemorySegment head) {
    return head.byteSize() >= 8 && head.get(ValueLayout.JAVA_LONG_UNALIGNED, 0) == MAGIC;
  }

  @Override
  public SuperBlock mount(Task current, BlockDevice bdev, boolean readOnly, Options options)
      throws ErrnoException {
    options.requireAllKnown(name());
    MyFsSuper sb = new MyFsSuper(bdev);
    for (Table.Entry entry : readTable(current, bdev)) {
      sb.add(entry);
    }
    return sb;
  }

  /** Makes a filesystem from the files of a host directory, or from sample files. */
  @Override
  public void mkfs(Task current, BlockDevice bdev, Options options) throws ErrnoException {
    String from = options.text("from");
    options.requireAllKnown(name());
    new Packer(current, bdev).pack(from == null ? Packer.samples() : Packer.filesOf(from));
  }

  @Override
  public void check(Task current, BlockDevice bdev, Options options, Consumer<String> damage)
      throws ErrnoException {
    options.requireAllKnown(name());
    List<Table.Entry> entries = readTable(current, bdev);
    for (int i = 1; i < entries.size(); i++) {
      Table.Entry before = entries.get(i - 1);
      if (entries.get(i).addr() < before.addr() + before.blocks() * BLOCK) {
        damage.accept(entries.get(i).name() + " begins inside " + before.name());
      }
    }
  }

  /** Reads the table, and checks every number in it. */
  private static List<Table.Entry> readTable(Task current, BlockDevice bdev) throws ErrnoException {
    if (bdev.bytes() < DATA) {
      throw new ErrnoException(Errno.EUCLEAN, bdev.name() + " is too small");
    }
    long buffer = HostMemory.map(DATA);
    if (buffer == 0) {
      throw new ErrnoException(Errno.ENOMEM);
    }
    try {
      check(bdev, bdev.transferAndWait(current, 0, buffer, DATA, BlkTypes.REQ_META));
      return Table.decode(buffer, bdev);
    } finally {
      HostMemory.unmap(buffer, DATA);
    }
  }

  static void check(BlockDevice bdev, int result) throws ErrnoException {
    if (result != 0) {
      throw new ErrnoException(-result, bdev.name() + ": " + Errno.describe(-result));
    }
  }
}
