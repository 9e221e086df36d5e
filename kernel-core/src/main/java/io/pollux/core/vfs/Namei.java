// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;
import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * Looks up paths and opens files: parts of fs/namei.c and fs/open.c. There is one instance for each
 * kernel; it is immutable, except for the tree under its root.
 */
@LinuxSource(
    file = "fs/namei.c",
    name = {"path_openat", "filename_lookup"})
public final class Namei extends NameChanges {
  /** Maximum length of a path with its 0 byte. */
  public static final int PATH_MAX = 4096;

  /** Maximum length of a name. */
  public static final int NAME_MAX = 255;

  /** Maximum number of attempts of an open while other tasks create and remove the name. */
  private static final int MAX_ATTEMPTS = 100;

  /** Flags that open knows. Other flags are ignored and dropped. */
  @LinuxSource(file = "include/linux/fcntl.h", name = "VALID_OPEN_FLAGS")
  private static final int VALID_FLAGS =
      Fcntl.O_ACCMODE
          | Fcntl.O_CREAT
          | Fcntl.O_EXCL
          | Fcntl.O_NOCTTY
          | Fcntl.O_TRUNC
          | Fcntl.O_APPEND
          | Fcntl.O_NONBLOCK
          | Fcntl.O_SYNC
          | Fcntl.O_DIRECT
          | Fcntl.O_LARGEFILE
          | Fcntl.O_DIRECTORY
          | Fcntl.O_NOFOLLOW
          | Fcntl.O_NOATIME
          | Fcntl.O_CLOEXEC
          | Fcntl.O_PATH
          | Fcntl.O_TMPFILE;

  /** Flags that O_PATH keeps. */
  @LinuxSource(file = "fs/open.c", name = "O_PATH_FLAGS")
  private static final int PATH_FLAGS =
      Fcntl.O_DIRECTORY | Fcntl.O_NOFOLLOW | Fcntl.O_PATH | Fcntl.O_CLOEXEC;

  private static final int TMPFILE_BIT = Fcntl.O_TMPFILE & ~Fcntl.O_DIRECTORY;

  @LinuxSource(file = "include/linux/fcntl.h", name = "VALID_RESOLVE_FLAGS")
  private static final int RESOLVE_FLAGS =
      Fcntl.RESOLVE_NO_XDEV
          | Fcntl.RESOLVE_NO_MAGICLINKS
          | Fcntl.RESOLVE_NO_SYMLINKS
          | Fcntl.RESOLVE_BENEATH
          | Fcntl.RESOLVE_IN_ROOT
          | Fcntl.RESOLVE_CACHED;

  private final Dentry root;
  private final Dentry fdDirectory;
  private final FileTable files;
  private final MountTable mounts = new MountTable();
  private volatile Alias alias = new Alias(new byte[0], new byte[0]);

  /** A second name of a directory: absolute paths without a slash at the end. */
  private static final class Alias {
    private final byte[] name;
    private final byte[] path;

    Alias(byte[] name, byte[] path) {
      this.name = name;
      this.path = path;
    }
  }

  /**
   * Creates a namespace.
   *
   * @param root the directory "/"
   * @param files counts the kernel's open files
   */
  public Namei(Inode root, FileTable files) {
    this.root = new Dentry(null, "/", root);
    FdDirectory descriptors = new FdDirectory(root.sb());
    fdDirectory =
        new Dentry(
            new Dentry(new Dentry(this.root, "proc", root), "self", root), "fd", descriptors);
    this.files = files;
  }

  /** Returns the mounts. */
  @Override
  public MountTable mounts() {
    return mounts;
  }

  /** Returns the table that counts open files. */
  public FileTable files() {
    return files;
  }

  /**
   * Gives a directory a second absolute path, for a program that knows it by that path: paths and
   * symbolic links below it lead to the directory. There is one such path; no listing shows it.
   *
   * @param name the second path, such as "/a/b"
   * @param path the directory, such as "/c"; empty for the root
   */
  public void setAlias(byte[] name, byte[] path) {
    alias = new Alias(name.clone(), path.clone());
  }

