// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Cred;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Permission;
import io.pollux.core.vfs.PosixAcl;
import io.pollux.core.vfs.Xattr;
import io.pollux.uapi.Capability;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;
import io.pollux.xfs.format.XfsDinode;
import io.pollux.xfs.trans.XfsTrans;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The access control lists of an inode. XFS stores them as attributes of the root namespace, in its
 * own big-endian format.
 *
 * @param access the list that permission checks use, or null
 * @param inherited the default list, which new files in the directory inherit, or null
 */
@LinuxSource(file = "fs/xfs/xfs_acl.c")
record XfsAcl(@Nullable PosixAcl access, @Nullable PosixAcl inherited) {
  /** The name that programs use for {@link #access}. */
  static final String ACCESS = Xattr.SYSTEM + "posix_acl_access";

  /** The name that programs use for {@link #inherited}. */
  static final String DEFAULT = Xattr.SYSTEM + "posix_acl_default";

  /** The name of {@link #access} on disk. */
  static final String ACCESS_STORED = "SGI_ACL_FILE";

  /** The name of {@link #inherited} on disk. */
  static final String DEFAULT_STORED = "SGI_ACL_DEFAULT";

  private static final XfsAcl NONE = new XfsAcl(null, null);
  private static final int HEADER_BYTES = 4;
  private static final int ENTRY_BYTES = 12; // tag, id, permissions

  @LinuxSource(file = "fs/xfs/libxfs/xfs_format.h", name = "XFS_ACL_MAX_ENTRIES")
  private static final int MAX_ENTRIES = (Xattr.XATTR_SIZE_MAX - HEADER_BYTES) / ENTRY_BYTES;

  private static byte[] stored(String name) {
    return name.getBytes(StandardCharsets.ISO_8859_1);
  }

  // Reading.

  /**
   * Returns the lists of an inode. Reads them at first use, and again after each change of the
   * inode. From process context, with or without iRwsem, without the transaction lock.
   *
   * @param current the calling task
   * @param ip the inode
   * @return its lists
   * @throws ErrnoException EUCLEAN if they are damaged, or the device's error
   */
  @LinuxSource(file = "fs/xfs/xfs_acl.c", name = "xfs_get_acl")
  static XfsAcl of(Task current, XfsInode ip) throws ErrnoException {
    XfsAcl there = ip.acl();
    if (there != null) {
      return there;
    }
    if (ip.core().attrFork().size() == 0 || ip.isType(StatMode.S_IFLNK)) {
      return NONE;
    }
    if (ip.mp().readOnly()) {
      return read(current, ip); // not cached: a remount may let a task change them meanwhile
    }
    // the caller may already hold iRwsem, so the transaction lock protects the attributes
    try (XfsTrans tp = ip.mp().trans().begin(current, 0)) {
      XfsAcl made = read(tp.current(), ip);
      ip.setAcl(made);
      return made;
    }
  }

  private static XfsAcl read(Task current, XfsInode ip) throws ErrnoException {
    PosixAcl access = read(current, ip, ACCESS_STORED);
    PosixAcl inherited = ip.isType(StatMode.S_IFDIR) ? read(current, ip, DEFAULT_STORED) : null;
    return access == null && inherited == null ? NONE : new XfsAcl(access, inherited);
  }

  private static @Nullable PosixAcl read(Task current, XfsInode ip, String name)
      throws ErrnoException {
    byte[] value = XfsAttrReader.get(current, ip, XfsAttrEntry.ROOT, stored(name));
    return value == null ? null : decode(ip, value);
  }

  @LinuxSource(file = "fs/xfs/xfs_acl.c", name = "xfs_acl_from_disk")
  private static @Nullable PosixAcl decode(XfsInode ip, byte[] value) throws ErrnoException {
    ByteBuffer from = ByteBuffer.wrap(value);
    int count = (value.length - HEADER_BYTES) / ENTRY_BYTES;
    if (value.length < HEADER_BYTES
        || value.length != HEADER_BYTES + count * ENTRY_BYTES
        || from.getInt() != count) {
      throw ip.corrupt("an access control list of another length than it says");
    }
    List<PosixAcl.Entry> entries = new ArrayList<>();
    for (int i = 0; i < count; i++) {
      int tag = from.getInt();
      int id = from.getInt();
      int permissions = from.getShort();
      from.getShort();
      boolean named = tag == PosixAcl.USER || tag == PosixAcl.GROUP;
      boolean known =
          named
              || tag == PosixAcl.USER_OBJ
              || tag == PosixAcl.GROUP_OBJ
              || tag == PosixAcl.MASK
              || tag == PosixAcl.OTHER;
      if (!known) {
        throw ip.corrupt("an access control list with an unknown tag");
      }
      entries.add(new PosixAcl.Entry(tag, permissions, named ? id : PosixAcl.UNDEFINED_ID));
    }
    return entries.isEmpty() ? null : new PosixAcl(entries);
  }

