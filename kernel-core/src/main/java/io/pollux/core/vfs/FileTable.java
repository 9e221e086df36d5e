// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.uapi.LinuxSource;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;

/** Counts the open files and the file locks of a kernel. */
@LinuxSource(file = "fs/file_table.c", name = "nr_files")
public final class FileTable {
  /** Maximum number of file locks of all programs. */
  public static final int MAX_LOCKS = 65_536;

  private final AtomicLong nrFiles = new AtomicLong();
  private final AtomicInteger nrLocks = new AtomicInteger();

  /** Creates a table without files. */
  public FileTable() {}

  void opened() {
    nrFiles.getAndIncrement();
  }

  void closed() {
    long left = nrFiles.decrementAndGet();
    assert left >= 0 : "more files released than opened";
  }

  /**
   * Adds taken locks to the count; a negative number subtracts released ones. Returns false above
   * the limit, without counting.
   */
  boolean chargeLocks(int more) {
    if (nrLocks.addAndGet(more) > MAX_LOCKS && more > 0) {
      nrLocks.addAndGet(-more);
      return false;
    }
    return true;
  }

  /** Returns the number of open files. */
  public long nrFiles() {
    return nrFiles.get();
  }
}
