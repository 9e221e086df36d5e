// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs.trans;

import java.util.Arrays;
import org.jspecify.annotations.Nullable;

/**
 * The buffers of a transaction, by position and in the order in which they joined. A hash table of
 * primitive numbers, because every step in a tree looks up a buffer.
 */
final class TransBufs {
  private static final int FIRST_SLOTS = 64; // a power of two, at least twice the buffers
  private static final long FIBONACCI = 0x9e37_79b9_7f4a_7c15L;

  private int[] slots = new int[FIRST_SLOTS]; // 1 + the number of a buffer, or 0
  private @Nullable TransBuf[] all = new @Nullable TransBuf[FIRST_SLOTS / 2];
  private int count;

  /** The number of buffers. */
  int count() {
    return count;
  }

  /** A buffer by the order in which it joined, from 0. */
  TransBuf at(int index) {
    TransBuf buf = all[index];
    assert buf != null && index < count : index;
    return buf;
  }

  /** The buffer of a position, or null. */
  @Nullable TransBuf get(long position) {
    int number = slots[slot(position)];
    return number == 0 ? null : all[number - 1];
  }

  /** The slot of a position, or the free slot for it. */
  private int slot(long position) {
    int mask = slots.length - 1;
    int at = (int) ((position * FIBONACCI) >>> 32) & mask;
    while (slots[at] != 0 && at(slots[at] - 1).position() != position) { // half of them are free
      at = at + 1 & mask;
    }
    return at;
  }

  /** Adds a buffer. Returns the one of the same position that it replaces, or null. */
  @Nullable TransBuf put(TransBuf buf) {
    int at = slot(buf.position());
    if (slots[at] != 0) {
      TransBuf before = at(slots[at] - 1);
      all[slots[at] - 1] = buf;
      return before;
    }
    if (count == all.length) {
      grow();
      at = slot(buf.position());
    }
    all[count] = buf;
    count++;
    slots[at] = count;
    return null;
  }

  private void grow() {
    all = Arrays.copyOf(all, 2 * count);
    slots = new int[4 * count];
    for (int i = 0; i < count; i++) {
      slots[slot(at(i).position())] = i + 1;
    }
  }

  /** Removes all. */
  void clear() {
    Arrays.fill(slots, 0);
    Arrays.fill(all, 0, count, null);
    count = 0;
  }
}
