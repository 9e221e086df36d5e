// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.uapi;

import java.lang.foreign.MemoryLayout;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;

/** {@code struct statfs} of x86-64, 120 bytes: the result of statfs. */
@LinuxSource(file = "include/uapi/asm-generic/statfs.h", name = "statfs")
public final class Statfs {
  /** Mounted read-only. */
  public static final long ST_RDONLY = 0x1;

  /** The flags are valid. */
  public static final long ST_VALID = 0x20;

  /** Access times are not updated. */
  public static final long ST_NOATIME = 0x400;

  /** The layout of {@code struct statfs}. */
  public static final StructLayout LAYOUT =
      MemoryLayout.structLayout(
              ValueLayout.JAVA_LONG.withName("f_type"),
              ValueLayout.JAVA_LONG.withName("f_bsize"),
              ValueLayout.JAVA_LONG.withName("f_blocks"),
              ValueLayout.JAVA_LONG.withName("f_bfree"),
              ValueLayout.JAVA_LONG.withName("f_bavail"),
              ValueLayout.JAVA_LONG.withName("f_files"),
              ValueLayout.JAVA_LONG.withName("f_ffree"),
              ValueLayout.JAVA_LONG.withName("f_fsid"),
              ValueLayout.JAVA_LONG.withName("f_namelen"),
              ValueLayout.JAVA_LONG.withName("f_frsize"),
              ValueLayout.JAVA_LONG.withName("f_flags"),
              MemoryLayout.paddingLayout(32))
          .withName("statfs");

  /** Size in bytes. */
  public static final long SIZE = LAYOUT.byteSize();

  private static final long F_TYPE = offset("f_type");
  private static final long F_BSIZE = offset("f_bsize");
  private static final long F_BLOCKS = offset("f_blocks");
  private static final long F_BFREE = offset("f_bfree");
  private static final long F_BAVAIL = offset("f_bavail");
  private static final long F_FILES = offset("f_files");
  private static final long F_FFREE = offset("f_ffree");
  private static final long F_FSID = offset("f_fsid");
  private static final long F_NAMELEN = offset("f_namelen");
  private static final long F_FRSIZE = offset("f_frsize");
  private static final long F_FLAGS = offset("f_flags");

  private Statfs() {}

  private static long offset(String field) {
    return LAYOUT.byteOffset(MemoryLayout.PathElement.groupElement(field));
  }

  /** Reads {@code f_type}: magic number of the filesystem type. */
  public static long fType(long at) {
    return RawMemory.getLong(at, F_TYPE);
  }

  /** Writes {@code f_type}: magic number of the filesystem type. */
  public static void fType(long at, long value) {
    RawMemory.putLong(at, F_TYPE, value);
  }

  /** Reads {@code f_bsize}: size of a block in bytes. */
  public static long fBsize(long at) {
    return RawMemory.getLong(at, F_BSIZE);
  }

  /** Writes {@code f_bsize}: size of a block in bytes. */
  public static void fBsize(long at, long value) {
    RawMemory.putLong(at, F_BSIZE, value);
  }

  /** Reads {@code f_blocks}: total blocks. */
  public static long fBlocks(long at) {
    return RawMemory.getLong(at, F_BLOCKS);
  }

  /** Writes {@code f_blocks}: total blocks. */
  public static void fBlocks(long at, long value) {
    RawMemory.putLong(at, F_BLOCKS, value);
  }

  /** Reads {@code f_bfree}: free blocks. */
  public static long fBfree(long at) {
    return RawMemory.getLong(at, F_BFREE);
  }

  /** Writes {@code f_bfree}: free blocks. */
  public static void fBfree(long at, long value) {
    RawMemory.putLong(at, F_BFREE, value);
  }

  /** Reads {@code f_bavail}: free blocks for unprivileged programs. */
  public static long fBavail(long at) {
    return RawMemory.getLong(at, F_BAVAIL);
  }

  /** Writes {@code f_bavail}: free blocks for unprivileged programs. */
  public static void fBavail(long at, long value) {
    RawMemory.putLong(at, F_BAVAIL, value);
  }

  /** Reads {@code f_files}: total inodes. */
  public static long fFiles(long at) {
    return RawMemory.getLong(at, F_FILES);
  }

  /** Writes {@code f_files}: total inodes. */
  public static void fFiles(long at, long value) {
    RawMemory.putLong(at, F_FILES, value);
  }

  /** Reads {@code f_ffree}: free inodes. */
  public static long fFfree(long at) {
    return RawMemory.getLong(at, F_FFREE);
  }

  /** Writes {@code f_ffree}: free inodes. */
  public static void fFfree(long at, long value) {
    RawMemory.putLong(at, F_FFREE, value);
  }

  /** Reads {@code f_fsid}: number of the filesystem, two ints. */
  public static long fFsid(long at) {
    return RawMemory.getLong(at, F_FSID);
  }

  /** Writes {@code f_fsid}: number of the filesystem, two ints. */
  public static void fFsid(long at, long value) {
    RawMemory.putLong(at, F_FSID, value);
  }

  /** Reads {@code f_namelen}: maximum length of a name. */
  public static long fNamelen(long at) {
    return RawMemory.getLong(at, F_NAMELEN);
  }

  /** Writes {@code f_namelen}: maximum length of a name. */
  public static void fNamelen(long at, long value) {
    RawMemory.putLong(at, F_NAMELEN, value);
  }

  /** Reads {@code f_frsize}: size of a fragment in bytes, the same as of a block. */
  public static long fFrsize(long at) {
    return RawMemory.getLong(at, F_FRSIZE);
  }

  /** Writes {@code f_frsize}: size of a fragment in bytes, the same as of a block. */
  public static void fFrsize(long at, long value) {
    RawMemory.putLong(at, F_FRSIZE, value);
  }

  /** Reads {@code f_flags}: ST_* flags. */
  public static long fFlags(long at) {
    return RawMemory.getLong(at, F_FLAGS);
  }

  /** Writes {@code f_flags}: ST_* flags. */
  public static void fFlags(long at, long value) {
    RawMemory.putLong(at, F_FLAGS, value);
  }
}
