// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import io.pollux.block.BlockDevice;
import io.pollux.block.bdev.FileSystemType;
import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Dentry;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.MountTable;
import io.pollux.core.vfs.MountTable.Mount;
import io.pollux.core.vfs.Namei;
import io.pollux.core.vfs.SuperBlock;
import io.pollux.uapi.Errno;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.StatMode;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.jspecify.annotations.Nullable;

/**
 * Mounts filesystems on disks: claims the disk, calls the filesystem, and covers a directory. If a
 * step fails, the earlier ones are undone. An exception of a filesystem becomes EIO. All methods
 * are called from process context, by any number of tasks.
 */
@LinuxSource(file = "fs/super.c", name = "mount_bdev")
final class Mounts {
  private final Namei namei;
  private final Map<SuperBlock, BlockDevice> disks = new ConcurrentHashMap<>();

  Mounts(Namei namei) {
    this.namei = namei;
  }

  /** Something that a filesystem does to a claimed disk. */
  @FunctionalInterface
  interface Work<T> {
    T run() throws ErrnoException;
  }

  /**
   * Mounts a disk.
   *
   * @param current the calling task
   * @param at the directory
   * @param type the type of the filesystem
   * @param disk the disk
   * @param readOnly whether to reject every write
   * @param options options in the filesystem's own words
   * @throws ErrnoException EBUSY: the disk has a holder. ENOTDIR: at is no directory. Or the
   *     filesystem's error
   */
  void mount(
      Task current,
      Dentry at,
      FileSystemType type,
      BlockDevice disk,
      boolean readOnly,
      Options options)
      throws ErrnoException {
    MountTable.checkMountPoint(at);
    claimed(
        current,
        type,
        disk,
        "mount",
        () -> {
          SuperBlock sb = type.mount(current, disk, readOnly, options);
          boolean done = false;
          try {
            Inode root = checked(sb).root();
            options.requireAllKnown(type.name());
            if (root == null || !root.isType(StatMode.S_IFDIR)) {
              throw new ErrnoException(Errno.EIO, type.name() + ": its root is not a directory");
            }
            disks.put(sb, disk);
            namei.mounts().add(current, at, sb, root);
            done = true;
            return sb;
          } finally {
            if (!done && sb != null) {
              disks.remove(sb);
              undo(current, sb);
            }
          }
        },
        true);
  }

  private static SuperBlock checked(@Nullable SuperBlock sb) throws ErrnoException {
    if (sb == null) {
      throw new ErrnoException(Errno.EIO, "its mount returned nothing");
    }
    return sb;
  }

  /** Unmounts a filesystem whose mount failed. What it throws then tells nothing new. */
  private static void undo(Task current, SuperBlock sb) {
    try {
      sb.unmount(current);
    } catch (ErrnoException | RuntimeException | Error e) {
      current.abandonCall();
    }
  }

  /**
   * Runs the work of a filesystem on a disk that it claims.
   *
   * @param current the calling task
   * @param type the type of the filesystem
   * @param disk the disk
   * @param what the work, for a sentence
   * @param work the work; an exception other than ErrnoException becomes EIO
   * @param keep whether the claim stays after success
   * @return the result of the work
   * @throws ErrnoException EBUSY if the disk has a holder, or the error of the work
   */
  <T> T claimed(
      Task current, FileSystemType type, BlockDevice disk, String what, Work<T> work, boolean keep)
      throws ErrnoException {
    if (!disk.claim(this)) {
      throw new ErrnoException(Errno.EBUSY, disk.name() + ": is mounted, or open with O_EXCL");
    }
    boolean done = false;
    try {
      sync(current, disk);
      T result = work.run();
      done = true;
      return result;
    } catch (RuntimeException | Error e) {
      current.abandonCall();
      ErrnoException failed =
          new ErrnoException(
              Errno.EIO, type.name() + ": its " + what + " threw " + oneLine(String.valueOf(e)));
      failed.initCause(e);
      throw failed;
    } finally {
      if (!done || !keep) {
        disk.unclaim(this);
      }
    }
  }

  private static String oneLine(String text) {
    return text.replaceAll("\\s+", " ");
  }

