// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsError;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;

/**
 * Attributes in the inode.
 *
 * <pre>
 *   header: bytes 16 bits, count 8 bits, 8 bits
 *   attribute: length of the name 8 bits, of the value 8 bits, flags 8 bits, name, value
 * </pre>
 */
@LinuxSource(
    file = "fs/xfs/libxfs/xfs_attr_sf.h",
    name = {"xfs_attr_sf_hdr", "xfs_attr_sf_entry"})
final class XfsAttrSf {
  static final int HEADER_BYTES = 4;
  private static final int ENTRY_BYTES = 3;
  private static final int MAX_LENGTH = 255; // of a value
  private static final int MAX_COUNT = 255;

  private XfsAttrSf() {}

  /**
   * Decodes the attributes of a fork.
   *
   * @param fork the bytes of the fork
   * @param what the inode, for error messages
   * @return the attributes, in their order
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_attr_leaf.c", name = "xfs_attr_shortform_verify")
  static List<XfsAttrEntry> decode(byte[] fork, String what) throws ErrnoException {
    ByteBuffer from = ByteBuffer.wrap(fork);
    int total = fork.length < HEADER_BYTES ? 0 : from.getShort() & 0xffff;
    if (total < HEADER_BYTES || total > fork.length) {
      throw XfsError.corrupt(what + ": its attributes go beyond its end");
    }
    int count = from.get() & 0xff;
    from.get();
    from.limit(total);
    List<XfsAttrEntry> entries = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      int left = from.remaining();
      int nameLength = left < ENTRY_BYTES ? 0 : from.get() & 0xff;
      int valueLength = left < ENTRY_BYTES ? 0 : from.get() & 0xff;
      if (nameLength == 0 || left < ENTRY_BYTES + nameLength + valueLength) {
        throw XfsError.corrupt(what + ": an attribute goes beyond the end of all");
      }
      int flags = from.get() & 0xff;
      byte[] name = new byte[nameLength];
      byte[] value = new byte[valueLength];
      from.get(name).get(value);
      entries.add(new XfsAttrEntry(flags | XfsAttrEntry.LOCAL, name, value, 0, 0));
    }
    return entries;
  }

  /** Encodes attributes into a fork of a length. They fit. */
  static byte[] encode(List<XfsAttrEntry> entries, int room) {
    ByteBuffer to = ByteBuffer.allocate(room);
    to.putShort((short) bytes(entries)).put((byte) entries.size()).put((byte) 0);
    for (XfsAttrEntry entry : entries) {
      to.put((byte) entry.name().length).put((byte) entry.value().length);
      to.put((byte) entry.namespace()).put(entry.name()).put(entry.value());
    }
    return to.array();
  }

  /** Bytes of attributes. */
  static int bytes(List<XfsAttrEntry> entries) {
    int bytes = HEADER_BYTES;
    for (XfsAttrEntry entry : entries) {
      bytes += ENTRY_BYTES + entry.name().length + entry.value().length;
    }
    return bytes;
  }

  /** Whether attributes may be in the inode, if it has room. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_attr_leaf.c", name = "xfs_attr_shortform_allfit")
  static boolean allowed(List<XfsAttrEntry> entries) {
    if (entries.size() > MAX_COUNT) {
      return false;
    }
    for (XfsAttrEntry entry : entries) {
      if (!entry.isLocal() || entry.value().length > MAX_LENGTH) {
        return false;
      }
    }
    return true;
  }
}
