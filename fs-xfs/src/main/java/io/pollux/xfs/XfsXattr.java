// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Xattr;
import io.pollux.uapi.Capability;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.xfs.trans.XfsTrans;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
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

  private static final String ACCESS_ACL = Xattr.SYSTEM + "posix_acl_access";
  private static final String DEFAULT_ACL = Xattr.SYSTEM + "posix_acl_default";
  private static final String ACCESS_ACL_STORED = "SGI_ACL_FILE";
  private static final String DEFAULT_ACL_STORED = "SGI_ACL_DEFAULT";

  private XfsXattr() {}

  private static final int ACL_TAG_USER = 2;
  private static final int ACL_TAG_GROUP = 8;
  private static final int ACL_VERSION = 2; // of the format for programs
  private static final int ACL_HEADER_BYTES = 4; // in both formats
  private static final int ACL_STORED_BYTES = 12; // tag, id, permissions
  private static final int ACL_PROGRAM_BYTES = 8; // tag, permissions, id

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
    if (name.equals(ACCESS_ACL)) {
      return acl(ip, get(current, ip, Xattr.TRUSTED + ACCESS_ACL_STORED));
    }
    if (name.equals(DEFAULT_ACL)) {
      return acl(ip, get(current, ip, Xattr.TRUSTED + DEFAULT_ACL_STORED));
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

  /** Converts an access control list to the format for programs, which is little-endian. */
  @LinuxSource(
      file = "fs/xfs/xfs_acl.c",
      name = {"xfs_acl_from_disk", "xfs_get_acl"})
  private static byte[] acl(XfsInode ip, byte[] stored) throws ErrnoException {
    ByteBuffer from = ByteBuffer.wrap(stored);
    int count = (stored.length - ACL_HEADER_BYTES) / ACL_STORED_BYTES;
    if (stored.length < ACL_HEADER_BYTES
        || stored.length != ACL_HEADER_BYTES + count * ACL_STORED_BYTES
        || from.getInt() != count) {
      throw ip.corrupt("an access control list of another length than it says");
    }
    ByteBuffer to =
        ByteBuffer.allocate(ACL_HEADER_BYTES + count * ACL_PROGRAM_BYTES)
            .order(ByteOrder.LITTLE_ENDIAN);
    to.putInt(ACL_VERSION);
    for (int i = 0; i < count; i++) {
      int tag = from.getInt();
      int id = from.getInt();
      boolean named = tag == ACL_TAG_USER || tag == ACL_TAG_GROUP;
      to.putShort((short) tag).putShort(from.getShort()).putInt(named ? id : -1);
      from.getShort();
    }
    return to.array();
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
        if (name.equals(ACCESS_ACL_STORED)) {
          names.add(ACCESS_ACL);
        } else if (name.equals(DEFAULT_ACL_STORED)) {
          names.add(DEFAULT_ACL);
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
   * held exclusively. Access control lists can be read, but not set.
   *
   * @param value null removes it
   * @param flags Xattr.XATTR_CREATE, Xattr.XATTR_REPLACE or 0
   * @throws ErrnoException as {@link XfsAttr#set}, or EOPNOTSUPP for an unknown prefix
   */
  @LinuxSource(file = "fs/xfs/xfs_xattr.c", name = "xfs_xattr_set")
  static void set(Task current, XfsInode ip, String name, byte @Nullable [] value, int flags)
      throws ErrnoException {
    Name wanted = parse(name);
    int blocks = value == null ? 0 : TREE_BLOCKS + XfsAttrRemote.blocks(ip.mp().sb(), value.length);
    if (ip.mp().available() < blocks) {
      throw new ErrnoException(Errno.ENOSPC);
    }
    try (XfsTrans tp = ip.mp().trans().begin(current, blocks)) {
      XfsAttr.set(XfsInodeEdit.of(tp, ip), wanted.namespace, wanted.bytes, value, flags);
      tp.commit();
    } catch (ErrnoException e) {
      throw ip.mp().failed(current, e);
    }
  }
}
