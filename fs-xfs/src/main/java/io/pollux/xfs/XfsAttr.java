// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.vfs.Xattr;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.format.XfsDinode;
import io.pollux.xfs.trans.TransBuf;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Changes of extended attributes in transactions. There are three forms: in the inode ({@link
 * XfsAttrSf}), in one leaf ({@link XfsAttrLeaf}), and in a tree of leaves ({@link XfsDaTree}). Long
 * values have blocks of their own ({@link XfsAttrRemote}).
 *
 * <p>C replaces an attribute in several transactions, during which it is marked incomplete. Here
 * one transaction does all.
 *
 * <p>Callers hold the inode's iRwsem exclusively. After any error they cancel the transaction.
 */
@LinuxSource(file = "fs/xfs/libxfs/xfs_attr.c")
final class XfsAttr {
  private static final int MAX_NAME = 255;

  private final XfsInodeEdit ip;
  private final XfsDaFork da;
  private final XfsAttrLeaf leaves;
  private final XfsDaTree<XfsAttrEntry> tree;

  private XfsAttr(XfsInodeEdit ip) {
    this.ip = ip;
    da = XfsDaFork.attributes(ip);
    leaves = new XfsAttrLeaf(ip.mp().sb());
    tree = new XfsDaTree<>(da, 0, XfsAttrRemote.END_BLK, ip.mp().verifiers().attr(), leaves);
  }

