// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/** One path walk: its position and its pending names. */
@LinuxSource(
    file = "fs/namei.c",
    name = {"nameidata", "link_path_walk"})
final class Walk {
  /** Maximum number of symbolic links on one walk. */
  private static final int MAXSYMLINKS = 40;

  /** Maximum number of pending names, also with symbolic links. */
  private static final int MAX_PENDING = Namei.PATH_MAX * 2;

  private static final byte[] FD_PATH = Dentry.bytes(FdDirectory.PATH);

  private final Namei namei;
  private final Task current;
  private final int resolve;
  private final @Nullable Dentry root; // of the process; null: that of the namespace
  private final Dentry start; // of a relative path
  private Dentry at;
  private final Deque<byte[]> pending = new ArrayDeque<>();
  private int links;

  private boolean slash;
  private byte @Nullable [] missing;

  /**
   * Starts a walk.
   *
   * @param namei the namespace with its root
   * @param current the calling task
   * @param start start of a relative path, or null for the namespace's root
   * @param path the path
   * @param resolve Fcntl.RESOLVE_* flags
   * @throws ErrnoException ENOENT for an empty path, EXDEV for a forbidden absolute path
   */
  Walk(Namei namei, Task current, @Nullable Dentry start, byte[] path, int resolve)
      throws ErrnoException {
    this.namei = namei;
    this.current = current;
    this.resolve = resolve;
    root = FsStruct.of(current).root();
    this.start = start == null ? namei.root() : start;
    at = this.start;
    if (path.length == 0) {
      throw new ErrnoException(Errno.ENOENT);
    }
    push(path);
  }

  /** Returns the current position. */
  Dentry at() {
    return at;
  }

  /** Whether a slash follows the last name, which must then be a directory. */
  boolean slash() {
    return slash;
  }

  /** Returns the last name if it may be missing and is missing, else null. */
  byte @Nullable [] missing() {
    return missing;
  }

  /** Prepends a path to the pending names. */
  private void push(byte[] named) throws ErrnoException {
    // an alias and /proc are of the namespace's root
    byte[] path = has(Fcntl.RESOLVE_IN_ROOT) || root != null ? named : namei.withoutAlias(named);
    int begin = 0;
    if (path.length > 0 && path[0] == '/') {
      begin = absolute(path);
    }
    if (pending.isEmpty()) {
      slash |= path.length > 0 && path[path.length - 1] == '/';
    }
    int end = path.length;
    // backwards, so that the first name ends up in front
    for (int i = path.length - 1; i >= begin - 1; i--) {
      if (i == begin - 1 || path[i] == '/') {
        if (end - i > 1) {
          pending.push(Arrays.copyOfRange(path, i + 1, end));
        }
        end = i;
      }
    }
    if (pending.size() > MAX_PENDING) {
      throw new ErrnoException(Errno.ENAMETOOLONG);
    }
  }

  /** Moves to the start of an absolute path. Returns how many bytes of the path this consumes. */
  @LinuxSource(file = "fs/namei.c", name = "nd_jump_root")
  private int absolute(byte[] path) throws ErrnoException {
    if (has(Fcntl.RESOLVE_BENEATH)) {
      throw new ErrnoException(Errno.EXDEV);
    }
    if (has(Fcntl.RESOLVE_IN_ROOT)) {
      at = start;
      return 0;
    }
    boolean descriptor =
        root == null
            && path.length > FD_PATH.length
            && Arrays.equals(path, 0, FD_PATH.length, FD_PATH, 0, FD_PATH.length);
    Dentry to = root != null ? root : descriptor ? namei.fdDirectory() : namei.root();
    stay(to);
    at = to;
    return descriptor ? FD_PATH.length : 0;
  }

  private boolean has(int flag) {
    return (resolve & flag) != 0;
  }

  /** Checks a step that may cross into another filesystem. */
  private void stay(Dentry to) throws ErrnoException {
    if (has(Fcntl.RESOLVE_NO_XDEV) && to.inode().sb() != at.inode().sb()) {
      throw new ErrnoException(Errno.EXDEV);
    }
  }

  @LinuxSource(file = "fs/namei.c", name = "follow_dotdot")
  private void up() throws ErrnoException {
    if (at.inode() == start.inode()) {
      if (has(Fcntl.RESOLVE_BENEATH)) {
        throw new ErrnoException(Errno.EXDEV);
      }
      if (has(Fcntl.RESOLVE_IN_ROOT)) {
        return;
      }
    }
    Dentry up = root != null && at.inode() == root.inode() ? null : at.parent();
    if (up != null) {
      stay(up);
      at = up;
    }
  }

