// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;
import java.nio.charset.StandardCharsets;
import java.util.zip.CRC32;
import java.util.zip.CRC32C;

/**
 * Checks that the journals are clean. Nothing is replayed: a dirty journal is refused.
 *
 * <p>A journal is a file whose blocks form a ring. Each transaction ends with a log header, and
 * headers have increasing sequence numbers. The newest is the valid header with the highest number.
 * The journal is clean if that one is flagged as written at unmount.
 */
@LinuxSource(
    file = "fs/gfs2/recovery.c",
    name = {"gfs2_recover_func", "gfs2_find_jhead"})
final class Gfs2JournalCheck {
  private static final long MIN_BYTES = 8 << 20;
  private static final long MAX_BYTES = 1 << 30;

  /** Bytes of a version 1 log header. The last four are a checksum of the others. */
  @LinuxSource(file = "include/uapi/linux/gfs2_ondisk.h", name = "LH_V1_SIZE")
  private static final int V1_BYTES = 48;

  private static final int CRC_OFFSET = 48;

  @LinuxSource(file = "include/uapi/linux/gfs2_ondisk.h", name = "GFS2_LOG_HEAD_UNMOUNT")
  private static final int HEAD_UNMOUNT = 1;

  /** Bytes per read. */
  private static final int CHUNK_BYTES = 64 << 10;

  private static final int MAX_JOURNALS = 1024;

  private final Task current;
  private final Gfs2Sbd sdp;

  Gfs2JournalCheck(Task current, Gfs2Sbd sdp) {
    this.current = current;
    this.sdp = sdp;
  }

  /**
   * Checks that no journal has to be replayed. From process context.
   *
   * @param jindex the directory of journals
   * @throws ErrnoException EROFS if a journal is dirty, EIO if one is damaged, or the device's
   *     error
   */
  @LinuxSource(
      file = "fs/gfs2/ops_fstype.c",
      name = {"gfs2_jindex_hold", "check_journal_clean"})
  void requireClean(Gfs2Inode jindex) throws ErrnoException {
    for (int i = 0; i < MAX_JOURNALS; i++) {
      Gfs2Inode journal;
      try {
        journal = jindex.lookup(current, ("journal" + i).getBytes(StandardCharsets.US_ASCII));
      } catch (ErrnoException e) {
        if (e.errno() == Errno.ENOENT && i > 0) {
          return;
        }
        throw e.errno() == Errno.ENOENT ? jindex.corrupt("no journal") : e;
      }
      Gfs2Holder gh = journal.lock(current, LmState.SHARED);
      try {
        requireClean(i, journal);
      } finally {
        Gfs2Inode.unlock(current, gh);
      }
    }
    throw jindex.corrupt("more than " + MAX_JOURNALS + " journals");
  }

  @LinuxSource(file = "fs/gfs2/super.c", name = "gfs2_jdesc_check")
  private void requireClean(int number, Gfs2Inode journal) throws ErrnoException {
    String what = "journal " + number;
    int blockLog = sdp.sb().blockLog;
    long size = journal.size();
    if (!journal.isType(StatMode.S_IFREG)
        || journal.dinode().stuffed()
        || size < MIN_BYTES
        || size > MAX_BYTES
        || (size & (sdp.sb().blockSize - 1)) != 0) {
      throw Gfs2Error.corrupt(what + ": can't be one, with " + size + " bytes");
    }
    Head head = new Head();
    long blocks = size >> blockLog;
    long block = 0;
    while (block < blocks) { // each step advances by at least one block
      Gfs2Extents extents = Gfs2Bmap.map(current, journal, block);
      int run = extents.find(block);
      if (extents.startBlock(run) == Gfs2Extents.HOLE) {
        throw Gfs2Error.corrupt(what + ": has a hole");
      }
      int count =
          (int) Math.min(Math.min(extents.endOff(run), blocks) - block, CHUNK_BYTES >> blockLog);
      long at = extents.startBlock(run) + block - extents.startOff(run);
      head.scan(sdp.cache().readUncached(current, at << blockLog, count << blockLog, what), block);
      block += count;
    }
    if (!head.found) {
      throw Gfs2Error.corrupt(what + ": no log header in it is whole");
    }
    if ((head.flags & HEAD_UNMOUNT) == 0) {
      throw new ErrnoException(
          Errno.EROFS,
          what
              + " is dirty, and recovery is not supported: mount it with Linux once,"
              + " or read-only and without recovery (-o ro,norecovery)");
    }
  }

  /** The newest log header so far. */
  @LinuxSource(file = "fs/gfs2/incore.h", name = "gfs2_log_header_host")
  private final class Head {
    private boolean found;
    private long sequence;
    private int flags;

    /** Scans blocks of the journal, from block first on. */
    void scan(BufData chunk, long first) throws ErrnoException {
      int blockSize = sdp.sb().blockSize;
      for (int at = 0; at < chunk.size(); at += blockSize) {
        if (chunk.i32(at) != Gfs2Meta.MAGIC || chunk.i32(at + 4) != Gfs2Meta.METATYPE_LH) {
          continue;
        }
        if (!isWhole(chunk.slice(at, blockSize, "log header"), first + at / blockSize)) {
          continue; // torn, or of a transaction that did not complete
        }
        if (!found || Long.compareUnsigned(chunk.i64(at + 24), sequence) > 0) {
          found = true;
          sequence = chunk.i64(at + 24);
          flags = chunk.i32(at + 32);
        }
      }
    }

    @LinuxSource(file = "fs/gfs2/recovery.c", name = "__get_log_header")
    private static boolean isWhole(BufData header, long block) throws ErrnoException {
      CRC32 hash = new CRC32();
      header.addTo(hash, 0, V1_BYTES - 4);
      hash.update(new byte[4]);
      if ((block != 0 && header.u32(40) != block)
          || header.i32(V1_BYTES - 4) != (int) hash.getValue()) {
        return false;
      }
      // of the part that newer kernels append; GFS2 does not invert it at the end
      CRC32C crc = new CRC32C();
      header.addTo(crc, CRC_OFFSET + 4, header.size() - CRC_OFFSET - 4);
      return header.i32(CRC_OFFSET) == 0 || header.i32(CRC_OFFSET) == ~(int) crc.getValue();
    }
  }
}
