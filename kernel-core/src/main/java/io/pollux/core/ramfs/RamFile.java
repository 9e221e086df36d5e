// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.ramfs;

import io.pollux.core.mm.HostMemory;
import io.pollux.core.mm.IovIter;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Attr;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileOperations;
import io.pollux.core.vfs.Kiocb;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.RawMemory;

/**
 * A regular file in memory. A page is allocated by the first write to it; other pages are holes.
 * Bytes of a page after the end of the file are zero, so that an extended file reads as zeroes.
 *
 * <p>Pages and size change under iRwsem held exclusively, and are read under it held shared. The
 * eviction frees the pages without it; no other thread can then use them.
 */
@LinuxSource(file = "fs/ramfs/file-mmu.c")
final class RamFile extends RamInode {
  private static final long MAX_BYTES = Long.MAX_VALUE; // s_maxbytes, MAX_LFS_FILESIZE
  private static final int OFFSET_MASK = HostMemory.PAGE_SIZE - 1;

  private final Ramfs fs;
  private final RamMapping mapping = new RamMapping();
  private volatile long size;
  private volatile int nrPages;

  /**
   * Creates an empty file.
   *
   * @param fs the filesystem, which counted it
   * @param owner owner and mode
   * @param nlink 1, or 0 for a file that its last user frees
   */
  RamFile(Ramfs fs, Owner owner, int nlink) {
    super(fs, owner, nlink);
    this.fs = fs;
  }

  @Override
  public long size() {
    return size;
  }

  @Override
  public FileOperations fop() {
    return OPERATIONS;
  }

  @Override
  int nrPages() {
    return nrPages;
  }

  @Override
  void evict() {
    size = 0;
    freePages(0, Long.MAX_VALUE);
  }

  private void freePages(long first, long last) {
    if (first > last || mapping.size() == 0) {
      return;
    }
    long[] pages = mapping.removeRange(first, last);
    fs.pages().free(pages, pages.length);
    nrPages = mapping.size();
  }

  /** Returns the page at an index and allocates it in a hole. Returns 0 if no page is free. */
  private long grabPage(long index) {
    long page = mapping.get(index);
    if (page == 0) {
      page = fs.pages().allocate();
      if (page != 0) {
        mapping.put(index, page);
        nrPages = mapping.size();
      }
    }
    return page;
  }

  @LinuxSource(file = "mm/filemap.c", name = "generic_file_read_iter")
  private long read(Task current, Kiocb iocb, IovIter to) {
    iRwsem.downRead(current);
    try {
      long end = size;
      if (iocb.kiPos >= end) {
        return 0;
      }
      to.truncate(end - iocb.kiPos);
      long done = 0;
      while (to.count() > 0) {
        int offset = (int) iocb.kiPos & OFFSET_MASK;
        long step = Math.min(to.count(), HostMemory.PAGE_SIZE - offset);
        long page = mapping.get(iocb.kiPos >>> HostMemory.PAGE_SHIFT);
        long moved = page == 0 ? to.zero(step) : to.copyTo(page + offset, step);
        iocb.kiPos += moved;
        done += moved;
        if (moved < step) {
          return done > 0 ? done : -Errno.EFAULT;
        }
      }
      return done;
    } finally {
      iRwsem.upRead();
    }
  }

  @LinuxSource(
      file = "mm/filemap.c",
      name = {"generic_file_write_iter", "generic_write_checks"})
  private long write(Task current, Kiocb iocb, IovIter from) {
    if (from.count() == 0) {
      return 0;
    }
    iRwsem.downWrite(current);
    try {
      if (iocb.has(Kiocb.IOCB_APPEND)) {
        iocb.kiPos = size;
      }
      if (iocb.kiPos >= MAX_BYTES) {
        return -Errno.EFBIG;
      }
      from.truncate(MAX_BYTES - iocb.kiPos);
      removePrivs(current);
      long result = performWrite(iocb, from);
      if (result > 0) {
        size = Math.max(size, iocb.kiPos);
        modified();
      }
      return result;
    } finally {
      iRwsem.upWrite();
    }
  }

  @LinuxSource(file = "fs/inode.c", name = "file_remove_privs")
  private void removePrivs(Task current) {
    int dropped = Attr.removedPrivs(current, this);
    if (dropped != 0) {
      setMode(mode() & ~dropped);
    }
  }

  @LinuxSource(file = "mm/filemap.c", name = "generic_perform_write")
  private long performWrite(Kiocb iocb, IovIter from) {
    long done = 0;
    while (from.count() > 0) {
      long index = iocb.kiPos >>> HostMemory.PAGE_SHIFT;
      boolean hole = mapping.get(index) == 0;
      long page = grabPage(index);
      if (page == 0) {
        return done > 0 ? done : -Errno.ENOSPC;
      }
      int offset = (int) iocb.kiPos & OFFSET_MASK;
      long step = Math.min(from.count(), HostMemory.PAGE_SIZE - offset);
      long moved = from.copyFrom(page + offset, step);
      iocb.kiPos += moved;
      done += moved;
      if (moved < step) {
        if (moved == 0 && hole) {
          freePages(index, index);
        }
        return done > 0 ? done : -Errno.EFAULT;
      }
    }
    return done;
  }

