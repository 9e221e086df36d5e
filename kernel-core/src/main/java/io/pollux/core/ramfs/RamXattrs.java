// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.ramfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Xattr;
import io.pollux.uapi.Capability;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import org.jspecify.annotations.Nullable;

/**
 * The extended attributes of an inode in memory: {@code user.}, {@code trusted.} and {@code
 * security.}, with the limits of kernfs. A change replaces the whole map, so readers need no lock.
 */
@LinuxSource(file = "fs/xattr.c", name = "simple_xattrs")
final class RamXattrs {
  /** Maximum number of attributes of an inode. */
  @LinuxSource(file = "fs/kernfs/kernfs-internal.h", name = "KERNFS_MAX_USER_XATTRS")
  static final int MAX_COUNT = 128;

  /** Maximum size of the names and values of an inode. */
  @LinuxSource(file = "fs/kernfs/kernfs-internal.h", name = "KERNFS_USER_XATTR_SIZE_LIMIT")
  static final int MAX_BYTES = 128 << 10;

  private static final NavigableMap<String, byte[]> EMPTY = new TreeMap<>();
  private static final List<String> PREFIXES = List.of(Xattr.USER, Xattr.TRUSTED, Xattr.SECURITY);

  private volatile NavigableMap<String, byte[]> values = EMPTY; // never changed, only replaced

  @LinuxSource(file = "fs/xattr.c", name = "xattr_resolve_name")
  private static void checkName(String name) throws ErrnoException {
    for (String prefix : PREFIXES) {
      if (name.startsWith(prefix)) {
        if (name.length() == prefix.length()) {
          throw new ErrnoException(Errno.EINVAL);
        }
        return;
      }
    }
    throw new ErrnoException(Errno.EOPNOTSUPP);
  }

  @LinuxSource(file = "fs/xattr.c", name = "simple_xattr_get")
  byte[] get(String name) throws ErrnoException {
    checkName(name);
    byte[] value = values.get(name);
    if (value == null) {
      throw new ErrnoException(Errno.ENODATA);
    }
    return value.clone();
  }

  /** Sets or removes an attribute. Under iRwsem of the inode held exclusively. */
  @LinuxSource(file = "fs/xattr.c", name = "simple_xattr_set")
  void set(String name, byte @Nullable [] value, int flags) throws ErrnoException {
    checkName(name);
    boolean there = values.containsKey(name);
    if (there && (flags & Xattr.XATTR_CREATE) != 0) {
      throw new ErrnoException(Errno.EEXIST);
    }
    if (!there && ((flags & Xattr.XATTR_REPLACE) != 0 || value == null)) {
      throw new ErrnoException(Errno.ENODATA);
    }
    NavigableMap<String, byte[]> changed = new TreeMap<>(values);
    if (value == null) {
      changed.remove(name);
    } else {
      changed.put(name, value);
      if (changed.size() > MAX_COUNT || bytes(changed) > MAX_BYTES) {
        throw new ErrnoException(Errno.ENOSPC);
      }
    }
    values = changed;
  }

  private static int bytes(NavigableMap<String, byte[]> map) {
    int bytes = 0;
    for (Map.Entry<String, byte[]> each : map.entrySet()) {
      bytes += each.getKey().length() + each.getValue().length;
    }
    return bytes;
  }

  @LinuxSource(file = "fs/xattr.c", name = "simple_xattr_list")
  List<String> list(Task current) {
    boolean trusted = current.cred().capable(Capability.CAP_SYS_ADMIN);
    List<String> names = new ArrayList<>();
    for (String name : values.keySet()) {
      if (trusted || !name.startsWith(Xattr.TRUSTED)) {
        names.add(name);
      }
    }
    return names;
  }
}
