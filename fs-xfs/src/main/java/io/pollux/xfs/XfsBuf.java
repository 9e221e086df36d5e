// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.zip.CRC32C;

/**
 * A piece of metadata in memory, immutable once read: the counterpart of struct xfs_buf.
 *
 * <p>Numbers in it are big-endian. Every access is checked against the end of the buffer and fails with
 * EUCLEAN, so that no offset that came from a disk can do more harm than that.
 */
@LinuxSource(file = "fs/xfs/xfs_buf.h", name = "xfs_buf")
final class XfsBuf {
  private static final VarHandle U16 = MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.BIG_ENDIAN);
  private static final VarHandle U32 = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.BIG_ENDIAN);
  private static final VarHandle U64 = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);
  private static final byte[] NO_CRC = new byte[4];

  private final byte[] bytes;
  private final long daddr;
  private final String what;

  /**
   * Wraps bytes that nobody changes any more.
   *
   * @param bytes the contents
   * @param daddr where they are on the device, in sectors of 512 bytes
   * @param what what they are, for sentences
   */
  XfsBuf(byte[] bytes, long daddr, String what) {
    this.bytes = bytes;
    this.daddr = daddr;
    this.what = what;
  }

  int size() {
    return bytes.length;
  }

  long daddr() {
    return daddr;
  }

  /** EUCLEAN for this buffer. */
  ErrnoException corrupt(String how) {
    return XfsError.corrupt(what + ": " + how);
  }

  private void check(int at, int length) throws ErrnoException {
    if (at < 0 || length < 0 || at > bytes.length - length) {
      throw corrupt("something points beyond its end");
    }
  }

  int u8(int at) throws ErrnoException {
    check(at, 1);
    return bytes[at] & 0xff;
  }

  int u16(int at) throws ErrnoException {
    check(at, 2);
    return (short) U16.get(bytes, at) & 0xffff;
  }

  /** 32 bits as they are, for comparing and for flags. */
  int i32(int at) throws ErrnoException {
    check(at, 4);
    return (int) U32.get(bytes, at);
  }

  long u32(int at) throws ErrnoException {
    return i32(at) & 0xffff_ffffL;
  }

  /** 64 bits; a value above 2^63 comes out negative. */
  long i64(int at) throws ErrnoException {
    check(at, 8);
    return (long) U64.get(bytes, at);
  }

  byte[] copy(int at, int length) throws ErrnoException {
    check(at, length);
    return Arrays.copyOfRange(bytes, at, at + length);
  }

  /** Part of this buffer as a buffer. */
  XfsBuf slice(int at, int length, String part) throws ErrnoException {
    return new XfsBuf(copy(at, length), daddr + (at >> 9), part);
  }

  boolean matches(int at, byte[] expected) throws ErrnoException {
    check(at, expected.length);
    return Arrays.equals(bytes, at, at + expected.length, expected, 0, expected.length);
  }

  /**
   * Checks the checksum over the whole buffer.
   *
   * @param at where it is; it counts as 0 itself, and is the one little-endian number
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_cksum.h", name = "xfs_verify_cksum")
  void verifyCrc(int at) throws ErrnoException {
    if (Integer.reverseBytes(i32(at)) != crc(at, bytes.length)) {
      throw corrupt("bad checksum");
    }
  }

  /** CRC32C of the first bytes, with the checksum's own place as zeroes. */
  int crc(int at, int length) throws ErrnoException {
    check(0, length);
    CRC32C crc = new CRC32C();
    crc.update(bytes, 0, at);
    crc.update(NO_CRC);
    crc.update(bytes, at + 4, length - at - 4);
    return (int) crc.getValue();
  }

  void verifyUuid(int at, byte[] uuid) throws ErrnoException {
    if (!matches(at, uuid)) {
      throw corrupt("belongs to another filesystem");
    }
  }

  void verifyDaddr(int at) throws ErrnoException {
    if (i64(at) != daddr) {
      throw corrupt("belongs to another place");
    }
  }

  void verifyOwner(int at, long ino) throws ErrnoException {
    if (i64(at) != ino) {
      throw corrupt("belongs to another file");
    }
  }
}
