// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import io.pollux.core.filemap.PageIo;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.mm.Slab;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Inode;
import io.pollux.uapi.LinuxSource;
import org.jspecify.annotations.Nullable;

/**
 * Reads and writes back the pages of a file that is mapped to extents.
 *
 * <p>Holes, reserved and unwritten extents read as zeroes, and so does the range beyond the end of
 * the file. Write-back writes whole blocks, so that the last block holds zeroes after the end of
 * the file. It never drops data: bytes over a hole that are not zero fail with EIO, and the file
 * keeps the error for fsync.
 */
@LinuxSource(
    file = "fs/iomap.c",
    name = {"iomap_readpage", "iomap_readpages"})
public final class IomapPages implements PageIo {
  private final Inode inode;
  private final IomapOps ops;
  private final @Nullable IomapWritebackOps writeback;

  /**
   * Makes the page operations of one file.
   *
   * @param inode the file
   * @param ops the filesystem's mapping
   * @param writeback maps dirty pages for write-back; null if every page that is dirtied lies over
   *     blocks that have been written
   */
  public IomapPages(Inode inode, IomapOps ops, @Nullable IomapWritebackOps writeback) {
    this.inode = inode;
    this.ops = ops;
    this.writeback = writeback;
  }

  Inode inode() {
    return inode;
  }

  IomapOps ops() {
    return ops;
  }

  @Nullable IomapWritebackOps writeback() {
    return writeback;
  }

  @Override
  public long size() {
    return inode.size();
  }

  @Override
  public void writeSize(long end) {
    inode.iSizeWrite(end);
  }

  @Override
  public int readPages(Task current, long index, long[] addresses, int count) {
    return transfer(current, index, addresses, count, false);
  }

  /**
   * Writes pages back with the pages locked and without iRwsem: reclaim for any file may call this.
   */
  @Override
  @LinuxSource(file = "fs/xfs/xfs_aops.c", name = "xfs_vm_writepages")
  public int writePages(Task current, long index, long[] addresses, int count) {
    return transfer(current, index, addresses, count, true);
  }

  private int transfer(Task current, long index, long[] addresses, int count, boolean write) {
    PageWalk walk =
        PageWalk.get(this, current, index << HostMemory.PAGE_SHIFT, addresses, count, write);
    int result = walk.run(current);
    Slab.free(walk);
    return result;
  }
}
