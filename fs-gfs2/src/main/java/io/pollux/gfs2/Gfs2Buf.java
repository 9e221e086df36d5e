// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.MemorySegment;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;
import java.util.Arrays;
import java.util.zip.CRC32;

/**
 * A piece of metadata in memory, immutable once read: the counterpart of struct buffer_head as GFS2 uses it.
 *
 * <p>Numbers in it are big-endian. Every access is checked against the end of the buffer and fails with EIO, so that no
 * offset that came from a disk can do more harm than that. Most blocks begin with a header of {@link #HEADER_BYTES}:
 * a magic number and what kind of block it is. They have no checksums.
 */
@LinuxSource(file = "include/uapi/linux/gfs2_ondisk.h", name = "gfs2_meta_header")
final class Gfs2Buf {
  /** What every block of metadata begins with. */
  @LinuxSource(file = "include/uapi/linux/gfs2_ondisk.h", name = "GFS2_MAGIC")
  static final int MAGIC = 0x01161970;

  /** Bytes of the header that most blocks begin with. */
  static final int HEADER_BYTES = 24;

  /** Kinds of blocks: the superblock. */
  static final int METATYPE_SB = 1;

  /** The first block of a resource group. */
  static final int METATYPE_RG = 2;

  /** A further block of a resource group's bitmap. */
  static final int METATYPE_RB = 3;

  /** An inode. */
  static final int METATYPE_DI = 4;

  /** Pointers to blocks. */
  static final int METATYPE_IN = 5;

  /** Entries of a directory. */
  static final int METATYPE_LF = 6;

  /** Data with a header: a directory's hash table. */
  static final int METATYPE_JD = 7;

  /** The head of a transaction in a journal. */
  static final int METATYPE_LH = 8;

  private static final VarHandle U16 = MethodHandles.byteArrayViewVarHandle(short[].class, ByteOrder.BIG_ENDIAN);
  private static final VarHandle U32 = MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.BIG_ENDIAN);
  private static final VarHandle U64 = MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);

  private final byte[] bytes;
  private final String what;

  /**
   * Wraps bytes that nobody changes any more.
   *
   * @param bytes the contents
   * @param what what they are, for sentences
   */
  Gfs2Buf(byte[] bytes, String what) {
    this.bytes = bytes;
    this.what = what;
  }

  int size() {
    return bytes.length;
  }

  /** EIO for this buffer. */
  ErrnoException corrupt(String how) {
    return Gfs2Error.corrupt(what + ": " + how);
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

  /** Copies to kernel memory. */
  void copyTo(int at, long address, int length) throws ErrnoException {
    check(at, length);
    MemorySegment.copy(MemorySegment.ofArray(bytes), at, RawMemory.segment(address, length), 0, length);
  }

  /** Whether bytes are these. */
  boolean matches(int at, byte[] expected) throws ErrnoException {
    check(at, expected.length);
    return Arrays.equals(bytes, at, at + expected.length, expected, 0, expected.length);
  }

  /**
   * Makes sure that this is a block of a kind.
   *
   * @param type METATYPE_*
   */
  @LinuxSource(file = "fs/gfs2/util.h", name = "gfs2_metatype_check")
  void checkType(int type) throws ErrnoException {
    if (i32(0) != MAGIC) {
      throw corrupt("bad magic number");
    }
    if (i32(4) != type) {
      throw corrupt("a block of type " + u32(4) + " where one of type " + type + " was expected");
    }
  }

  /** CRC-32 of some bytes, which GFS2 also has for the hash of a name. */
  @LinuxSource(file = "fs/gfs2/util.h", name = "gfs2_disk_hash")
  int crc(int at, int length) throws ErrnoException {
    check(at, length);
    CRC32 crc = new CRC32();
    crc.update(bytes, at, length);
    return (int) crc.getValue();
  }
}
