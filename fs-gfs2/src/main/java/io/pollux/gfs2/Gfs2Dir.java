// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.DirContext;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Directories. A small one has its entries in the inode. A larger one is a hash table (extendible
 * hashing).
 *
 * <p>The directory's depth is the number of leading bits of a name's hash that index the table of
 * pointers to leaves. A leaf of smaller depth has several consecutive pointers. When a leaf can't
 * be split further, more leaves are chained to it. The table is in the inode, or, when it no longer
 * fits, in blocks that begin with a header.
 *
 * <p>Names are listed in the order of their hashes, as in Linux. Names with the same hash are
 * sorted by their bytes. A position is a hash and a rank among the names with that hash:
 *
 * <pre>
 *   bits 24 to 55: hash    bits 0 to 23: number of earlier names with that hash
 * </pre>
 *
 * <p>So a position stays valid when leaves are split, and a listing that restarts at every name
 * returns each name once. (The position in Linux is the hash alone; names with equal hashes are
 * lost if the buffer is too small for them.)
 */
@LinuxSource(file = "fs/gfs2/dir.c")
final class Gfs2Dir {
  /** Bytes of a leaf before its entries. */
  @LinuxSource(file = "include/uapi/linux/gfs2_ondisk.h", name = "gfs2_leaf")
  private static final int LEAF_BYTES = 104;

  @LinuxSource(file = "include/uapi/linux/gfs2_ondisk.h", name = "GFS2_FORMAT_DE")
  private static final int FORMAT_DE = 1200;

  private static final int MAX_NAME = 255;
  private static final int RANK_BITS = 24;
  private static final int HASH_BITS = 32;
  private static final long END = 1L << (RANK_BITS + HASH_BITS);

  /** An entry of a listing. */
  @SuppressWarnings("ArrayRecordComponent") // never compared as records
  private record Entry(int hash, byte[] name, long addr, int type) {
    static int compare(Entry a, Entry b) {
      int order = Integer.compareUnsigned(a.hash, b.hash);
      return order != 0 ? order : Arrays.compareUnsigned(a.name, b.name);
    }
  }

  private final Task current;
  private final Gfs2Inode dip;
  private final Gfs2Dinode dinode;

  private Gfs2Dir(Task current, Gfs2Inode dip) {
    this.current = current;
    this.dip = dip;
    dinode = dip.dinode();
  }

  /**
   * Finds a name. From process context, with the directory's glock held.
   *
   * @param current the calling task
   * @param dip the directory
   * @param name the name
   * @return the inode's number
   * @throws ErrnoException ENOENT if there is no such name, EIO if the directory is damaged where
   *     the name would be, or the device's error
   */
  @LinuxSource(
      file = "fs/gfs2/dir.c",
      name = {"gfs2_dir_search", "gfs2_dirent_search"})
  static Gfs2Inum search(Task current, Gfs2Inode dip, byte[] name) throws ErrnoException {
    if (name.length > MAX_NAME) {
      throw new ErrnoException(Errno.ENAMETOOLONG);
    }
    Gfs2Inum found = new Gfs2Dir(current, dip).search(name, Gfs2Dirents.hash(name));
    if (found == null) {
      throw new ErrnoException(Errno.ENOENT);
    }
    return found;
  }

  private @Nullable Gfs2Inum search(byte[] name, int hash) throws ErrnoException {
    if (!dinode.exhash()) {
      return search(new Gfs2Dirents(dip.readDinode(current), Gfs2Sb.DINODE_BYTES), name, hash);
    }
    Chain chain = new Chain(pointer(index(hash & 0xffff_ffffL)));
    for (BufData leaf = chain.next(); leaf != null; leaf = chain.next()) {
      Gfs2Inum found = search(new Gfs2Dirents(leaf, LEAF_BYTES), name, hash);
      if (found != null) {
        return found;
      }
    }
    return null;
  }

  private static @Nullable Gfs2Inum search(Gfs2Dirents entries, byte[] name, int hash)
      throws ErrnoException {
    while (entries.next()) {
      if (entries.is(name, hash)) {
        return entries.inum();
      }
    }
    return null;
  }

  /**
   * Lists from context.pos on, until the context is full or the directory is complete. From process
   * context, with the directory's glock held.
   *
   * @param current the calling task
   * @param dip the directory
   * @param context takes the entries
   * @throws ErrnoException EIO at the first damage, after everything before it was emitted; or the
   *     device's error
   */
  @LinuxSource(file = "fs/gfs2/dir.c", name = "gfs2_dir_read")
  static void list(Task current, Gfs2Inode dip, DirContext context) throws ErrnoException {
    if (context.pos() < 0 || context.pos() >= END) {
      return;
    }
    Gfs2Dir dir = new Gfs2Dir(current, dip);
    if (dir.dinode.exhash()) {
      dir.listLeaves(context);
    } else {
      dir.listInode(context);
    }
  }

  @LinuxSource(file = "fs/gfs2/dir.c", name = "gfs2_dir_read")
  private void listInode(DirContext context) throws ErrnoException {
    List<Entry> entries = new ArrayList<>();
    collect(new Gfs2Dirents(dip.readDinode(current), Gfs2Sb.DINODE_BYTES), entries);
    if (entries.size() != dinode.entries()) {
      throw dip.corrupt(
          entries.size()
              + " entries, while it tells of "
              + Integer.toUnsignedString(dinode.entries()));
    }
    if (emit(entries, context)) {
      context.setPos(END);
    }
  }

