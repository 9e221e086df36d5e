// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.mkfs;

import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsDsb;
import io.pollux.xfs.format.XfsSb;
import java.nio.ByteBuffer;

/** Fills superblocks: the primary one, and its copies in the other groups. */
@LinuxSource(
    file = "mkfs/xfs_mkfs.c",
    name = {"start_superblock_setup", "finish_superblock_setup", "sb_set_features"})
final class MkfsSuperblock {
  private static final int VERSION = 0xb4a5; // 5, with what it implies
  private static final int VERSION_SECTOR = 0x800; // sectors of more than 512 bytes
  private static final int FEATURES2 = 0x18a; // lazy counters, attr2, 32-bit projects, checksums
  private static final int MIN_REALTIME_BYTES = 4096; // of an extent of the realtime device
  private static final long NULL_INO = -1;
  private static final int RESERVED_INODES = 3;

  private final MkfsGeometry geo;
  private final byte[] uuid;
  private final byte[] label;

  MkfsSuperblock(MkfsGeometry geo, byte[] uuid, byte[] label) {
    this.geo = geo;
    this.uuid = uuid;
    this.label = label;
  }

  /** Fills the primary superblock, with the counters and inodes of the finished filesystem. */
  void primary(ByteBuffer sector) {
    common(sector);
    long root = geo.rootIno();
    sector.putLong(XfsDsb.ROOTINO, root);
    sector.putLong(XfsDsb.RBMINO, root + 1);
    sector.putLong(XfsDsb.RSUMINO, root + 2);
    sector.putLong(XfsDsb.ICOUNT, geo.chunkInodes);
    sector.putLong(XfsDsb.IFREE, geo.chunkInodes - RESERVED_INODES);
    sector.putLong(XfsDsb.FDBLOCKS, geo.freeBlocks());
    seal(sector);
  }

  /**
   * Fills a copy, as it was before inodes were made. The last one and one in the middle have the
   * root's number, for repair.
   */
  @LinuxSource(file = "mkfs/xfs_mkfs.c", name = "rewrite_secondary_superblocks")
  void copy(ByteBuffer sector, long agno) {
    common(sector);
    boolean middle = geo.agCount > 2 && agno == (geo.agCount - 1) / 2;
    boolean withRoot = agno == geo.agCount - 1 || middle;
    sector.putLong(XfsDsb.ROOTINO, withRoot ? geo.rootIno() : NULL_INO);
    sector.putLong(XfsDsb.RBMINO, NULL_INO);
    sector.putLong(XfsDsb.RSUMINO, NULL_INO);
    sector.putLong(XfsDsb.FDBLOCKS, geo.freeBlocks() + geo.chunkBlocks);
    sector.put(XfsDsb.INPROGRESS, (byte) 1);
    seal(sector);
  }

  private void seal(ByteBuffer sector) {
    MkfsWriter.seal(sector, 0, geo.sectSize, XfsDsb.CRC);
  }

  private void common(ByteBuffer sector) {
    boolean large = geo.sectSize > XfsSb.MIN_SECTOR_BYTES;
    sector.putInt(XfsDsb.MAGICNUM, XfsSb.MAGIC);
    sector.putInt(XfsDsb.BLOCKSIZE, geo.blockSize);
    sector.putLong(XfsDsb.DBLOCKS, geo.dblocks);
    sector.put(XfsDsb.UUID, uuid);
    sector.putLong(XfsDsb.LOGSTART, geo.logStart());
    sector.putInt(XfsDsb.REXTSIZE, Math.max(1, MIN_REALTIME_BYTES >> geo.blockLog));
    sector.putInt(XfsDsb.AGBLOCKS, (int) geo.agBlocks);
    sector.putInt(XfsDsb.AGCOUNT, (int) geo.agCount);
    sector.putInt(XfsDsb.LOGBLOCKS, (int) geo.logBlocks);
    sector.putShort(XfsDsb.VERSIONNUM, (short) (large ? VERSION | VERSION_SECTOR : VERSION));
    sector.putShort(XfsDsb.SECTSIZE, (short) geo.sectSize);
    sector.putShort(XfsDsb.INODESIZE, (short) geo.inodeSize);
    sector.putShort(XfsDsb.INOPBLOCK, (short) (1 << geo.inopbLog));
    sector.put(XfsDsb.FNAME, label);
    sector.put(XfsDsb.BLOCKLOG, (byte) geo.blockLog);
    sector.put(XfsDsb.SECTLOG, (byte) XfsSb.log2(geo.sectSize));
    sector.put(XfsDsb.INODELOG, (byte) XfsSb.log2(geo.inodeSize));
    sector.put(XfsDsb.INOPBLOG, (byte) geo.inopbLog);
    sector.put(XfsDsb.AGBLKLOG, (byte) geo.agBlkLog);
    sector.put(XfsDsb.IMAX_PCT, (byte) geo.maxPct);
    sector.putInt(XfsDsb.INOALIGNMT, geo.inoAlign);
    sector.put(XfsDsb.DIRBLKLOG, (byte) geo.dirBlkLog);
    sector.put(XfsDsb.LOGSECTLOG, (byte) (large ? XfsSb.log2(geo.sectSize) : 0));
    sector.putShort(XfsDsb.LOGSECTSIZE, (short) (large ? geo.sectSize : 0));
    sector.putInt(XfsDsb.LOGSUNIT, geo.logUnit);
    sector.putInt(XfsDsb.FEATURES2, FEATURES2);
    sector.putInt(XfsDsb.BAD_FEATURES2, FEATURES2);
    sector.putInt(XfsDsb.FEATURES_RO_COMPAT, geo.features.roCompat());
    sector.putInt(XfsDsb.FEATURES_INCOMPAT, geo.features.incompat());
    sector.putInt(XfsDsb.SPINO_ALIGN, geo.spinoAlign);
  }
}
