// SPDX-License-Identifier: GPL-2.0-only
package example.flatfs;

import io.pollux.block.BlockDevice;
import io.pollux.block.record.RecordTable;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Inode;
import io.pollux.iomap.IomapInode;
import io.pollux.iomap.IomapSuperBlock;
import io.pollux.iomap.space.BlockMap;
import io.pollux.iomap.space.FreeSpace;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Statfs;
import java.nio.ByteBuffer;
import java.util.Collection;
import java.util.concurrent.ConcurrentHashMap;
import java.util.function.Consumer;

/** A mounted flatfs: its records, its free blocks, and its files. */
final class FlatSuper extends IomapSuperBlock {
  static final int RECORDS = 32; // the names, and the inodes
  private static final int BLOCK = 4096;

  final RecordTable table;
  final FreeSpace space;
  final FlatDir root = new FlatDir(this);

  /** By record. A removed file stays until its last user has closed it. */
  private final ConcurrentHashMap<Integer, FlatFile> files = new ConcurrentHashMap<>();

  FlatSuper(Task current, BlockDevice bdev, boolean readOnly) throws ErrnoException {
    super(current, bdev, readOnly, BLOCK);
    long slot = Math.clamp(bdev.bytes() / 512, 64 << 10, 4 << 20); // all slots take an eighth
    table = new RecordTable(bdev, FlatFs.MAGIC, RECORDS, (int) Long.highestOneBit(slot));
    space = new FreeSpace(bdev, BLOCK, table.bytes());
  }

  int maxExtents() {
    return (table.capacity() - FlatFile.ATTRIBUTES - Integer.BYTES) / BlockMap.EXTENT_BYTES;
  }

  /** Makes the records of an empty filesystem. */
  void format(Task current) throws ErrnoException {
    check(bdev().zeroAndWait(current, 0, table.bytes(), 0));
    check(root.write(current, root.names));
    check(root.write(current, root.names)); // the other slot, where recognises looks
  }

  /** Reads the names, and the inodes that have one. */
  void readAll(Task current, Consumer<String> damage) throws ErrnoException {
    root.decode(table.read(current, 0));
    for (int record = 1; record < RECORDS; record++) {
      ByteBuffer inode = table.read(current, record); // a free one too, for its sequence number
      try {
        if (root.hasName(record)) {
          files.put(record, FlatFile.decode(this, record, inode));
        }
      } catch (ErrnoException e) {
        damage.accept("inode " + (record + 1) + " " + e.getMessage());
      }
    }
  }

  FlatFile file(int record) {
    return files.get(record);
  }

  void add(FlatFile file) {
    files.put(file.record, file);
  }

  /** Returns a record without a file. */
  int freeRecord() throws ErrnoException {
    for (int record = 1; record < RECORDS; record++) {
      if (!files.containsKey(record)) {
        return record;
      }
    }
    throw error(Errno.ENOSPC, "all inodes are in use");
  }

  /** Writes an inode durably, and then frees the blocks that it has lost. */
  @Override
  public int writeInode(Task current, Inode inode, boolean wait) {
    FlatFile file = (FlatFile) inode;
    int result = root.settle(current);
    if (result == 0) {
      result = table.write(current, file.record, file::encode);
    }
    if (result == 0) {
      file.map.freeDropped();
    }
    return result;
  }

  /** Frees a removed file. The names on the disk are already without it. */
  @Override
  protected void freeInode(IomapInode inode) {
    FlatFile file = (FlatFile) inode;
    file.map.freeAll();
    files.remove(file.record, file);
  }

  @Override
  protected Collection<FlatFile> inodes() {
    return files.values();
  }

  @Override
  public void close() {
    table.close();
  }

  @Override
  public Inode root() {
    return root;
  }

  @Override
  protected void statfs(Task current, long statfs) {
    Statfs.fType(statfs, FlatFs.MAGIC);
    Statfs.fBsize(statfs, BLOCK);
    Statfs.fBlocks(statfs, space.blocks());
    Statfs.fBfree(statfs, space.free());
    Statfs.fBavail(statfs, space.free());
    Statfs.fFiles(statfs, RECORDS - 1);
    Statfs.fFfree(statfs, RECORDS - 1 - files.size());
    Statfs.fNamelen(statfs, FlatDir.MAX_NAME);
  }
}
