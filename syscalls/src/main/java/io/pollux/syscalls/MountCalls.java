// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import io.pollux.block.BlockDevice;
import io.pollux.block.bdev.BdevInode;
import io.pollux.block.bdev.FileSystemType;
import io.pollux.core.ErrnoException;
import io.pollux.core.Oops;
import io.pollux.core.Options;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Dentry;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Namei;
import io.pollux.uapi.Capability;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.MountFlags;
import io.pollux.uapi.StatMode;
import java.nio.charset.StandardCharsets;

/** The calls that mount filesystems. Each handler implements one call. */
final class MountCalls {
  private static final int PAGE = 4096;

  /** Flags without an effect here: there are no access times, and exec is the host's. */
  private static final long IGNORED =
      MountFlags.MS_NOSUID
          | MountFlags.MS_NODEV
          | MountFlags.MS_NOEXEC
          | MountFlags.MS_NOATIME
          | MountFlags.MS_NODIRATIME
          | MountFlags.MS_RELATIME
          | MountFlags.MS_SILENT;

  private final Kernel kernel;
  private final Namei namei;

  MountCalls(Kernel kernel) {
    this.kernel = kernel;
    namei = kernel.namei();
  }

  /** Implements mount(2): a new mount of a disk, or a remount. */
  @LinuxSource(
      file = "fs/namespace.c",
      name = {"ksys_mount", "do_mount"})
  long mount(Task current, long source, long target, long type, long flags, long data)
      throws ErrnoException {
    byte[] typeName = type == 0 ? null : string(current, type);
    byte[] device = source == 0 ? null : string(current, source);
    String words = data == 0 ? "" : text(string(current, data));
    long valid =
        (flags & MountFlags.MS_MGC_MSK) == MountFlags.MS_MGC_VAL
            ? flags & ~MountFlags.MS_MGC_MSK
            : flags;
    byte[] path = UserPath.bytes(current, target);
    if ((valid & ~(IGNORED | MountFlags.MS_RDONLY | MountFlags.MS_REMOUNT)) != 0) {
      return -Errno.EINVAL;
    }
    boolean readOnly = (valid & MountFlags.MS_RDONLY) != 0;
    if ((valid & MountFlags.MS_REMOUNT) != 0) {
      String all = (readOnly ? "ro" : "rw") + (words.isEmpty() ? "" : "," + words);
      Dentry base = UserPath.base(current, Fcntl.AT_FDCWD, path);
      mayMount(current);
      kernel.mounts().remount(current, base, path, Options.parse(all));
      return 0;
    }
    Dentry at = lookup(current, path);
    mayMount(current);
    if (typeName == null) {
      return -Errno.EINVAL;
    }
    FileSystemType fileSystem = kernel.providers().fileSystem(text(typeName));
    if (device == null) {
      return -Errno.EINVAL;
    }
    Options options = Options.parse(words);
    try {
      BlockDevice disk = disk(current, device);
      boolean ro = options.readOnly(readOnly);
      kernel.mounts().mount(current, at, fileSystem, disk, ro, options);
    } catch (ErrnoException e) {
      Throwable cause = e.getCause();
      if (cause != null) { // of the filesystem, which no program can see
        Oops.report("mount of " + fileSystem.name(), cause, "the call fails with EIO");
      }
      throw e;
    }
    return 0;
  }

  @LinuxSource(file = "fs/namespace.c", name = "may_mount")
  private static void mayMount(Task current) throws ErrnoException {
    if (!current.cred().capable(Capability.CAP_SYS_ADMIN)) {
      throw new ErrnoException(Errno.EPERM);
    }
  }

  private Dentry lookup(Task current, byte[] path) throws ErrnoException {
    return namei.lookup(current, UserPath.base(current, Fcntl.AT_FDCWD, path), path, true);
  }

  @LinuxSource(file = "fs/block_dev.c", name = "lookup_bdev")
  private BlockDevice disk(Task current, byte[] path) throws ErrnoException {
    Inode inode = lookup(current, path).inode();
    if (!inode.isType(StatMode.S_IFBLK)) {
      throw new ErrnoException(Errno.ENOTBLK);
    }
    if (!(inode instanceof BdevInode node)) {
      throw new ErrnoException(Errno.ENXIO); // a device node without a device
    }
    return node.bdev();
  }

  /** Copies a string of at most a page. A longer one is EINVAL. */
  @LinuxSource(
      file = "fs/namespace.c",
      name = {"copy_mount_string", "copy_mount_options"})
  private static byte[] string(Task current, long address) throws ErrnoException {
    byte[] string = current.mm().stringFromUser(address, PAGE);
    if (string == null || string.length == PAGE) {
      throw new ErrnoException(string == null ? Errno.EFAULT : Errno.EINVAL);
    }
    return string;
  }

  private static String text(byte[] bytes) {
    return new String(bytes, StandardCharsets.UTF_8);
  }

  /** Implements umount2(2). MNT_FORCE has no effect, as with Linux's filesystems on disks. */
  @LinuxSource(file = "fs/namespace.c", name = "ksys_umount")
  long umount2(Task current, long target, int flags) throws ErrnoException {
    if ((flags & ~(MountFlags.MNT_FORCE | MountFlags.UMOUNT_NOFOLLOW)) != 0) {
      return -Errno.EINVAL;
    }
    boolean follow = (flags & MountFlags.UMOUNT_NOFOLLOW) == 0;
    mayMount(current);
    byte[] path = UserPath.bytes(current, target);
    Dentry base = UserPath.base(current, Fcntl.AT_FDCWD, path);
    kernel.mounts().umount(current, base, path, follow);
    return 0;
  }
}
