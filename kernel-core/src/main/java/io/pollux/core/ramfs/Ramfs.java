// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.ramfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.DirContext;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileOperations;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Namei;
import io.pollux.core.vfs.SuperBlock;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
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
 * <p>The callers of the operations hold iRwsem as the package {@link io.pollux.core.vfs} says. Only
 * the kernel's own methods, such as {@link Directory#attach}, take it themselves.
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
    root = new Directory(this, null, RamInode.Owner.root(StatMode.S_IFDIR | 0755));
  }

  @Override
  public Inode root() {
    return root;
  }

  RamPages pages() {
    return pages;
  }

  long nextIno() {
    return lastIno.incrementAndGet();
  }

  /** Returns the number of inodes, and of further names of them. */
  int inodesInUse() {
    return inodes.get();
  }

  /** Counts an inode that a program creates, or another name of one. */
  private void charge() throws ErrnoException {
    if (inodes.incrementAndGet() > maxInodes) {
      uncharge();
      throw new ErrnoException(Errno.ENOSPC);
    }
  }

  private void uncharge() {
    inodes.decrementAndGet();
  }

  @Override
  @LinuxSource(file = "mm/shmem.c", name = "shmem_evict_inode")
  protected void evictInode(@Nullable Task current, Inode inode) {
    if (inode instanceof RamInode ours) {
      ours.evict();
      uncharge();
    }
  }

  @Override
  @LinuxSource(file = "mm/shmem.c", name = "shmem_show_options")
  public String showOptions() {
    long kibibytes = (long) pages.limit() << (HostMemory.PAGE_SHIFT - 10);
    return super.showOptions() + ",size=" + kibibytes + "k,nr_inodes=" + maxInodes;
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
    Directory made = new Directory(this, root, RamInode.Owner.root(StatMode.S_IFDIR | 0755));
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

    private final Ramfs fs;
    private volatile long parentIno; // changed by a rename

    // Changed under iRwsem held exclusively, read under it held shared.
    private final Map<String, Entry> byName = new HashMap<>(); // by key()
    private final NavigableMap<Long, Entry> byPosition = new TreeMap<>();
    private long nextPosition = DirContext.AFTER_DOTS;

    private Directory(Ramfs fs, @Nullable Directory parent, Owner owner) {
      super(fs, owner, 2);
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
      if (entry.inode.isType(StatMode.S_IFDIR)) {
        incNlink();
      }
      byName.put(entry.name, entry);
      byPosition.put(entry.position, entry);
    }

    private void remove(Entry entry) {
      byName.remove(entry.name);
      byPosition.remove(entry.position);
      if (entry.inode.isType(StatMode.S_IFDIR)) {
        dropNlink();
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
    @LinuxSource(file = "fs/libfs.c", name = "simple_lookup")
    public Inode lookup(Task current, byte[] name) throws ErrnoException {
      return entry(name).inode;
    }

    @Override
    @LinuxSource(file = "fs/ramfs/inode.c", name = "ramfs_create")
    public Inode create(Task current, byte[] name, int permissions) throws ErrnoException {
      Owner owner = Owner.of(current, this, StatMode.S_IFREG | permissions);
      RamInode made = make(name, () -> new RamFile(fs, owner, 1));
      made.ihold();
      return made;
    }

    @Override
    @LinuxSource(file = "fs/ramfs/inode.c", name = "ramfs_tmpfile")
    public Inode tmpfile(Task current, int permissions) throws ErrnoException {
      fs.charge();
      RamFile made = new RamFile(fs, Owner.of(current, this, StatMode.S_IFREG | permissions), 0);
      made.ihold();
      return made;
    }

    @Override
    @LinuxSource(file = "fs/ramfs/inode.c", name = "ramfs_mkdir")
    public void mkdir(Task current, byte[] name, int permissions) throws ErrnoException {
      Owner owner = Owner.of(current, this, StatMode.S_IFDIR | permissions);
      make(name, () -> new Directory(fs, this, owner));
    }

    @Override
    @LinuxSource(file = "fs/ramfs/inode.c", name = "ramfs_mknod")
    public void mknod(Task current, byte[] name, int mode, long rdev) throws ErrnoException {
      Owner owner = Owner.of(current, this, mode);
      make(name, () -> new RamNode(fs, owner, rdev));
    }

    @Override
    @LinuxSource(file = "fs/ramfs/inode.c", name = "ramfs_symlink")
    public void symlink(Task current, byte[] name, byte[] target) throws ErrnoException {
      Owner owner = Owner.of(current, this, StatMode.S_IFLNK | StatMode.S_IRWXUGO);
      make(name, () -> new RamNode(fs, owner, target));
    }

    private interface Maker {
      RamInode make();
    }

    private RamInode make(byte[] name, Maker maker) throws ErrnoException {
      fs.charge();
      RamInode made = maker.make();
      add(new Entry(key(name), made, nextPosition++, false, null));
      modified();
      return made;
    }

    @Override
    @LinuxSource(file = "fs/libfs.c", name = "simple_link")
    public void link(Task current, byte[] name, Inode old) throws ErrnoException {
      if (!(old instanceof RamInode ours)) {
        throw new ErrnoException(Errno.EPERM); // what the kernel attached
      }
      if (ours.nlink() > 0) { // a file's first name comes with its inode
        fs.charge();
      }
      ours.incNlink();
      add(new Entry(key(name), old, nextPosition++, false, null));
      modified();
    }

    /**
     * Checks that a program may remove or move an entry. The kernel's entries are mount points,
     * devices, or ordinary directories such as /dev.
     */
    @LinuxSource(file = "fs/namei.c", name = "is_local_mountpoint")
    private RamInode movable(Entry entry) throws ErrnoException {
      boolean ordinary = !entry.attached || entry.inode instanceof Directory;
      if (!ordinary
          || entry.covered != null
          || !(entry.inode instanceof RamInode ours)
          || ours.sb() != fs) {
        throw new ErrnoException(Errno.EBUSY);
      }
      return ours;
    }

    @Override
    @LinuxSource(file = "fs/libfs.c", name = "simple_rmdir")
    public void rmdir(Task current, byte[] name) throws ErrnoException {
      Entry entry = entry(name);
      ((Directory) movable(entry)).clear();
      remove(entry);
      modified();
    }

    /** Drops the names of an empty directory. Under its iRwsem held exclusively. */
    @LinuxSource(file = "fs/libfs.c", name = "simple_empty")
    private void clear() throws ErrnoException {
      if (!byName.isEmpty()) {
        throw new ErrnoException(Errno.ENOTEMPTY);
      }
      clearNlink();
    }

    @Override
    @LinuxSource(file = "fs/libfs.c", name = "simple_unlink")
    public void unlink(Task current, byte[] name) throws ErrnoException {
      Entry entry = entry(name);
      RamInode victim = movable(entry);
      remove(entry);
      modified();
      dropName(victim);
    }

    private void dropName(RamInode victim) {
      victim.dropNlink();
      if (victim.nlink() > 0) { // the last name goes with its inode
        fs.uncharge();
      }
    }

    @Override
    @LinuxSource(
        file = "fs/libfs.c",
        name = {"simple_rename", "simple_rename_exchange"})
    public void rename(Task current, byte[] oldName, Inode newDir, byte[] newName, int flags)
        throws ErrnoException {
      if ((flags & ~(Fcntl.RENAME_NOREPLACE | Fcntl.RENAME_EXCHANGE)) != 0) {
        throw new ErrnoException(Errno.EINVAL);
      }
      Directory to = (Directory) newDir;
      Entry old = entry(oldName);
      RamInode moved = movable(old);
      Entry replaced = to.byName.get(key(newName));
      RamInode victim = replaced == null ? null : to.movable(replaced);
      boolean exchange = (flags & Fcntl.RENAME_EXCHANGE) != 0;
      if (victim != null && !exchange) {
        if (victim instanceof Directory directory) {
          directory.clear();
        } else {
          dropName(victim);
        }
      }
      remove(old);
      if (replaced != null) {
        to.remove(replaced);
      }
      if (victim != null && exchange) {
        place(victim, old.name, old.position);
      }
      long position = replaced == null ? to.nextPosition++ : replaced.position;
      to.place(moved, key(newName), position);
      modified();
      to.modified();
    }

    private void place(RamInode moved, String name, long position) {
      add(new Entry(name, moved, position, false, null));
      if (moved instanceof Directory directory) {
        directory.parentIno = ino();
      }
      moved.changed();
    }

    @Override
    public long size() {
      return 0;
    }

    @Override
    public FileOperations fop() {
      return DIRECTORY_OPERATIONS;
    }

    @LinuxSource(file = "fs/libfs.c", name = "dcache_readdir")
    private int list(Task current, DirContext context) {
      iRwsem.downRead(current);
      try {
        if (!context.emitDots(ino(), parentIno)) {
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
