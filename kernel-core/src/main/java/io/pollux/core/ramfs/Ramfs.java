// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.ramfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.sched.LockClass;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.DirContext;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileOperations;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Namei;
import io.pollux.core.vfs.SuperBlock;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;
import io.pollux.uapi.Statfs;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import java.util.NavigableMap;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import org.jspecify.annotations.Nullable;

/**
 * A filesystem in memory, and the root filesystem of a kernel. Filesystems are mounted in it, and
 * devices and other kernel objects are attached to names. Programs create and remove directories
 * and files, but cannot remove what the kernel attached. Unlike Linux's ramfs it has a size limit,
 * as tmpfs has, and fallocate.
 *
 * <p>Lock order: the iRwsem of a directory, then of one below it, then the locks of {@link
 * RamFile}.
 */
@LinuxSource(file = "fs/ramfs/inode.c")
public final class Ramfs extends SuperBlock {
  /** Default for the maximum size of all files of a filesystem. */
  public static final long DEFAULT_BYTES = 1L << 30;

  private static final long RAMFS_MAGIC = 0x8584_58f6L;

  private final RamPages pages;
  private final int maxInodes;
  private final AtomicInteger inodes = new AtomicInteger();
  private final AtomicLong lastIno = new AtomicLong();
  private final Directory root;

  /**
   * Creates an empty filesystem with a limit of {@link #DEFAULT_BYTES}.
   *
   * @param dev its device number
   */
  public Ramfs(long dev) {
    this(dev, DEFAULT_BYTES);
  }

  /**
   * Creates an empty filesystem.
   *
   * @param dev its device number
   * @param bytes maximum size of its files, a positive multiple of the page size. It limits the
   *     number of files and directories to one for each page.
   */
  public Ramfs(long dev, long bytes) {
    super(dev, false);
    pages = new RamPages(bytes);
    maxInodes = pages.limit();
    root = new Directory(this, null, 0755);
  }

  @Override
  public Inode root() {
    return root;
  }

  RamPages pages() {
    return pages;
  }

  private long nextIno() {
    return lastIno.incrementAndGet();
  }

  /** Counts a file or directory that a program creates. */
  private void charge() throws ErrnoException {
    if (inodes.incrementAndGet() > maxInodes) {
      uncharge();
      throw new ErrnoException(Errno.ENOSPC);
    }
  }

  /** Drops the count of a file or directory. From any context. */
  void uncharge() {
    inodes.decrementAndGet();
  }

  @Override
  @LinuxSource(file = "mm/shmem.c", name = "shmem_statfs")
  protected void statfs(Task current, long statfs) {
    Statfs.fType(statfs, RAMFS_MAGIC);
    Statfs.fBsize(statfs, HostMemory.PAGE_SIZE);
    Statfs.fNamelen(statfs, Namei.NAME_MAX);
    Statfs.fBlocks(statfs, pages.limit());
    Statfs.fBfree(statfs, pages.limit() - pages.used());
    Statfs.fBavail(statfs, Statfs.fBfree(statfs));
    Statfs.fFiles(statfs, maxInodes);
    Statfs.fFfree(statfs, Math.max(0, maxInodes - inodes.get()));
  }

  /** Frees all files and returns their memory to the host. */
  @Override
  @LinuxSource(file = "fs/ramfs/inode.c", name = "ramfs_kill_sb")
  public void unmount(Task current) {
    pages.close();
  }

  /**
   * Creates a directory in the root, or returns the existing one.
   *
   * @param name its name
   */
  public synchronized Directory mkdir(String name) {
    if (root.find(name) instanceof Directory there) {
      return there;
    }
    inodes.incrementAndGet();
    Directory made = new Directory(this, root, 0755);
    root.attach(name, made);
    return made;
  }

  /** Returns the root, to attach names to. */
  public Directory top() {
    return root;
  }

  /**
   * One name in a directory.
   *
   * @param name the name, as {@link Directory#key} encodes it
   * @param inode its inode
   * @param position place in a listing; later names have greater numbers
   * @param attached whether the kernel attached it
   * @param covered the earlier entry of the name, if the kernel attached something over it
   */
  private record Entry(
      String name, Inode inode, long position, boolean attached, @Nullable Entry covered) {}

