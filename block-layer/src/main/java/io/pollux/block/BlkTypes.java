// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.Patch;

/** What a bio asks for: an operation in the low 8 bits and flags above them. */
@LinuxSource(file = "include/linux/blk_types.h", name = {"req_opf", "req_flag_bits"})
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

  /** Forget sectors: what they hold afterwards is undefined. */
  public static final int REQ_OP_DISCARD = 3;

  /** Make sectors zero; moves no data. */
  public static final int REQ_OP_WRITE_ZEROES = 9;

  /** Filesystem metadata. */
  public static final int REQ_META = 1 << 12;

  /** A write that is durable when it completes (forced unit access). */
  public static final int REQ_FUA = 1 << 17;

  /** What was written before becomes durable before this is done. Without data: nothing but that. */
  public static final int REQ_PREFLUSH = 1 << 18;

  /** Do not sleep for a request: EAGAIN. */
  @Patch(2)
  public static final int REQ_NOWAIT = 1 << 21;

  /** Zeroed sectors keep their place: for REQ_OP_WRITE_ZEROES. */
  public static final int REQ_NOUNMAP = 1 << 22;

  /** Polled for. */
  @Patch(2)
  public static final int REQ_HIPRI = 1 << 25;

  /** Polled for by somebody who must not sleep for a request. */
  @Patch(2)
  public static final int REQ_HIPRI_ASYNC = REQ_HIPRI | REQ_NOWAIT;

  /** The cookie of a bio that got no request (BLK_QC_T_NONE). */
  public static final int BLK_QC_T_NONE = -1;

  /** What the block layer looks at before a driver sees it: every operation but read and write, and the flushes. */
  static final int SPECIAL = (REQ_OP_MASK & ~REQ_OP_WRITE) | REQ_FUA | REQ_PREFLUSH;

  private BlkTypes() {}

  /**
   * Whether an operation changes what is on the device.
   *
   * @param op one of REQ_OP_*
   * @return true for writes, discards and zeroing; false for reads and flushes
   */
  @LinuxSource(file = "include/linux/blk_types.h", name = "op_is_write")
  public static boolean isWrite(int op) {
    return (op & 1) != 0;
  }
}
