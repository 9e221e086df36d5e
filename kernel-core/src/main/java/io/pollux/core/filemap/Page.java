// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.filemap;

import io.pollux.uapi.LinuxSource;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * One page of the cache. The cache's lock guards all fields except {@link #locked}, which waiters
 * read without it. The page's own lock guards the data.
 */
@LinuxSource(file = "include/linux/mm_types.h", name = "page")
final class Page implements BooleanSupplier {
  /** Address of the data. */
  final long address;

  /** The mapping that the page is in, or null. */
  @Nullable Mapping mapping;

  /** The page's number in the file. */
  long index;

  /** Number of readers that copy from the page. It is not reused before they finish. */
  int pins;

  /** Whether the data is the file's. */
  boolean uptodate;

  /** Whether the data must be written to the device. */
  boolean dirty;

  /** Whether the page was used since the clock hand last passed. */
  boolean referenced;

  /** Whether direct I/O has written to the device since the page was locked. */
  boolean stale;

  /** Whether a task fills, changes or writes back the page. */
  volatile boolean locked;

  /** Link of the hash chain, or of the free list. */
  @Nullable Page next;

  Page(long address) {
    this.address = address;
  }

  /** Whether the page is in a range of a file. */
  boolean in(Mapping file, long first, long last) {
    return mapping == file && index >= first && index <= last;
  }

  /** The condition of a task that waits for the lock. */
  @Override
  public boolean getAsBoolean() {
    return !locked;
  }
}
