// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.vfs;

import io.pollux.uapi.LinuxSource;
import java.util.concurrent.atomic.AtomicLong;

/** The kernel's books of open files. */
@LinuxSource(file = "fs/file_table.c", name = "nr_files")
public final class FileTable {
  private final AtomicLong nrFiles = new AtomicLong();

  /** Makes empty books. */
  public FileTable() {}

  void opened() {
    nrFiles.getAndIncrement();
  }

  void closed() {
    long left = nrFiles.decrementAndGet();
    assert left >= 0 : "more files released than opened";
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
