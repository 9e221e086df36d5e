// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.uapi.LinuxSource;
import java.util.Arrays;

/**
 * An extended attribute as it is stored.
 *
 * @param flags LOCAL and so on
 * @param name its name, without the prefix
 * @param value its value; empty if that is in blocks of its own
 * @param valueBlk the first block of a value in blocks of its own
 * @param valueLength the length of a value in blocks of its own
 */
@LinuxSource(
    file = "fs/xfs/libxfs/xfs_da_format.h",
    name = {"xfs_attr_leaf_name_local", "xfs_attr_leaf_name_remote", "xfs_attr_sf_entry"})
@SuppressWarnings("ArrayRecordComponent") // never compared
record XfsAttrEntry(int flags, byte[] name, byte[] value, long valueBlk, int valueLength) {
  /** The value is beside the name. */
  static final int LOCAL = 1;

  /** In the namespace trusted. */
  static final int ROOT = 1 << 1;

  /** In the namespace security. */
  static final int SECURE = 1 << 2;

  /** Names the parent of the inode. */
  static final int PARENT = 1 << 3;

  /** A change of it was interrupted; it does not exist. */
  static final int INCOMPLETE = 1 << 7;

  /** The flags that tell attributes of one name apart. */
  @LinuxSource(file = "fs/xfs/libxfs/xfs_da_format.h", name = "XFS_ATTR_NSP_ONDISK_MASK")
  static final int NAMESPACE = ROOT | SECURE | PARENT;

  private static final int LOCAL_HEADER = 3;

  /** The name is at 9, but its room is counted as if there were padding before it. */
  private static final int REMOTE_HEADER = 11;

  static XfsAttrEntry local(int namespace, byte[] name, byte[] value) {
    return new XfsAttrEntry(namespace | LOCAL, name, value, 0, 0);
  }

  static XfsAttrEntry remote(int namespace, byte[] name, long valueBlk, int length) {
    return new XfsAttrEntry(namespace, name, new byte[0], valueBlk, length);
  }

  boolean isLocal() {
    return (flags & LOCAL) != 0;
  }

  boolean isIncomplete() {
    return (flags & INCOMPLETE) != 0;
  }

  int namespace() {
    return flags & NAMESPACE;
  }

  int hash() {
    return XfsDaEntries.hashName(name);
  }

  @LinuxSource(file = "fs/xfs/libxfs/xfs_attr_leaf.c", name = "xfs_attr_match")
  boolean is(int wantedNamespace, byte[] wanted) {
    return namespace() == wantedNamespace && !isIncomplete() && Arrays.equals(name, wanted);
  }

  /** Bytes of name and value in a leaf. */
  @LinuxSource(
      file = "fs/xfs/libxfs/xfs_da_format.h",
      name = {"xfs_attr_leaf_entsize_local", "xfs_attr_leaf_entsize_remote"})
  int leafBytes() {
    return isLocal() ? localBytes(name, value.length) : (REMOTE_HEADER + name.length + 3) & ~3;
  }

  /** Bytes of a name and a value in a leaf. */
  static int localBytes(byte[] name, int valueLength) {
    return (LOCAL_HEADER + name.length + valueLength + 3) & ~3;
  }
}