  @LinuxSource(file = "fs/gfs2/dir.c", name = "dir_e_read")
  private void listLeaves(DirContext context) throws ErrnoException {
    long blocksLeft = dip.sdp().blocks(); // bounds the number of leaves
    while (context.pos() < END) { // each step advances to the next leaf
      int index = index(context.pos() >> RANK_BITS);
      Chain chain = new Chain(pointer(index));
      List<Entry> entries = new ArrayList<>();
      for (BufData leaf = chain.next(); leaf != null; leaf = chain.next()) {
        int before = entries.size();
        collect(new Gfs2Dirents(leaf, LEAF_BYTES), entries);
        if (entries.size() - before != leaf.u16(26)) {
          throw leaf.corrupt(
              entries.size() - before + " entries, while it tells of " + leaf.u16(26));
        }
        if (blocksLeft-- == 0 || entries.size() >> RANK_BITS != 0) {
          throw dip.corrupt("more leaves than there are blocks");
        }
      }
      int shift = HASH_BITS - dinode.depth();
      int pointers = 1 << (dinode.depth() - chain.depth);
      long start = (long) (index & -pointers) << shift;
      long end = start + ((long) pointers << shift);
      for (Entry entry : entries) {
        long hash = entry.hash & 0xffff_ffffL;
        if (hash < start || hash >= end) {
          throw dip.corrupt("a name in a leaf that its hash does not lead to");
        }
      }
      if (!emit(entries, context)) {
        return;
      }
      context.setPos(end << RANK_BITS);
    }
  }

  private static void collect(Gfs2Dirents from, List<Entry> entries) throws ErrnoException {
    while (from.next()) {
      entries.add(new Entry(from.hash(), from.name(), from.inum().addr(), dtype(from.type())));
    }
  }

  private static int dtype(int type) {
    return switch (type) {
      case StatMode.DT_FIFO,
          StatMode.DT_CHR,
          StatMode.DT_DIR,
          StatMode.DT_BLK,
          StatMode.DT_REG,
          StatMode.DT_LNK,
          StatMode.DT_SOCK ->
          type;
      default -> StatMode.DT_UNKNOWN;
    };
  }

  /** Emits the entries at or after the context's position. Returns false if the context is full. */
  @LinuxSource(file = "fs/gfs2/dir.c", name = "do_filldir_main")
  private static boolean emit(List<Entry> entries, DirContext context) {
    entries.sort(Entry::compare);
    long pos = -1;
    for (Entry entry : entries) {
      long first = (entry.hash & 0xffff_ffffL) << RANK_BITS;
      pos = pos >> RANK_BITS == first >> RANK_BITS ? pos + 1 : first;
      if (pos >= context.pos() && !context.emit(entry.name, entry.addr, entry.type, pos + 1)) {
        return false;
      }
    }
    return true;
  }

  /** The index of the pointer for a hash. */
  private int index(long hash) {
    return (int) (hash >>> (HASH_BITS - dinode.depth()));
  }

  /** Reads a pointer of the hash table. */
  @LinuxSource(
      file = "fs/gfs2/dir.c",
      name = {"get_leaf_nr", "gfs2_dir_get_hash_table"})
  private long pointer(int index) throws ErrnoException {
    Gfs2Sbd sdp = dip.sdp();
    int offset = index * Long.BYTES;
    if (dinode.stuffed()) {
      return dip.readDinode(current).i64(Gfs2Sb.DINODE_BYTES + offset);
    }
    int jbsize = sdp.sb().jbsize;
    Gfs2Extents extents = Gfs2Bmap.map(current, dip, offset / jbsize);
    int run = extents.find(offset / jbsize);
    if (extents.startBlock(run) == Gfs2Extents.HOLE) {
      throw dip.corrupt("its hash table has a hole");
    }
    long block = extents.startBlock(run) + offset / jbsize - extents.startOff(run);
    BufData table =
        sdp.readMeta(
            current,
            dip.glock(),
            block,
            Gfs2Meta.JOURNALED_DATA,
            () -> dip.what() + ", its hash table");
    return table.i64(Gfs2Meta.HEADER_BYTES + offset % jbsize);
  }

  /** The chain of leaves for one range of hashes. */
  @LinuxSource(
      file = "fs/gfs2/dir.c",
      name = {"get_leaf", "get_first_leaf"})
  private final class Chain {
    private final Set<Long> seen = new HashSet<>();
    private long next;
    private int depth; // of the first leaf

    Chain(long first) throws ErrnoException {
      next = first;
      if (first == 0) {
        throw dip.corrupt("its hash table leads nowhere");
      }
    }

    @Nullable BufData next() throws ErrnoException {
      if (next == 0) {
        return null;
      }
      if (!seen.add(next) || !dip.sdp().rgrps().hasData(next)) {
        throw dip.corrupt("a leaf can't be at block " + Long.toUnsignedString(next));
      }
      BufData leaf =
          dip.sdp()
              .readMeta(current, dip.glock(), next, Gfs2Meta.LEAF, () -> dip.what() + ", a leaf");
      if (leaf.u32(28) != FORMAT_DE || leaf.u16(24) > dinode.depth()) {
        throw leaf.corrupt("a leaf of depth " + leaf.u16(24) + " and format " + leaf.u32(28));
      }
      if (seen.size() == 1) {
        depth = leaf.u16(24);
      }
      next = leaf.i64(32);
      return leaf;
    }
  }
}
