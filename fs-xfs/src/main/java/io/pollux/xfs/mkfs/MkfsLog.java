// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.mkfs;

import io.pollux.uapi.LinuxSource;
import java.nio.ByteBuffer;

/**
 * The log: one record that says that the filesystem was unmounted, in cycle 1, and zeroes. It is as
 * long as the unit of the log, and at least two basic blocks.
 */
@LinuxSource(
    file = "libxfs/rdwr.c",
    name = {"libxfs_log_clear", "libxfs_log_header", "unmount_record"})
final class MkfsLog {
  private static final int BB_BYTES = 512;
  private static final int HEADER_MAGIC = 0xfeedbabe;
  private static final int VERSION_2 = 2;
  private static final int CYCLE = 1;
  private static final int FORMAT_LINUX_LE = 1;
  private static final int BIG_RECORD_BYTES = 32 << 10; // also what one header block describes
  private static final int TRANSACTION = 0xb0c0d0d0;
  private static final int UNMOUNT_BYTES = 8;
  private static final int CLIENT_LOG = 0xaa;
  private static final int UNMOUNT_TRANS = 0x20;
  private static final short UNMOUNT_TYPE = 0x6e55; // "Un", in the byte order of the machine

  private MkfsLog() {}

  /** Returns the first blocks of the log. */
  static ByteBuffer start(int unit, byte[] uuid) {
    int bytes = Math.max(unit, 2 * BB_BYTES);
    int headers = Math.max(1, unit / BIG_RECORD_BYTES);
    ByteBuffer log = ByteBuffer.allocate(bytes);
    for (int at = BB_BYTES; at < bytes; at += BB_BYTES) {
      log.putInt(at, CYCLE); // the first word of every block
    }
    log.putInt(0, HEADER_MAGIC);
    log.putInt(4, CYCLE);
    log.putInt(8, VERSION_2);
    log.putInt(12, bytes - headers * BB_BYTES);
    log.putInt(16, CYCLE); // its LSN: cycle and block 0
    log.putInt(24, CYCLE); // the tail's
    log.putInt(36, -1); // no record before it
    log.putInt(40, 1); // one operation
    log.putInt(44, TRANSACTION); // the word that the cycle replaced
    log.putInt(300, FORMAT_LINUX_LE);
    log.put(304, uuid);
    log.putInt(320, Math.max(unit, BIG_RECORD_BYTES));
    int at = headers * BB_BYTES;
    log.putInt(at + 4, UNMOUNT_BYTES);
    log.put(at + 8, (byte) CLIENT_LOG);
    log.put(at + 9, (byte) UNMOUNT_TRANS);
    log.putShort(at + 12, UNMOUNT_TYPE);
    return log;
  }
}