  /**
   * Writes back what programs wrote to a disk as a file. A filesystem then reads it from the disk.
   */
  static void sync(Task current, BlockDevice disk) throws ErrnoException {
    int result = disk.sync(current);
    if (result != 0) {
      throw new ErrnoException(
          -result, disk.name() + ": what was written to it can't be written back");
    }
  }

  /**
   * Finds the mount whose root a path leads to.
   *
   * @throws ErrnoException EINVAL if it leads to another place, or the error of the walk
   */
  private Mount find(Task current, @Nullable Dentry base, byte[] path, boolean follow)
      throws ErrnoException {
    Mount mount = namei.mounts().find(namei.lookup(current, base, path, follow).inode());
    if (mount == null) {
      throw new ErrnoException(
          Errno.EINVAL, new String(path, StandardCharsets.UTF_8) + ": nothing is mounted there");
    }
    return mount;
  }

  /**
   * Unmounts the filesystem at a path.
   *
   * @param current the calling task
   * @param base start of a relative path, or null for the root
   * @param path the path of its root
   * @param follow whether to follow a symbolic link at the end
   * @throws ErrnoException EINVAL: nothing is mounted there. EBUSY: it is in use. Or the error of
   *     its last writes; it is unmounted then
   */
  @LinuxSource(
      file = "fs/namespace.c",
      name = {"ksys_umount", "do_umount"})
  void umount(Task current, @Nullable Dentry base, byte[] path, boolean follow)
      throws ErrnoException {
    Mount mount = find(current, base, path, follow);
    if (!namei.mounts().remove(current, mount)) {
      throw new ErrnoException(Errno.EBUSY, mount.path() + ": is in use");
    }
    Teardown teardown = new Teardown();
    release(current, mount.sb(), teardown);
    teardown.finish();
  }

  /** Unmounts a filesystem that no path leads to, and releases its disk. */
  private void release(Task current, SuperBlock sb, Teardown teardown) {
    teardown.run(() -> sb.deactivate(current));
    teardown.run(() -> sb.unmount(current));
    current.abandonCall(); // if that threw
    BlockDevice disk = disks.remove(sb);
    if (disk != null) {
      teardown.run(() -> sync(current, disk));
      disk.unclaim(this);
    }
  }

  /**
   * Changes the options of the filesystem at a path.
   *
   * @param current the calling task
   * @param base start of a relative path, or null for the root
   * @param path the path of its root
   * @param wanted ro, rw, or neither for no change, and options in the filesystem's own words
   * @throws ErrnoException EINVAL: nothing is mounted there, or an option. EBUSY: a file is open
   *     for writing. EACCES: the disk is read-only. Or the filesystem's error
   */
  @LinuxSource(file = "fs/namespace.c", name = "do_remount")
  void remount(Task current, @Nullable Dentry base, byte[] path, Options wanted)
      throws ErrnoException {
    Mount mount = find(current, base, path, true);
    boolean readOnly = wanted.readOnly(mount.sb().readOnly());
    BlockDevice disk = disks.get(mount.sb());
    if (!readOnly && disk != null && disk.readOnly()) {
      throw new ErrnoException(Errno.EACCES, disk.name() + " can't be written to");
    }
    try {
      namei.mounts().remount(current, mount, readOnly, wanted);
    } catch (RuntimeException | Error e) {
      current.abandonCall();
      ErrnoException failed =
          new ErrnoException(
              Errno.EIO,
              mount.path()
                  + ": its remount threw "
                  + oneLine(String.valueOf(e))
                  + mount.sb().shutDown());
      failed.initCause(e);
      throw failed;
    }
  }

  /** Returns the mounted filesystems, in the order of their mounts. */
  List<SuperBlock> superBlocks() {
    return namei.mounts().mounts().stream().map(Mount::sb).toList();
  }

  /** Unmounts all filesystems, each after those mounted in it, whether in use or not. */
  void unmountAll(Task current, Teardown teardown) {
    for (Mount mount : namei.mounts().mounts()) {
      unmountTree(current, mount, teardown);
    }
  }

  private void unmountTree(Task current, Mount top, Teardown teardown) {
    for (Mount mount : namei.mounts().mounts()) {
      if (mount.directory().sb() == top.root().sb()) {
        unmountTree(current, mount, teardown); // bounded by the number of mounts
      }
    }
    if (namei.mounts().takeAway(top)) {
      release(current, top.sb(), teardown);
    }
  }
}
