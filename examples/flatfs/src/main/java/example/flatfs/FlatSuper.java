// SPDX-License-Identifier: GPL-2.0-only
package example.flatfs;

import static example.flatfs.FlatFs.BLOCK;
import static example.flatfs.FlatFs.SLOT;

import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.core.ErrnoException;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.SuperBlock;
import io.pollux.uapi.Errno;
import io.pollux.uapi.RawMemory;
import io.pollux.uapi.Statfs;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/** A mounted flatfs: reads and writes inodes, and allocates blocks. */
final class FlatSuper extends SuperBlock {
  private static final int SEQ = 8;
  private static final int CRC = 16;
  private static final int MODE = 20;
  private static final int SIZE = 24;
  private static final int MTIME = 32;
  private static final int UID = 40;
  private static final int GID = 44;
  private static final int NAME_BYTES = 48;
  private static final int COUNT = 52; // of longs; an extent has three
  private static final int NAME = 56;
  private static final int EXTENTS = 512;
  static final int MAX_LONGS = (SLOT - EXTENTS) / 8 / 3 * 3;

  final BlockDevice bdev;
  private final FlatDir root = new FlatDir(this);
  private final ReentrantLock metadata = new ReentrantLock(); // held while an inode is written
  private final long buffer = HostMemory.map(SLOT); // under metadata
  private final FlatFile[] inodes = new FlatFile[FlatFs.INODES];
  private final BitSet used = new BitSet(); // blocks; under its own monitor
  private long lastSeq; // under metadata

  FlatSuper(Task current, BlockDevice bdev, boolean readOnly) throws ErrnoException {
    super(bdev.dev(), readOnly, BLOCK);
    this.bdev = bdev;
    if (buffer == 0) {
      throw new ErrnoException(Errno.ENOMEM);
    }
    used.set(0, (int) (FlatFs.DATA / BLOCK));
    initDioDoneWq(current, "dio/" + bdev.name());
  }

  /** Reads the newest valid slot of each inode. Of two inodes with one name it clears the older. */
  void readAll(Task current) throws ErrnoException {
    for (int ino = 0; ino < inodes.length; ino++) {
      FlatFile newest = null;
      for (int slot = 0; slot < 2; slot++) {
        check(transfer(current, ino, slot, BlkTypes.REQ_OP_READ));
        FlatFile found = decode(ino);
        if (found != null && (newest == null || found.seq > newest.seq)) {
          newest = found;
        }
      }
      if (newest == null) {
        throw new ErrnoException(
            Errno.EUCLEAN, bdev.name() + ": inode " + ino + " has no good slot");
      }
      inodes[ino] = newest;
      lastSeq = Math.max(lastSeq, newest.seq);
    }
    for (FlatFile file : inodes) {
      for (int i = 0; i < file.extents.length; i += 3) {
        long bytes = file.extents[i + 1] & -BLOCK;
        used.set(block(file.extents[i + 2]), block(file.extents[i + 2] + bytes));
      }
    }
    for (FlatFile file : inodes) {
      FlatFile same = file.name.isEmpty() ? null : root.files.get(file.name);
      FlatFile older = same != null && same.seq > file.seq ? file : same;
      if (older != file && !file.name.isEmpty()) {
        root.files.put(file.name, file);
      }
      if (older != null) { // a crash after a rename wrote only one inode
        older.clear();
      }
    }
  }

  private static int block(long addr) {
    return (int) (addr / BLOCK);
  }

  private int transfer(Task current, int ino, int slot, int op) {
    return bdev.transferAndWait(
        current, (2L * ino + slot) * SLOT, buffer, SLOT, op | BlkTypes.REQ_META);
  }

  private int crc() {
    RawMemory.putInt(buffer, CRC, 0);
    CRC32C crc = new CRC32C();
    crc.update(RawMemory.segment(buffer, SLOT).asByteBuffer());
    return (int) crc.getValue();
  }

