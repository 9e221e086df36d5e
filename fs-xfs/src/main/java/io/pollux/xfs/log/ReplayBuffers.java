// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.log;

import io.pollux.block.buffer.Buf;
import io.pollux.block.buffer.BufCache;
import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufEdit;
import io.pollux.block.buffer.BufOps;
import io.pollux.block.buffer.BufSpace;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsError;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;

/**
 * The blocks that the replay changes, until they are written. All that a transaction changes is
 * verified before the first of it is written.
 */
@LinuxSource(file = "fs/xfs/xfs_log_recover.c", name = "buffer_list")
final class ReplayBuffers {
  /** Blocks are written after the transaction that reaches this. */
  private static final long BATCH_BYTES = 32L << 20;

  /** More than this in one transaction is refused. */
  private static final long MAX_BYTES = 512L << 20;

  private static final int MAX_LENGTH = 64 << 10; // of a block

  /** Blocks without a magic number or a checksum, and parts of blocks. */
  static final BufOps RAW =
      new BufOps() {
        @Override
        public String name() {
          return "raw";
        }

        @Override
        public void verifyRead(BufData data) {}

        @Override
        public void verifyWrite(BufEdit data) {}
      };

  private record Key(long position, int length) {}

  /** A block. */
  static final class Block {
    final BufEdit data;
    BufOps ops = RAW;
    boolean changed;
    long appliedLsn; // of the last change

    Block(BufEdit data) {
      this.data = data;
    }
  }

  private final Task current;
  private final BufCache target;
  private final BufSpace space;
  private final Map<Key, Block> blocks = new HashMap<>();
  private long bytes;

  ReplayBuffers(Task current, BufCache target) {
    this.current = current;
    this.target = target;
    space = target.newSpace();
  }

  /**
   * Reads a block, or finds it.
   *
   * @param position first byte on the device; any value
   * @param length bytes; any value
   */
  Block read(long position, long length) throws ErrnoException {
    check(position, length);
    Key key = new Key(position, (int) length);
    Block there = blocks.get(key);
    if (there == null) {
      there = new Block(target.readUncached(current, position, (int) length, "block").draft());
      add(key, there);
    }
    return there;
  }

  /** Gets a block of zeroes, whatever is on the disk. */
  Block zeroed(long position, int length) throws ErrnoException {
    check(position, length);
    Key key = new Key(position, length);
    Block there = blocks.get(key);
    if (there == null) {
      BufData zeroes = new BufData(new byte[length], position, "block", XfsError.EFSCORRUPTED);
      there = new Block(zeroes.draft());
      add(key, there);
    } else {
      there.data.clear(0, length);
    }
    return there;
  }

  private void add(Key key, Block block) throws ErrnoException {
    bytes += key.length();
    if (bytes > MAX_BYTES) {
      throw new ErrnoException(
          Errno.ENOMEM, "the log has a transaction that changes too much to be recovered");
    }
    blocks.put(key, block);
  }

  private void check(long position, long length) throws ErrnoException {
    boolean good =
        length > 0
            && length <= MAX_LENGTH
            && length % XlogFormat.BB_BYTES == 0
            && position >= 0
            && position <= target.bdev().bytes() - length
            && length % target.bdev().queue().logicalBlockSize() == 0
            && position % target.bdev().queue().logicalBlockSize() == 0;
    if (!good) {
      throw XlogDevice.corrupt("a change of " + length + " bytes at byte " + position);
    }
  }

  /** Whether it is time to write. */
  boolean full() {
    return bytes >= BATCH_BYTES;
  }

  /**
   * Verifies and writes all that was changed. They are durable after the next flush.
   *
   * @throws ErrnoException EUCLEAN if a block is invalid; nothing was written then. Or the device's
   *     error
   */
  @LinuxSource(file = "fs/xfs/xfs_buf.c", name = "xfs_buf_delwri_submit")
  void writeAll() throws ErrnoException {
    List<Map.Entry<Key, Block>> changed = new ArrayList<>();
    for (Map.Entry<Key, Block> each : blocks.entrySet()) {
      if (each.getValue().changed) {
        changed.add(each);
      }
    }
    changed.sort(Comparator.comparingLong(each -> each.getKey().position()));
    for (Map.Entry<Key, Block> each : changed) {
      verify(each.getValue());
    }
    for (Map.Entry<Key, Block> each : changed) {
      write(each.getKey(), each.getValue().data);
    }
    blocks.clear();
    bytes = 0;
  }

  private static void verify(Block block) throws ErrnoException {
    try {
      block.ops.verifyWrite(block.data);
    } catch (ErrnoException e) {
      throw new ErrnoException(
          e.errno(),
          "log: the recovery leaves an invalid block at byte "
              + block.data.position()
              + ": "
              + e.getMessage()
              + " ("
              + block.ops.name()
              + ")");
    }
  }

  private void write(Key key, BufEdit data) throws ErrnoException {
    Buf buf = space.get(key.position(), key.length(), () -> "block");
    try {
      buf.lock(current);
      try {
        data.setType(RAW); // it is verified
        buf.publish(data);
        buf.write(current);
      } finally {
        buf.stale();
        buf.unlock();
      }
    } finally {
      buf.release();
    }
  }

  /** The size of the device. */
  long deviceBytes() {
    return target.bdev().bytes();
  }
}
