// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver.host;

import io.pollux.core.mm.DmaMapping;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Iovec;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.util.BitSet;
import java.util.function.Consumer;
import org.jspecify.annotations.Nullable;

/**
 * The registered buffers of one ring, a table of the host's. Each mapping that was used with the
 * ring has a row of entries, one per segment, or is recorded as refused. Only the ring's submitter
 * may use it.
 */
final class BufferTable {
  /** Entries of a table. */
  static final int ENTRIES = 1024;

  /** No entry. */
  static final int NONE = -1;

  /** The host's side. */
  interface Machine {
    /**
     * Sets entries.
     *
     * @param first index of the first
     * @param iovecs their memory; an empty iovec clears its entry
     * @param count number of entries
     * @return the number of entries set before one was refused, or, if the first was, a negative
     *     errno
     */
    int update(int first, MemorySegment iovecs, int count);
  }

  /** A mapping's row, or the record that it was refused. */
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
  private volatile boolean registered; // a mapping was registered at some time
  private volatile @Nullable String refusal; // the reason for the last refusal

  /**
   * Makes an empty table.
   *
   * @param detacher clears a row, from any thread: calls {@link #clear} on the ring's submitter, or
   *     does nothing if the ring is closed
   */
  BufferTable(Machine machine, Consumer<Registration> detacher) {
    this.machine = machine;
    this.detacher = detacher;
  }

  /** Makes the table of a ring. If the host refuses it, the table refuses every mapping. */
  static BufferTable of(IoUring ring, Consumer<Registration> detacher) {
    int made = ring.makeBufferTable(ENTRIES);
    return new BufferTable(
        made < 0 ? (first, iovecs, count) -> made : ring::updateBuffers, detacher);
  }

  /**
   * Returns the entry that contains a range of a mapping, or {@link #NONE}. The first call
   * registers the mapping.
   */
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
      return made; // closed: other memory may be there now
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

  /** Sets all entries of a row, or none. Returns 0 or a negative errno. */
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
      return done < 0 ? done : -Errno.ENOMEM; // the host does not report the reason for a later one
    }
  }

  /** Clears the row of a closed mapping. */
  void clear(Registration registration) {
    if (registration.first >= 0) {
      clear(registration.first, registration.count);
      registration.first = NONE;
    }
  }

  /**
   * Clears entries. Entries that the host does not clear stay unusable until the ring is closed.
   */
  private void clear(int first, int count) {
    try (Arena arena = Arena.ofConfined()) {
      // zeroes
      int done = machine.update(first, arena.allocate(count * Iovec.SIZE, Long.BYTES), count);
      used.clear(first, first + Math.max(done, 0));
    }
  }

  /** Whether a mapping was ever registered. From any thread. */
  boolean registered() {
    return registered;
  }

  /** The reason for the last refusal, or null. From any thread. */
  @Nullable String refusal() {
    return refusal;
  }
}
