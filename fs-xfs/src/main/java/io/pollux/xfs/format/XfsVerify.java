// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.format;

import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufEdit;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import java.util.zip.CRC32C;

/**
 * The checks that most blocks of version 5 share: checksum, UUID of the filesystem, own place, and
 * owner.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_cksum.h")
public final class XfsVerify {
  private static final byte[] NO_CRC = new byte[4];

  private XfsVerify() {}

  /**
   * Computes the CRC32C of a range, with the checksum field as 0.
   *
   * @param buf the block
   * @param from first byte of the range
   * @param length bytes of the range
   * @param at offset of the checksum in the range
   * @return the checksum
   * @throws ErrnoException EUCLEAN if that is outside
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_cksum.h", name = "xfs_start_cksum_safe")
  public static int crc(BufData buf, int from, int length, int at) throws ErrnoException {
    CRC32C crc = new CRC32C();
    buf.addTo(crc, from, at);
    crc.update(NO_CRC);
    buf.addTo(crc, from + at + NO_CRC.length, length - at - NO_CRC.length);
    return (int) crc.getValue();
  }

  /**
   * Checks the checksum of the whole buffer.
   *
   * @param buf the buffer
   * @param at offset of the checksum, the only little-endian number
   * @throws ErrnoException EUCLEAN if it is wrong
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_cksum.h", name = "xfs_verify_cksum")
  public static void checkCrc(BufData buf, int at) throws ErrnoException {
    if (Integer.reverseBytes(buf.i32(at)) != crc(buf, 0, buf.size(), at)) {
      throw buf.corrupt("bad checksum");
    }
  }

  /** Stores the checksum of a range into it. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_cksum.h", name = "xfs_update_cksum")
  public static void updateCrc(BufEdit edit, int from, int length, int at) throws ErrnoException {
    edit.put32(from + at, Integer.reverseBytes(crc(edit, from, length, at)));
  }

  public static void checkUuid(BufData buf, int at, byte[] uuid) throws ErrnoException {
    if (!buf.matches(at, uuid)) {
      throw buf.corrupt("belongs to another filesystem");
    }
  }

  public static void checkDaddr(BufData buf, int at) throws ErrnoException {
    if (buf.i64(at) != buf.position() >> XfsSb.BB_SHIFT) {
      throw buf.corrupt("belongs to another place");
    }
  }

  public static void checkOwner(BufData buf, int at, long ino) throws ErrnoException {
    if (buf.i64(at) != ino) {
      throw buf.corrupt("belongs to another file");
    }
  }
}
