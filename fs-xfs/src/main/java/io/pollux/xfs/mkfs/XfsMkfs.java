// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.mkfs;

import io.pollux.block.BlockDevice;
import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.UUID;
import java.util.regex.Pattern;
import org.jspecify.annotations.Nullable;

/** Makes an empty filesystem. */
@LinuxSource(file = "mkfs/xfs_mkfs.c", name = "main")
public final class XfsMkfs {
  private static final int UUID_BYTES = 16;
  private static final int LABEL_BYTES = 12;

  /** Bytes at both ends of the device that may have signatures of other filesystems. */
  @LinuxSource(file = "mkfs/xfs_mkfs.c", name = "WHACK_SIZE")
  private static final long WHACK_BYTES = 128 << 10;

  private static final Pattern UUID_FORM =
      Pattern.compile("\\p{XDigit}{8}(-\\p{XDigit}{4}){3}-\\p{XDigit}{12}");

  private final MkfsGeometry geo;
  private final MkfsWriter writer;
  private final byte[] uuid;
  private final MkfsSuperblock superblock;

  private XfsMkfs(MkfsGeometry geo, MkfsWriter writer, byte[] uuid, byte[] label) {
    this.geo = geo;
    this.writer = writer;
    this.uuid = uuid;
    superblock = new MkfsSuperblock(geo, uuid, label);
  }

  /**
   * Makes an empty filesystem, whatever the device contains. From process context.
   *
   * @param current the calling task
   * @param bdev the device, claimed by the caller
   * @param options bsize, ssize, isize, nsize, lsize, dsize, agsize, agcount, maxpct, label, uuid,
   *     nodiscard, and the features: crc, finobt, rmapbt, reflink, bigtime, inobtcount, sparse,
   *     nrext64
   * @param millis time of the root directory, since 1970
   * @throws ErrnoException EINVAL: an option or the size of the device is invalid, and the device
   *     is unchanged; EROFS: it is read-only; or its error
   */
  public static void make(Task current, BlockDevice bdev, Options options, long millis)
      throws ErrnoException {
    int deviceSector = bdev.queue().logicalBlockSize();
    MkfsGeometry geo = MkfsGeometry.of(options, bdev.bytes(), deviceSector);
    byte[] label = label(options.text("label"));
    byte[] uuid = uuid(options.text("uuid"));
    boolean keep = options.flag("nodiscard");
    options.requireAllKnown("xfs");
    if (bdev.readOnly()) {
      throw new ErrnoException(Errno.EROFS, bdev.name() + " is read-only");
    }
    try (MkfsWriter writer = new MkfsWriter(current, bdev)) {
      long bytes = bdev.bytes() & -deviceSector;
      if (keep || !writer.discard(bytes)) {
        MkfsOld.zero(writer, bytes, deviceSector);
      }
      XfsMkfs mkfs = new XfsMkfs(geo, writer, uuid, label);
      mkfs.wipe(bytes);
      mkfs.log();
      mkfs.groups();
      mkfs.rootInodes(millis);
      mkfs.primary();
    }
  }

  private static byte[] label(@Nullable String given) throws ErrnoException {
    byte[] label = given == null ? new byte[0] : given.getBytes(StandardCharsets.UTF_8);
    if (label.length > LABEL_BYTES) {
      throw Options.bad("label", "'" + given + "' is longer than " + LABEL_BYTES + " bytes");
    }
    return label;
  }

  private static byte[] uuid(@Nullable String given) throws ErrnoException {
    if (given != null && !UUID_FORM.matcher(given).matches()) {
      throw Options.bad("uuid", "'" + given + "' is not a UUID");
    }
    UUID uuid = given == null ? UUID.randomUUID() : UUID.fromString(given);
    if (uuid.getMostSignificantBits() == 0 && uuid.getLeastSignificantBits() == 0) {
      throw Options.bad("uuid", "it is zero, which Linux does not mount");
    }
    return ByteBuffer.allocate(UUID_BYTES)
        .putLong(uuid.getMostSignificantBits())
        .putLong(uuid.getLeastSignificantBits())
        .array();
  }

  /** Removes signatures of other filesystems, and the old superblock first of all. */
  @LinuxSource(file = "mkfs/xfs_mkfs.c", name = "prepare_devices")
  private void wipe(long bytes) throws ErrnoException {
    long whack = Math.min(WHACK_BYTES, bytes);
    writer.zero(0, whack, "the start of the device");
    writer.flush("the start of the device");
    writer.zero(bytes - whack, whack, "the end of the device");
  }

  private void log() throws ErrnoException {
    long start = geo.position(geo.logAg, geo.atEnd);
    writer.zero(start, geo.logBlocks << geo.blockLog, "the log");
    writer.write(start, MkfsLog.start(geo.logUnit, uuid), "the log");
  }

  private void groups() throws ErrnoException {
    int bytes = (int) (geo.atEnd << geo.blockLog);
    ByteBuffer start = ByteBuffer.allocate(bytes);
    for (long agno = geo.agCount - 1; agno >= 0; agno--) {
      Arrays.fill(start.array(), (byte) 0);
      if (agno > 0) { // the primary one comes last
        superblock.copy(start, agno);
      }
      MkfsGroup.fill(geo, uuid, agno, start);
      writer.write(geo.position(agno, 0), start, "group " + agno);
    }
  }

  private void rootInodes(long millis) throws ErrnoException {
    ByteBuffer chunk = ByteBuffer.allocate(geo.chunkBlocks << geo.blockLog);
    MkfsRootInodes.fill(geo, uuid, millis, chunk);
    writer.write(geo.position(0, geo.rootChunk()), chunk, "the root directory");
  }

  private void primary() throws ErrnoException {
    writer.flush("the filesystem");
    ByteBuffer sector = ByteBuffer.allocate(geo.sectSize);
    superblock.primary(sector);
    writer.write(0, sector, "the superblock");
    writer.flush("the superblock");
  }
}