  /**
   * Sets or removes an attribute.
   *
   * @param ip the inode
   * @param namespace XfsAttrEntry.ROOT, SECURE, or 0 for those of users
   * @param name its name without the prefix
   * @param value its value; null removes it
   * @param flags Xattr.XATTR_CREATE, Xattr.XATTR_REPLACE or 0
   * @throws ErrnoException EEXIST, ENODATA, ERANGE for a name that is too long, E2BIG for a value
   *     that is too long, ENOSPC, EUCLEAN if the attributes are damaged, or the device's error
   */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_attr.c",
      name = {"xfs_attr_set", "xfs_attr_set_iter"})
  static void set(XfsInodeEdit ip, int namespace, byte[] name, byte @Nullable [] value, int flags)
      throws ErrnoException {
    if (name.length == 0 || name.length > MAX_NAME) {
      throw new ErrnoException(name.length == 0 ? Errno.EINVAL : Errno.ERANGE);
    }
    if (value != null && value.length > XfsAttrRemote.MAX_BYTES) {
      throw new ErrnoException(Errno.E2BIG);
    }
    XfsAttr attrs = new XfsAttr(ip);
    if (!XfsAttrFork.exists(ip)) {
      check(false, value, flags);
      if (value != null) {
        int bytes = XfsAttrSf.bytes(List.of(XfsAttrEntry.local(namespace, name, value)));
        XfsAttrFork.add(ip, bytes);
        attrs.setShort(new ArrayList<>(), namespace, name, value, flags);
      }
    } else if (attrs.isShort()) {
      attrs.setShort(attrs.decodeShort(), namespace, name, value, flags);
    } else {
      attrs.setInTree(namespace, name, value, flags);
    }
    ip.touchChange();
  }

  private static void check(boolean exists, byte @Nullable [] value, int flags)
      throws ErrnoException {
    if (exists && (flags & Xattr.XATTR_CREATE) != 0) {
      throw new ErrnoException(Errno.EEXIST);
    }
    if (!exists && (value == null || (flags & Xattr.XATTR_REPLACE) != 0)) {
      throw new ErrnoException(Errno.ENODATA);
    }
  }

  // In the inode.

  private boolean isShort() throws ErrnoException {
    return ip.attr().format() == XfsDinode.FMT_LOCAL || ip.attr().count() == 0;
  }

  private List<XfsAttrEntry> decodeShort() throws ErrnoException {
    if (ip.attr().format() != XfsDinode.FMT_LOCAL) {
      return new ArrayList<>(); // a fork without attributes
    }
    return XfsAttrSf.decode(ip.bytes(ip.attr().start(), ip.attr().room()), ip.what());
  }

  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_attr.c",
      name = {"xfs_attr_shortform_addname", "xfs_attr_sf_removename"})
  private void setShort(
      List<XfsAttrEntry> entries, int namespace, byte[] name, byte @Nullable [] value, int flags)
      throws ErrnoException {
    boolean exists = entries.removeIf(entry -> entry.is(namespace, name));
    check(exists, value, flags);
    List<XfsAttrEntry> before = List.copyOf(entries);
    if (value != null) {
      entries.add(XfsAttrEntry.local(namespace, name, value));
    }
    if (!storeShort(entries)) {
      toLeaf(before);
      setInTree(namespace, name, value, 0);
    }
  }

  /** Stores attributes in the inode. Returns false if they do not fit. */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_attr_leaf.c",
      name = {"xfs_attr_shortform_add", "xfs_attr3_leaf_to_shortform"})
  private boolean storeShort(List<XfsAttrEntry> entries) throws ErrnoException {
    if (entries.isEmpty() && ip.data().format() != XfsDinode.FMT_BTREE) {
      XfsAttrFork.remove(ip);
      return true;
    }
    int offset = XfsAttrSf.allowed(entries) ? XfsAttrFork.fit(ip, XfsAttrSf.bytes(entries)) : 0;
    if (offset == 0) {
      return false;
    }
    XfsAttrFork.move(ip, offset);
    ip.attr().setFormat(XfsDinode.FMT_LOCAL);
    ip.put(ip.attr().start(), XfsAttrSf.encode(entries, ip.attr().room()));
    return true;
  }

  // In blocks.

  /** Moves attributes from the inode to a leaf. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_attr_leaf.c", name = "xfs_attr_shortform_to_leaf")
  private void toLeaf(List<XfsAttrEntry> entries) throws ErrnoException {
    ip.attr().setFormat(XfsDinode.FMT_EXTENTS);
    ip.put(ip.attr().start(), new byte[ip.attr().room()]);
    long dablk = da.grow(0, XfsAttrRemote.END_BLK);
    TransBuf leaf = da.create(dablk, ip.mp().verifiers().attr());
    da.initHeader(leaf, XfsAttrLeaf.MAGIC);
    List<XfsAttrEntry> sorted = new ArrayList<>(entries);
    sorted.sort(Comparator.comparing(XfsAttrEntry::hash, Integer::compareUnsigned));
    leaves.encode(leaf.edit(), sorted);
  }

  private XfsDaTree.@Nullable Path find(int namespace, byte[] name) throws ErrnoException {
    int hash = XfsDaEntries.hashName(name);
    Set<Long> seen = new HashSet<>();
    XfsDaTree.Path path = tree.find(hash);
    while (path != null && XfsAttrLeaf.find(path.leaf().data(), hash, namespace, name) < 0) {
      path = tree.next(path, hash, seen);
    }
    return path;
  }

  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_attr.c",
      name = {
        "xfs_attr_leaf_addname",
        "xfs_attr_node_addname",
        "xfs_attr_leaf_removename",
        "xfs_attr_node_removename"
      })
  private void setInTree(int namespace, byte[] name, byte @Nullable [] value, int flags)
      throws ErrnoException {
    int hash = XfsDaEntries.hashName(name);
    XfsDaTree.Path path = find(namespace, name);
    check(path != null, value, flags);
    if (path == null) {
      XfsAttrEntry added = entry(namespace, name, value);
      path = tree.find(hash);
      List<XfsAttrEntry> entries = leaves.decode(path.leaf().data());
      entries.add(XfsAttrLeaf.lowerBound(path.leaf().data(), hash), added);
      tree.store(path, entries);
      return;
    }
    int index = XfsAttrLeaf.find(path.leaf().data(), hash, namespace, name);
    List<XfsAttrEntry> entries = leaves.decode(path.leaf().data());
    XfsAttrEntry before = entries.get(index);
    if (!before.isLocal()) {
      XfsAttrRemote.free(da, before);
    }
    if (value != null) {
      entries.set(index, entry(namespace, name, value));
      tree.store(path, entries);
    } else {
      entries.remove(index);
      leaves.encode(path.leaf().edit(), entries);
      tree.shrink(path);
    }
    toShort();
  }

  /** Makes an attribute for a leaf; a long value goes into blocks. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_attr_leaf.c", name = "xfs_attr_leaf_newentsize")
  private XfsAttrEntry entry(int namespace, byte[] name, byte @Nullable [] value)
      throws ErrnoException {
    byte[] bytes = value == null ? new byte[0] : value;
    int most = da.blkSize() / 2 + da.blkSize() / 4;
    if (XfsAttrEntry.localBytes(name, bytes.length) < most) {
      return XfsAttrEntry.local(namespace, name, bytes);
    }
    return XfsAttrEntry.remote(namespace, name, XfsAttrRemote.store(da, bytes), bytes.length);
  }

  /** Moves the attributes to the inode, if they have one leaf, nothing else, and fit. */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_attr.c",
      name = {"xfs_attr_leaf_shrink", "xfs_attr_node_shrink"})
  private void toShort() throws ErrnoException {
    if (ip.attr().map().lastOffset() != 1) {
      return;
    }
    TransBuf root = da.read(0, ip.mp().verifiers().attr(), XfsDaTree.OWNER);
    if (root.data().u16(XfsDaTree.MAGIC) != XfsAttrLeaf.MAGIC) {
      return;
    }
    List<XfsAttrEntry> entries = leaves.decode(root.data());
    entries.removeIf(XfsAttrEntry::isIncomplete);
    boolean empty = entries.isEmpty();
    boolean fits = XfsAttrSf.allowed(entries) && XfsAttrFork.fit(ip, XfsAttrSf.bytes(entries)) != 0;
    if (empty || fits) {
      da.free(0, root);
      storeShort(entries);
    }
  }
}
