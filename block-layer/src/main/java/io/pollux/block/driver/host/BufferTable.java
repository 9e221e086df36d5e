// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver.host;

import io.pollux.core.mm.DmaMapping;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Iovec;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.BitSet;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The registered buffers of one ring: a table of the machine's, in which each mapping that was used with the ring has a
 * row of entries, one for each of its segments, or the memory of having been refused. For whoever may submit to the
 * ring, and nobody else.
 */
final class BufferTable {
  /** Entries of a table. */
  static final int ENTRIES = 1024;

  /** There is no entry. */
  static final int NONE = -1;

  /** The machine's side. */
  interface Machine {
    /**
     * Sets entries.
     *
     * @param first the first of them
     * @param iovecs what is to be in them; an empty one clears its entry
     * @param count how many
     * @return how many were set before one was refused, or, if that was the first, a negative errno
     */
    int update(int first, MemorySegment iovecs, int count);
  }

  /** A mapping's row, or that it was refused. */
  final class Registration extends DmaMapping.Attachment {
    private int first = NONE;
    private int count;

    private Registration() {
      super(BufferTable.this);
    }

    @Override
    protected void detach() {
      detacher.accept(this);
    }
  }

  private final Machine machine;
  private final Consumer<Registration> detacher;
  private final BitSet used = new BitSet(ENTRIES);
  private volatile boolean registered; // some mapping, at some time
  private volatile @Nullable String refusal; // of the last one that was refused

  /**
   * Makes an empty table.
   *
   * @param detacher has a row cleared, from any thread: calls {@link #clear} where that may be called, or does nothing if
   *     the ring has gone
   */
  BufferTable(Machine machine, Consumer<Registration> detacher) {
    this.machine = machine;
    this.detacher = detacher;
  }

  /** Makes the table of a ring. If the machine has none to give, it refuses every mapping. */
  static BufferTable of(IoUring ring, Consumer<Registration> detacher) {
    int made = ring.makeBufferTable(ENTRIES);
    return new BufferTable(made < 0 ? (first, iovecs, count) -> made : ring::updateBuffers, detacher);
  }

  /** The entry that a range of a mapping lies in, or {@link #NONE}. The first time, the mapping is registered. */
  int find(DmaMapping mapping, long address, int length) {
    DmaMapping.Attachment found = mapping.attachment(this);
    Registration mine = found == null ? register(mapping) : (Registration) found;
    if (mine.first < 0) {
      return NONE;
    }
    int segment = mapping.segmentOf(address, length);
    return segment < 0 ? NONE : mine.first + segment;
  }

  private Registration register(DmaMapping mapping) {
    Registration made = new Registration();
    if (!mapping.attach(made)) {
      return made; // closed: what is there now is somebody else's
    }
    int count = mapping.segments();
    int first = freeRow(count);
    if (first < 0) {
      refusal = "table full";
      return made;
    }
    int result = fill(first, mapping);
    if (result < 0) {
      refusal = Errno.describe(-result);
      return made;
    }
    made.first = first;
    made.count = count;
    registered = true;
    return made;
  }

  private int freeRow(int count) {
    int first = 0;
    int end = used.nextSetBit(first);
    while (end >= 0 && end - first < count) {
      first = used.nextClearBit(end);
      end = used.nextSetBit(first);
    }
    return count > ENTRIES - first ? NONE : first;
  }

  /** All or nothing. Answers 0 or a negative errno. */
  private int fill(int first, DmaMapping mapping) {
    int count = mapping.segments();
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment iovecs = arena.allocate(count * Iovec.SIZE, Long.BYTES);
      for (int i = 0; i < count; i++) {
        Iovec.iovBase(iovecs.address() + i * Iovec.SIZE, mapping.start(i));
        Iovec.iovLen(iovecs.address() + i * Iovec.SIZE, mapping.bytes(i));
      }
      int done = machine.update(first, iovecs, count);
      used.set(first, first + Math.max(done, 0));
      if (done == count) {
        return 0;
      }
      if (done > 0) {
        clear(first, done);
      }
      return done < 0 ? done : -Errno.ENOMEM; // a later one's reason is not told
    }
  }

  /** Clears the row of a mapping that is closed. */
  void clear(Registration registration) {
    if (registration.first >= 0) {
      clear(registration.first, registration.count);
      registration.first = NONE;
    }
  }

  /** What the machine does not clear stays as it is, of no use to anybody, until the ring goes. */
  private void clear(int first, int count) {
    try (Arena arena = Arena.ofConfined()) {
      int done = machine.update(first, arena.allocate(count * Iovec.SIZE, Long.BYTES), count); // zeroes
      used.clear(first, first + Math.max(done, 0));
    }
  }

  /** Whether a mapping was registered. From any thread. */
  boolean registered() {
    return registered;
  }

  /** Why the last mapping that was refused was, or null. From any thread. */
  @Nullable String refusal() {
    return refusal;
  }
}
