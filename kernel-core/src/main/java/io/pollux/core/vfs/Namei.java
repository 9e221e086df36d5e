// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;
import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import org.jspecify.annotations.Nullable;

/**
 * From a path to an inode, and from an inode to an open file: what a kernel needs of fs/namei.c and
 * fs/open.c. One for each kernel; immutable but for the tree under its root.
 */
@LinuxSource(file = "fs/namei.c", name = {"path_openat", "filename_lookup"})
public final class Namei {
  /** Longest path with its 0 byte. */
  public static final int PATH_MAX = 4096;

  /** Longest name. */
  public static final int NAME_MAX = 255;

  /** Most symbolic links on one walk. */
  private static final int MAXSYMLINKS = 40;

  /** Most names still to walk: a path of links can't make it longer than this. */
  private static final int MAX_PENDING = PATH_MAX * 2;

  private final Dentry root;
  private final FileTable files;

  /**
   * Makes a namespace.
   *
   * @param root the directory that "/" means
   * @param files the kernel's books of open files
   */
  public Namei(Inode root, FileTable files) {
    this.root = new Dentry(null, "/", root);
    this.files = files;
  }

  /**
   * The books of open files.
   *
   * @return as given
   */
  public FileTable files() {
    return files;
  }

  /**
   * Walks a path. From process context.
   *
   * @param current the calling task
   * @param base where a relative path starts, or null for the root
   * @param path the path
   * @param followLast whether a symbolic link at the end is followed
   * @return where it leads
   * @throws ErrnoException ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG, or what reading a directory ran into
   */
  public Dentry lookup(Task current, @Nullable Dentry base, byte[] path, boolean followLast) throws ErrnoException {
    if (path.length == 0) {
      throw new ErrnoException(Errno.ENOENT);
    }
    Walk walk = new Walk(current, base == null ? root : base);
    walk.push(path);
    boolean slash = path[path.length - 1] == '/';
    walk.run(followLast || slash);
    if (slash && !walk.at.inode().isType(StatMode.S_IFDIR)) {
      throw new ErrnoException(Errno.ENOTDIR);
    }
    return walk.at;
  }

  /**
   * Opens a path. From process context.
   *
   * @param current the calling task
   * @param base where a relative path starts, or null for the root
   * @param path the path
   * @param flags O_* flags
   * @param permissions mode bits for a file that is made
   * @return the file, with one reference for the caller
   * @throws ErrnoException why it can't be opened
   */
  @LinuxSource(file = "fs/open.c", name = {"do_sys_open", "do_dentry_open"})
  public File open(Task current, @Nullable Dentry base, byte[] path, int flags, int permissions)
      throws ErrnoException {
    boolean create = (flags & Fcntl.O_CREAT) != 0;
    if (create && (flags & Fcntl.O_DIRECTORY) != 0) {
      throw new ErrnoException(Errno.EINVAL);
    }
    boolean exclusive = create && (flags & Fcntl.O_EXCL) != 0;
    boolean follow = (flags & Fcntl.O_NOFOLLOW) == 0 && !exclusive;
    Dentry found;
    try {
      found = lookup(current, base, path, follow);
    } catch (ErrnoException e) {
      if (e.errno() != Errno.ENOENT || !create) {
        throw e;
      }
      return new File(files, make(current, base, path, permissions), null, flags);
    }
    if (exclusive) {
      throw new ErrnoException(Errno.EEXIST);
    }
    Inode inode = found.inode();
    checkOpen(inode, flags);
    return new File(files, inode, found, flags);
  }

  private Inode make(Task current, @Nullable Dentry base, byte[] path, int permissions) throws ErrnoException {
    int slash = path.length - 1;
    while (slash >= 0 && path[slash] != '/') {
      slash--;
    }
    byte[] name = Arrays.copyOfRange(path, slash + 1, path.length);
    if (name.length == 0) {
      throw new ErrnoException(Errno.EISDIR);
    }
    Dentry here = base == null ? root : base;
    Dentry directory = slash < 0 ? here : lookup(current, base, Arrays.copyOf(path, slash + 1), true);
    return directory.inode().create(current, name, permissions);
  }