  @LinuxSource(file = "fs/xfs/xfs_acl.c", name = "xfs_acl_to_disk")
  private static byte[] encode(PosixAcl acl) {
    ByteBuffer to = ByteBuffer.allocate(HEADER_BYTES + acl.entries().size() * ENTRY_BYTES);
    to.putInt(acl.entries().size());
    for (PosixAcl.Entry entry : acl.entries()) {
      to.putInt(entry.tag()).putInt(entry.id()).putShort((short) entry.permissions());
      to.putShort((short) 0);
    }
    return to.array();
  }

  // Changing.

  /** Blocks that storing a list may need, or 0 for none. */
  static int blocks(XfsMount mp, @Nullable PosixAcl acl) {
    return acl == null ? 0 : XfsXattr.blocks(mp, HEADER_BYTES + acl.entries().size() * ENTRY_BYTES);
  }

  /** Stores the lists of a new inode. */
  static void store(XfsInodeEdit made, @Nullable PosixAcl access, @Nullable PosixAcl inherited)
      throws ErrnoException {
    if (inherited != null) {
      XfsAttr.set(made, XfsAttrEntry.ROOT, stored(DEFAULT_STORED), encode(inherited), 0);
    }
    if (access != null) {
      XfsAttr.set(made, XfsAttrEntry.ROOT, stored(ACCESS_STORED), encode(access), 0);
    }
  }

  /** Replaces or removes a list that a program has set. With iRwsem held exclusively. */
  @LinuxSource(
      file = "fs/xfs/xfs_acl.c",
      name = {"xfs_set_acl", "__xfs_set_acl"})
  static void set(Task current, XfsInode ip, String name, byte @Nullable [] value)
      throws ErrnoException {
    if (ip.isType(StatMode.S_IFLNK)) {
      throw new ErrnoException(Errno.EOPNOTSUPP);
    }
    PosixAcl acl = value == null || value.length == 0 ? null : PosixAcl.fromXattr(value);
    boolean access = name.equals(ACCESS);
    if (!access && !ip.isType(StatMode.S_IFDIR)) {
      if (acl == null) {
        return;
      }
      throw new ErrnoException(Errno.EACCES);
    }
    if (!Permission.ownerOrCapable(current, ip)) {
      throw new ErrnoException(Errno.EPERM);
    }
    int mode = ip.mode();
    if (acl != null) {
      acl.requireValid();
      if (acl.entries().size() > MAX_ENTRIES) {
        throw new ErrnoException(Errno.E2BIG);
      }
      if (access) {
        mode = mayKeepSetGid(current, ip) ? acl.mode(mode) : acl.mode(mode) & ~StatMode.S_ISGID;
      }
    }
    PosixAcl kept = acl != null && access && acl.isMode() ? null : acl;
    byte[] key = stored(access ? ACCESS_STORED : DEFAULT_STORED);
    boolean exists = XfsAttrReader.get(current, ip, XfsAttrEntry.ROOT, key) != null;
    try (XfsTrans tp = begin(current, ip.mp(), blocks(ip.mp(), kept))) {
      XfsInodeEdit edit = XfsInodeEdit.of(tp, ip);
      if (kept != null || exists) {
        byte[] bytes = kept == null ? null : encode(kept);
        XfsAttr.set(edit, XfsAttrEntry.ROOT, key, bytes, 0);
      }
      if (mode != edit.mode()) {
        edit.put16(XfsDinode.MODE, mode);
        edit.touchChange();
      }
      tp.commit();
    } catch (ErrnoException e) {
      throw ip.mp().failed(current, e);
    }
  }

  @LinuxSource(file = "fs/inode.c", name = "in_group_or_capable")
  private static boolean mayKeepSetGid(Task current, XfsInode ip) {
    Cred cred = current.cred();
    return cred.inGroup(ip.gid()) || cred.capable(Capability.CAP_FSETID);
  }

  /** Begins a transaction that may allocate blocks. ENOSPC if users may not have that many. */
  static XfsTrans begin(Task current, XfsMount mp, int blocks) throws ErrnoException {
    if (mp.available() < blocks) {
      throw new ErrnoException(Errno.ENOSPC);
    }
    return mp.trans().begin(current, blocks);
  }

  /** Updates the access list to a new mode, in the transaction that changes the mode. */
  @LinuxSource(file = "fs/posix_acl.c", name = "posix_acl_chmod")
  static void chmod(XfsInodeEdit edit, PosixAcl access, int mode) throws ErrnoException {
    PosixAcl to = access.chmod(mode);
    if (!to.equals(access)) {
      XfsAttr.set(edit, XfsAttrEntry.ROOT, stored(ACCESS_STORED), encode(to), 0);
    }
  }
}
