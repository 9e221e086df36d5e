// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.log;

import io.pollux.block.buffer.Buf;
import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufEdit;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.Differs;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsDinode;
import io.pollux.xfs.format.XfsLogType;
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/**
 * A buffer in a checkpoint: its contents of the last commit of the checkpoint, and which parts of
 * it changed in the checkpoint. Contents never change, so commits of the next checkpoint do not
 * disturb the write of this one.
 *
 * <p>Of a block of inodes, each inode that changed is an item of its own, and so are the pointers
 * of unlinked lists in it, as in Linux. A new block of inodes is logged as any block.
 */
@LinuxSource(
    file = "fs/xfs/xfs_buf_item.c",
    name = {"xfs_buf_item_format", "xfs_buf_item_size"})
@Differs(
    kind = Differs.Kind.SIMPLER,
    why =
        "A checkpoint has what changed since the one before. Linux logs a changed part of a block"
            + " again with each later change, until the block is in its place.",
    test = "XfsLogDifferencesTest#aCheckpointHasOnlyWhatChangedSinceTheOneBefore")
final class CilItem {
  final Buf buf; // pinned
  private @Nullable XfsBufItem item; // null: it never had contents in this mount
  private @Nullable BufData data; // null: the block was freed
  private long @Nullable [] pieces;
  private @Nullable XfsLogType type;
  private final int inodeSize;
  private int bytes; // in the log, at most
  private final boolean[] chunks; // of 128 bytes, to be logged as they are
  private final int[] inodes; // what changed of each, see XfsInodeItem

  CilItem(Buf buf, int inodeSize) {
    this.buf = buf;
    this.inodeSize = inodeSize;
    chunks = new boolean[(buf.length() + XlogFormat.XFS_BLF_CHUNK - 1) >> XlogFormat.XFS_BLF_SHIFT];
    inodes = new int[buf.length() / inodeSize];
  }

  /** What a change of a block takes in the log, at most. */
  static long logBytes(int length, @Nullable BufData before, @Nullable BufData after, int inodeSize)
      throws ErrnoException {
    int chunk = XlogFormat.XFS_BLF_CHUNK;
    long bytes = XlogFormat.BLF_DATA_MAP + 2L * XlogFormat.OP_HEADER_BYTES + length / chunk;
    if (after == null) {
      return bytes;
    }
    int inode = -1; // the last one that counts
    boolean inodes = after.type() instanceof XfsLogType type && type.isInodes();
    for (int at = 0; at < length; at += chunk) {
      if (before != null && before.equalsAt(after, at, Math.min(chunk, length - at))) {
        continue;
      }
      bytes += chunk + XlogFormat.OP_HEADER_BYTES;
      if (inodes && before != null && at / inodeSize != inode) {
        inode = at / inodeSize;
        bytes += XfsInodeItem.logBytes(inodeSize);
      }
    }
    return bytes;
  }

  boolean cancelled() {
    return data == null;
  }

  /**
   * Adds a change. With the buffer's lock.
   *
   * @param to the log's state of the buffer
   * @param kind its type
   * @param before the contents before; null for a new block
   * @param after the contents of the commit
   * @param in the pieces
   */
  void change(
      XfsBufItem to, XfsLogType kind, @Nullable BufData before, BufData after, long @Nullable [] in)
      throws ErrnoException {
    item = to;
    type = kind;
    data = after;
    pieces = in;
    if (before == null) {
      Arrays.fill(chunks, true);
    } else if (kind.isInodes()) {
      for (int i = 0; i < inodes.length; i++) {
        inodes[i] |= XfsInodeItem.changes(before, after, i * inodeSize, inodeSize);
      }
    } else {
      for (int i = 0; i < chunks.length; i++) {
        int at = i << XlogFormat.XFS_BLF_SHIFT;
        chunks[i] |=
            !before.equalsAt(after, at, Math.min(XlogFormat.XFS_BLF_CHUNK, after.size() - at));
      }
      chunks[0] |= in != null; // the checksum
    }
    if (kind.isInodes()) {
      for (int i = 0; i < inodes.length; i++) {
        if (before == null || inodes[i] != 0) {
          to.changes(i);
        }
      }
    }
  }

  /** The block was freed. */
  void cancel(@Nullable XfsBufItem of, long @Nullable [] in) {
    item = of;
    data = null;
    pieces = in;
  }

  /** Whether the whole block of inodes is logged. */
  private boolean whole() {
    return chunks[0];
  }

  private boolean isInodes() {
    return data != null && Objects.requireNonNull(type).isInodes();
  }

  /** The number of items in the log. */
  int items() {
    int items = 0;
    if (!isInodes() || whole()) {
      long[] of = pieces;
      if (of == null) {
        return data == null || anyLogged(0, buf.length()) ? 1 : 0;
      }
      int done = 0;
      for (int i = 1; i < of.length; i += 2) {
        items += data == null || anyLogged(done, (int) of[i]) ? 1 : 0;
        done += (int) of[i];
      }
      return items;
    }
    boolean unlinked = false;
    for (int changes : inodes) {
      items += (changes & XfsInodeItem.CORE) != 0 ? 1 : 0;
      unlinked |= (changes & XfsInodeItem.NEXT_UNLINKED) != 0;
    }
    return items + (unlinked ? 1 : 0);
  }

  private boolean anyLogged(int from, int length) {
    int first = from >> XlogFormat.XFS_BLF_SHIFT;
    int end = (from + length + XlogFormat.XFS_BLF_CHUNK - 1) >> XlogFormat.XFS_BLF_SHIFT;
    for (int i = first; i < end; i++) {
      if (chunks[i]) {
        return true;
      }
    }
    return false;
  }

