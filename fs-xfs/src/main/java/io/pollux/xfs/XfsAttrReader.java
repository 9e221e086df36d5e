// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.buffer.BufData;
import io.pollux.block.buffer.BufOps;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsSb;
import io.pollux.xfs.format.XfsVerify;
import java.util.ArrayList;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Reads the attributes of an inode as the last commit left them. The caller holds the inode's
 * iRwsem, so that they do not change meanwhile.
 */
@LinuxSource(
    file = "fs/xfs/libxfs/xfs_attr.c",
    name = {"xfs_attr_get_ilocked", "xfs_attr_list_ilocked"})
final class XfsAttrReader {
  private static final int NODE_MAGIC = 0x3ebe;
  private static final int NODE_ENTRIES = 64;
  private static final int COUNT = 56;
  private static final int LEVEL = 58;
  private static final int MAX_DEPTH = 5;

  private final Task current;
  private final XfsInode ip;
  private final XfsMount mp;
  private final XfsExtentMap extents;

  private XfsAttrReader(Task current, XfsInode ip) throws ErrnoException {
    this.current = current;
    this.ip = ip;
    mp = ip.mp();
    extents = ip.attrExtents(current);
  }

  private static boolean isShort(XfsInode ip) {
    return ip.core().attrFormat() == XfsInodeBuf.Format.LOCAL;
  }

  private static boolean isEmpty(XfsInode ip) {
    return ip.core().attrFork().size() == 0 || (!isShort(ip) && ip.core().anextents() == 0);
  }

  private static List<XfsAttrEntry> shortEntries(XfsInode ip) throws ErrnoException {
    BufData fork = ip.core().attrFork();
    return XfsAttrSf.decode(fork.copy(0, fork.size()), ip.what());
  }

  /** Reads a value. Returns null if there is no such attribute. */
  static byte @Nullable [] get(Task current, XfsInode ip, int namespace, byte[] name)
      throws ErrnoException {
    if (isEmpty(ip)) {
      return null;
    }
    if (isShort(ip)) {
      for (XfsAttrEntry entry : shortEntries(ip)) {
        if (entry.is(namespace, name)) {
          return entry.value();
        }
      }
      return null;
    }
    return new XfsAttrReader(current, ip).find(namespace, name);
  }

  /** Returns all attributes, except for incomplete ones, without values that have blocks. */
  static List<XfsAttrEntry> list(Task current, XfsInode ip) throws ErrnoException {
    if (isEmpty(ip)) {
      return List.of();
    }
    List<XfsAttrEntry> all =
        isShort(ip) ? shortEntries(ip) : new XfsAttrReader(current, ip).listLeaves();
    return all.stream().filter(entry -> !entry.isIncomplete()).toList();
  }

  private BufData block(long dablk, BufOps type, int ownerAt) throws ErrnoException {
    XfsSb sb = mp.sb();
    int index = extents.find(dablk);
    if (index == XfsExtentMap.NONE || dablk >= extents.endOff(index) || extents.unwritten(index)) {
      throw ip.corrupt("attribute block " + dablk + " is missing");
    }
    long position = sb.fsbToByte(extents.startBlock(index) + dablk - extents.startOff(index));
    BufData block =
        mp.bufs()
            .readData(
                current,
                position,
                sb.blockSize,
                type,
                () -> ip.what() + ", attribute block " + dablk);
    XfsVerify.checkOwner(block, ownerAt, ip.ino());
    return block;
  }

  private BufData leaf(long dablk) throws ErrnoException {
    BufData leaf = block(dablk, mp.verifiers().attr(), XfsDaTree.OWNER);
    if (leaf.u16(XfsDaTree.MAGIC) != XfsAttrLeaf.MAGIC) {
      throw leaf.corrupt("not a leaf");
    }
    return leaf;
  }

  /** Descends to the first leaf that may have a hash. At most MAX_DEPTH steps. */
  private BufData descend(int hash) throws ErrnoException {
    BufData block = block(0, mp.verifiers().attr(), XfsDaTree.OWNER);
    int levels = block.u16(XfsDaTree.MAGIC) == NODE_MAGIC ? block.u16(LEVEL) : 0;
    if (levels > MAX_DEPTH) {
      throw block.corrupt("a tree of " + levels + " levels");
    }
    long dablk = 0;
    for (int level = levels; level > 0; level--) {
      if (block.u16(XfsDaTree.MAGIC) != NODE_MAGIC || block.u16(LEVEL) != level) {
        throw block.corrupt("not a node of level " + level);
      }
      int count = block.u16(COUNT);
      int i = Math.min(XfsDaEntries.lowerBound(block, NODE_ENTRIES, count, hash), count - 1);
      dablk = XfsDaEntries.value(block, NODE_ENTRIES, i);
      block = block(dablk, mp.verifiers().attr(), XfsDaTree.OWNER);
    }
    return leaf(dablk);
  }

  /** Takes a leaf. Returns whether to go on with the next. */
  private interface Visitor {
    boolean visit(BufData leaf) throws ErrnoException;
  }

  private void walk(BufData first, Visitor visitor) throws ErrnoException {
    Set<Long> followed = new HashSet<>();
    BufData leaf = first;
    while (visitor.visit(leaf)) { // ends: no leaf is followed twice
      long forw = leaf.u32(0);
      if (forw == 0) {
        return;
      }
      if (!followed.add(forw)) {
        throw leaf.corrupt("the leaves behind it go in circles");
      }
      leaf = leaf(forw);
    }
  }

  private byte @Nullable [] find(int namespace, byte[] name) throws ErrnoException {
    int hash = XfsDaEntries.hashName(name);
    List<XfsAttrEntry> found = new ArrayList<>(1);
    XfsAttrLeaf ops = new XfsAttrLeaf(mp.sb());
    walk(
        descend(hash),
        leaf -> {
          int index = XfsAttrLeaf.find(leaf, hash, namespace, name);
          if (index >= 0) {
            found.add(XfsAttrLeaf.entry(leaf, index));
            return false;
          }
          return ops.count(leaf) > 0 && ops.lastHash(leaf) == hash;
        });
    return found.isEmpty() ? null : value(found.getFirst());
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_attr_remote.c", name = "xfs_attr_rmtval_get")
  private byte[] value(XfsAttrEntry entry) throws ErrnoException {
    if (entry.isLocal()) {
      return entry.value();
    }
    byte[] value = new byte[entry.valueLength()];
    int done = 0;
    for (int i = 0; done < value.length; i++) { // each step adds at least one byte
      BufData block = block(entry.valueBlk() + i, mp.verifiers().attrRemote(), XfsAttrRemote.OWNER);
      done = XfsAttrRemote.copyOut(block, value, done);
    }
    return value;
  }

  private List<XfsAttrEntry> listLeaves() throws ErrnoException {
    List<XfsAttrEntry> entries = new ArrayList<>();
    XfsAttrLeaf ops = new XfsAttrLeaf(mp.sb());
    walk(
        descend(0),
        leaf -> {
          entries.addAll(ops.decode(leaf));
          return true;
        });
    return entries;
  }
}