  /** Decodes the slot in the buffer. Returns null if it is invalid. */
  private @Nullable FlatFile decode(int ino) {
    int crc = RawMemory.getInt(buffer, CRC);
    int nameBytes = RawMemory.getInt(buffer, NAME_BYTES);
    int count = RawMemory.getInt(buffer, COUNT);
    if (RawMemory.getLong(buffer) != FlatFs.MAGIC
        || crc() != crc
        || nameBytes < 0
        || nameBytes > 255
        || count < 0
        || count > MAX_LONGS
        || count % 3 != 0) {
      return null;
    }
    FlatFile file = new FlatFile(this, ino, RawMemory.getInt(buffer, MODE));
    file.seq = RawMemory.getLong(buffer, SEQ);
    file.size = RawMemory.getLong(buffer, SIZE);
    file.mtime = RawMemory.getLong(buffer, MTIME);
    file.uid = RawMemory.getInt(buffer, UID);
    file.gid = RawMemory.getInt(buffer, GID);
    ByteBuffer name = RawMemory.segment(buffer + NAME, nameBytes).asByteBuffer();
    file.name = StandardCharsets.ISO_8859_1.decode(name).toString();
    file.extents = new long[count];
    long behind = 0;
    for (int i = 0; i < count; i++) {
      file.extents[i] = RawMemory.getLong(buffer, EXTENTS + 8L * i);
    }
    for (int i = 0; i < count; i += 3) { // sorted, disjoint, and inside the device
      long offset = file.extents[i];
      long length = file.extents[i + 1] & -BLOCK;
      long addr = file.extents[i + 2];
      if (offset < behind
          || length <= 0
          || offset > Long.MAX_VALUE - length
          || addr < FlatFs.DATA
          || length > bdev.bytes()
          || addr > bdev.bytes() - length
          || ((offset | addr) & (BLOCK - 1)) != 0) {
        return null;
      }
      behind = offset + length;
    }
    return file.size < 0 ? null : file;
  }

  /**
   * Writes an inode. A flush first makes the data of its extents durable. Once the inode is durable
   * too, the blocks that it has lost become free. Returns 0 or a negative errno.
   */
  int write(Task current, FlatFile file) {
    metadata.lock();
    try {
      file.dirty = false; // a later change makes it dirty again
      List<long[]> freed = file.encode(this::encode);
      int result = bdev.flushAndWait(current);
      if (result == 0) {
        int slot = (int) (lastSeq & 1);
        result = transfer(current, (int) file.ino() - 2, slot, BlkTypes.REQ_OP_WRITE);
      }
      if (result == 0) {
        result = bdev.flushAndWait(current);
      }
      if (result == 0) {
        file.seq = lastSeq; // after a failure a retry goes to the same slot
        synchronized (used) {
          freed.forEach(range -> used.clear(block(range[0]), block(range[0] + range[1])));
        }
      } else {
        file.keep(freed);
      }
      return result;
    } finally {
      metadata.unlock();
    }
  }

  /** Makes a file durable. Waits for a write of the inode by another task. */
  int fsync(Task current, FlatFile file) {
    metadata.lock();
    try {
      return file.dirty ? write(current, file) : bdev.flushAndWait(current);
    } finally {
      metadata.unlock();
    }
  }

  private void encode(FlatFile file) {
    RawMemory.zero(buffer, SLOT);
    byte[] name = file.name.getBytes(StandardCharsets.ISO_8859_1);
    // the lowest bit is the slot: the one without the newest version
    lastSeq += ((lastSeq ^ file.seq) & 1) == 0 ? 1 : 2;
    RawMemory.putLong(buffer, FlatFs.MAGIC);
    RawMemory.putLong(buffer, SEQ, lastSeq);
    RawMemory.putInt(buffer, MODE, file.mode());
    RawMemory.putLong(buffer, SIZE, file.size);
    RawMemory.putLong(buffer, MTIME, file.mtime);
    RawMemory.putInt(buffer, UID, file.uid);
    RawMemory.putInt(buffer, GID, file.gid);
    RawMemory.putInt(buffer, NAME_BYTES, name.length);
    RawMemory.segment(buffer + NAME, name.length).copyFrom(MemorySegment.ofArray(name));
    RawMemory.putInt(buffer, COUNT, file.extents.length);
    for (int i = 0; i < file.extents.length; i++) {
      RawMemory.putLong(buffer, EXTENTS + 8L * i, file.extents[i]);
    }
    RawMemory.putInt(buffer, CRC, crc());
  }

