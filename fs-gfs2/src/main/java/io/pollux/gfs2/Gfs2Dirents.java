// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import java.util.zip.CRC32;

/**
 * Walks the entries of one block of a directory and checks each. Entries fill the block; some are
 * empty.
 */
@LinuxSource(
    file = "fs/gfs2/dir.c",
    name = {"gfs2_dirent_scan", "gfs2_check_dirent"})
final class Gfs2Dirents {
  /** Bytes of an entry before its name. */
  @LinuxSource(file = "include/uapi/linux/gfs2_ondisk.h", name = "gfs2_dirent")
  private static final int DIRENT_BYTES = 40;

  private final BufData buf;
  private final int first;
  private int at = -1; // the entry
  private int next;

  /**
   * Starts before the first entry.
   *
   * @param buf the block
   * @param first offset of its first entry
   */
  Gfs2Dirents(BufData buf, int first) {
    this.buf = buf;
    this.first = first;
    next = first;
  }

  /**
   * The hash by which directories sort names.
   *
   * @param name the name
   * @return its hash
   */
  @LinuxSource(file = "fs/gfs2/util.h", name = "gfs2_disk_hash")
  static int hash(byte[] name) {
    CRC32 crc = new CRC32();
    crc.update(name);
    return (int) crc.getValue();
  }

  /** Advances to the next entry that is not empty. Returns false at the end of the block. */
  boolean next() throws ErrnoException {
    while (next < buf.size()) { // each step advances by the length of an entry
      at = next;
      int length = buf.u16(at + 20);
      if (length < DIRENT_BYTES + 1 || (length & 7) != 0 || length > buf.size() - at) {
        throw buf.corrupt("an entry of " + length + " bytes");
      }
      next = at + length;
      if (buf.i64(at) == 0 || buf.i64(at + 8) == 0) {
        if (at != first) {
          // C merges an empty entry with the previous one
          throw buf.corrupt("an empty entry in the middle");
        }
        continue;
      }
      if (nameLength() == 0 || nameLength() > length - DIRENT_BYTES) {
        throw buf.corrupt("an entry of " + length + " bytes with a name of " + nameLength());
      }
      return true;
    }
    return false;
  }

  Gfs2Inum inum() throws ErrnoException {
    return new Gfs2Inum(buf.i64(at), buf.i64(at + 8));
  }

  int hash() throws ErrnoException {
    return buf.i32(at + 16);
  }

  private int nameLength() throws ErrnoException {
    return buf.u16(at + 22);
  }

  /** The type of the inode, DT_*. */
  int type() throws ErrnoException {
    return buf.u16(at + 24);
  }

  /** The name, checked. */
  byte[] name() throws ErrnoException {
    byte[] name = buf.copy(at + DIRENT_BYTES, nameLength());
    for (byte b : name) {
      if (b == 0 || b == '/') {
        throw buf.corrupt("a name with a slash or a zero in it");
      }
    }
    if (hash(name) != hash()) {
      throw buf.corrupt("a name that has another hash than it says");
    }
    return name;
  }

  /** Whether the entry has this name, whose hash is given. */
  boolean is(byte[] name, int nameHash) throws ErrnoException {
    return hash() == nameHash
        && nameLength() == name.length
        && buf.matches(at + DIRENT_BYTES, name);
  }
}