  /** A directory in memory. */
  public static final class Directory extends RamInode {
    private static final long FIRST_POSITION = 2; // after "." and ".."

    private final Ramfs fs;
    private final long parentIno;

    // Changed under iRwsem held exclusively, read under it held shared.
    private final Map<String, Entry> byName = new HashMap<>(); // by key()
    private final NavigableMap<Long, Entry> byPosition = new TreeMap<>();
    private long nextPosition = FIRST_POSITION;
    private boolean dead;
    private final AtomicInteger nlink = new AtomicInteger(2);

    private Directory(Ramfs fs, @Nullable Directory parent, int permissions) {
      super(fs, fs.nextIno(), StatMode.S_IFDIR | permissions);
      this.fs = fs;
      parentIno = parent == null ? ino() : parent.ino();
    }

    /** Converts a name byte for byte, without regard to its encoding. */
    private static String key(byte[] name) {
      return new String(name, StandardCharsets.ISO_8859_1);
    }

    private static String key(String name) {
      return key(name.getBytes(StandardCharsets.UTF_8));
    }

    private @Nullable Inode find(String name) {
      iRwsem.downRead(null);
      try {
        Entry entry = byName.get(key(name));
        return entry == null ? null : entry.inode;
      } finally {
        iRwsem.upRead();
      }
    }

    private void add(Entry entry) {
      byName.put(entry.name, entry);
      byPosition.put(entry.position, entry);
      if (entry.inode.isType(StatMode.S_IFDIR)) {
        nlink.incrementAndGet();
      }
    }

    private void remove(Entry entry) {
      byName.remove(entry.name);
      byPosition.remove(entry.position);
      if (entry.inode.isType(StatMode.S_IFDIR)) {
        nlink.decrementAndGet();
      }
    }

    /**
     * Attaches an inode to a name: a device, or the root of a mounted filesystem.
     *
     * @param name the name; an existing entry is covered until {@link #detach}
     * @param inode the inode
     */
    public void attach(String name, Inode inode) {
      String key = key(name);
      iRwsem.downWrite(null);
      try {
        Entry covered = byName.get(key);
        if (covered != null) {
          remove(covered);
        }
        add(
            new Entry(
                key, inode, covered == null ? nextPosition++ : covered.position, true, covered));
      } finally {
        iRwsem.upWrite();
      }
    }

    /**
     * Detaches an attached name.
     *
     * @param name the name
     */
    public void detach(String name) {
      iRwsem.downWrite(null);
      try {
        Entry entry = byName.get(key(name));
        if (entry != null && entry.attached) {
          remove(entry);
          if (entry.covered != null) {
            add(entry.covered);
          }
        }
      } finally {
        iRwsem.upWrite();
      }
    }

    private Entry entry(byte[] name) throws ErrnoException {
      Entry entry = byName.get(key(name));
      if (entry == null) {
        throw new ErrnoException(Errno.ENOENT);
      }
      return entry;
    }

    @Override
    public Inode lookup(Task current, byte[] name) throws ErrnoException {
      iRwsem.downRead(current);
      try {
        return entry(name).inode;
      } finally {
        iRwsem.upRead();
      }
    }

    @Override
    @LinuxSource(file = "fs/ramfs/inode.c", name = "ramfs_create")
    public Inode create(Task current, byte[] name, int permissions) throws ErrnoException {
      return make(current, name, () -> new RamFile(fs, fs.nextIno(), permissions, 1));
    }

    @Override
    @LinuxSource(file = "fs/ramfs/inode.c", name = "ramfs_tmpfile")
    public Inode tmpfile(Task current, int permissions) throws ErrnoException {
      fs.charge();
      return new RamFile(fs, fs.nextIno(), permissions, 0);
    }

    @Override
    @LinuxSource(file = "fs/ramfs/inode.c", name = "ramfs_mkdir")
    public void mkdir(Task current, byte[] name, int permissions) throws ErrnoException {
      make(current, name, () -> new Directory(fs, this, permissions));
    }

    private interface Maker {
      Inode make();
    }

