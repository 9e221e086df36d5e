// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.uapi.LinuxSource;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/** The kernel's books of open files. */
@LinuxSource(file = "fs/file_table.c", name = "nr_files")
public final class FileTable {
  /** Most locks on files, of all programs together. */
  public static final int MAX_LOCKS = 65_536;

  private final AtomicLong nrFiles = new AtomicLong();
  private final AtomicInteger nrLocks = new AtomicInteger();

  /** Makes empty books. */
  public FileTable() {}

  void opened() {
    nrFiles.getAndIncrement();
  }

  void closed() {
    long left = nrFiles.decrementAndGet();
    assert left >= 0 : "more files released than opened";
  }

  /** Counts locks that are taken, or, below 0, released. Returns false, and counts nothing, past the limit. */
  boolean chargeLocks(int more) {
    if (nrLocks.addAndGet(more) > MAX_LOCKS && more > 0) {
      nrLocks.addAndGet(-more);
      return false;
    }
    return true;
  }

  /**
   * Files that somebody holds.
   *
   * @return how many
   */
  public long nrFiles() {
    return nrFiles.get();
  }
}
