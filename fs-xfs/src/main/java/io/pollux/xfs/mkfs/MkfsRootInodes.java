// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.mkfs;

import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;
import io.pollux.xfs.format.XfsDinode;
import io.pollux.xfs.format.XfsTime;
import java.nio.ByteBuffer;

/**
 * The first chunk of inodes: the root directory, which is empty, the bitmap and the summary of the
 * realtime device, which are empty files, and free inodes.
 */
@LinuxSource(
    file = "mkfs/proto.c",
    name = {"parseproto", "rtinit"})
final class MkfsRootInodes {
  private static final int ROOT_MODE = StatMode.S_IFDIR | 0755;
  private static final int CHANGES = 2; // as many as mkfs.xfs makes
  private static final int SHORT_BYTES = 6; // a short directory without entries
  private static final int SHORT_PARENT = 2;

  private final MkfsGeometry geo;
  private final byte[] uuid;
  private final long now;
  private final ByteBuffer chunk;

  private MkfsRootInodes(MkfsGeometry geo, byte[] uuid, long millis, ByteBuffer chunk) {
    this.geo = geo;
    this.uuid = uuid;
    this.chunk = chunk;
    now = XfsTime.ofMillis(millis, geo.features.bigtime());
  }

  /**
   * Fills the chunk.
   *
   * @param geo the geometry
   * @param uuid of the filesystem
   * @param millis time of the root, since 1970
   * @param chunk zeroes, {@code geo.chunkBlocks} blocks
   */
  static void fill(MkfsGeometry geo, byte[] uuid, long millis, ByteBuffer chunk) {
    MkfsRootInodes inodes = new MkfsRootInodes(geo, uuid, millis, chunk);
    inodes.core(0, ROOT_MODE, XfsDinode.FMT_LOCAL, 2);
    inodes.core(1, StatMode.S_IFREG, XfsDinode.FMT_EXTENTS, 1);
    inodes.core(2, StatMode.S_IFREG, XfsDinode.FMT_EXTENTS, 1);
    chunk.putLong(XfsDinode.SIZE, SHORT_BYTES);
    chunk.putInt(XfsDinode.CORE_BYTES + SHORT_PARENT, (int) geo.rootIno());
    chunk.putShort(geo.inodeSize + XfsDinode.FLAGS, (short) XfsDinode.DIFLAG_NEWRTBM);
    for (int i = 0; i < geo.chunkInodes; i++) {
      inodes.seal(i);
    }
  }

  private void core(int index, int mode, int format, int links) {
    int at = index * geo.inodeSize;
    chunk.putShort(at + XfsDinode.MODE, (short) mode);
    chunk.put(at + XfsDinode.FORMAT, (byte) format);
    chunk.putInt(at + XfsDinode.NLINK, links);
    chunk.putLong(at + XfsDinode.ATIME, XfsTime.ofMillis(0, geo.features.bigtime()));
    chunk.putLong(at + XfsDinode.MTIME, now);
    chunk.putLong(at + XfsDinode.CTIME, now);
    chunk.putLong(at + XfsDinode.CRTIME, now);
    chunk.put(at + XfsDinode.AFORMAT, (byte) XfsDinode.FMT_EXTENTS);
    chunk.putLong(at + XfsDinode.CHANGECOUNT, CHANGES);
    chunk.putLong(
        at + XfsDinode.FLAGS2,
        (geo.features.bigtime() ? XfsDinode.DIFLAG2_BIGTIME : 0)
            | (geo.features.nrext64() ? XfsDinode.DIFLAG2_NREXT64 : 0));
  }

  /** Fills what free inodes have, too. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_ialloc.c", name = "xfs_ialloc_inode_init")
  private void seal(int index) {
    int at = index * geo.inodeSize;
    chunk.putShort(at + XfsDinode.MAGICNUM, (short) XfsDinode.MAGIC);
    chunk.put(at + XfsDinode.VERSIONNUM, (byte) XfsDinode.VERSION);
    chunk.putInt(at + XfsDinode.NEXT_UNLINKED, -1);
    chunk.putLong(at + XfsDinode.INO, geo.rootIno() + index);
    chunk.put(at + XfsDinode.UUID, uuid);
    MkfsWriter.seal(chunk, at, geo.inodeSize, XfsDinode.CRC);
  }
}