  void write(XlogWriter out) throws ErrnoException {
    BufData contents = data;
    if (contents == null) {
      writeSegments(out, null, XlogFormat.XFS_BLF_CANCEL);
      return;
    }
    if (pieces != null) {
      writeSegments(
          out,
          withChecksum(contents),
          XlogFormat.XFS_BLFT_RTBITMAP_BUF << XlogFormat.XFS_BLFT_SHIFT);
      return;
    }
    int flags = Objects.requireNonNull(type).logType(contents) << XlogFormat.XFS_BLFT_SHIFT;
    if (!isInodes() || whole()) {
      writeSegments(out, contents, flags);
      return;
    }
    boolean[] pointers = new boolean[chunks.length];
    boolean unlinked = false;
    for (int i = 0; i < inodes.length; i++) {
      if ((inodes[i] & XfsInodeItem.NEXT_UNLINKED) != 0) {
        pointers[(i * inodeSize + XfsDinode.NEXT_UNLINKED) >> XlogFormat.XFS_BLF_SHIFT] = true;
        unlinked = true;
      }
      if ((inodes[i] & XfsInodeItem.CORE) != 0) {
        for (byte[] region : XfsInodeItem.regions(contents, i * inodeSize, inodeSize, inodes[i])) {
          out.region(region);
        }
      }
    }
    if (unlinked) {
      writeSegment(
          out,
          contents,
          buf.position(),
          0,
          buf.length(),
          pointers,
          flags | XlogFormat.XFS_BLF_INODE_BUF);
    }
  }

  /**
   * The contents of a block in several pieces with their checksum. Recovery sees each piece alone,
   * and can compute no checksum of all. So each change logs it, and the pieces have the type whose
   * blocks recovery takes as they are. Linux logs the type of the block, and refuses the log.
   */
  private static BufData withChecksum(BufData contents) throws ErrnoException {
    BufEdit copy = contents.draft();
    Objects.requireNonNull(contents.type()).verifyWrite(copy);
    return copy;
  }

  private void writeSegments(XlogWriter out, @Nullable BufData contents, int flags)
      throws ErrnoException {
    long[] of = pieces;
    if (of == null) {
      if (contents == null || anyLogged(0, buf.length())) {
        writeSegment(out, contents, buf.position(), 0, buf.length(), chunks, flags);
      }
      return;
    }
    int done = 0;
    for (int i = 0; i < of.length; i += 2) {
      if (contents == null || anyLogged(done, (int) of[i + 1])) {
        writeSegment(out, contents, of[i], done, (int) of[i + 1], chunks, flags);
      }
      done += (int) of[i + 1];
    }
  }

  @LinuxSource(file = "fs/xfs/xfs_buf_item.c", name = "xfs_buf_item_format_segment")
  private static void writeSegment(
      XlogWriter out,
      @Nullable BufData contents,
      long position,
      int from,
      int length,
      boolean[] logged,
      int flags)
      throws ErrnoException {
    int first = from >> XlogFormat.XFS_BLF_SHIFT;
    int count = (length + XlogFormat.XFS_BLF_CHUNK - 1) >> XlogFormat.XFS_BLF_SHIFT;
    int words = (count + 31) >> 5;
    byte[] format = new byte[XlogFormat.BLF_DATA_MAP + 4 * words];
    ByteBuffer header = Xlog.host(format);
    int regions = 1;
    if (contents != null) {
      for (int i = 0; i < count; i++) {
        if (logged[first + i]) {
          int word = XlogFormat.BLF_DATA_MAP + 4 * (i >> 5);
          header.putInt(word, header.getInt(word) | 1 << i);
          regions += i > 0 && logged[first + i - 1] ? 0 : 1;
        }
      }
    }
    header
        .putShort((short) XlogFormat.XFS_LI_BUF)
        .putShort((short) regions)
        .putShort((short) flags)
        .putShort((short) (length >> XlogFormat.BB_SHIFT))
        .putLong(position >> XlogFormat.BB_SHIFT)
        .putInt(words);
    out.region(format);
    if (contents == null) {
      return;
    }
    for (int i = 0; i < count; i++) {
      if (logged[first + i]) {
        int start = i;
        while (i + 1 < count && logged[first + i + 1]) {
          i++;
        }
        int at = from + (start << XlogFormat.XFS_BLF_SHIFT);
        int end = Math.min(from + length, from + ((i + 1) << XlogFormat.XFS_BLF_SHIFT));
        out.region(contents.copy(at, end - at));
      }
    }
  }

  /** Returns how many more bytes it takes in the log, at most, than at the last call. */
  int grown() {
    int before = bytes;
    bytes = logBytes();
    return bytes - before;
  }

  private int logBytes() {
    int segments = pieces == null ? 1 : pieces.length / 2;
    int sum =
        segments * (XlogFormat.BLF_DATA_MAP + XlogFormat.OP_HEADER_BYTES) + chunks.length / 8 + 4;
    if (data == null) {
      return sum;
    }
    for (boolean chunk : chunks) {
      sum += chunk ? XlogFormat.XFS_BLF_CHUNK + XlogFormat.OP_HEADER_BYTES : 0;
    }
    if (!whole()) {
      for (int changes : inodes) {
        sum += changes == 0 ? 0 : XfsInodeItem.logBytes(inodeSize) + XlogFormat.XFS_BLF_CHUNK;
      }
    }
    return sum;
  }

  /** The checkpoint is durable. */
  void committed(long lsn) {
    XfsBufItem of = item;
    if (of != null && data == null) {
      of.done();
    } else if (of != null) {
      of.committed(lsn);
    }
    buf.unpin();
  }

  /** The checkpoint could not be written: the buffer must not be written in its place either. */
  void aborted() {
    buf.clean(); // first: a task that writes buffers back may have it already
    buf.unpin();
  }
}
