// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import io.pollux.core.ErrnoException;
import io.pollux.core.mm.AddressSpace;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.mm.IovIter;
import io.pollux.core.mm.IovecIter;
import io.pollux.core.mm.Slab;
import io.pollux.core.sched.Task;
import io.pollux.core.trace.Trace;
import io.pollux.core.vfs.Dentry;
import io.pollux.core.vfs.DirContext;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FilesStruct;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Kiocb;
import io.pollux.core.vfs.Namei;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.LinuxDirent64;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.OpenHow;
import io.pollux.uapi.RawMemory;
import io.pollux.uapi.Stat;
import io.pollux.uapi.StatMode;
import java.lang.foreign.Arena;

/** Calls on files: open, stat, read, write, list. Each handler implements one call. */
final class FileCalls {
  private static final Slab<Kiocb> SYNC_KIOCBS = new Slab<>(Kiocb::new); // C: on the stack

  private final Namei namei;

  FileCalls(Namei namei) {
    this.namei = namei;
  }

  // Descriptors.

  static File fget(Task current, int fd) throws ErrnoException {
    File file = FilesStruct.of(current).fget(fd);
    if (file == null) {
      throw new ErrnoException(Errno.EBADF);
    }
    int result = file.inode().sb().enter(current);
    if (result != 0) {
      file.fput(current);
      throw new ErrnoException(-result);
    }
    return file;
  }

  /** Looks up a file that may be open with O_PATH. */
  static File fgetRaw(Task current, int fd) throws ErrnoException {
    File file = FilesStruct.of(current).fgetRaw(fd);
    if (file == null) {
      throw new ErrnoException(Errno.EBADF);
    }
    return file;
  }

  /** Implements openat(2), and open(2) with AT_FDCWD. */
  @LinuxSource(file = "fs/open.c", name = "do_sys_open")
  long openat(Task current, int dirfd, long pathname, int flags, int mode) throws ErrnoException {
    byte[] path = UserPath.bytes(current, pathname);
    Dentry base = UserPath.base(current, dirfd, path);
    return install(current, namei.open(current, base, path, flags, mode), flags);
  }

  private static int install(Task current, File file, int flags) {
    int fd = FilesStruct.of(current).install(file);
    if (fd < 0) {
      file.fput(current);
    }
    return (flags & Fcntl.O_CLOEXEC) != 0 ? DescriptorCalls.closeOnExec(current, fd) : fd;
  }

  /** Implements openat2(2), which is newer than the series. */
  @LinuxSource(
      file = "fs/open.c",
      name = {"sys_openat2", "copy_struct_from_user"})
  long openat2(Task current, int dirfd, long pathname, long how, long size) throws ErrnoException {
    if (Long.compareUnsigned(size, OpenHow.SIZE) < 0) {
      return -Errno.EINVAL;
    }
    if (Long.compareUnsigned(size, HostMemory.PAGE_SIZE) > 0) {
      return -Errno.E2BIG;
    }
    if (!current.mm().accessOk(how, size, false)) {
      return -Errno.EFAULT;
    }
    for (long at = OpenHow.SIZE; at < size; at++) {
      if (RawMemory.getByte(how + at) != 0) {
        return -Errno.E2BIG;
      }
    }
    long flags = OpenHow.flags(how);
    long mode = OpenHow.mode(how);
    long resolve = OpenHow.resolve(how);
    byte[] path = UserPath.bytes(current, pathname);
    Dentry base =
        (resolve & Fcntl.RESOLVE_IN_ROOT) == 0 || path.length == 0
            ? UserPath.base(current, dirfd, path)
            : UserPath.baseOf(current, dirfd);
    return install(current, namei.open2(current, base, path, flags, mode, resolve), (int) flags);
  }

  // Attributes.

  /** Implements stat(2) and lstat(2). */
  long stat(Task current, long pathname, long statbuf, boolean follow) throws ErrnoException {
    return putStat(current, UserPath.find(current, namei, pathname, follow).inode(), statbuf);
  }

  /** Implements fstat(2). */
  @LinuxSource(file = "fs/stat.c", name = "newfstat")
  long fstat(Task current, int fd, long statbuf) throws ErrnoException {
    File file = fgetRaw(current, fd);
    try {
      return putStat(current, file.inode(), statbuf);
    } finally {
      file.fput(current);
    }
  }

  static int putStat(Task current, Inode inode, long statbuf) throws ErrnoException {
    try (Arena arena = Arena.ofConfined()) {
      long stat = arena.allocate(Stat.SIZE, Long.BYTES).address();
      inode.fillStat(current, stat);
      return current.mm().copyToUser(statbuf, stat, Stat.SIZE);
    }
  }

