// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufEdit;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.format.XfsVerify;
import java.util.ArrayList;
import java.util.List;

/**
 * Leaves of the tree of attributes. A leaf has a table, sorted by hash, and names with their values
 * behind it, which begin at its end.
 *
 * <pre>
 *   header 80 bytes: links, magic, ..., count 16 bits, bytes of names 16 bits, first name 16 bits,
 *     holes 8 bits, ..., three free ranges of 16 bits offset and 16 bits length
 *   table: hash 32 bits, offset of the name 16 bits, flags 8 bits, 8 bits
 *   name with value: length of the value 16 bits, of the name 8 bits, name, value
 *   name without: block of the value 32 bits, length 32 bits, length of the name 8 bits, name
 * </pre>
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_attr_leaf.c")
final class XfsAttrLeaf implements XfsDaTree.Leaf<XfsAttrEntry> {
  static final int MAGIC = 0x3bee;
  static final int CRC_OFFSET = 12;
  private static final int NODE_MAGIC = 0x3ebe;
  private static final int COUNT = 56;
  private static final int USED = 58;
  private static final int FIRST_USED = 60;
  private static final int FREE_MAP = 64;
  private static final int TABLE = 80;

  private final int blkSize;

  XfsAttrLeaf(XfsSb sb) {
    blkSize = sb.blockSize;
  }

  /** Verifies a block of the tree: a leaf, or a node as in directories. */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_attr_leaf.c",
      name = {"xfs_attr3_leaf_verify", "xfs_attr3_leaf_verify_entry"})
  static void verify(XfsSb sb, BufData buf) throws ErrnoException {
    int magic = buf.u16(XfsDaTree.MAGIC);
    if (magic == NODE_MAGIC) {
      XfsDir2Leaf.verify(sb, buf);
      return;
    }
    if (magic != MAGIC) {
      throw buf.corrupt("bad magic number");
    }
    XfsVerify.checkDaddr(buf, XfsDaTree.BLKNO);
    XfsVerify.checkUuid(buf, XfsDaTree.UUID, sb.metaUuid);
    int count = buf.u16(COUNT);
    int firstUsed = firstUsed(buf);
    if (firstUsed > buf.size() || TABLE + count * XfsDaEntries.BYTES > firstUsed) {
      throw buf.corrupt("more attributes than there is room");
    }
    XfsDaEntries.verifyOrder(buf, TABLE, count);
    long bytes = 0;
    for (int i = 0; i < count; i++) {
      bytes += entry(buf, i).leafBytes();
    }
    if (bytes > buf.size() - firstUsed) {
      throw buf.corrupt("names that overlap");
    }
  }

  private static int firstUsed(BufData leaf) throws ErrnoException {
    int at = leaf.u16(FIRST_USED);
    return at == 0 ? leaf.size() : at; // 64 KiB
  }

  /** Decodes an attribute. */
  static XfsAttrEntry entry(BufData leaf, int index) throws ErrnoException {
    int inTable = TABLE + index * XfsDaEntries.BYTES;
    int at = leaf.u16(inTable + 4);
    int flags = leaf.u8(inTable + 6);
    if (at < firstUsed(leaf)) {
      throw leaf.corrupt("a name in the table");
    }
    if ((flags & XfsAttrEntry.LOCAL) != 0) {
      int nameLength = leaf.u8(at + 2);
      byte[] value = leaf.copy(at + 3 + nameLength, leaf.u16(at));
      return new XfsAttrEntry(flags, name(leaf, at + 3, nameLength), value, 0, 0);
    }
    long length = leaf.u32(at + 4);
    if (length > XfsAttrRemote.MAX_BYTES) {
      throw leaf.corrupt("a value of " + length + " bytes");
    }
    byte[] name = name(leaf, at + 9, leaf.u8(at + 8));
    return new XfsAttrEntry(flags, name, new byte[0], leaf.u32(at), (int) length);
  }

  private static byte[] name(BufData leaf, int at, int length) throws ErrnoException {
    if (length == 0) {
      throw leaf.corrupt("a name of no length");
    }
    return leaf.copy(at, length);
  }

  /**
   * Finds an attribute in a leaf.
   *
   * @return its index, or -1
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_attr_leaf.c", name = "xfs_attr3_leaf_lookup_int")
  static int find(BufData leaf, int hash, int namespace, byte[] name) throws ErrnoException {
    int count = leaf.u16(COUNT);
    int i = lowerBound(leaf, hash);
    for (; i < count && XfsDaEntries.hash(leaf, TABLE, i) == hash; i++) {
      if (entry(leaf, i).is(namespace, name)) {
        return i;
      }
    }
    return -1;
  }

  static int lowerBound(BufData leaf, int hash) throws ErrnoException {
    return XfsDaEntries.lowerBound(leaf, TABLE, leaf.u16(COUNT), hash);
  }

  // The tree's leaves.

  @Override
  public int magic() {
    return MAGIC;
  }

  @Override
  public int room() {
    return blkSize - TABLE;
  }

  @Override
  public int bytes(XfsAttrEntry entry) {
    return XfsDaEntries.BYTES + entry.leafBytes();
  }

  @Override
  public int usedBytes(BufData leaf) throws ErrnoException {
    return count(leaf) * XfsDaEntries.BYTES + leaf.u16(USED);
  }

  @Override
  public int count(BufData leaf) throws ErrnoException {
    return leaf.u16(COUNT);
  }

  @Override
  public int lastHash(BufData leaf) throws ErrnoException {
    return XfsDaEntries.hash(leaf, TABLE, count(leaf) - 1);
  }

  @Override
  public List<XfsAttrEntry> decode(BufData leaf) throws ErrnoException {
    List<XfsAttrEntry> entries = new ArrayList<>();
    for (int i = 0; i < count(leaf); i++) {
      entries.add(entry(leaf, i));
    }
    return entries;
  }

  /** Stores the names without gaps, so the only free range is between them and the table. */
  @Override
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_attr_leaf.c",
      name = {"xfs_attr3_leaf_add", "xfs_attr3_leaf_compact"})
  public void encode(BufEdit leaf, List<XfsAttrEntry> entries) throws ErrnoException {
    leaf.clear(COUNT, blkSize - COUNT);
    int at = blkSize;
    int inTable = TABLE;
    for (XfsAttrEntry entry : entries) {
      at -= entry.leafBytes();
      leaf.put32(inTable, entry.hash());
      leaf.put16(inTable + 4, at);
      leaf.put8(inTable + 6, entry.flags());
      inTable += XfsDaEntries.BYTES;
      if (entry.isLocal()) {
        leaf.put16(at, entry.value().length);
        leaf.put8(at + 2, entry.name().length);
        leaf.put(at + 3, entry.name());
        leaf.put(at + 3 + entry.name().length, entry.value());
      } else {
        leaf.put32(at, (int) entry.valueBlk());
        leaf.put32(at + 4, entry.valueLength());
        leaf.put8(at + 8, entry.name().length);
        leaf.put(at + 9, entry.name());
      }
    }
    leaf.put16(COUNT, entries.size());
    leaf.put16(USED, blkSize - at);
    leaf.put16(FIRST_USED, at);
    leaf.put16(FREE_MAP, inTable);
    leaf.put16(FREE_MAP + 2, at - inTable);
  }
}
