// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.btree;

import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufOps;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsBtreeBlock;
import io.pollux.xfs.format.XfsBufOps;
import io.pollux.xfs.format.XfsLogType;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.format.XfsVerify;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.VarHandle;
import java.nio.ByteOrder;

/**
 * Describes a tree: the format and the order of its records.
 *
 * @param <R> a record, decoded; as an argument of a search only its key counts
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_btree.h", name = "xfs_btree_ops")
public abstract class XfsBtreeType<R> {
  /** More than any tree has: 11 keys in a node of 1 KiB reach 2^31 blocks with nine levels. */
  static final int MAX_LEVELS = 16;

  private static final long NULL_AGBLOCK = 0xffff_ffffL;

  // Numbers in records and keys.
  static final VarHandle INT =
      MethodHandles.byteArrayViewVarHandle(int[].class, ByteOrder.BIG_ENDIAN);
  static final VarHandle LONG =
      MethodHandles.byteArrayViewVarHandle(long[].class, ByteOrder.BIG_ENDIAN);

  final XfsSb sb;
  final String name;
  final int magic;
  final boolean longForm;
  final int recordBytes;
  final int keyBytes; // of an entry of a node
  final int pointerBytes;
  final int headerBytes;
  private final BufOps ops;

  XfsBtreeType(XfsSb sb, String name, int magic, boolean longForm, int recordBytes, int keyBytes) {
    this.sb = sb;
    this.name = name;
    this.magic = magic;
    this.longForm = longForm;
    this.recordBytes = recordBytes;
    this.keyBytes = keyBytes;
    pointerBytes = longForm ? 8 : 4;
    headerBytes = longForm ? XfsBtreeBlock.L_BYTES : XfsBtreeBlock.S_BYTES;
    int crc = longForm ? XfsBtreeBlock.L_CRC : XfsBtreeBlock.S_CRC;
    int lsn = longForm ? XfsBtreeBlock.L_LSN : XfsBtreeBlock.S_LSN;
    ops =
        new XfsBufOps(name, sb, crc, lsn, XfsLogType.BTREE_BUF, (geometry, block) -> verify(block));
  }

  /** {@return the verifier of its blocks} */
  public final BufOps ops() {
    return ops;
  }

  /**
   * Returns the room of a block.
   *
   * @param leaf whether it has records, not pointers
   * @return its number of entries at most
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_btree.h", name = "get_maxrecs")
  public final int maxRecords(boolean leaf) {
    return (sb.blockSize - headerBytes) / (leaf ? recordBytes : keyBytes + pointerBytes);
  }

  /** {@return how many entries a block has at least, unless it is the root} */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_btree.h", name = "get_minrecs")
  public final int minRecords(boolean leaf) {
    return maxRecords(leaf) / 2;
  }

  /**
   * Returns how many blocks a tree has at most.
   *
   * @param records its records
   * @return blocks, if each is half full
   */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_btree.c", name = "xfs_btree_calc_size")
  public final long maxBlocks(long records) {
    long blocks = 0;
    long entries = records;
    boolean leaf = true;
    while (entries > 1) { // each turn at least halves it
      entries = Math.ceilDiv(entries, minRecords(leaf));
      blocks += entries;
      leaf = false;
    }
    return blocks;
  }

  // Records.

  /** Decodes a record. EUCLEAN if it is impossible. */
  abstract R decode(BufData block, int at) throws ErrnoException;

  /** Encodes a record. */
  abstract byte[] encode(R rec);

  /** The key of a record, as nodes have it. */
  abstract byte[] key(R rec);

  /** Compares a record of a leaf with another. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_btree.h", name = "cmp_key_with_cur")
  abstract int compareRecord(BufData leaf, int at, R with) throws ErrnoException;

  /** Compares a key of a node with that of a record. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_btree.h", name = "cmp_key_with_cur")
  abstract int compareKey(BufData node, int at, R with) throws ErrnoException;

  /** The key of a leaf in its parent. The leaf has a record. */
  byte[] keyOfLeaf(BufData leaf, int records) throws ErrnoException {
    return key(decode(leaf, headerBytes));
  }

  /** The key of a node in its parent. */
  byte[] keyOfNode(BufData node, int headerBytes, int records) throws ErrnoException {
    return node.copy(headerBytes, keyBytes);
  }

  /** Whether a group of a tree's block has a run of blocks. */
  final boolean inGroup(BufData block, long start, long count) {
    long agno = sb.byteToAgno(block.position());
    return start >>> 32 == 0
        && start < sb.agSize(agno)
        && sb.extentValid(sb.fsb(agno, start), count);
  }

  // Blocks.

  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_btree.c",
      name = {
        "xfs_btree_agblock_v5hdr_verify",
        "xfs_btree_agblock_verify",
        "xfs_btree_fsblock_v5hdr_verify",
        "xfs_btree_fsblock_verify"
      })
  private void verify(BufData block) throws ErrnoException {
    if (block.i32(XfsBtreeBlock.MAGICNUM) != magic) {
      throw block.corrupt("bad magic number");
    }
    if (longForm) {
      XfsVerify.checkUuid(block, XfsBtreeBlock.L_UUID, sb.metaUuid);
      XfsVerify.checkDaddr(block, XfsBtreeBlock.L_BLKNO);
    } else {
      XfsVerify.checkUuid(block, XfsBtreeBlock.S_UUID, sb.metaUuid);
      XfsVerify.checkDaddr(block, XfsBtreeBlock.S_BLKNO);
      if (block.u32(XfsBtreeBlock.S_OWNER) != sb.byteToAgno(block.position())) {
        throw block.corrupt("belongs to another group");
      }
    }
    int level = block.u16(XfsBtreeBlock.LEVEL);
    int records = block.u16(XfsBtreeBlock.NUMRECS);
    // only a tree of a group can be empty, and is one leaf then
    if (records > maxRecords(level == 0) || (records == 0 && (level > 0 || longForm))) {
      throw block.corrupt(records + " records");
    }
    checkSibling(block, XfsBtreeBlock.LEFTSIB);
    checkSibling(block, longForm ? XfsBtreeBlock.L_RIGHTSIB : XfsBtreeBlock.S_RIGHTSIB);
  }

  private void checkSibling(BufData block, int at) throws ErrnoException {
    boolean good;
    if (longForm) {
      long fsb = block.i64(at);
      good = fsb == XfsBtreeCur.NONE || sb.extentValid(fsb, 1);
    } else {
      long agbno = block.u32(at);
      good = agbno == NULL_AGBLOCK || inGroup(block, agbno, 1);
    }
    if (!good) {
      throw block.corrupt("a sibling of it is outside");
    }
  }
}
