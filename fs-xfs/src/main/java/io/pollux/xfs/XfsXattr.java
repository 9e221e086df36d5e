// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.PosixAcl;
import io.pollux.core.vfs.Xattr;
import io.pollux.uapi.Capability;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.trans.XfsTrans;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** Extended attributes by the names that programs use, which begin with the namespace. */
@LinuxSource(
    file = "fs/xfs/xfs_xattr.c",
    name = {"xfs_xattr_handlers", "xfs_attr_change"})
final class XfsXattr {
  /** Blocks that a change may need besides those of the value. */
  private static final int TREE_BLOCKS = 32;

  private XfsXattr() {}

  /** Blocks that a value of some length may need. */
  static int blocks(XfsMount mp, int bytes) {
    return TREE_BLOCKS + XfsAttrRemote.blocks(mp.sb(), bytes);
  }

  /** A name as it is stored. */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  private record Name(int namespace, byte[] bytes) {}

  private static Name parse(String name) throws ErrnoException {
    int dot = name.indexOf('.') + 1;
    int namespace =
        switch (name.substring(0, dot)) {
          case Xattr.USER -> 0;
          case Xattr.TRUSTED -> XfsAttrEntry.ROOT;
          case Xattr.SECURITY -> XfsAttrEntry.SECURE;
          default -> throw new ErrnoException(Errno.EOPNOTSUPP);
        };
    if (dot == name.length()) {
      throw new ErrnoException(Errno.EINVAL);
    }
    return new Name(namespace, name.substring(dot).getBytes(StandardCharsets.ISO_8859_1));
  }

  /**
   * Reads an attribute. From process context, without locks.
   *
   * @throws ErrnoException ENODATA, EOPNOTSUPP for an unknown prefix, EUCLEAN if the attributes are
   *     damaged, or the device's error
   */
  @LinuxSource(file = "fs/xfs/xfs_xattr.c", name = "xfs_xattr_get")
  static byte[] get(Task current, XfsInode ip, String name) throws ErrnoException {
    if (name.equals(XfsAcl.ACCESS) || name.equals(XfsAcl.DEFAULT)) {
      XfsAcl acls = XfsAcl.of(current, ip);
      PosixAcl acl = name.equals(XfsAcl.ACCESS) ? acls.access() : acls.inherited();
      if (acl == null) {
        throw new ErrnoException(Errno.ENODATA);
      }
      return acl.toXattr();
    }
    Name wanted = parse(name);
    ip.iRwsem.downRead(current);
    byte[] value;
    try {
      value = XfsAttrReader.get(current, ip, wanted.namespace, wanted.bytes);
    } finally {
      ip.iRwsem.upRead();
    }
    if (value == null) {
      throw new ErrnoException(Errno.ENODATA);
    }
    return value;
  }

  /**
   * Lists the names. From process context, without locks. The task sees those of the namespace
   * trusted with CAP_SYS_ADMIN.
   */
  @LinuxSource(
      file = "fs/xfs/xfs_xattr.c",
      name = {"xfs_vn_listxattr", "xfs_xattr_put_listent"})
  static List<String> list(Task current, XfsInode ip) throws ErrnoException {
    List<XfsAttrEntry> entries;
    ip.iRwsem.downRead(current);
    try {
      entries = XfsAttrReader.list(current, ip);
    } finally {
      ip.iRwsem.upRead();
    }
    boolean trusted = current.cred().capable(Capability.CAP_SYS_ADMIN);
    List<String> names = new ArrayList<>();
    for (XfsAttrEntry entry : entries) {
      addName(names, entry, trusted);
    }
    return names;
  }

  private static void addName(List<String> names, XfsAttrEntry entry, boolean trusted) {
    String name = new String(entry.name(), StandardCharsets.ISO_8859_1);
    switch (entry.namespace()) {
      case 0 -> names.add(Xattr.USER + name);
      case XfsAttrEntry.SECURE -> names.add(Xattr.SECURITY + name);
      case XfsAttrEntry.ROOT -> {
        if (name.equals(XfsAcl.ACCESS_STORED)) {
          names.add(XfsAcl.ACCESS);
        } else if (name.equals(XfsAcl.DEFAULT_STORED)) {
          names.add(XfsAcl.DEFAULT);
        }
        if (trusted) {
          names.add(Xattr.TRUSTED + name);
        }
      }
      default -> {} // pointers to parents
    }
  }

  /**
   * Sets or removes an attribute in a transaction of its own. From process context, with iRwsem
   * held exclusively.
   *
   * @param value null removes it
   * @param flags Xattr.XATTR_CREATE, Xattr.XATTR_REPLACE or 0
   * @throws ErrnoException as {@link XfsAttr#set}, or EOPNOTSUPP for an unknown prefix
   */
  @LinuxSource(file = "fs/xfs/xfs_xattr.c", name = "xfs_xattr_set")
  static void set(Task current, XfsInode ip, String name, byte @Nullable [] value, int flags)
      throws ErrnoException {
    if (name.equals(XfsAcl.ACCESS) || name.equals(XfsAcl.DEFAULT)) {
      XfsAcl.set(current, ip, name, value);
      return;
    }
    Name wanted = parse(name);
    int blocks = value == null ? 0 : blocks(ip.mp(), value.length);
    try (XfsTrans tp = XfsAcl.begin(current, ip.mp(), blocks)) {
      XfsAttr.set(XfsInodeEdit.of(tp, ip), wanted.namespace, wanted.bytes, value, flags);
      tp.commit();
    } catch (ErrnoException e) {
      throw ip.mp().failed(current, e);
    }
  }
}