  /** Replaces the alias at the start of a path by the path of its directory. */
  byte[] withoutAlias(byte[] path) {
    Alias at = alias;
    byte[] name = at.name;
    boolean has =
        name.length > 0
            && path.length >= name.length
            && Arrays.equals(path, 0, name.length, name, 0, name.length)
            && (path.length == name.length || path[name.length] == '/');
    if (!has) {
      return path;
    }
    byte[] to = at.path;
    byte[] made = Arrays.copyOf(to, Math.max(to.length + path.length - name.length, 1));
    made[0] = '/';
    System.arraycopy(path, name.length, made, to.length, path.length - name.length);
    return made;
  }

  Dentry root() {
    return root;
  }

  @Override
  Walk walk(Task current, @Nullable Dentry base, byte[] path) throws ErrnoException {
    return new Walk(this, current, base, path, 0);
  }

  Dentry fdDirectory() {
    return fdDirectory;
  }

  /**
   * Walks a path. From process context.
   *
   * @param current the calling task
   * @param base start of a relative path, or null for the root
   * @param path the path
   * @param followLast whether to follow a symbolic link at the end
   * @return the result of the walk
   * @throws ErrnoException ENOENT, ENOTDIR, ELOOP, ENAMETOOLONG, or the error of reading a
   *     directory
   */
  public Dentry lookup(Task current, @Nullable Dentry base, byte[] path, boolean followLast)
      throws ErrnoException {
    Walk walk = walk(current, base, path);
    walk.run(0, followLast || walk.slash(), false);
    walk.checkSlash();
    return walk.at();
  }

  /**
   * Opens a path. From process context.
   *
   * @param current the calling task
   * @param base start of a relative path, or null for the root
   * @param path the path
   * @param flags O_* flags
   * @param permissions mode bits for a new file
   * @return the file, with one reference for the caller
   * @throws ErrnoException the error of the open
   */
  @LinuxSource(
      file = "fs/open.c",
      name = {"do_sys_open", "do_dentry_open"})
  public File open(Task current, @Nullable Dentry base, byte[] path, int flags, int permissions)
      throws ErrnoException {
    return open(current, base, path, flags & VALID_FLAGS, permissions & StatMode.S_IALLUGO, 0);
  }

  /**
   * Opens a path with restrictions on the walk. From process context.
   *
   * @param current the calling task
   * @param base start of a relative path, or null for the root
   * @param path the path
   * @param flags O_* flags; any value
   * @param mode mode bits for a new file; any value
   * @param resolve Fcntl.RESOLVE_* flags; any value
   * @return the file, with one reference for the caller
   * @throws ErrnoException EINVAL for unknown or unusable flags, or the error of the open
   */
  @LinuxSource(
      file = "fs/open.c",
      name = {"build_open_flags", "do_sys_openat2"})
  public File open2(
      Task current, @Nullable Dentry base, byte[] path, long flags, long mode, long resolve)
      throws ErrnoException {
    boolean makes = (flags & (Fcntl.O_CREAT | TMPFILE_BIT)) != 0;
    boolean onlyPath = (flags & Fcntl.O_PATH) != 0;
    if ((flags & ~VALID_FLAGS & ~Fcntl.O_ASYNC) != 0
        || (resolve & ~RESOLVE_FLAGS) != 0
        || (resolve & (Fcntl.RESOLVE_BENEATH | Fcntl.RESOLVE_IN_ROOT))
            == (Fcntl.RESOLVE_BENEATH | Fcntl.RESOLVE_IN_ROOT)
        || (makes ? (mode & ~StatMode.S_IALLUGO) != 0 : mode != 0)
        || (onlyPath && (flags & ~PATH_FLAGS) != 0)) {
      throw new ErrnoException(Errno.EINVAL);
    }
    return open(current, base, path, (int) flags, (int) mode, (int) resolve);
  }