  static void putBytes(long address, byte[] bytes, int count) {
    for (int i = 0; i < count; i++) {
      RawMemory.putByte(address + i, bytes[i]);
    }
  }

  /** Implements lseek(2). */
  @LinuxSource(
      file = "fs/read_write.c",
      name = {"ksys_lseek", "vfs_llseek"})
  long lseek(Task current, int fd, long offset, int whence) throws ErrnoException {
    File file = fget(current, fd);
    try {
      return file.op().canSeek() ? file.op().llseek(current, file, offset, whence) : -Errno.ESPIPE;
    } finally {
      file.fput(current);
    }
  }

  /** Implements fsync(2) and fdatasync(2). */
  long fsync(Task current, int fd, boolean datasync) throws ErrnoException {
    File file = fget(current, fd);
    try {
      return file.fsync(current, datasync);
    } finally {
      file.fput(current);
    }
  }

  // Directories.

  /** Implements getdents64(2). */
  @LinuxSource(
      file = "fs/readdir.c",
      name = {"ksys_getdents64", "filldir64"})
  long getdents64(Task current, int fd, long dirent, int count) throws ErrnoException {
    File file = fget(current, fd);
    try {
      if (!file.inode().isType(StatMode.S_IFDIR)) {
        return -Errno.ENOTDIR;
      }
      Filler filler = new Filler(current.mm(), file.pos(), dirent, Integer.toUnsignedLong(count));
      int result = file.iterateDir(current, filler);
      file.setPos(filler.pos());
      if (filler.filled > 0) {
        return filler.filled;
      }
      return result != 0 ? result : filler.error;
    } finally {
      file.fput(current);
    }
  }

  /** Writes linux_dirent64 records into user memory. */
  private static final class Filler extends DirContext {
    private final AddressSpace mm;
    private final long start;
    private final long room;
    private long filled;
    private int error;

    Filler(AddressSpace mm, long pos, long start, long room) {
      super(pos);
      this.mm = mm;
      this.start = start;
      this.room = room;
    }

    @Override
    protected boolean actor(byte[] name, long ino, int type, long next) {
      long bytes = (LinuxDirent64.SIZE + name.length + 1 + 7) & -8L;
      if (bytes > room - filled) {
        error = -Errno.EINVAL; // reported only if no record fits
        return false;
      }
      long record = start + filled;
      if (!mm.accessOk(record, bytes, true)) {
        error = -Errno.EFAULT;
        return false;
      }
      RawMemory.zero(record, bytes);
      LinuxDirent64.dIno(record, ino);
      LinuxDirent64.dOff(record, next);
      LinuxDirent64.dReclen(record, (short) bytes);
      LinuxDirent64.dType(record, (byte) type);
      putBytes(record + LinuxDirent64.SIZE, name, name.length);
      filled += bytes;
      return true;
    }
  }

  // Reading and writing.

  /** Implements read(2). */
  long read(Task current, int fd, long buf, long count) throws ErrnoException {
    return rw(current, fd, buf, count, true, false, POS_OF_FILE, 0);
  }

  /** Implements write(2). */
  long write(Task current, int fd, long buf, long count) throws ErrnoException {
    return rw(current, fd, buf, count, false, false, POS_OF_FILE, 0);
  }

  /** Implements pread64(2). */
  @LinuxSource(file = "fs/read_write.c", name = "ksys_pread64")
  long pread64(Task current, int fd, long buf, long count, long pos) throws ErrnoException {
    return pos < 0 ? -Errno.EINVAL : rw(current, fd, buf, count, true, false, pos, 0);
  }

  /** Implements pwrite64(2). */
  @LinuxSource(file = "fs/read_write.c", name = "ksys_pwrite64")
  long pwrite64(Task current, int fd, long buf, long count, long pos) throws ErrnoException {
    return pos < 0 ? -Errno.EINVAL : rw(current, fd, buf, count, false, false, pos, 0);
  }

  /** Implements preadv(2). */
  long preadv(Task current, int fd, long iov, long iovcnt, long pos) throws ErrnoException {
    return pos < 0 ? -Errno.EINVAL : rw(current, fd, iov, iovcnt, true, true, pos, 0);
  }

  /** Implements pwritev(2). */
  long pwritev(Task current, int fd, long iov, long iovcnt, long pos) throws ErrnoException {
    return pos < 0 ? -Errno.EINVAL : rw(current, fd, iov, iovcnt, false, true, pos, 0);
  }

