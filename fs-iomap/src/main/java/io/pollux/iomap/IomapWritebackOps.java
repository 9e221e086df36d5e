// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.iomap;

import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Inode;
import io.pollux.uapi.Differs;
import io.pollux.uapi.LinuxSource;

/**
 * What a filesystem does when dirty pages are written back. All methods are called from process
 * context with the pages locked, and without iRwsem: reclaim for any file may call them.
 */
@Differs(
    kind = Differs.Kind.LATER,
    why =
        "Write-back through iomap came with Linux 5.5. In 4.20 each filesystem has its own"
            + " writepages; XFS's xfs_writepage_map and xfs_end_io are the model.",
    test = "IomapWritebackTest#aDelayedExtentIsAllocatedWhenItsPagesAreWrittenBack")
@LinuxSource(
    file = "fs/xfs/xfs_aops.c",
    name = {"xfs_map_blocks", "xfs_end_io"})
public interface IomapWritebackOps {
  /**
   * Maps the extent at a dirty position, and allocates blocks for it if it has none.
   *
   * @param current the calling task
   * @param inode the file
   * @param pos first byte, a multiple of the block size
   * @param length bytes to be written, at least 1
   * @param iomap filled on return: MAPPED or UNWRITTEN over pos. A hole is right only for blocks
   *     without data
   * @return 0 or a negative errno, which fails the write-back of these pages
   */
  int mapBlocks(Task current, Inode inode, long pos, long length, Iomap iomap);

  /**
   * Finishes the write-back of a range after its bios have completed: converts an unwritten extent,
   * writes the file's size. The pages are still dirty and locked, so no direct I/O and no reuse of
   * a page comes before it.
   *
   * @param current the calling task
   * @param inode the file
   * @param pos first byte, a multiple of the block size
   * @param length bytes, up to the end of a block
   * @param unwritten whether the range was an unwritten extent
   * @param error 0, or the error of the bios as a negative errno
   * @return 0, or a negative errno, which fails the write-back of these pages
   */
  default int endIoend(
      Task current, Inode inode, long pos, long length, boolean unwritten, int error) {
    return 0;
  }
}
