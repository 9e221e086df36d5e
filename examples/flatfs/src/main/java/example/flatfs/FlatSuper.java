// SPDX-License-Identifier: GPL-2.0-only
package example.flatfs;

import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.sched.Cred;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.SuperBlock;
import io.pollux.uapi.Errno;
import io.pollux.uapi.RawMemory;
import io.pollux.uapi.Statfs;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.locks.ReentrantLock;
import java.util.function.Consumer;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/** A mounted flatfs: reads and writes inodes, and allocates blocks. */
final class FlatSuper extends SuperBlock {
  static final int INODES = 32;
  static final int BLOCK = 4096;
  private static final int HEAD = 16; // magic, length and checksum of what follows
  private static final int MAX_NAME = 255;
  private static final int PIECE = 512 << 10; // bytes of a transfer
  static final int EXTENT = 12; // bytes of one

  final BlockDevice bdev;
  private final FlatDir root = new FlatDir(this);
  private final FlatFile[] inodes = new FlatFile[INODES];
  final ReentrantLock metadata = new ReentrantLock(); // held while an inode is written
  private final int slot; // bytes; on larger disks all slots take an eighth
  private final long buffer; // of a slot; under metadata
  private final BitSet used = new BitSet(); // blocks; under its monitor
  private int hint; // where the search for a free block starts; likewise
  private long lastSeq; // under metadata

  FlatSuper(Task current, BlockDevice bdev, boolean readOnly) throws ErrnoException {
    super(bdev.dev(), readOnly, BLOCK);
    this.bdev = bdev;
    slot = (int) Long.highestOneBit(Math.clamp(bdev.bytes() / 512, 64 << 10, 4 << 20));
    buffer = HostMemory.map(slot);
    if (buffer == 0) {
      throw FlatFs.error(Errno.ENOMEM, bdev);
    }
    initDioDoneWq(current, "dio/" + bdev.name());
    used.set(0, (int) (dataStart() / BLOCK));
    if (blocks() <= used.length()) {
      release();
      throw FlatFs.error(Errno.EINVAL, bdev, "flatfs needs more bytes than " + dataStart());
    }
  }

  long dataStart() {
    return 2L * INODES * slot;
  }

  int maxExtents() {
    return (slot - BLOCK) / EXTENT; // the other attributes take less than a block
  }

  private int blocks() {
    return (int) Math.min(bdev.bytes() / BLOCK, Integer.MAX_VALUE);
  }

  boolean isData(int first, int count) {
    return first >= dataStart() / BLOCK && count <= blocks() && first <= blocks() - count;
  }

  /** Reads the newest valid slot of each inode. Of two inodes with one name it clears the older. */
  void readAll(Task current, Consumer<String> damage) throws ErrnoException {
    for (int ino = 0; ino < INODES; ino++) {
      FlatFile newest = null;
      for (int i = 0; i < 2; i++) {
        check(transfer(current, ino, i, slot, BlkTypes.REQ_OP_READ));
        FlatFile found = decode(ino, i);
        if (found != null && (newest == null || found.seq > newest.seq)) {
          newest = found;
        }
      }
      if (newest == null) {
        throw FlatFs.error(Errno.EUCLEAN, bdev, "inode " + ino + " has no good slot");
      }
      inodes[ino] = newest;
      lastSeq = Math.max(lastSeq, newest.seq);
    }
    for (FlatFile file : inodes) {
      if (file.addBlocks(used)) {
        damage.accept("a block of " + file.name + " belongs to another file too");
      }
      if (file.name.isEmpty()) { // removed, and open when the power failed
        file.evicted = true;
      }
      FlatFile same = file.name.isEmpty() ? null : root.files.get(file.name);
      FlatFile older = same != null && same.seq > file.seq ? file : same;
      if (older != file && !file.name.isEmpty()) {
        root.files.put(file.name, file);
      }
      if (older != null) { // a crash after a rename wrote only one inode
        older.evicted = true;
      }
    }
  }

  /**
   * Frees the inodes of removed files that were open at a crash, on the disk too. Called once the
   * disk may be written.
   */
  int freeEvicted(Task current) {
    int result = 0;
    for (FlatFile file : inodes) {
      if (file.evicted && file.blocks() + file.name.length() > 0) {
        file.clear();
        int status = settle(current, file);
        result = result != 0 ? result : status;
      }
    }
    return result;
  }

  @Override
  public void remount(Task current, boolean toReadOnly, Options options) throws ErrnoException {
    super.remount(current, toReadOnly, options);
    check(toReadOnly ? 0 : freeEvicted(current));
  }

  private int transfer(Task current, int ino, int which, int bytes, int op) {
    long position = (2L * ino + which) * slot;
    int result = 0;
    for (int at = 0; at < bytes && result == 0; at += PIECE) {
      int piece = Math.min(PIECE, bytes - at);
      result =
          bdev.transferAndWait(current, position + at, buffer + at, piece, op | BlkTypes.REQ_META);
    }
    return result;
  }

  private ByteBuffer bytes() {
    return RawMemory.segment(buffer, slot).asByteBuffer().order(ByteOrder.LITTLE_ENDIAN);
  }

  private int crc(int length) {
    CRC32C crc = new CRC32C();
    crc.update(bytes().slice(HEAD, length));
    return (int) crc.getValue();
  }