  private File open(
      Task current, @Nullable Dentry base, byte[] path, int flags, int permissions, int resolve)
      throws ErrnoException {
    int valid = (flags & Fcntl.O_PATH) != 0 ? flags & PATH_FLAGS : flags;
    boolean create = (valid & Fcntl.O_CREAT) != 0;
    boolean directory = (valid & Fcntl.O_DIRECTORY) != 0;
    boolean tmpfile = (valid & TMPFILE_BIT) != 0;
    int access = valid & Fcntl.O_ACCMODE;
    boolean writes = access == Fcntl.O_WRONLY || access == Fcntl.O_RDWR;
    if ((create && directory) || (tmpfile && (!directory || !writes))) {
      throw new ErrnoException(Errno.EINVAL);
    }
    if ((resolve & Fcntl.RESOLVE_CACHED) != 0) {
      throw new ErrnoException(Errno.EAGAIN); // a walk may always need I/O
    }
    for (int attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
      File file = tryOpen(current, base, path, valid, permissions, resolve);
      if (file != null) {
        return file;
      }
    }
    throw new ErrnoException(Errno.ENOENT); // created and removed again during each attempt
  }

  /**
   * Returns the flags that an open file keeps: without those of its creation and of the descriptor.
   */
  @LinuxSource(file = "fs/open.c", name = "build_open_flags")
  private static int keptFlags(int flags) {
    int kept =
        flags & ~(Fcntl.O_CREAT | Fcntl.O_EXCL | Fcntl.O_NOCTTY | Fcntl.O_TRUNC | Fcntl.O_CLOEXEC);
    if ((flags & Fcntl.O_PATH) != 0) {
      return kept;
    }
    boolean sync = (flags & Fcntl.O_SYNC & ~Fcntl.O_DSYNC) != 0;
    return kept | Fcntl.O_LARGEFILE | (sync ? Fcntl.O_DSYNC : 0);
  }

  /** Opens a path. Returns null if another task created or removed the name meanwhile. */
  @LinuxSource(
      file = "fs/namei.c",
      name = {"do_last", "lookup_open"})
  private @Nullable File tryOpen(
      Task current, @Nullable Dentry base, byte[] path, int flags, int permissions, int resolve)
      throws ErrnoException {
    boolean create = (flags & Fcntl.O_CREAT) != 0;
    boolean exclusive = create && (flags & Fcntl.O_EXCL) != 0;
    Walk walk = new Walk(this, current, base, path, resolve);
    if (create && walk.slash()) { // the name itself is not looked up
      boolean special = Walk.isSpecial(walk.toLast());
      throw new ErrnoException(special && exclusive ? Errno.EEXIST : Errno.EISDIR);
    }
    walk.run(0, walk.slash() || ((flags & Fcntl.O_NOFOLLOW) == 0 && !exclusive), create);
    if (create && walk.slash()) { // at the end of a link
      throw new ErrnoException(Errno.EISDIR);
    }
    byte[] missing = walk.missing();
    Dentry found = walk.at();
    if (missing != null) {
      found = createMissing(current, found, missing, permissions, exclusive);
      if (found == null) {
        return null;
      }
    } else if (exclusive) {
      throw new ErrnoException(Errno.EEXIST);
    } else {
      walk.checkSlash();
      if (!found.inode().igrab()) {
        return null;
      }
    }
    try {
      return open(current, found, flags, permissions, missing != null);
    } finally {
      found.inode().iput(current); // the file holds its own reference
    }
  }

