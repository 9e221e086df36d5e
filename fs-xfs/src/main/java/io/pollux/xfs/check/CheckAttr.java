// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.check;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsDinode;
import io.pollux.xfs.format.XfsError;
import io.pollux.xfs.format.XfsVerify;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Set;

/** Checks the attributes of an inode: names, hashes, and values in blocks of their own. */
@LinuxSource(file = "repair/attr_repair.c", name = "process_attributes")
final class CheckAttr {
  private static final int LEAF_HEADER_BYTES = 80;
  private static final int LOCAL = 1;
  private static final int ROOT = 1 << 1;
  private static final int PARENT = 1 << 3; // hashed by another rule
  private static final int INCOMPLETE = 1 << 7;
  private static final int SHORT_HEADER_BYTES = 4;
  private static final int REMOTE_MAGIC = 0x5841524d; // XARM
  private static final int REMOTE_HEADER_BYTES = 56;

  private static final Set<String> ACLS = Set.of("SGI_ACL_FILE", "SGI_ACL_DEFAULT");
  private static final int ACL_ENTRY_BYTES = 12;
  private static final int ACL_USER = 0x02;
  private static final int ACL_GROUP = 0x08;
  private static final int ACL_SINGLE = 0x35; // owner, group, mask, others
  private static final int ACL_REQUIRED = 0x25; // without the mask

  private final CheckReader reader;
  private final CheckReport report;
  private final long ino;
  private final BufData inode;
  private final CheckExtents extents;
  private final String what;

  CheckAttr(CheckReader reader, CheckReport report, long ino, BufData inode, CheckExtents extents) {
    this.reader = reader;
    this.report = report;
    this.ino = ino;
    this.inode = inode;
    this.extents = extents;
    what = "inode " + ino + ", its attributes";
  }

  void check() throws ErrnoException {
    int format = inode.u8(XfsDinode.AFORMAT);
    if (format == XfsDinode.FMT_LOCAL) {
      shortForm(CheckExtents.fork(inode, true, what));
    } else if (format != XfsDinode.FMT_EXTENTS && format != XfsDinode.FMT_BTREE) {
      throw XfsError.corrupt(what + ": are of a form that is not known (" + format + ")");
    } else if (!extents.list().isEmpty()) {
      new CheckDaTree(
              reader.sb,
              ino,
              CheckDaTree.ATTR_LEAF_MAGIC,
              what,
              dablk -> extents.read(dablk, 1, what + ", block " + dablk),
              this::leaf)
          .walk(0);
    }
  }

  private void shortForm(BufData fork) throws ErrnoException {
    int total = fork.u16(0);
    int at = SHORT_HEADER_BYTES;
    for (int i = 0; i < fork.u8(2); i++) {
      int nameLength = fork.u8(at);
      int end = at + 3 + nameLength + fork.u8(at + 1);
      if (nameLength == 0 || end > total) {
        throw fork.corrupt("an entry goes beyond their end");
      }
      value(fork, fork.u8(at + 2), at + 3, nameLength, fork.u8(at + 1));
      at = end;
    }
    if (at != total) {
      throw fork.corrupt("are longer than their entries");
    }
  }

  private long leaf(BufData leaf) throws ErrnoException {
    int count = leaf.u16(56);
    int firstUsed = leaf.u16(60) == 0 ? leaf.size() : leaf.u16(60); // 64 KiB does not fit
    int end = LEAF_HEADER_BYTES + count * CheckDaTree.PAIR_BYTES;
    if (end > firstUsed) {
      throw leaf.corrupt("has more entries than there is room");
    }
    CheckDaTree.checkOrder(leaf, LEAF_HEADER_BYTES, count);
    long hash = -1;
    for (int i = 0; i < count; i++) {
      int at = LEAF_HEADER_BYTES + i * CheckDaTree.PAIR_BYTES;
      hash = leaf.u32(at);
      entry(leaf, leaf.u16(at + 4), leaf.u8(at + 6), hash, firstUsed);
    }
    return hash;
  }

  private void entry(BufData leaf, int at, int flags, long hash, int firstUsed)
      throws ErrnoException {
    boolean local = (flags & LOCAL) != 0;
    int nameLength = leaf.u8(local ? at + 2 : at + 8);
    byte[] name = leaf.copy(local ? at + 3 : at + 9, nameLength);
    if (at < firstUsed || nameLength == 0) {
      throw leaf.corrupt("an entry at " + at + " is not among the names");
    }
    if ((flags & PARENT) == 0 && CheckDaTree.hash(name) != hash) {
      throw leaf.corrupt("the hash of the name at " + at + " is wrong");
    }
    if (local) {
      value(leaf, flags, at + 3, nameLength, leaf.u16(at));
    } else if ((flags & INCOMPLETE) == 0) {
      long block = leaf.u32(at);
      long bytes = leaf.u32(at + 4);
      report.attempt(() -> remote(block, bytes));
    }
  }

  /** Checks a value that is stored beside its name. */
  @LinuxSource(file = "repair/attr_repair.c", name = "valuecheck")
  private void value(BufData from, int flags, int nameAt, int nameLength, int bytes)
      throws ErrnoException {
    byte[] value = from.copy(nameAt + nameLength, bytes); // inside the block
    String name = new String(from.copy(nameAt, nameLength), StandardCharsets.ISO_8859_1);
    boolean acl = (flags & ROOT) != 0 && ACLS.contains(name);
    report.require(!acl || isAcl(value), what, name + " is not an access control list");
  }

  /** Whether all tags are known, and each required entry appears once. */
  @LinuxSource(file = "repair/attr_repair.c", name = "xfs_acl_valid")
  private static boolean isAcl(byte[] value) {
    if (value.length < 4 || (value.length - 4) % ACL_ENTRY_BYTES != 0) {
      return false;
    }
    ByteBuffer from = ByteBuffer.wrap(value);
    int count = (value.length - 4) / ACL_ENTRY_BYTES;
    if (from.getInt() != count) {
      return false;
    }
    int once = 0;
    boolean named = false;
    for (int i = 0; i < count; i++) {
      int tag = from.getInt(4 + i * ACL_ENTRY_BYTES);
      boolean single = (ACL_SINGLE & tag) == tag && Integer.bitCount(tag) == 1;
      if (single ? (once & tag) != 0 : tag != ACL_USER && tag != ACL_GROUP) {
        return false;
      }
      once |= single ? tag : 0;
      named |= !single;
    }
    return (once & ACL_REQUIRED) == ACL_REQUIRED && (!named || once == ACL_SINGLE);
  }

  /** Each block of a value has a header. */
  private void remote(long first, long bytes) throws ErrnoException {
    int perBlock = reader.sb.blockSize - REMOTE_HEADER_BYTES;
    long dablk = first;
    for (long done = 0; done < bytes; done += perBlock) { // ends: a missing block is an error
      String name = what + ", block " + dablk;
      BufData block = extents.read(dablk, 1, name);
      if (block.i32(0) != REMOTE_MAGIC) {
        throw block.corrupt("bad magic number");
      }
      XfsVerify.checkCrc(block, 12);
      XfsVerify.checkUuid(block, 16, reader.sb.metaUuid);
      XfsVerify.checkOwner(block, 32, ino);
      XfsVerify.checkDaddr(block, 40);
      if (block.u32(4) != done || block.u32(8) != Math.min(perBlock, bytes - done)) {
        throw block.corrupt("is another part of the value");
      }
      dablk++;
    }
  }
}