  private void encode(FlatFile file, ByteBuffer to) {
    // the lowest bit is the slot: the one without the newest version
    lastSeq += ((lastSeq ^ file.seq) & 1) == 0 ? 1 : 2;
    byte[] name = file.name.getBytes(StandardCharsets.ISO_8859_1);
    to.position(HEAD).putLong(lastSeq).putInt(file.mode()).putInt(name.length).put(name);
  }

  /** Decodes the slot in the buffer. Returns null if it is invalid. */
  private @Nullable FlatFile decode(int ino, int which) {
    ByteBuffer from = bytes();
    long magic = from.getLong();
    int length = from.getInt();
    if (magic != FlatFs.MAGIC
        || length < 0
        || length > slot - HEAD
        || from.getInt() != crc(length)) {
      return null;
    }
    long seq = from.getLong();
    FlatFile file = new FlatFile(this, ino, from.getInt());
    file.seq = seq;
    int nameBytes = from.getInt();
    if (nameBytes < 0 || nameBytes > MAX_NAME) {
      return null;
    }
    byte[] name = new byte[nameBytes];
    from.get(name);
    file.name = new String(name, StandardCharsets.ISO_8859_1);
    return file.decode(from) && file.isValid(which) ? file : null;
  }

  /**
   * Writes an inode. A flush first makes the data of its blocks durable. Once the inode is durable
   * too, the blocks that it has lost become free. Returns 0 or a negative errno.
   */
  int write(Task current, FlatFile file) {
    metadata.lock();
    try {
      file.writing = true;
      file.dirty = false; // a later change makes it dirty again
      ByteBuffer to = bytes();
      encode(file, to);
      BitSet lost = file.encode(to);
      int length = to.position() - HEAD;
      to.putLong(0, FlatFs.MAGIC).putInt(8, length).putInt(12, crc(length));
      int whole = (HEAD + length + BLOCK - 1) & -BLOCK;
      int result = bdev.flushAndWait(current);
      if (result == 0) {
        int ino = (int) file.ino() - 2;
        result = transfer(current, ino, (int) (lastSeq & 1), whole, BlkTypes.REQ_OP_WRITE);
      }
      if (result == 0) {
        result = bdev.flushAndWait(current);
      }
      if (result == 0) {
        file.seq = lastSeq; // after a failure a retry goes to the same slot
        synchronized (used) {
          used.andNot(lost);
        }
      } else {
        file.keep(lost);
      }
      file.writing = false;
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

  /** Allocates adjacent blocks: the first in the upper half, their number in the lower; or 0. */
  long allocate(int most) {
    synchronized (used) {
      int first = used.nextClearBit(hint);
      if (first >= blocks()) {
        first = used.nextClearBit(0);
      }
      int busy = used.nextSetBit(first);
      int end = Math.min(busy < 0 ? blocks() : busy, first + Math.min(most, blocks()));
      if (end <= first) {
        return 0;
      }
      used.set(first, end);
      hint = end;
      return (long) first << 32 | (end - first);
    }
  }

  FlatFile newFile(Cred owner, String name, int mode) throws ErrnoException {
    metadata.lock();
    try {
      for (int ino = 0; ino < INODES; ino++) {
        if (inodes[ino].name.isEmpty() && !inodes[ino].busy) {
          FlatFile file = new FlatFile(this, ino, mode);
          file.seq = inodes[ino].seq;
          file.name = name;
          file.setOwner(owner);
          inodes[ino] = file;
          return file;
        }
      }
    } finally {
      metadata.unlock();
    }
    throw FlatFs.error(Errno.ENOSPC, bdev, "has " + INODES + " inodes");
  }

  /** Returns all inodes, also free ones. */
  List<FlatFile> byIno() {
    return List.of(inodes);
  }

  void check(int result) throws ErrnoException {
    if (result != 0) {
      throw FlatFs.error(-result, bdev);
    }
  }

  void release() {
    drainDirectWrites();
    HostMemory.unmap(buffer, slot);
  }

  @Override
  protected void evictInode(@Nullable Task current, Inode inode) {
    if (inode instanceof FlatFile file) {
      if (current != null) { // waits for write-back before its blocks become free
        file.mapping().truncateRange(current, 0, Long.MAX_VALUE);
      }
      file.evicted = true;
      file.clear();
      if (current != null) { // else sync writes it
        settle(current, file);
      }
    }
  }

  /** Writes an inode if it is dirty. An inode that was evicted before is then no longer busy. */
  private int settle(Task current, FlatFile file) {
    metadata.lock();
    try {
      boolean free = file.evicted;
      int result = file.dirty ? write(current, file) : 0;
      file.busy &= result != 0 || !free;
      return result;
    } finally {
      metadata.unlock();
    }
  }

  @Override
  public int sync(Task current) {
    int result = 0;
    for (FlatFile file : readOnly() ? new FlatFile[0] : inodes) {
      int status = file.mapping().writeBack(current, 0, Long.MAX_VALUE);
      status = status != 0 ? status : settle(current, file);
      result = result != 0 ? result : status;
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

  @Override
  public Inode root() {
    return root;
  }

  @Override
  protected void statfs(Task current, long statfs) {
    synchronized (used) {
      Statfs.fBfree(statfs, blocks() - used.cardinality());
    }
    Statfs.fBavail(statfs, Statfs.fBfree(statfs));
    Statfs.fBlocks(statfs, blocks());
    Statfs.fType(statfs, FlatFs.MAGIC);
    Statfs.fBsize(statfs, BLOCK);
    Statfs.fNamelen(statfs, MAX_NAME);
    Statfs.fFiles(statfs, INODES);
    Statfs.fFfree(statfs, INODES - root.files.size());
  }
}