  /**
   * Creates a regular file under a name that was missing. Returns its dentry, with a reference of
   * the inode for the caller, or null if another task created the name.
   */
  @LinuxSource(
      file = "fs/namei.c",
      name = {"lookup_open", "may_o_create"})
  private static @Nullable Dentry createMissing(
      Task current, Dentry directory, byte[] name, int permissions, boolean exclusive)
      throws ErrnoException {
    Inode dir = directory.inode();
    dir.sb().wantWrite(current);
    try {
      dir.iRwsem.downWrite(current);
      try {
        if (find(current, dir, name) != null) {
          if (exclusive) {
            throw new ErrnoException(Errno.EEXIST);
          }
          return null;
        }
        Permission.mayCreate(current, dir);
        int mode = Attr.prepareMode(current, dir, permissions);
        return directory.child(Dentry.name(name), dir.create(current, name, mode));
      } finally {
        dir.iRwsem.upWrite();
      }
    } finally {
      dir.sb().dropWrite();
    }
  }

  /** Opens what a walk found or made. The caller holds a reference of the inode. */
  @LinuxSource(file = "fs/namei.c", name = "do_open")
  private File open(Task current, Dentry found, int flags, int permissions, boolean made)
      throws ErrnoException {
    if ((flags & Fcntl.O_PATH) != 0) {
      return openPath(current, found, flags);
    }
    if ((flags & TMPFILE_BIT) != 0) {
      return openTmpfile(current, found, flags, permissions);
    }
    Dentry parent = found.parent();
    if ((flags & Fcntl.O_CREAT) != 0 && !made && parent != null) {
      mayCreateInSticky(current, parent.inode(), found.inode());
    }
    checkOpen(current, found.inode(), made ? flags & ~Fcntl.O_TRUNC : flags, made);
    File file = allocFile(current, found.inode(), found, flags);
    boolean done = false;
    try {
      finishOpen(current, file, flags, made);
      done = true;
      return file;
    } finally {
      if (!done) {
        file.fput(current);
      }
    }
  }

  /** Makes the checks that need an open file, and truncates it. */
  private static void finishOpen(Task current, File file, int flags, boolean made)
      throws ErrnoException {
    int refused = file.op().claim(file, flags);
    if (refused == 0) {
      refused = file.op().open(current, file);
    }
    if (refused != 0) {
      throw new ErrnoException(-refused);
    }
    if ((flags & Fcntl.O_TRUNC) != 0 && !made && file.inode().isType(StatMode.S_IFREG)) {
      truncate(current, file);
    }
  }

  /**
   * O_CREAT opens no special file of another owner in a directory like /tmp. Regular files and
   * fifos are exempt, as in Linux with protected_regular and protected_fifos at their default of 0.
   */
  @LinuxSource(file = "fs/namei.c", name = "may_create_in_sticky")
  private static void mayCreateInSticky(Task current, Inode directory, Inode inode)
      throws ErrnoException {
    int shared = StatMode.S_ISVTX | StatMode.S_IWOTH;
    boolean exempt =
        inode.isType(StatMode.S_IFREG)
            || inode.isType(StatMode.S_IFIFO)
            || inode.isType(StatMode.S_IFDIR) // EISDIR comes first
            || inode.uid() == directory.uid()
            || inode.uid() == current.cred().fsuid();
    if (!exempt && (directory.mode() & shared) == shared) {
      throw new ErrnoException(Errno.EACCES);
    }
  }

  @LinuxSource(file = "fs/namei.c", name = "do_o_path")
  private File openPath(Task current, Dentry found, int flags) throws ErrnoException {
    if ((flags & Fcntl.O_DIRECTORY) != 0 && !found.inode().isType(StatMode.S_IFDIR)) {
      throw new ErrnoException(Errno.ENOTDIR);
    }
    return allocFile(current, found.inode(), found, flags);
  }

  @LinuxSource(file = "fs/file_table.c", name = "alloc_empty_file")
  private File allocFile(Task current, Inode inode, Dentry dentry, int flags)
      throws ErrnoException {
    File file = new File(files, inode, dentry, keptFlags(flags));
    file.setCred(current.cred());
    if (file.isWriter() && inode.sb().refusesWrites()) { // remounted meanwhile
      file.fput(current);
      throw new ErrnoException(Errno.EROFS);
    }
    return file;
  }

