// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;

/** The operation of a bio in the low 8 bits of opf, and its flags above them. */
@LinuxSource(
    file = "include/linux/blk_types.h",
    name = {"req_opf", "req_flag_bits"})
public final class BlkTypes {
  /** Bytes of a sector, the unit of every position on a device. */
  public static final int SECTOR_SIZE = 512;

  /** log2 of {@link #SECTOR_SIZE}. */
  public static final int SECTOR_SHIFT = 9;

  /** Mask of the operation. */
  public static final int REQ_OP_MASK = 0xff;

  /** Read sectors. */
  public static final int REQ_OP_READ = 0;

  /** Write sectors. */
  public static final int REQ_OP_WRITE = 1;

  /** Make everything written durable; moves no data. */
  public static final int REQ_OP_FLUSH = 2;

  /** Discard sectors; their contents become undefined. */
  public static final int REQ_OP_DISCARD = 3;

  /** Make sectors zero; moves no data. */
  public static final int REQ_OP_WRITE_ZEROES = 9;

  /** Filesystem metadata. */
  public static final int REQ_META = 1 << 12;

  /** A write that is durable when it completes (forced unit access). */
  public static final int REQ_FUA = 1 << 17;

  /**
   * Makes all earlier writes durable before this write starts. An empty write with it is only the
   * flush.
   */
  public static final int REQ_PREFLUSH = 1 << 18;

  /** Fail with EAGAIN instead of sleeping for a request. */
  @Patch(2)
  public static final int REQ_NOWAIT = 1 << 21;

  /** Zeroed sectors stay allocated: for REQ_OP_WRITE_ZEROES. */
  public static final int REQ_NOUNMAP = 1 << 22;

  /** A polled request. */
  @Patch(2)
  public static final int REQ_HIPRI = 1 << 25;

  /** A polled request whose submitter must not sleep for a request. */
  @Patch(2)
  public static final int REQ_HIPRI_ASYNC = REQ_HIPRI | REQ_NOWAIT;

  /** The cookie of a bio for which there is nothing to poll. */
  public static final int BLK_QC_T_NONE = -1;

  /**
   * The bits that the block layer handles before a driver sees them: all operations except read and
   * write, and the flushes.
   */
  static final int SPECIAL = (REQ_OP_MASK & ~REQ_OP_WRITE) | REQ_FUA | REQ_PREFLUSH;

  private BlkTypes() {}

  /** The name of an operation, for dumps. */
  static String opName(int op) {
    return switch (op & REQ_OP_MASK) {
      case REQ_OP_READ -> "read";
      case REQ_OP_WRITE -> "write";
      case REQ_OP_FLUSH -> "flush";
      case REQ_OP_DISCARD -> "discard";
      case REQ_OP_WRITE_ZEROES -> "write zeroes";
      default -> "operation " + (op & REQ_OP_MASK);
    };
  }

  /** The names of the flags of an opf, such as " FUA NOWAIT", for dumps. */
  static String flagNames(int opf) {
    return name(opf, REQ_META, " META")
        + name(opf, REQ_FUA, " FUA")
        + name(opf, REQ_PREFLUSH, " PREFLUSH")
        + name(opf, REQ_NOWAIT, " NOWAIT")
        + name(opf, REQ_NOUNMAP, " NOUNMAP")
        + name(opf, REQ_HIPRI, " HIPRI");
  }

  private static String name(int opf, int flag, String name) {
    return (opf & flag) != 0 ? name : "";
  }

  /**
   * Operation, range and flags of a transfer, such as "read 8 sectors at 4096 HIPRI", for dumps.
   *
   * @param opf operation and flags
   * @param sector first sector
   * @param bytes length
   * @param status 0 or a negative errno
   */
  static String describe(int opf, long sector, int bytes, int status) {
    return opName(opf)
        + (bytes == 0 ? "" : " " + (bytes >> SECTOR_SHIFT) + " sectors at " + sector)
        + flagNames(opf)
        + (status == 0 ? "" : " status " + status);
  }

  /**
   * Returns whether an operation changes the contents of the device.
   *
   * @param op one of REQ_OP_*
   * @return true for writes, discards and zeroing; false for reads and flushes
   */
  @LinuxSource(file = "include/linux/blk_types.h", name = "op_is_write")
  public static boolean isWrite(int op) {
    return (op & 1) != 0;
  }
}
