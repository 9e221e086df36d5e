// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.buffer;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.zip.Checksum;
import org.jspecify.annotations.Nullable;

/**
 * The contents of a buffer, or a part of them: immutable unless it is a {@link BufEdit}. Numbers
 * are big-endian.
 *
 * <p>Every access is checked against the end and fails with the errno for damage, so an offset from
 * a disk can't lead outside. Safe for any number of threads, and valid after the buffer is gone.
 */
@LinuxSource(
    file = "fs/xfs/xfs_buf.h",
    name = {"b_addr", "xfs_buf_offset"})
public sealed class BufData permits BufEdit {
  static final VarHandle U16 =
      MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.BIG_ENDIAN);
  static final VarHandle U32 =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.BIG_ENDIAN);
  static final VarHandle U64 =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);

  final byte[] bytes;
  private final long position;
  private final String what;
  private final int damageErrno;

  /** The type of the block; null for a part of a block, and for data without a buffer. */
  final @Nullable BufOps ops;

  /**
   * Wraps bytes.
   *
   * @param bytes the contents, which must not change from here on
   * @param position first byte on the device
   * @param what the structure, for error messages
   * @param damageErrno positive errno of {@link #corrupt}
   */
  public BufData(byte[] bytes, long position, String what, int damageErrno) {
    this(bytes, position, what, damageErrno, null);
  }

  BufData(byte[] bytes, long position, String what, int damageErrno, @Nullable BufOps ops) {
    this.bytes = bytes;
    this.position = position;
    this.what = what;
    this.damageErrno = damageErrno;
    this.ops = ops;
  }

  BufData(byte[] bytes, BufData like, @Nullable BufOps ops) {
    this(bytes, like.position, like.what, like.damageErrno, ops);
  }

  /** {@return the length in bytes} */
  public final int size() {
    return bytes.length;
  }

  /** {@return the first byte on the device, for blocks that contain their own position} */
  @LinuxSource(
      file = "fs/xfs/xfs_buf.h",
      name = {"b_bn", "XFS_BUF_ADDR"})
  public final long position() {
    return position;
  }

  /** {@return the type of the block; null for a part of a block, and for data without a buffer} */
  @LinuxSource(file = "fs/xfs/xfs_buf.h", name = "b_ops")
  public final @Nullable BufOps type() {
    return ops;
  }

  final String what() {
    return what;
  }

  /**
   * Makes the error for damage in these contents.
   *
   * @param how the fault, as a clause
   * @return an error with the errno for damage
   */
  @LinuxSource(
      file = "fs/xfs/xfs_error.c",
      name = {"xfs_verifier_error", "xfs_corruption_error"})
  public final ErrnoException corrupt(String how) {
    return new ErrnoException(damageErrno, what + ": " + how);
  }

  final void check(int at, int length) throws ErrnoException {
    if (at < 0 || length < 0 || at > bytes.length - length) {
      throw corrupt("something points beyond its end");
    }
  }

  /**
   * Reads 8 bits.
   *
   * @param at offset in bytes; any value
   * @return the unsigned value
   * @throws ErrnoException the errno for damage if that is outside
   */
  public final int u8(int at) throws ErrnoException {
    check(at, 1);
    return bytes[at] & 0xff;
  }

  /**
   * Reads 16 bits.
   *
   * @param at offset in bytes; any value
   * @return the unsigned value
   * @throws ErrnoException the errno for damage if that is outside
   */
  public final int u16(int at) throws ErrnoException {
    check(at, 2);
    return (short) U16.get(bytes, at) & 0xffff;
  }

  /**
   * Reads 32 bits.
   *
   * @param at offset in bytes; any value
   * @return the bits; a value of 2^31 or more is negative
   * @throws ErrnoException the errno for damage if that is outside
   */
  public final int i32(int at) throws ErrnoException {
    check(at, 4);
    return (int) U32.get(bytes, at);
  }

  /**
   * Reads 32 bits.
   *
   * @param at offset in bytes; any value
   * @return the unsigned value
   * @throws ErrnoException the errno for damage if that is outside
   */
  public final long u32(int at) throws ErrnoException {
    return i32(at) & 0xffff_ffffL;
  }

  /**
   * Reads 64 bits.
   *
   * @param at offset in bytes; any value
   * @return the bits; a value of 2^63 or more is negative
   * @throws ErrnoException the errno for damage if that is outside
   */
  public final long i64(int at) throws ErrnoException {
    check(at, 8);
    return (long) U64.get(bytes, at);
  }

  /**
   * Copies a part.
   *
   * @param at offset in bytes; any value
   * @param length bytes; any value
   * @return a new array, owned by the caller
   * @throws ErrnoException the errno for damage if that is outside
   */
  public final byte[] copy(int at, int length) throws ErrnoException {
    check(at, length);
    return Arrays.copyOfRange(bytes, at, at + length);
  }

  /**
   * Copies a part to kernel memory.
   *
   * @param at offset in bytes; any value
   * @param address the destination
   * @param length bytes; any value
   * @throws ErrnoException the errno for damage if that is outside
   */
  public final void copyTo(int at, long address, int length) throws ErrnoException {
    check(at, length);
    MemorySegment.copy(
        MemorySegment.ofArray(bytes), at, RawMemory.segment(address, length), 0, length);
  }

  /**
   * Copies a part, which can then be kept without the rest.
   *
   * @param at offset in bytes; any value
   * @param length bytes; any value
   * @param part the structure there, for error messages
   * @return the part
   * @throws ErrnoException the errno for damage if that is outside
   */
  public final BufData slice(int at, int length, String part) throws ErrnoException {
    return new BufData(copy(at, length), position + at, part, damageErrno);
  }

  /**
   * Returns a copy that the caller may change, for example a part of a block that a transaction
   * changes by itself.
   *
   * @return the copy
   */
  public final BufEdit draft() {
    return new BufEdit(bytes.clone(), this);
  }

  /**
   * Compares a part with bytes.
   *
   * @param at offset in bytes; any value
   * @param expected the bytes to compare with
   * @return whether they are equal
   * @throws ErrnoException the errno for damage if that is outside
   */
  public final boolean matches(int at, byte[] expected) throws ErrnoException {
    check(at, expected.length);
    return Arrays.equals(bytes, at, at + expected.length, expected, 0, expected.length);
  }

  /**
   * Compares a part with the same part of other contents.
   *
   * @param other contents of at least that length
   * @param at offset in bytes; any value
   * @param length bytes; any value
   * @return whether they are equal
   * @throws ErrnoException the errno for damage if that is outside
   */
  public final boolean equalsAt(BufData other, int at, int length) throws ErrnoException {
    check(at, length);
    other.check(at, length);
    return Arrays.equals(bytes, at, at + length, other.bytes, at, at + length);
  }

  /**
   * Updates a checksum with a part.
   *
   * @param sum the checksum
   * @param at offset in bytes; any value
   * @param length bytes; any value
   * @throws ErrnoException the errno for damage if that is outside
   */
  public final void addTo(Checksum sum, int at, int length) throws ErrnoException {
    check(at, length);
    sum.update(bytes, at, length);
  }

  @Override
  public final String toString() {
    return what + " at " + position + "+" + bytes.length;
  }
}