  /** Implements preadv2(2), and readv(2) without flags. Position -1 is the file's own. */
  @LinuxSource(
      file = "fs/read_write.c",
      name = {"do_preadv", "do_readv"})
  long preadv2(Task current, int fd, long iov, long iovcnt, long pos, int flags)
      throws ErrnoException {
    return pos < -1 ? -Errno.EINVAL : rw(current, fd, iov, iovcnt, true, true, pos, flags);
  }

  /** Implements pwritev2(2), and writev(2) without flags. Position -1 is the file's own. */
  @LinuxSource(
      file = "fs/read_write.c",
      name = {"do_pwritev", "do_writev"})
  long pwritev2(Task current, int fd, long iov, long iovcnt, long pos, int flags)
      throws ErrnoException {
    return pos < -1 ? -Errno.EINVAL : rw(current, fd, iov, iovcnt, false, true, pos, flags);
  }

  static final long POS_OF_FILE = -1;

  /** Implements all of them: checks, an iterator, a synchronous kiocb. */
  @LinuxSource(
      file = "fs/read_write.c",
      name = {
        "vfs_read",
        "vfs_write",
        "vfs_readv",
        "vfs_writev",
        "new_sync_read",
        "rw_verify_area"
      })
  private static long rw(
      Task current,
      int fd,
      long buf,
      long count,
      boolean read,
      boolean vectored,
      long at,
      int flags)
      throws ErrnoException {
    File file = fget(current, fd);
    try {
      if (!(read ? file.readable() : file.writable())) {
        return -Errno.EBADF;
      }
      if (file.inode().isType(StatMode.S_IFDIR)) {
        return -Errno.EISDIR;
      }
      if (!(read ? file.op().hasReadIter() : file.op().hasWriteIter())) {
        return -Errno.EINVAL;
      }
      if (at != POS_OF_FILE && !file.op().canSeek()) {
        return -Errno.ESPIPE;
      }
      if (!vectored && !AddressSpace.isUserRange(buf, count)) {
        // C: access_ok on the whole length; the cut to MAX_RW_COUNT comes later
        return -Errno.EFAULT;
      }
      IovecIter iter = current.iovecIter();
      int result =
          vectored
              ? iter.importIovec(current.mm(), read, buf, count)
              : iter.importSingleRange(current.mm(), read, buf, count);
      if (result != 0) {
        return result;
      }
      if (vectored && iter.count() == 0) {
        return 0; // C: vfs_readv and vfs_writev, before they check the flags
      }
      boolean changes = !read && file.inode().isType(StatMode.S_IFREG);
      if (changes) {
        file.inode().sb().wantWrite(current); // C: file_start_write
      }
      Kiocb iocb = SYNC_KIOCBS.alloc(current);
      long moved;
      try {
        moved = transfer(current, file, iocb, iter, at, flags);
      } finally {
        if (changes) {
          file.inode().sb().dropWrite();
        }
      }
      iocb.kiFilp = null;
      Slab.free(iocb); // not freed if the file threw: a request may still refer to it
      return moved;
    } finally {
      if (Trace.on()) {
        current.setTraceId(0);
      }
      file.fput(current);
    }
  }

  private static long transfer(
      Task current, File file, Kiocb iocb, IovIter iter, long at, int flags) {
    boolean ownPosition = at == POS_OF_FILE;
    iocb.init(file, null);
    iocb.kiPos = ownPosition ? file.pos() : at;
    if (iocb.kiPos + iter.count() < 0) {
      return -Errno.EINVAL;
    }
    int result = iocb.setRwFlags(flags);
    if (result != 0) {
      return result;
    }
    if (!file.op().hasIopoll() || !iocb.has(Kiocb.IOCB_DIRECT)) {
      iocb.kiFlags &= ~Kiocb.IOCB_HIPRI; // a hint without effect here
    }
    if (Trace.on()) {
      iocb.newTraceId();
      current.setTraceId(iocb.traceId());
    }
    long moved;
    if (iter.intoMemory()) {
      moved = file.op().readIter(current, iocb, iter);
    } else {
      iocb.kiFlags |= Kiocb.IOCB_WRITE;
      moved = file.op().writeIter(current, iocb, iter);
    }
    assert moved != -Kiocb.EIOCBQUEUED : "a synchronous request was queued";
    if (ownPosition && moved > 0) {
      file.setPos(iocb.kiPos);
    }
    return moved;
  }
}
