// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.gfs2;

import io.pollux.block.buffer.BufData;
import io.pollux.core.ErrnoException;
import io.pollux.core.filemap.PageIo;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.sched.Task;
import io.pollux.iomap.IomapPages;
import io.pollux.uapi.LinuxSource;
import io.pollux.uapi.RawMemory;

/**
 * The pages of a regular file. A stuffed file's are copied out of its inode and into it; the others
 * go through iomap.
 *
 * <p>A reader holds the file's glock, taken before the page. In C the glock is taken here, after
 * the page. The order here lets a change of the glock's state wait for pages without a deadlock.
 * Write-back need not hold the glock: a page is dirty only while the glock is exclusive, and is
 * written before the glock leaves that state.
 */
@LinuxSource(
    file = "fs/gfs2/aops.c",
    name = {"gfs2_ordered_aops", "gfs2_jdata_aops"})
final class Gfs2Aops implements PageIo {
  private final Gfs2Inode ip;
  private final IomapPages pages;

  Gfs2Aops(Gfs2Inode ip) {
    this.ip = ip;
    pages = new IomapPages(ip, Gfs2Iomap.OPS, null);
  }

  @Override
  public long size() {
    return ip.size();
  }

  @Override
  @LinuxSource(
      file = "fs/gfs2/aops.c",
      name = {"gfs2_readpage", "gfs2_readpages"})
  public int readPages(Task current, long index, long[] addresses, int count) {
    return ip.dinode().stuffed()
        ? readStuffed(current, index, addresses, count)
        : pages.readPages(current, index, addresses, count);
  }

  @LinuxSource(file = "fs/gfs2/aops.c", name = "stuffed_readpage")
  private int readStuffed(Task current, long index, long[] addresses, int count) {
    try {
      BufData block = ip.readDinode(current);
      for (int i = 0; i < count; i++) {
        int copied = 0;
        // an inode is no larger than a page, so the first page has all of its data
        if (index + i == 0) {
          copied = (int) ip.size();
          block.copyTo(Gfs2Sb.DINODE_BYTES, addresses[i], copied);
        }
        RawMemory.zero(addresses[i] + copied, HostMemory.PAGE_SIZE - copied);
      }
      return 0;
    } catch (ErrnoException e) {
      return -e.errno();
    }
  }

  @Override
  public int writePages(Task current, long index, long[] addresses, int count) {
    if (!ip.dinode().stuffed()) {
      return pages.writePages(current, index, addresses, count);
    }
    // a stuffed file fits in one page
    return index == 0 ? ip.writeStuffed(current, addresses[0]) : 0;
  }
}