    @LinuxSource(file = "fs/ramfs/inode.c", name = "ramfs_mknod")
    private Inode make(Task current, byte[] name, Maker maker) throws ErrnoException {
      iRwsem.downWrite(current);
      try {
        if (dead) {
          throw new ErrnoException(Errno.ENOENT);
        }
        String key = key(name);
        if (byName.containsKey(key)) {
          throw new ErrnoException(Errno.EEXIST);
        }
        fs.charge();
        Inode made = maker.make();
        add(new Entry(key, made, nextPosition++, false, null));
        modified();
        return made;
      } finally {
        iRwsem.upWrite();
      }
    }

    @Override
    @LinuxSource(file = "fs/libfs.c", name = "simple_rmdir")
    public void rmdir(Task current, byte[] name) throws ErrnoException {
      iRwsem.downWrite(current);
      try {
        Entry entry = entry(name);
        if (!entry.inode.isType(StatMode.S_IFDIR)) {
          throw new ErrnoException(Errno.ENOTDIR);
        }
        // The kernel's entries are mount points, or ordinary directories such as /dev.
        if (!(entry.inode instanceof Directory victim)
            || victim.fs != fs
            || entry.covered != null) {
          throw new ErrnoException(Errno.EBUSY);
        }
        victim.kill(current);
        remove(entry);
        fs.uncharge();
        modified();
      } finally {
        iRwsem.upWrite();
      }
    }

    /** Prevents new entries. The caller holds the lock of the parent directory. */
    private void kill(Task current) throws ErrnoException {
      iRwsem.downWriteNested(current, LockClass.I_RWSEM_CHILD);
      try {
        if (!byName.isEmpty()) {
          throw new ErrnoException(Errno.ENOTEMPTY);
        }
        dead = true;
        nlink.set(0);
        changed();
      } finally {
        iRwsem.upWrite();
      }
    }

    @Override
    @LinuxSource(file = "fs/libfs.c", name = "simple_unlink")
    public void unlink(Task current, byte[] name) throws ErrnoException {
      iRwsem.downWrite(current);
      try {
        Entry entry = entry(name);
        if (entry.inode.isType(StatMode.S_IFDIR)) {
          throw new ErrnoException(Errno.EISDIR);
        }
        if (entry.attached || !(entry.inode instanceof RamFile file)) {
          throw new ErrnoException(Errno.EBUSY);
        }
        remove(entry);
        modified();
        file.dropLink();
      } finally {
        iRwsem.upWrite();
      }
    }

    @Override
    public long size() {
      return 0;
    }

    @Override
    public FileOperations fop() {
      return DIRECTORY_OPERATIONS;
    }

    @Override
    int nlink() {
      return nlink.get();
    }

    @Override
    int nrPages() {
      return 0;
    }

    @LinuxSource(file = "fs/libfs.c", name = "dcache_readdir")
    private int list(Task current, DirContext context) {
      byte[] dots = {'.', '.'};
      iRwsem.downRead(current);
      try {
        if (context.pos() == 0 && !context.emit(new byte[] {'.'}, ino(), StatMode.DT_DIR, 1)) {
          return 0;
        }
        if (context.pos() == 1 && !context.emit(dots, parentIno, StatMode.DT_DIR, FIRST_POSITION)) {
          return 0;
        }
        for (Entry entry : byPosition.tailMap(context.pos()).values()) {
          int type = (entry.inode.mode() & StatMode.S_IFMT) >> 12; // DT_* are the S_IF* moved down
          byte[] name = entry.name.getBytes(StandardCharsets.ISO_8859_1);
          if (!context.emit(name, entry.inode.ino(), type, entry.position + 1)) {
            break;
          }
        }
        return 0;
      } finally {
        iRwsem.upRead();
      }
    }
  }

  @LinuxSource(file = "fs/libfs.c", name = "simple_dir_operations")
  private static final FileOperations DIRECTORY_OPERATIONS =
      new FileOperations() {
        @Override
        public int iterateShared(Task current, File file, DirContext context) {
          return ((Directory) file.inode()).list(current, context);
        }

        @Override
        public boolean hasFsync() {
          return true;
        }

        @Override
        @LinuxSource(file = "fs/libfs.c", name = "noop_fsync")
        public int fsync(Task current, File file, long start, long end, boolean datasync) {
          return 0;
        }
      };
}
