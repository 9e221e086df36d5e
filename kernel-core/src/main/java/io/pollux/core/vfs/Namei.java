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

  /** How often an open starts again because somebody else made or removed the name at the same time. */
  private static final int MAX_ATTEMPTS = 100;

  /** What open knows of its flags; the others are not looked at, and not kept. O_PATH and O_TMPFILE are not done. */
  @LinuxSource(file = "include/linux/fcntl.h", name = "VALID_OPEN_FLAGS")
  private static final int VALID_FLAGS =
      Fcntl.O_ACCMODE | Fcntl.O_CREAT | Fcntl.O_EXCL | Fcntl.O_NOCTTY | Fcntl.O_TRUNC | Fcntl.O_APPEND | Fcntl.O_NONBLOCK
          | Fcntl.O_SYNC | Fcntl.O_DIRECT | Fcntl.O_LARGEFILE | Fcntl.O_DIRECTORY | Fcntl.O_NOFOLLOW | Fcntl.O_NOATIME
          | Fcntl.O_CLOEXEC;

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
    Walk walk = new Walk(current, base, path);
    walk.run(0, followLast || walk.slash, false);
    walk.checkSlash();
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
    int valid = flags & VALID_FLAGS;
    boolean create = (valid & Fcntl.O_CREAT) != 0;
    if (create && (valid & Fcntl.O_DIRECTORY) != 0) {
      throw new ErrnoException(Errno.EINVAL);
    }
    for (int attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      File file = tryOpen(current, base, path, valid, permissions & StatMode.S_IALLUGO);
      if (file != null) {
        return file;
      }
    }
    throw new ErrnoException(Errno.ENOENT); // it came and went whenever it was looked for
  }

  /** What an open file is said to have been opened with: not how it came to be, nor what belongs to the descriptor. */
  @LinuxSource(file = "fs/open.c", name = "build_open_flags")
  private static int keptFlags(int flags) {
    int kept = flags & ~(Fcntl.O_CREAT | Fcntl.O_EXCL | Fcntl.O_NOCTTY | Fcntl.O_TRUNC | Fcntl.O_CLOEXEC);
    boolean sync = (flags & Fcntl.O_SYNC & ~Fcntl.O_DSYNC) != 0;
    return kept | Fcntl.O_LARGEFILE | (sync ? Fcntl.O_DSYNC : 0);
  }

  /** Opens a path. Answers null if it was made or taken away by somebody else meanwhile. */
  @LinuxSource(file = "fs/namei.c", name = {"do_last", "lookup_open"})
  private @Nullable File tryOpen(Task current, @Nullable Dentry base, byte[] path, int flags, int permissions)
      throws ErrnoException {
    boolean create = (flags & Fcntl.O_CREAT) != 0;
    boolean exclusive = create && (flags & Fcntl.O_EXCL) != 0;
    Walk walk = new Walk(current, base, path);
    walk.run(0, walk.slash || ((flags & Fcntl.O_NOFOLLOW) == 0 && !exclusive), create);
    if (create && walk.slash) {
      throw new ErrnoException(Errno.EISDIR);
    }
    byte[] missing = walk.missing;
    Dentry found = walk.at;
    if (missing != null) {
      try {
        Inode made = found.inode().create(current, missing, permissions);
        found = new Dentry(found, new String(missing, StandardCharsets.UTF_8), made);
      } catch (ErrnoException e) {
        if (e.errno() != Errno.EEXIST || exclusive) {
          throw e;
        }
        return null;
      }
    } else if (exclusive) {
      throw new ErrnoException(Errno.EEXIST);
    } else {
      walk.checkSlash();
    }
    checkOpen(found.inode(), missing != null ? flags & ~Fcntl.O_TRUNC : flags);
    File file = new File(files, found.inode(), found, keptFlags(flags));
    if (found.inode().evicted()) {
      file.fput(current);
      return null;
    }
    int busy = !create && (flags & Fcntl.O_EXCL) != 0 ? file.op().openExclusively(file) : 0;
    if (busy != 0) {
      file.fput(current);
      throw new ErrnoException(-busy);
    }
    if ((flags & Fcntl.O_TRUNC) != 0 && missing == null && found.inode().isType(StatMode.S_IFREG)) {
      truncate(current, file);
    }
    return file;
  }

  @LinuxSource(file = "fs/namei.c", name = "handle_truncate")
  private static void truncate(Task current, File file) throws ErrnoException {
    try {
      file.inode().setSize(current, 0);
    } catch (ErrnoException e) {
      file.fput(current);
      throw e;
    }
  }

  /**
   * Makes a directory. From process context.
   *
   * @param current the calling task
   * @param base where a relative path starts, or null for the root
   * @param path the path
   * @param permissions mode bits
   * @throws ErrnoException EEXIST, EROFS, or why it can't be made
   */
  @LinuxSource(file = "fs/namei.c", name = {"do_mkdirat", "filename_create"})
  public void mkdir(Task current, @Nullable Dentry base, byte[] path, int permissions) throws ErrnoException {
    Walk walk = new Walk(current, base, path);
    byte[] name = walk.toLast();
    if (Walk.isSpecial(name)) {
      throw new ErrnoException(Errno.EEXIST);
    }
    Inode directory = walk.at.inode();
    if (directory.sb().readOnly()) {
      throw new ErrnoException(exists(current, directory, name) ? Errno.EEXIST : Errno.EROFS);
    }
    directory.mkdir(current, name, permissions & (StatMode.S_IRWXUGO | StatMode.S_ISVTX));
  }

  private static boolean exists(Task current, Inode directory, byte[] name) throws ErrnoException {
    try {
      directory.lookup(current, name);
      return true;
    } catch (ErrnoException e) {
      if (e.errno() != Errno.ENOENT) {
        throw e;
      }
      return false;
    }
  }

  /**
   * Removes an empty directory. From process context.
   *
   * @param current the calling task
   * @param base where a relative path starts, or null for the root
   * @param path the path
   * @throws ErrnoException EROFS, ENOTDIR, ENOTEMPTY, EBUSY, EINVAL for ".", or why it can't be removed
   */
  @LinuxSource(file = "fs/namei.c", name = "do_rmdir")
  public void rmdir(Task current, @Nullable Dentry base, byte[] path) throws ErrnoException {
    Walk walk = new Walk(current, base, path);
    byte[] name = walk.toLast();
    if (Walk.isSpecial(name)) {
      throw new ErrnoException(
          switch (name.length) {
            case 0 -> Errno.EBUSY;
            case 1 -> Errno.EINVAL;
            default -> Errno.ENOTEMPTY;
          });
    }
    walk.checkWritable();
    walk.at.inode().rmdir(current, name);
  }

  /**
   * Removes what is no directory. From process context.
   *
   * @param current the calling task
   * @param base where a relative path starts, or null for the root
   * @param path the path
   * @throws ErrnoException EROFS, EISDIR, EBUSY, or why it can't be removed
   */
  @LinuxSource(file = "fs/namei.c", name = "do_unlinkat")
  public void unlink(Task current, @Nullable Dentry base, byte[] path) throws ErrnoException {
    Walk walk = new Walk(current, base, path);
    byte[] name = walk.toLast();
    if (Walk.isSpecial(name)) {
      throw new ErrnoException(Errno.EISDIR);
    }
    walk.checkWritable();
    if (walk.slash) {
      Inode there = walk.at.inode().lookup(current, name);
      throw new ErrnoException(there.isType(StatMode.S_IFDIR) ? Errno.EISDIR : Errno.ENOTDIR);
    }
    walk.at.inode().unlink(current, name);
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
        int refused = writes ? inode.mayWrite(flags) : 0;
        if (refused != 0) {
          throw new ErrnoException(-refused);
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

    private boolean slash; // behind the last name, which makes it a directory's
    private byte @Nullable [] missing; // the last name, if there is nothing of that name

    Walk(Task current, @Nullable Dentry start, byte[] path) throws ErrnoException {
      this.current = current;
      at = start == null ? root : start;
      if (path.length == 0) {
        throw new ErrnoException(Errno.ENOENT);
      }
      push(path);
    }

    /** Puts a path in front of what is pending. */
    private void push(byte[] path) throws ErrnoException {
      if (path.length > 0 && path[0] == '/') {
        at = root;
      }
      if (pending.isEmpty()) {
        slash |= path.length > 0 && path[path.length - 1] == '/';
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

    /**
     * Walks to the directory of the last name, and answers the name: one that is {@link #isSpecial} if it is none that
     * could be made or removed.
     */
    @LinuxSource(file = "fs/namei.c", name = "filename_parentat")
    byte[] toLast() throws ErrnoException {
      run(1, true, false);
      checkDirectory();
      byte[] name = pending.poll();
      return name == null ? new byte[0] : checkName(name);
    }

    /** Whether a last name is "." or "..", or empty: that of the root. */
    static boolean isSpecial(byte[] name) {
      return name.length == 0 || isDots(name, 1) || isDots(name, 2);
    }

    /** What a path with a slash behind it leads to is a directory. */
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

    void checkWritable() throws ErrnoException {
      if (at.inode().sb().readOnly()) {
        throw new ErrnoException(Errno.EROFS);
      }
    }

    private static byte[] checkName(byte[] name) throws ErrnoException {
      if (name.length > NAME_MAX) {
        throw new ErrnoException(Errno.ENAMETOOLONG);
      }
      return name;
    }

    /**
     * Walks on.
     *
     * @param left how many names are left for others
     * @param followLast whether a symbolic link at the end is followed
     * @param mayMiss whether there need be nothing of the last name
     */
    void run(int left, boolean followLast, boolean mayMiss) throws ErrnoException {
      while (pending.size() > left) { // bounded: each link costs one of MAXSYMLINKS
        byte[] name = pending.pop();
        Inode directory = at.inode();
        checkDirectory();
        checkName(name);
        if (isDots(name, 1)) {
          continue;
        }
        if (isDots(name, 2)) {
          Dentry up = at.parent();
          at = up == null ? at : up;
          continue;
        }
        Inode next;
        try {
          next = directory.lookup(current, name);
        } catch (ErrnoException e) {
          if (!mayMiss || e.errno() != Errno.ENOENT || !pending.isEmpty()) {
            throw e;
          }
          missing = name;
          return;
        }
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
