// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * The filesystems that are mounted on directories of a namespace: the part of fs/namespace.c that
 * is used here. A path that reaches a covered directory continues at the root of the filesystem on
 * it. A directory may be covered several times; the latest filesystem is visible.
 *
 * <p>A walk reads the table without a lock. Changes are made under the monitor of the table, in
 * which no code of a filesystem runs.
 */
@LinuxSource(
    file = "fs/namespace.c",
    name = {"mount_hashtable", "do_mount"})
public final class MountTable {
  /** Maximum number of mounts. */
  public static final int MAX_MOUNTS = 4096;

  /**
   * A filesystem on a directory.
   *
   * @param sb the filesystem
   * @param root its root
   * @param directory the covered directory
   * @param path the path of the directory when it was covered
   */
  @LinuxSource(file = "fs/mount.h", name = "mount")
  public record Mount(SuperBlock sb, Inode root, Inode directory, String path) {
    /** The users of the files, which may belong to a filesystem inside sb. */
    MountUsers users() {
      return root.sb().users();
    }

    private void setReadOnly(boolean now) {
      sb.setReadOnly(now);
      root.sb().setReadOnly(now);
    }
  }

  private final List<Mount> mounts = new ArrayList<>(); // in order; under the monitor

  /** The latest mount of each covered directory. Replaced, never changed. */
  private volatile IdentityHashMap<Inode, Mount> byDirectory = new IdentityHashMap<>();

  MountTable() {}

  /**
   * Continues at the filesystem that covers a directory, if any. The calling task's call is a user
   * of that filesystem until it returns.
   *
   * @param current the calling task
   * @param at where a walk is
   * @return the root of the latest filesystem on it, or {@code at}
   */
  @LinuxSource(
      file = "fs/namei.c",
      name = {"follow_mount", "lookup_mnt"})
  Inode follow(Task current, Inode at) {
    IdentityHashMap<Inode, Mount> all = byDirectory;
    Inode inode = at;
    for (int i = 0; i < MAX_MOUNTS && !all.isEmpty(); i++) {
      Mount mount = all.get(inode);
      if (mount == null || !mount.users().getForCall(current)) {
        break;
      }
      inode = mount.root;
      current.setTarget(inode.sb());
    }
    return inode;
  }

  /**
   * Whether a filesystem is mounted on a directory. Its name must stay then: EBUSY.
   *
   * @param directory the directory
   */
  @LinuxSource(file = "include/linux/dcache.h", name = "d_mountpoint")
  public boolean covers(Inode directory) {
    return byDirectory.containsKey(directory);
  }

  /** Checks that no filesystem is mounted on an inode whose name is to change: EBUSY. */
  @LinuxSource(
      file = "fs/namei.c",
      name = {"vfs_rmdir", "vfs_rename"})
  void checkNotCovered(Inode inode) throws ErrnoException {
    if (covers(inode)) {
      throw new ErrnoException(Errno.EBUSY);
    }
  }

  /** Returns the mounts in their order. */
  public synchronized List<Mount> mounts() {
    return List.copyOf(mounts);
  }

  /**
   * Covers a directory.
   *
   * @param current the calling task
   * @param at the directory, as a walk found it in the same call
   * @param sb the filesystem
   * @param root its root
   * @return the mount
   * @throws ErrnoException ENOTDIR: it is no directory. EBUSY: it is the root of the namespace.
   *     ENOSPC: there are too many mounts. ENOENT: the directory was removed, or its filesystem was
   *     unmounted, meanwhile
   */
  @LinuxSource(
      file = "fs/namespace.c",
      name = {"do_add_mount", "lock_mount", "graft_tree"})
  public Mount add(Task current, Dentry at, SuperBlock sb, Inode root) throws ErrnoException {
    checkMountPoint(at);
    Inode directory = at.inode();
    if (!directory.sb().users().get()) {
      throw new ErrnoException(Errno.ENOENT);
    }
    boolean done = false;
    directory.iRwsem.downWrite(current); // a removal checks for mounts under this lock
    try {
      if (directory.isDead()) {
        throw new ErrnoException(Errno.ENOENT);
      }
      Mount mount = new Mount(sb, root, directory, new String(at.path(), StandardCharsets.UTF_8));
      add(mount);
      done = true;
      return mount;
    } finally {
      directory.iRwsem.upWrite();
      if (!done) {
        directory.sb().users().put();
      }
    }
  }

