// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.image;

import io.pollux.core.ErrnoException;
import java.io.IOException;
import java.lang.foreign.MemorySegment;

/** The initial content of a disk: an image file, or a sample. */
interface Content extends AutoCloseable {
  /** Receives data. What it does not receive is zero. */
  @FunctionalInterface
  interface Sink {
    /**
     * Receives a piece.
     *
     * @param position of the first byte
     * @param data the piece, at most 512 KiB
     */
    void put(long position, MemorySegment data) throws ErrnoException;
  }

  /** Returns the size in bytes. */
  long bytes();

  /** Passes all data on, in order. */
  void copyTo(Sink sink) throws IOException, ErrnoException;

  @Override
  void close() throws IOException;
}