  /** Follows a link. */
  @LinuxSource(
      file = "fs/namei.c",
      name = {"pick_link", "nd_jump_link"})
  private void follow(Inode link) throws ErrnoException {
    if (++links > MAXSYMLINKS || has(Fcntl.RESOLVE_NO_SYMLINKS)) {
      throw new ErrnoException(Errno.ELOOP);
    }
    if (link.isMagic()) {
      if (has(Fcntl.RESOLVE_NO_MAGICLINKS)) {
        throw new ErrnoException(Errno.ELOOP);
      }
      if (has(Fcntl.RESOLVE_BENEATH | Fcntl.RESOLVE_IN_ROOT)) {
        throw new ErrnoException(Errno.EXDEV);
      }
      Dentry to = link.jump();
      stay(to);
      at = to;
      return;
    }
    byte[] target = link.readlink(current);
    if (target.length == 0) {
      throw new ErrnoException(Errno.ENOENT);
    }
    push(target);
  }

  /**
   * Walks to the directory of the last name and returns the name. The name is {@link #isSpecial} if
   * it cannot be created or removed.
   */
  @LinuxSource(file = "fs/namei.c", name = "filename_parentat")
  byte[] toLast() throws ErrnoException {
    run(1, true, false);
    checkDirectory();
    byte[] name = pending.poll();
    if (name == null) {
      return new byte[0];
    }
    mayLookup(at.inode());
    return checkName(name);
  }

  @LinuxSource(file = "fs/namei.c", name = "may_lookup")
  private void mayLookup(Inode directory) throws ErrnoException {
    Permission.check(current, directory, Permission.MAY_EXEC);
  }

  /** Whether a last name is "." or "..", or empty: that of the root. */
  static boolean isSpecial(byte[] name) {
    return name.length == 0 || isDots(name, 1) || isDots(name, 2);
  }

  /** Checks that a path with a trailing slash leads to a directory. */
  void checkSlash() throws ErrnoException {
    if (slash) {
      checkDirectory();
    }
  }

  private void checkDirectory() throws ErrnoException {
    if (!at.inode().isType(StatMode.S_IFDIR)) {
      throw new ErrnoException(Errno.ENOTDIR);
    }
  }

  private static byte[] checkName(byte[] name) throws ErrnoException {
    if (name.length > Namei.NAME_MAX) {
      throw new ErrnoException(Errno.ENAMETOOLONG);
    }
    return name;
  }

  /**
   * Continues the walk.
   *
   * @param left number of names to leave pending
   * @param followLast whether to follow a symbolic link at the end
   * @param mayMiss whether the last name may be missing
   */
  void run(int left, boolean followLast, boolean mayMiss) throws ErrnoException {
    while (pending.size() > left) { // bounded: each link costs one of MAXSYMLINKS
      byte[] name = pending.pop();
      Inode directory = at.inode();
      checkDirectory();
      mayLookup(directory);
      checkName(name);
      if (isDots(name, 1)) {
        continue;
      }
      if (isDots(name, 2)) {
        up();
        continue;
      }
      if (mayMiss && slash && pending.isEmpty()) { // a link ends with a slash
        throw new ErrnoException(Errno.EISDIR);
      }
      boolean follows = followLast || !pending.isEmpty();
      Inode link;
      try {
        link = step(directory, name, follows);
      } catch (ErrnoException e) {
        if (!mayMiss || e.errno() != Errno.ENOENT || !pending.isEmpty()) {
          throw e;
        }
        missing = name;
        return;
      }
      if (link != null) {
        follow(link);
      }
    }
  }

  /**
   * Moves the walk to a name in the current directory. The directory stays locked until the name
   * has its dentry, since a rename moves only dentries that exist.
   *
   * @return a symbolic link to follow instead, or null
   */
  @LinuxSource(file = "fs/namei.c", name = "lookup_slow")
  private @Nullable Inode step(Inode directory, byte[] name, boolean follows)
      throws ErrnoException {
    directory.iRwsem.downRead(current);
    try {
      if (directory.isDead()) {
        throw new ErrnoException(Errno.ENOENT);
      }
      Inode next = directory.lookup(current, name);
      if (follows && next.isType(StatMode.S_IFLNK)) {
        return next;
      }
      if (next.isType(StatMode.S_IFDIR) && isAbove(next)) {
        throw new ErrnoException(Errno.ELOOP); // a damaged disk: no directory contains itself
      }
      Dentry to = at.child(Dentry.name(name), namei.mounts().follow(current, next));
      stay(to);
      at = to;
      return null;
    } finally {
      directory.iRwsem.upRead();
    }
  }

  /** Whether a directory is the current one or an ancestor of it. */
  @LinuxSource(file = "fs/dcache.c", name = "d_splice_alias")
  private boolean isAbove(Inode directory) {
    for (Dentry up = at; up != null; up = up.parent()) {
      if (up.inode() == directory) {
        return true;
      }
    }
    return false;
  }

  private static boolean isDots(byte[] name, int dots) {
    if (name.length != dots) {
      return false;
    }
    for (byte b : name) {
      if (b != '.') {
        return false;
      }
    }
    return true;
  }
}
