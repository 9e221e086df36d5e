// SPDX-License-Identifier: GPL-2.0-only
package com.example.myfs;

import io.pollux.core.filemap.Filemap;
import io.pollux.core.filemap.Mapping;
import io.pollux.core.mm.IovIter;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.File;
import io.pollux.core.vfs.FileOperations;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.Kiocb;
import io.pollux.iomap.Iomap;
import io.pollux.iomap.IomapDio;
import io.pollux.iomap.IomapOps;
import io.pollux.iomap.IomapPages;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Stat;
import io.pollux.uapi.StatMode;

/** A file. It maps positions to the disk, and iomap makes the reads. */
final class MyFsFile extends Inode implements IomapOps, FileOperations {
  private final MyFsSuper sb;
  private final Table.Entry entry;
  private final Mapping mapping;

  MyFsFile(MyFsSuper sb, int ino, Table.Entry entry) {
    super(sb, ino, StatMode.S_IFREG | 0444);
    this.sb = sb;
    this.entry = entry;
    mapping = new Mapping(sb.bdev.pageCache(), new IomapPages(this, this, null));
  }

  String name() {
    return entry.name();
  }

  /** Maps a position: the extent, or a hole after it. Runs for each direct request. */
  @Override
  public int iomapBegin(Task current, Inode inode, long pos, long length, int flags, Iomap iomap) {
    long end = entry.blocks() * MyFs.BLOCK;
    if (pos < end) {
      iomap.setMapped(false, 0, end, entry.addr(), sb.bdev);
    } else {
      iomap.setHole(end, Long.MAX_VALUE - end);
    }
    return 0;
  }

  @Override
  public boolean hasReadIter() {
    return true;
  }

  @Override
  public long readIter(Task current, Kiocb iocb, IovIter to) {
    if (!iRwsem.downRead(current, iocb.has(Kiocb.IOCB_NOWAIT))) {
      return -Errno.EAGAIN;
    }
    try {
      return iocb.has(Kiocb.IOCB_DIRECT)
          ? IomapDio.rw(current, this, iocb, to, this, null)
          : Filemap.read(current, iocb, to, mapping);
    } finally {
      iRwsem.upRead();
    }
  }

  @Override
  public boolean canDirect() {
    return true;
  }

  @Override
  public boolean canNowait() {
    return true;
  }

  @Override
  public boolean hasIopoll() {
    return true;
  }

  @Override
  public int iopoll(Kiocb iocb, boolean spin) {
    return IomapDio.iopoll(iocb, spin);
  }

  @Override
  public boolean needsPolling(Kiocb iocb) {
    return IomapDio.needsPolling(iocb);
  }

  @Override
  public boolean hasFsync() {
    return true;
  }

  @Override
  public int fsync(Task current, File file, long start, long end, boolean datasync) {
    return 0; // nothing is ever written
  }

  @Override
  public long size() {
    return entry.size();
  }

  @Override
  public Mapping mapping() {
    return mapping;
  }

  @Override
  public FileOperations fop() {
    return this;
  }

  @Override
  protected void getattr(Task current, long stat) {
    Stat.stBlksize(stat, MyFs.BLOCK);
    Stat.stBlocks(stat, entry.blocks() * (MyFs.BLOCK / 512));
  }
}
