// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core.filemap;

import io.pollux.uapi.LinuxSource;
import java.util.function.BooleanSupplier;
import org.jspecify.annotations.Nullable;

/**
 * One page of the cache, and what it holds at the moment. Everything is under the cache's lock, but for {@link
 * #locked}, which waiters look at, and for the data.
 */
@LinuxSource(file = "include/linux/mm_types.h", name = "page")
final class Page implements BooleanSupplier {
  /** Where its data is. */
  final long address;

  /** Whose page this is, or null. */
  @Nullable Mapping mapping;

  /** Its number in the file. */
  long index;

  /** Who copies from it at the moment: it stays what it is until they are done. */
  int pins;

  /** The data is the file's. */
  boolean uptodate;

  /** The data has to go to the device. */
  boolean dirty;

  /** Was used since the hand of the clock came by. */
  boolean referenced;

  /** What is being read is out of date already: direct I/O wrote there meanwhile. */
  boolean stale;

  /** Somebody fills it, changes it or writes it back. */
  volatile boolean locked;

  /** Link of the hash chain, or of the free list. */
  @Nullable Page next;

  Page(long address) {
    this.address = address;
  }

  /** Whether it is a file's, and in a range of it. */
  boolean in(Mapping file, long first, long last) {
    return mapping == file && index >= first && index <= last;
  }

  /** What those wait for who want to lock it. */
  @Override
  public boolean getAsBoolean() {
    return !locked;
  }
}
