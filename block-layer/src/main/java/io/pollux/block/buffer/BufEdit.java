// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.buffer;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * A copy of a buffer's contents that the holder of the buffer's lock may change. A change after it
 * was published or dropped fails an assertion. Every access is checked against the end.
 */
public final class BufEdit extends BufData {
  private boolean open = true;
  private @Nullable BufOps type; // of the contents when they are published

  BufEdit(byte[] bytes, BufData like) {
    super(bytes, like, like.ops);
    type = like.ops;
  }

  BufEdit(byte[] bytes, long position, String what, int damageErrno, BufOps type) {
    super(bytes, position, what, damageErrno, type);
    this.type = type;
  }

  /**
   * Changes the type of the contents. Readers see it when they are published.
   *
   * @param to the new type
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_trans_buf.c", name = "xfs_trans_buf_set_type")
  public void setType(BufOps to) {
    type = to;
  }

  /** Closes the copy and returns it as contents, which share the array. */
  BufData publish() {
    assert open : "published or dropped twice";
    open = false;
    return new BufData(bytes, this, type);
  }

  void drop() {
    open = false;
  }

  private void checkChange(int at, int length) throws ErrnoException {
    assert open : "a change after the copy was published or dropped";
    check(at, length);
  }

  /**
   * Writes 8 bits.
   *
   * @param at offset in bytes
   * @param value its low 8 bits
   * @throws ErrnoException the errno for damage if that is outside
   */
  public void put8(int at, int value) throws ErrnoException {
    checkChange(at, 1);
    bytes[at] = (byte) value;
  }

  /**
   * Writes 16 bits.
   *
   * @param at offset in bytes
   * @param value its low 16 bits
   * @throws ErrnoException the errno for damage if that is outside
   */
  public void put16(int at, int value) throws ErrnoException {
    checkChange(at, 2);
    U16.set(bytes, at, (short) value);
  }

  /**
   * Writes 32 bits.
   *
   * @param at offset in bytes
   * @param value the bits
   * @throws ErrnoException the errno for damage if that is outside
   */
  public void put32(int at, int value) throws ErrnoException {
    checkChange(at, 4);
    U32.set(bytes, at, value);
  }

  /**
   * Writes 64 bits.
   *
   * @param at offset in bytes
   * @param value the bits
   * @throws ErrnoException the errno for damage if that is outside
   */
  public void put64(int at, long value) throws ErrnoException {
    checkChange(at, 8);
    U64.set(bytes, at, value);
  }

  /**
   * Writes bytes.
   *
   * @param at offset in bytes
   * @param from the bytes
   * @throws ErrnoException the errno for damage if that is outside
   */
  public void put(int at, byte[] from) throws ErrnoException {
    checkChange(at, from.length);
    System.arraycopy(from, 0, bytes, at, from.length);
  }

  /**
   * Moves bytes inside the block; the ranges may overlap.
   *
   * @param from offset of the first byte
   * @param to its new offset
   * @param length bytes
   * @throws ErrnoException the errno for damage if one of them is outside
   */
  public void move(int from, int to, int length) throws ErrnoException {
    checkChange(from, length);
    check(to, length);
    System.arraycopy(bytes, from, bytes, to, length);
  }

  /**
   * Writes zeroes.
   *
   * @param at offset in bytes
   * @param length bytes
   * @throws ErrnoException the errno for damage if that is outside
   */
  public void clear(int at, int length) throws ErrnoException {
    checkChange(at, length);
    Arrays.fill(bytes, at, at + length, (byte) 0);
  }

  /**
   * Writes bytes of kernel memory.
   *
   * @param at offset in bytes
   * @param address the source
   * @param length bytes
   * @throws ErrnoException the errno for damage if that is outside
   */
  public void putMemory(int at, long address, int length) throws ErrnoException {
    checkChange(at, length);
    MemorySegment.copy(
        RawMemory.segment(address, length), 0, MemorySegment.ofArray(bytes), at, length);
  }
}