  @Override
  @LinuxSource(file = "mm/truncate.c", name = "truncate_setsize")
  void resize(long bytes) {
    if (bytes <= size) { // at the same size too, to free what fallocate reserved after the end
      long kept = bytes >>> HostMemory.PAGE_SHIFT;
      int offset = (int) bytes & OFFSET_MASK;
      zeroInPage(kept, offset, HostMemory.PAGE_SIZE);
      size = bytes;
      freePages(offset == 0 ? kept : kept + 1, Long.MAX_VALUE);
    } else {
      size = bytes;
    }
  }

  private void zeroInPage(long index, int from, int to) {
    long page = mapping.get(index);
    if (page != 0 && from < to) {
      RawMemory.zero(page + from, to - from);
    }
  }

  /**
   * Finds data or a hole. Pages that fallocate reserved count as data. Returns a position, or
   * -ENXIO.
   */
  @LinuxSource(
      file = "mm/shmem.c",
      name = {"shmem_file_llseek", "shmem_seek_hole_data"})
  private long seekHoleData(Task current, long offset, boolean data) {
    iRwsem.downRead(current);
    try {
      if (offset < 0 || offset >= size) {
        return -Errno.ENXIO;
      }
      long index = offset >>> HostMemory.PAGE_SHIFT;
      long found =
          data
              ? mapping.nextPage(index, (size - 1) >>> HostMemory.PAGE_SHIFT)
              : mapping.nextHole(index);
      if (found < 0) {
        return -Errno.ENXIO;
      }
      // the only hole is the end of the file
      boolean behind = found > (size - 1) >>> HostMemory.PAGE_SHIFT;
      return found == index ? offset : behind ? size : found << HostMemory.PAGE_SHIFT;
    } finally {
      iRwsem.upRead();
    }
  }

  /** Reserves a range or punches a hole. The end of the range does not overflow. */
  @LinuxSource(file = "mm/shmem.c", name = "shmem_fallocate")
  private int fallocate(Task current, int mode, long offset, long length) {
    if ((mode & ~(Fcntl.FALLOC_FL_KEEP_SIZE | Fcntl.FALLOC_FL_PUNCH_HOLE)) != 0) {
      return -Errno.EOPNOTSUPP;
    }
    iRwsem.downWrite(current);
    try {
      if ((mode & Fcntl.FALLOC_FL_PUNCH_HOLE) != 0) {
        punch(offset, offset + length);
        modified();
        return 0;
      }
      int result = reserve(offset, offset + length);
      if (result == 0) {
        if ((mode & Fcntl.FALLOC_FL_KEEP_SIZE) == 0) {
          size = Math.max(size, offset + length);
        }
        changed();
      }
      return result;
    } finally {
      iRwsem.upWrite();
    }
  }

  private void punch(long start, long end) {
    long first = start >>> HostMemory.PAGE_SHIFT;
    long last = end >>> HostMemory.PAGE_SHIFT; // the page that end is in
    int head = (int) start & OFFSET_MASK;
    int tail = (int) end & OFFSET_MASK;
    if (first == last) {
      zeroInPage(first, head, tail);
      return;
    }
    if (head != 0) {
      zeroInPage(first, head, HostMemory.PAGE_SIZE);
      first++;
    }
    zeroInPage(last, 0, tail);
    freePages(first, last - 1);
  }

  /** Allocates a page for each hole of a range, or none. */
  private int reserve(long start, long end) {
    long first = start >>> HostMemory.PAGE_SHIFT;
    long last = (end - 1) >>> HostMemory.PAGE_SHIFT;
    if (last - first >= fs.pages().limit()) {
      return -Errno.ENOSPC;
    }
    long[] taken = new long[(int) (last - first) + 1];
    int count = 0;
    for (long index = first; index <= last; index++) { // bounded by the size of the filesystem
      if (mapping.get(index) == 0) {
        if (grabPage(index) == 0) {
          for (int i = 0; i < count; i++) {
            freePages(taken[i], taken[i]);
          }
          return -Errno.ENOSPC;
        }
        taken[count++] = index;
      }
    }
    return 0;
  }

  private static RamFile behind(File file) {
    return (RamFile) file.inode();
  }

  @LinuxSource(file = "fs/ramfs/file-mmu.c", name = "ramfs_file_operations")
  private static final FileOperations OPERATIONS =
      new FileOperations() {
        @Override
        public boolean hasReadIter() {
          return true;
        }

        @Override
        public long readIter(Task current, Kiocb iocb, IovIter to) {
          return behind(iocb.file()).read(current, iocb, to);
        }

        @Override
        public boolean hasWriteIter() {
          return true;
        }

        @Override
        public long writeIter(Task current, Kiocb iocb, IovIter from) {
          return behind(iocb.file()).write(current, iocb, from);
        }

        @Override
        public boolean hasFsync() {
          return true;
        }

        @Override
        @LinuxSource(file = "fs/libfs.c", name = "noop_fsync")
        public int fsync(Task current, File file, long start, long end, boolean datasync) {
          return 0; // memory has nothing more durable
        }

        @Override
        public long llseek(Task current, File file, long offset, int whence) {
          if (whence != Fcntl.SEEK_DATA && whence != Fcntl.SEEK_HOLE) {
            return FileOperations.super.llseek(current, file, offset, whence);
          }
          long found = behind(file).seekHoleData(current, offset, whence == Fcntl.SEEK_DATA);
          return found < 0 ? found : file.vfsSetpos(found);
        }

        @Override
        public int fallocate(Task current, File file, int mode, long offset, long length) {
          return behind(file).fallocate(current, mode, offset, length);
        }
      };
}