  private synchronized void add(Mount mount) throws ErrnoException {
    if (mounts.size() < MAX_MOUNTS) {
      mounts.add(mount);
      mount.sb.setMountedAt(mount.path());
      mount.root.sb().setMountedAt(mount.path());
      publish();
      return;
    }
    throw new ErrnoException(Errno.ENOSPC, "there are " + MAX_MOUNTS + " mounts already");
  }

  /**
   * Checks that a place can be covered.
   *
   * @param at the place
   * @throws ErrnoException ENOTDIR or EBUSY, as {@link #add}
   */
  public static void checkMountPoint(Dentry at) throws ErrnoException {
    if (!at.inode().isType(StatMode.S_IFDIR)) {
      throw new ErrnoException(Errno.ENOTDIR, at + ": " + Errno.describe(Errno.ENOTDIR));
    }
    if (at.parent() == null) {
      throw new ErrnoException(Errno.EBUSY, "the root of the tree can't be covered");
    }
  }

  /** Makes the current mounts visible to walks. Under the monitor. */
  private void publish() {
    IdentityHashMap<Inode, Mount> all = new IdentityHashMap<>();
    for (Mount mount : mounts) {
      all.put(mount.directory, mount); // a later one replaces an earlier one
    }
    byDirectory = all;
  }

  /**
   * Finds the mount of a place.
   *
   * @param at a place, as a walk found it
   * @return the mount whose root it is, or null
   */
  @LinuxSource(file = "fs/namespace.c", name = "real_mount")
  public synchronized @Nullable Mount find(Inode at) {
    for (Mount mount : mounts) {
      if (mount.root == at) {
        return mount;
      }
    }
    return null;
  }

  /**
   * Uncovers a directory, unless the filesystem is in use. The caller then unmounts the filesystem,
   * which no walk can reach any more. From process context.
   *
   * @param current the calling task, whose own call may use the filesystem
   * @param mount the mount
   * @return false if it is in use, or was removed meanwhile
   */
  @LinuxSource(file = "fs/namespace.c", name = "do_umount")
  public boolean remove(Task current, Mount mount) {
    return mount.users().end(current) && takeAway(mount);
  }

  /**
   * Uncovers a directory, even if the filesystem is in use. For a shutdown, after all programs have
   * exited.
   *
   * @param mount the mount
   * @return false if it was removed before
   */
  public boolean takeAway(Mount mount) {
    boolean there;
    synchronized (this) {
      there = mounts.remove(mount);
      publish();
    }
    if (there) {
      mount.directory.sb().users().put();
    }
    return there;
  }

  /**
   * Changes a mounted filesystem between read-only and writable, and its options. From process
   * context.
   *
   * @param current the calling task
   * @param mount the mount
   * @param readOnly whether to reject every write from now on
   * @param options options in the filesystem's own words
   * @throws ErrnoException EBUSY: the filesystem is frozen, or has writers and would become
   *     read-only. Or the filesystem's error
   */
  @LinuxSource(file = "fs/namespace.c", name = "do_remount")
  public void remount(Task current, Mount mount, boolean readOnly, Options options)
      throws ErrnoException {
    SuperBlock written = mount.root.sb(); // writers count there
    try {
      written.remounting(
          current,
          readOnly,
          () -> {
            if (readOnly && !written.readOnly()) {
              sync(current, mount);
            }
            mount.sb.remount(current, readOnly, options);
            mount.setReadOnly(readOnly);
          });
    } catch (ErrnoException e) {
      throw e.errno() == Errno.EBUSY
          ? new ErrnoException(Errno.EBUSY, mount.path + ": " + e.getMessage())
          : e;
    }
  }

  private static void sync(Task current, Mount mount) throws ErrnoException {
    int result = mount.sb.sync(current);
    if (result != 0) {
      throw new ErrnoException(-result, mount.path + ": the changes can't be written");
    }
  }
}
