// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.log;

import io.pollux.uapi.LinuxSource;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.zip.CRC32C;

/** Offsets and numbers of the log on the disk. */
@LinuxSource(file = "fs/xfs/libxfs/xfs_log_format.h")
final class XlogFormat {
  static final int BB_SHIFT = 9;
  static final int BB_BYTES = 512;

  static final int HEADER_MAGIC_NUM = 0xfeedbabe;

  /** What one block of a header describes, in bytes of the body. */
  static final int CYCLE_SIZE = 32 << 10;

  static final int CYCLES_PER_HEADER = CYCLE_SIZE / BB_BYTES;

  // struct xlog_rec_ext_header
  static final int XH_CYCLE_DATA = 4;
  static final int EXT_HEADER_BYTES = 260;

  static final int BIG_RECORD_BYTES = 32 << 10;
  static final int VERSION_2 = 2;
  static final int FMT_LINUX_LE = 1;

  // struct xlog_rec_header
  static final int H_MAGICNO = 0;
  static final int H_CYCLE = 4;
  static final int H_VERSION = 8;
  static final int H_LEN = 12;
  static final int H_LSN = 16;
  static final int H_TAIL_LSN = 24;
  static final int H_CRC = 32;
  static final int H_PREV_BLOCK = 36;
  static final int H_NUM_LOGOPS = 40;
  static final int H_CYCLE_DATA = 44;
  static final int H_FMT = 300;
  static final int H_FS_UUID = 304;
  static final int H_SIZE = 320;

  /** The header under the checksum, on 64-bit machines. */
  static final int REC_HEADER_BYTES = 328;

  static final int OP_BYTES = 12;
  static final int CLIENT_TRANSACTION = 0x69;
  static final int CLIENT_LOG = 0xaa;
  static final int START_TRANS = 0x01;
  static final int COMMIT_TRANS = 0x02;
  static final int CONTINUE_TRANS = 0x04;
  static final int WAS_CONT_TRANS = 0x08;
  static final int END_TRANS = 0x10;
  static final int UNMOUNT_TRANS = 0x20;
  static final int UNMOUNT_BYTES = 8;
  static final short UNMOUNT_TYPE = 0x556e;

  static final int TRANS_HEADER_BYTES = 16;
  static final int TRANS_MAGIC = 0x5452414e;
  static final int TRANS_CHECKPOINT = 40;

  static final int LI_INODE = 0x123b;
  static final int LI_BUF = 0x123c;

  static final int ILOG_CORE = 0x001;
  static final int ILOG_DDATA = 0x002;
  static final int ILOG_DEXT = 0x004;
  static final int ILOG_DBROOT = 0x008;
  static final int ILOG_DEV = 0x010;
  static final int ILOG_ADATA = 0x040;
  static final int ILOG_AEXT = 0x080;
  static final int ILOG_ABROOT = 0x100;
  static final int INODE_LOG_FORMAT_BYTES = 56;

  static final int BLF_CHUNK = 128;
  static final int BLF_SHIFT = 7;
  static final int BLF_INODE_BUF = 1;
  static final int BLF_CANCEL = 1 << 1;
  static final int BLFT_SHIFT = 11;
  static final int BUF_LOG_FORMAT_BYTES = 20; // without the map

  private XlogFormat() {}

  /** Items are in the byte order of the machine that wrote them. */
  static ByteBuffer host(byte[] bytes) {
    return ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN);
  }

  static long lsn(int cycle, int block) {
    return (long) cycle << 32 | block;
  }

  static int cycle(long lsn) {
    return (int) (lsn >>> 32);
  }

  static int block(long lsn) {
    return (int) lsn;
  }

  /** The cycle after one. No cycle looks like the first word of a record. */
  static int nextCycle(int cycle) {
    return cycle + 1 == HEADER_MAGIC_NUM ? cycle + 2 : cycle + 1;
  }

  /** The bytes of the header of records of at most so many bytes. */
  @LinuxSource(file = "fs/xfs/xfs_log_recover.c", name = "xlog_logrec_hblks")
  static int headerBytes(int recordBytes) {
    int headers = (recordBytes + CYCLE_SIZE - 1) / CYCLE_SIZE;
    return headers << BB_SHIFT;
  }

  /** Where the header has the first word of a block of the body. */
  static int cycleData(int bodyBlock) {
    int header = bodyBlock / CYCLES_PER_HEADER;
    int at = header == 0 ? H_CYCLE_DATA : (header << BB_SHIFT) + XH_CYCLE_DATA;
    return at + 4 * (bodyBlock % CYCLES_PER_HEADER);
  }

  /** The checksum of a record. */
  @LinuxSource(file = "fs/xfs/xfs_log.c", name = "xlog_cksum")
  static int crc(byte[] record, int headerBytes, int length) {
    CRC32C crc = new CRC32C();
    crc.update(record, 0, H_CRC);
    crc.update(new byte[4], 0, 4);
    crc.update(record, H_CRC + 4, REC_HEADER_BYTES - H_CRC - 4);
    int described = (length - headerBytes + CYCLE_SIZE - 1) / CYCLE_SIZE;
    for (int i = 1; i < described; i++) {
      crc.update(record, i << BB_SHIFT, EXT_HEADER_BYTES);
    }
    crc.update(record, headerBytes, length - headerBytes);
    return (int) crc.getValue();
  }
}