  private static void checkOpen(Inode inode, int flags) throws ErrnoException {
    int access = flags & Fcntl.O_ACCMODE;
    boolean writes = access == Fcntl.O_WRONLY || access == Fcntl.O_RDWR || (flags & Fcntl.O_TRUNC) != 0;
    switch (inode.mode() & StatMode.S_IFMT) {
      case StatMode.S_IFLNK -> throw new ErrnoException(Errno.ELOOP);
      case StatMode.S_IFDIR -> {
        if (writes || (flags & Fcntl.O_CREAT) != 0) {
          throw new ErrnoException(Errno.EISDIR);
        }
      }
      case StatMode.S_IFREG, StatMode.S_IFBLK -> {
        if ((flags & Fcntl.O_DIRECTORY) != 0) {
          throw new ErrnoException(Errno.ENOTDIR);
        }
        if (writes && inode.isType(StatMode.S_IFREG) && inode.sb().readOnly()) {
          throw new ErrnoException(Errno.EROFS);
        }
      }
      default -> throw new ErrnoException((flags & Fcntl.O_DIRECTORY) != 0 ? Errno.ENOTDIR : Errno.ENXIO);
    }
    if (!inode.isType(StatMode.S_IFDIR) && !inode.fop().hasReadIter() && !inode.fop().hasWriteIter()) {
      throw new ErrnoException(Errno.ENXIO); // a device node whose device is not here
    }
    if ((flags & Fcntl.O_DIRECT) != 0 && !inode.fop().canDirect()) {
      throw new ErrnoException(Errno.EINVAL);
    }
  }

  /** One walk: where it is, and the names it still has to go. */
  private final class Walk {
    private final Task current;
    private Dentry at;
    private final Deque<byte[]> pending = new ArrayDeque<>();
    private int links;

    Walk(Task current, Dentry start) {
      this.current = current;
      at = start;
    }

    /** Puts a path in front of what is pending. */
    void push(byte[] path) throws ErrnoException {
      if (path.length > 0 && path[0] == '/') {
        at = root;
      }
      int end = path.length;
      for (int i = path.length - 1; i >= -1; i--) { // from the back, so that the first name ends up in front
        if (i == -1 || path[i] == '/') {
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

    void run(boolean followLast) throws ErrnoException {
      while (!pending.isEmpty()) { // bounded: each link costs one of MAXSYMLINKS
        byte[] name = pending.pop();
        Inode directory = at.inode();
        if (!directory.isType(StatMode.S_IFDIR)) {
          throw new ErrnoException(Errno.ENOTDIR);
        }
        if (name.length > NAME_MAX) {
          throw new ErrnoException(Errno.ENAMETOOLONG);
        }
        if (isDots(name, 1)) {
          continue;
        }
        if (isDots(name, 2)) {
          Dentry up = at.parent();
          at = up == null ? at : up;
          continue;
        }
        Inode next = directory.lookup(current, name);
        if (next.isType(StatMode.S_IFLNK) && (followLast || !pending.isEmpty())) {
          if (++links > MAXSYMLINKS) {
            throw new ErrnoException(Errno.ELOOP);
          }
          byte[] target = next.readlink(current);
          if (target.length == 0) {
            throw new ErrnoException(Errno.ENOENT);
          }
          push(target);
          continue;
        }
        if (next.isType(StatMode.S_IFDIR) && isAbove(next)) {
          throw new ErrnoException(Errno.ELOOP); // a damaged disk: no directory contains itself
        }
        at = new Dentry(at, new String(name, StandardCharsets.UTF_8), next);
      }
    }

    /** Whether a directory is the one that the walk is in, or one above it. */
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
}
