// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import io.pollux.core.ErrnoException;
import io.pollux.core.filemap.Mapping;
import io.pollux.core.mm.AddressSpace;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.FiemapExtentInfo;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.Fileattr;
import io.pollux.core.vfs.FilesStruct;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.SuperBlock;
import io.pollux.uapi.Capability;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Fiemap;
import io.pollux.uapi.FileIoctl;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.RawMemory;
import io.pollux.uapi.Stat;
import io.pollux.uapi.StatMode;
import io.pollux.uapi.Statfs;
import java.lang.foreign.Arena;

/** ioctl: requests common to all files, and dispatch to the file's own. */
final class IoctlCalls {
  private static final int SECTOR_SHIFT = 9; // of st_blocks

  /** Maximum position in a file, in every filesystem here. */
  @LinuxSource(
      file = "include/linux/fs.h",
      name = {"MAX_LFS_FILESIZE", "s_maxbytes"})
  private static final long MAX_LFS_FILESIZE = Long.MAX_VALUE;

  private IoctlCalls() {}

  /** Implements ioctl(2). */
  @LinuxSource(
      file = "fs/ioctl.c",
      name = {"ksys_ioctl", "do_vfs_ioctl"})
  static long ioctl(Task current, int fd, int cmd, long arg) throws ErrnoException {
    File file = FileCalls.fget(current, fd);
    try {
      return switch (cmd) {
        case FileIoctl.FIOCLEX -> FilesStruct.of(current).setFd(fd, Fcntl.FD_CLOEXEC);
        case FileIoctl.FIONCLEX -> FilesStruct.of(current).setFd(fd, 0);
        case FileIoctl.FIONBIO -> nonblock(current, file, arg);
        case FileIoctl.FIOASYNC -> async(current, file, arg);
        case FileIoctl.FIOQSIZE -> putStored(current, file.inode(), arg);
        case FileIoctl.FIGETBSZ -> putBlockSize(current, file.inode(), arg);
        case FileIoctl.FICLONE -> CloneCalls.clone(current, file, (int) arg, 0, 0, 0);
        case FileIoctl.FICLONERANGE -> CloneCalls.cloneRange(current, file, arg);
        case FileIoctl.FIDEDUPERANGE -> CloneCalls.dedupe(current, file, arg);
        case FileIoctl.FIBMAP -> blockDeviceOr(file, cmd, arg, current, -Errno.EINVAL);
        case FileIoctl.FS_IOC_GETFLAGS -> getFlags(current, file.inode(), arg);
        case FileIoctl.FS_IOC_FSGETXATTR -> fsGetXattr(current, file.inode(), arg);
        case FileIoctl.FS_IOC_SETFLAGS -> setFlags(current, file.inode(), arg);
        case FileIoctl.FS_IOC_FSSETXATTR -> fsSetXattr(current, file.inode(), arg);
        case FileIoctl.FIFREEZE -> freeze(current, file, true);
        case FileIoctl.FITHAW -> freeze(current, file, false);
        case FileIoctl.FS_IOC_FIEMAP -> fiemap(current, file.inode(), arg);
        case FileIoctl.FIONREAD ->
            file.inode().isType(StatMode.S_IFREG)
                ? putInt(current, arg, (int) (file.inode().size() - file.pos()))
                : file.op().ioctl(current, file, cmd, arg);
        default -> file.op().ioctl(current, file, cmd, arg);
      };
    } finally {
      file.fput(current);
    }
  }

  @LinuxSource(
      file = "fs/ioctl.c",
      name = {"ioctl_fsfreeze", "ioctl_fsthaw"})
  private static long freeze(Task current, File file, boolean on) {
    if (!current.cred().capable(Capability.CAP_SYS_ADMIN)) {
      return -Errno.EPERM;
    }
    SuperBlock sb = file.inode().sb();
    if (on && !sb.canFreeze()) {
      return -Errno.EOPNOTSUPP;
    }
    return on ? sb.freeze(current) : sb.thaw(current);
  }

  private static long blockDeviceOr(File file, int cmd, long arg, Task current, long otherwise) {
    return file.inode().isType(StatMode.S_IFREG)
        ? otherwise
        : file.op().ioctl(current, file, cmd, arg);
  }

  @LinuxSource(file = "fs/file_attr.c", name = "ioctl_getflags")
  private static long getFlags(Task current, Inode inode, long arg) throws ErrnoException {
    Fileattr attributes = inode.fileattrGet(current);
    return attributes == null ? -Errno.ENOTTY : putInt(current, arg, attributes.flags());
  }

  @LinuxSource(
      file = "fs/file_attr.c",
      name = {"ioctl_fsgetxattr", "copy_fsxattr_to_user"})
  private static long fsGetXattr(Task current, Inode inode, long arg) throws ErrnoException {
    Fileattr attributes = inode.fileattrGet(current);
    if (attributes == null || !attributes.hasFsx()) {
      return -Errno.ENOTTY;
    }
    if (!current.mm().accessOk(arg, FileIoctl.FSXATTR_SIZE, true)) {
      return -Errno.EFAULT;
    }
    RawMemory.zero(arg, FileIoctl.FSXATTR_SIZE);
    RawMemory.putInt(arg, attributes.xflags());
    RawMemory.putInt(arg, 4, attributes.extsize());
    RawMemory.putInt(arg, 8, attributes.nextents());
    RawMemory.putInt(arg, 12, attributes.projid());
    RawMemory.putInt(arg, 16, attributes.cowextsize());
    return 0;
  }