  /** Allocates one range of at most some bytes. Returns {address, bytes}; null if none is free. */
  long @Nullable [] allocate(long bytes) {
    synchronized (used) {
      int first = used.nextClearBit(0);
      int last = (int) Math.min(first + bytes / BLOCK, bdev.bytes() / BLOCK);
      int end = first;
      while (end < last && !used.get(end)) {
        end++;
      }
      if (end == first) {
        return null;
      }
      used.set(first, end);
      return new long[] {(long) first * BLOCK, (long) (end - first) * BLOCK};
    }
  }

  /** Frees blocks that no inode on the disk refers to. */
  void free(long[] range) {
    synchronized (used) {
      used.clear(block(range[0]), block(range[0] + range[1]));
    }
  }

  FlatFile newFile(String name, int mode) throws ErrnoException {
    for (int ino = 0; ino < inodes.length; ino++) {
      if (inodes[ino].name.isEmpty() && !inodes[ino].busy) {
        FlatFile file = new FlatFile(this, ino, mode);
        file.seq = inodes[ino].seq;
        file.name = name;
        inodes[ino] = file;
        return file;
      }
    }
    throw new ErrnoException(Errno.ENOSPC, "flatfs has " + inodes.length + " inodes");
  }

  /** Returns all inodes, also free ones. */
  List<FlatFile> byIno() {
    return List.of(inodes);
  }

  /** Returns the files that have names. */
  List<FlatFile> files() {
    return new ArrayList<>(root.files.values());
  }

  void check(int result) throws ErrnoException {
    if (result != 0) {
      throw new ErrnoException(-result, bdev.name() + ": " + Errno.describe(-result));
    }
  }

  void release() {
    drainDirectWrites();
    HostMemory.unmap(buffer, SLOT);
  }

  @Override
  protected void evictInode(@Nullable Task current, Inode inode) {
    if (inode instanceof FlatFile file) {
      file.clear();
      file.evicted = true;
      if (current != null) {
        file.mapping().truncateRange(current, 0, Long.MAX_VALUE);
        write(current, file); // without a task, sync writes it
      }
      file.busy = file.dirty;
    }
  }

  @Override
  public Inode root() {
    return root;
  }

  @Override
  protected void statfs(Task current, long statfs) {
    Statfs.fType(statfs, FlatFs.MAGIC);
    Statfs.fBsize(statfs, BLOCK);
    Statfs.fNamelen(statfs, 255);
    Statfs.fBlocks(statfs, bdev.bytes() / BLOCK);
    synchronized (used) {
      Statfs.fBfree(statfs, bdev.bytes() / BLOCK - used.cardinality());
      Statfs.fBavail(statfs, bdev.bytes() / BLOCK - used.cardinality());
    }
    Statfs.fFiles(statfs, inodes.length);
    Statfs.fFfree(statfs, inodes.length - root.files.size());
  }

  @Override
  public int sync(Task current) {
    int result = 0;
    for (FlatFile file : readOnly() ? new FlatFile[0] : inodes) {
      int status = file.mapping().writeBack(current, 0, Long.MAX_VALUE);
      if (status == 0 && file.dirty) {
        status = write(current, file);
        file.busy &= status != 0 || !file.evicted;
      }
      result = result == 0 ? status : result;
    }
    return result;
  }

  @Override
  public void unmount(Task current) throws ErrnoException {
    drainDirectWrites();
    int result = sync(current);
    for (FlatFile file : inodes) {
      file.mapping().truncateRange(current, 0, Long.MAX_VALUE);
    }
    release();
    bdev.pageCache().trim();
    check(result);
  }
}