  @LinuxSource(
      file = "fs/namei.c",
      name = {"do_tmpfile", "vfs_tmpfile"})
  private File openTmpfile(Task current, Dentry directory, int flags, int permissions)
      throws ErrnoException {
    if (!directory.inode().isType(StatMode.S_IFDIR)) {
      throw new ErrnoException(Errno.ENOTDIR);
    }
    Permission.check(current, directory.inode(), Permission.MAY_WRITE | Permission.MAY_EXEC);
    directory.inode().sb().wantWrite(current);
    Inode made;
    try {
      int mode = Attr.prepareMode(current, directory.inode(), permissions);
      made = directory.inode().tmpfile(current, mode);
    } finally {
      directory.inode().sb().dropWrite();
    }
    try {
      made.lostName(); // it never had a name
      made.setLinkable((flags & Fcntl.O_EXCL) == 0);
      checkOpen(current, made, flags & ~Fcntl.O_DIRECTORY, true);
      return allocFile(current, made, Dentry.ofTmpfile(directory, made), flags);
    } finally {
      made.iput(current); // the file holds its own reference
    }
  }

  @LinuxSource(file = "fs/namei.c", name = "handle_truncate")
  private static void truncate(Task current, File file) throws ErrnoException {
    Attr.change(current, file.inode(), Iattr.ofSize(0));
  }

  @LinuxSource(file = "fs/namei.c", name = "may_open")
  private static void checkOpen(Task current, Inode inode, int flags, boolean made)
      throws ErrnoException {
    int mask = accessMask(flags);
    boolean writes = (mask & Permission.MAY_WRITE) != 0;
    boolean directory = (flags & Fcntl.O_DIRECTORY) != 0;
    switch (inode.mode() & StatMode.S_IFMT) {
      case StatMode.S_IFLNK -> throw new ErrnoException(Errno.ELOOP);
      case StatMode.S_IFDIR -> {
        if (writes || (flags & Fcntl.O_CREAT) != 0) {
          throw new ErrnoException(Errno.EISDIR);
        }
      }
      default -> {
        if (directory) {
          throw new ErrnoException(Errno.ENOTDIR);
        }
      }
    }
    if (!made) {
      Permission.check(current, inode, mask);
      if (inode.appendOnly()
          && ((writes && (flags & Fcntl.O_APPEND) == 0) || (flags & Fcntl.O_TRUNC) != 0)) {
        throw new ErrnoException(Errno.EPERM);
      }
      if ((flags & Fcntl.O_NOATIME) != 0 && !Permission.ownerOrCapable(current, inode)) {
        throw new ErrnoException(Errno.EPERM);
      }
    }
    if (!inode.isType(StatMode.S_IFDIR)
        && !inode.fop().hasReadIter()
        && !inode.fop().hasWriteIter()) {
      throw new ErrnoException(Errno.ENXIO); // a device node without a device
    }
    if ((flags & Fcntl.O_DIRECT) != 0 && !inode.fop().canDirect()) {
      throw new ErrnoException(Errno.EINVAL);
    }
  }

  /** Returns the access that an open needs. Mode 3 needs both, though the file then has neither. */
  @LinuxSource(file = "include/linux/fs.h", name = "ACC_MODE")
  private static int accessMask(int flags) {
    int mask =
        switch (flags & Fcntl.O_ACCMODE) {
          case Fcntl.O_RDONLY -> Permission.MAY_READ;
          case Fcntl.O_WRONLY -> Permission.MAY_WRITE;
          default -> Permission.MAY_READ | Permission.MAY_WRITE;
        };
    return (flags & Fcntl.O_TRUNC) != 0 ? mask | Permission.MAY_WRITE : mask;
  }
}
