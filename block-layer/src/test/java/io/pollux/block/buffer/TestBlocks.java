// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.buffer;

import io.pollux.block.BlockDevice;
import io.pollux.block.QueueLimits;
import io.pollux.block.TagSet;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.uapi.Errno;
import java.lang.foreign.ValueLayout;

/**
 * A disk of blocks of 1 KiB, a cache in front of it, and two types of block. A block begins with
 * its type and a checksum, which is the sum of its other words.
 */
final class TestBlocks implements AutoCloseable {
  static final int BLOCK = 1024;
  static final int SECTORS = BLOCK >> 9;
  static final int VALUE = 8;
  static final int LIMIT = 16 * BLOCK;
  static final Type LEAF = new Type("leaf", 0x4c454146);
  static final Type NODE = new Type("node", 0x4e4f4445);

  /** A type of block. */
  static final class Type implements BufOps {
    private final String name;
    private final int magic;
    volatile boolean refusesWrites;

    Type(String name, int magic) {
      this.name = name;
      this.magic = magic;
    }

    @Override
    public String name() {
      return name;
    }

    @Override
    public void verifyRead(BufData data) throws ErrnoException {
      checkMagic(data);
      if (data.i32(4) != sum(data)) {
        throw data.corrupt("bad checksum");
      }
    }

    @Override
    public void verifyWrite(BufEdit data) throws ErrnoException {
      checkMagic(data);
      if (refusesWrites) {
        throw data.corrupt("must not be written");
      }
      data.put32(4, sum(data));
    }

    private void checkMagic(BufData data) throws ErrnoException {
      if (data.i32(0) != magic) {
        throw data.corrupt("bad magic number");
      }
    }
  }

  final HeldDisk disk;
  final BlockDevice bdev;
  final BufCache cache;
  final BufSpace space;
  private final UserProcess process = new UserProcess();
  final Task task;

  TestBlocks(int blocks) {
    disk = new HeldDisk((long) blocks * BLOCK).letThrough();
    bdev = disk.disk(new TagSet(1, 0, 8, false), QueueLimits.of(512));
    cache = new BufCache(bdev, LIMIT, Errno.EUCLEAN);
    space = cache.newSpace();
    task = newTask();
    for (int i = 0; i < blocks; i++) {
      format(i, LEAF, i);
    }
  }

  Task newTask() {
    return process.newTask();
  }

  private static int sum(BufData data) throws ErrnoException {
    int sum = 0;
    for (int at = VALUE; at < data.size(); at += 4) {
      sum += data.i32(at);
    }
    return sum;
  }

  /** Puts a sound block onto the disk. */
  void format(int block, Type type, int value) {
    disk.contents()
        .asSlice((long) block * BLOCK, BLOCK)
        .asByteBuffer()
        .putInt(type.magic)
        .putInt(value)
        .putInt(value);
  }

  /** Changes a byte on the disk. */
  void damage(int at, int value) {
    disk.contents().set(ValueLayout.JAVA_BYTE, at, (byte) value);
  }

  /** The value of a block on the disk. */
  int onDisk(int block) {
    return disk.contents().asByteBuffer().getInt(block * BLOCK + VALUE);
  }

  Buf read(int block) throws ErrnoException {
    return space.read(task, (long) block * BLOCK, BLOCK, LEAF, () -> "block " + block);
  }

  Buf get(int block) throws ErrnoException {
    return space.get((long) block * BLOCK, BLOCK, () -> "block " + block);
  }

  /** Gives a locked block a value. */
  static void change(Buf buf, int value) throws ErrnoException {
    buf.edit().put32(VALUE, value);
    buf.markDirty();
  }

  /** Reads a block, gives it a value, and leaves it dirty. */
  void dirty(int block, int value) throws ErrnoException {
    Buf buf = read(block);
    buf.lock(task);
    change(buf, value);
    buf.unlock();
    buf.release();
  }

  @Override
  public void close() {
    cache.drop();
    process.exit();
    disk.close();
  }
}