  @LinuxSource(file = "fs/file_attr.c", name = "ioctl_setflags")
  private static long setFlags(Task current, Inode inode, long arg) throws ErrnoException {
    if (!current.mm().accessOk(arg, Integer.BYTES, false)) {
      return -Errno.EFAULT;
    }
    Fileattr.set(current, inode, Fileattr.ofFlags(RawMemory.getInt(arg)));
    return 0;
  }

  @LinuxSource(
      file = "fs/file_attr.c",
      name = {"ioctl_fssetxattr", "copy_fsxattr_from_user"})
  private static long fsSetXattr(Task current, Inode inode, long arg) throws ErrnoException {
    if (!current.mm().accessOk(arg, FileIoctl.FSXATTR_SIZE, false)) {
      return -Errno.EFAULT;
    }
    int xflags = RawMemory.getInt(arg);
    Fileattr.set(
        current,
        inode,
        new Fileattr(
            Fileattr.flagsOf(xflags),
            xflags,
            RawMemory.getInt(arg, 4),
            0,
            RawMemory.getInt(arg, 12),
            RawMemory.getInt(arg, 16),
            true));
    return 0;
  }

  @LinuxSource(
      file = "fs/ioctl.c",
      name = {"ioctl_fiemap", "fiemap_check_ranges"})
  private static long fiemap(Task current, Inode inode, long arg) {
    if (!inode.hasFiemap()) {
      return -Errno.EOPNOTSUPP;
    }
    if (!current.mm().accessOk(arg, Fiemap.SIZE, false)) {
      return -Errno.EFAULT;
    }
    long start = RawMemory.getLong(arg, Fiemap.FM_START);
    long length = RawMemory.getLong(arg, Fiemap.FM_LENGTH);
    int flags = RawMemory.getInt(arg, Fiemap.FM_FLAGS);
    int count = RawMemory.getInt(arg, Fiemap.FM_EXTENT_COUNT);
    if (Integer.compareUnsigned(count, Fiemap.FIEMAP_MAX_EXTENTS) > 0 || length == 0) {
      return -Errno.EINVAL;
    }
    if (start < 0) {
      return -Errno.EFBIG;
    }
    long extents = arg + Fiemap.SIZE;
    if (!AddressSpace.isUserRange(extents, (long) count * Fiemap.EXTENT_SIZE)) {
      return -Errno.EFAULT;
    }
    if (length < 0 || length > MAX_LFS_FILESIZE - start) {
      length = MAX_LFS_FILESIZE - start;
    }
    Mapping mapping = Mapping.of(inode);
    int result = 0;
    if ((flags & Fiemap.FIEMAP_FLAG_SYNC) != 0 && mapping != null) {
      result = mapping.writeAndWaitRange(current, 0, Long.MAX_VALUE);
    }
    FiemapExtentInfo info = new FiemapExtentInfo(flags, extents, count);
    if (result == 0) {
      result = inode.fiemap(current, info, start, length);
    }
    if (!current.mm().accessOk(arg, Fiemap.SIZE, true)) {
      return -Errno.EFAULT;
    }
    RawMemory.putInt(arg, Fiemap.FM_FLAGS, info.flags());
    RawMemory.putInt(arg, Fiemap.FM_MAPPED_EXTENTS, (int) info.mapped());
    return result;
  }

  private static long putInt(Task current, long arg, int value) {
    if (!current.mm().accessOk(arg, Integer.BYTES, true)) {
      return -Errno.EFAULT;
    }
    RawMemory.putInt(arg, value);
    return 0;
  }

  @LinuxSource(file = "fs/ioctl.c", name = "ioctl_fionbio")
  private static long nonblock(Task current, File file, long arg) {
    if (!current.mm().accessOk(arg, Integer.BYTES, false)) {
      return -Errno.EFAULT;
    }
    file.setNonblock(RawMemory.getInt(arg) != 0);
    return 0;
  }

  /** No file here sends signals, so O_ASYNC cannot be set. */
  @LinuxSource(file = "fs/ioctl.c", name = "ioctl_fioasync")
  private static long async(Task current, File file, long arg) {
    if (!current.mm().accessOk(arg, Integer.BYTES, false)) {
      return -Errno.EFAULT;
    }
    boolean on = RawMemory.getInt(arg) != 0;
    return on == ((file.flags() & Fcntl.O_ASYNC) != 0) ? 0 : -Errno.ENOTTY;
  }

  private static long putStored(Task current, Inode inode, long arg) throws ErrnoException {
    if (!inode.isType(StatMode.S_IFREG)
        && !inode.isType(StatMode.S_IFDIR)
        && !inode.isType(StatMode.S_IFLNK)) {
      return -Errno.ENOTTY;
    }
    if (!current.mm().accessOk(arg, Long.BYTES, true)) {
      return -Errno.EFAULT;
    }
    try (Arena arena = Arena.ofConfined()) {
      long stat = arena.allocate(Stat.SIZE, Long.BYTES).address();
      inode.fillStat(current, stat);
      RawMemory.putLong(arg, Stat.stBlocks(stat) << SECTOR_SHIFT);
    }
    return 0;
  }

  private static long putBlockSize(Task current, Inode inode, long arg) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      long statfs = arena.allocate(Statfs.SIZE, Long.BYTES).address();
      inode.sb().fillStatfs(current, statfs);
      return putInt(current, arg, (int) Statfs.fBsize(statfs));
    }
  }
}
