// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Namei;
import io.pollux.core.vfs.Xattr;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.RawMemory;
import java.io.ByteArrayOutputStream;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * Calls on extended attributes. Each operation comes in three calls: by path, by path without
 * following a link, by descriptor.
 */
final class XattrCalls {
  private final Namei namei;

  XattrCalls(Namei namei) {
    this.namei = namei;
  }

  /** How a call names its file. */
  enum By {
    /** By path; a link at the end is followed. */
    PATH,
    /** By path; a link at the end is the file. */
    LINK,
    /** By descriptor. */
    FD
  }

  /** What a call does with its file. */
  private interface Operation {
    long run(Inode inode) throws ErrnoException;
  }

  private long on(Task current, By by, long target, Operation operation) throws ErrnoException {
    if (by != By.FD) {
      return operation.run(UserPath.find(current, namei, target, by == By.PATH).inode());
    }
    File file = FileCalls.fget(current, (int) target);
    try {
      return operation.run(file.inode());
    } finally {
      file.fput(current);
    }
  }

  @LinuxSource(file = "fs/xattr.c", name = "import_xattr_name")
  private static String name(Task current, long address) throws ErrnoException {
    byte[] name = current.mm().stringFromUser(address, Xattr.XATTR_NAME_MAX + 1);
    if (name == null) {
      throw new ErrnoException(Errno.EFAULT);
    }
    if (name.length == 0 || name.length > Xattr.XATTR_NAME_MAX) {
      throw new ErrnoException(Errno.ERANGE);
    }
    return new String(name, StandardCharsets.ISO_8859_1);
  }

  /** Implements setxattr(2), lsetxattr(2) and fsetxattr(2). */
  @LinuxSource(
      file = "fs/xattr.c",
      name = {"setxattr", "setxattr_copy"})
  long set(Task current, By by, long target, long name, long value, long size, int flags)
      throws ErrnoException {
    if ((flags & ~(Xattr.XATTR_CREATE | Xattr.XATTR_REPLACE)) != 0) {
      return -Errno.EINVAL;
    }
    String key = name(current, name);
    if (Long.compareUnsigned(size, Xattr.XATTR_SIZE_MAX) > 0) {
      return -Errno.E2BIG;
    }
    byte[] bytes = {};
    if (size > 0) {
      if (!current.mm().accessOk(value, size, false)) {
        return -Errno.EFAULT;
      }
      bytes = RawMemory.segment(value, size).toArray(ValueLayout.JAVA_BYTE);
    }
    byte[] copy = bytes;
    return on(current, by, target, inode -> set(current, inode, key, copy, flags));
  }

  private static long set(Task current, Inode inode, String key, byte @Nullable [] value, int flags)
      throws ErrnoException {
    Xattr.set(current, inode, key, value, flags);
    return 0;
  }

  /** Implements removexattr(2), lremovexattr(2) and fremovexattr(2). */
  @LinuxSource(file = "fs/xattr.c", name = "removexattr")
  long remove(Task current, By by, long target, long name) throws ErrnoException {
    String key = name(current, name);
    return on(current, by, target, inode -> set(current, inode, key, null, Xattr.XATTR_REPLACE));
  }

  /** Implements getxattr(2), lgetxattr(2) and fgetxattr(2). */
  @LinuxSource(file = "fs/xattr.c", name = "getxattr")
  long get(Task current, By by, long target, long name, long value, long size)
      throws ErrnoException {
    String key = name(current, name);
    return on(
        current, by, target, inode -> put(current, Xattr.get(current, inode, key), value, size));
  }

  /** Copies a result out, or returns only its size if the program gives none. */
  private static long put(Task current, byte[] bytes, long to, long size) {
    if (size == 0) {
      return bytes.length;
    }
    if (Long.compareUnsigned(bytes.length, size) > 0) {
      return -Errno.ERANGE;
    }
    if (!current.mm().accessOk(to, bytes.length, true)) {
      return -Errno.EFAULT;
    }
    FileCalls.putBytes(to, bytes, bytes.length);
    return bytes.length;
  }

  /** Implements listxattr(2), llistxattr(2) and flistxattr(2): names, each with a 0 byte. */
  @LinuxSource(file = "fs/xattr.c", name = "listxattr")
  long list(Task current, By by, long target, long list, long size) throws ErrnoException {
    return on(
        current, by, target, inode -> putNames(current, Xattr.list(current, inode), list, size));
  }

  private static long putNames(Task current, List<String> names, long to, long size) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (String name : names) {
      bytes.writeBytes(name.getBytes(StandardCharsets.ISO_8859_1));
      bytes.write(0);
    }
    if (bytes.size() > Xattr.XATTR_LIST_MAX
        && (size == 0 || Long.compareUnsigned(size, Xattr.XATTR_LIST_MAX) >= 0)) {
      return -Errno.E2BIG;
    }
    return put(current, bytes.toByteArray(), to, size);
  }
}
