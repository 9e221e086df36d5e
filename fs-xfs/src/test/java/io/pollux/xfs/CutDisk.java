// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.xfs;

import io.pollux.block.Bio;
import io.pollux.block.BlkMqOps;
import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.HwCtx;
import io.pollux.block.QueueLimits;
import io.pollux.block.Request;
import io.pollux.block.RequestQueue;
import io.pollux.block.TagSet;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.List;
import java.util.Random;
import org.jspecify.annotations.Nullable;

/**
 * A disk that remembers every write and flush in order, so that each power cut can be made
 * afterwards. Requests complete at once.
 */
final class CutDisk implements BlkMqOps {
  static final int SECTOR = BlkTypes.SECTOR_SIZE;

  /** What the disk did. */
  static final class Event {
    private final long at; // -1 for a flush
    private final byte[] bytes;
    private final boolean fua;

    /**
     * Creates a write, or a flush.
     *
     * @param at first byte, or -1 for a flush
     * @param bytes that were written
     * @param fua whether the write is durable when it completes
     */
    Event(long at, byte[] bytes, boolean fua) {
      this.at = at;
      this.bytes = bytes;
      this.fua = fua;
    }

    long at() {
      return at;
    }

    int length() {
      return bytes.length;
    }

    /** A word of 8 bytes of the write. */
    long word(int index) {
      return ByteBuffer.wrap(bytes).order(ByteOrder.nativeOrder()).getLong(index * 8);
    }

    boolean isFlush() {
      return at < 0;
    }

    String line() {
      if (isFlush()) {
        return "flush";
      }
      return "write "
          + at / SECTOR
          + "+"
          + bytes.length / SECTOR
          + (fua ? " fua " : " ")
          + Long.toHexString(word(0));
    }
  }

  /** Which writes may be torn between sectors. */
  interface Tearing {
    boolean allowed(Event write);
  }

  private final MemorySegment contents;
  private final boolean fua;
  private final List<Event> events = new ArrayList<>(); // under this

  /**
   * Creates the disk.
   *
   * @param contents what it holds, which writes change
   * @param fua whether it can make one write durable; otherwise a flush follows
   */
  CutDisk(MemorySegment contents, boolean fua) {
    this.contents = contents;
    this.fua = fua;
  }

  BlockDevice disk(int sectorBytes) {
    QueueLimits limits = QueueLimits.of(sectorBytes).withWriteCache(true, fua);
    RequestQueue queue = new RequestQueue(this, new TagSet(1, 1, 64, false), limits);
    return new BlockDevice("cut0", TestImage.DEV, contents.byteSize(), false, queue);
  }

  synchronized int now() {
    return events.size();
  }

  synchronized List<Event> events() {
    return List.copyOf(events);
  }

  @Override
  public void queueRqs(HwCtx hctx, Request chain) {
    Request request = chain;
    while (request != null) {
      Request following = request.next();
      transfer(request);
      request.complete(0);
      request = following;
    }
  }

  @Override
  public int poll(HwCtx hctx) {
    return 0;
  }

  private synchronized void transfer(Request request) {
    int op = request.bio().op();
    if (op == BlkTypes.REQ_OP_FLUSH) {
      events.add(new Event(-1, new byte[0], false));
      return;
    }
    long first = request.bio().sector() << BlkTypes.SECTOR_SHIFT;
    long at = first;
    if (op == BlkTypes.REQ_OP_WRITE_ZEROES) {
      contents.asSlice(at, request.bytes()).fill((byte) 0);
      at += request.bytes();
    } else {
      for (@Nullable Bio bio = request.bio(); bio != null; bio = bio.next()) {
        for (int i = 0; i < bio.vecs(); i++) {
          MemorySegment memory = RawMemory.segment(bio.vecAddress(i), bio.vecLength(i));
          MemorySegment there = contents.asSlice(at, bio.vecLength(i));
          (op == BlkTypes.REQ_OP_READ ? memory : there)
              .copyFrom(op == BlkTypes.REQ_OP_READ ? there : memory);
          at += bio.vecLength(i);
        }
      }
    }
    if (op != BlkTypes.REQ_OP_READ) {
      byte[] bytes = contents.asSlice(first, at - first).toArray(ValueLayout.JAVA_BYTE);
      boolean durable = (request.bio().opf() & BlkTypes.REQ_FUA) != 0 && fua;
      events.add(new Event(first, bytes, durable));
    }
  }

  /** Makes the images of cuts, which come in their order. */
  static final class Cuts {
    private static final int PAGE = 4096;

    private final List<Event> events;
    private final MemorySegment durable; // all before the last flush before the last cut
    private final BitSet pages = new BitSet(); // those that are not zero
    private final List<Event> cached = new ArrayList<>(); // after it
    private int next;

    /**
     * Creates the cuts of a run.
     *
     * @param before the contents at its beginning, which change
     */
    Cuts(MemorySegment before, List<Event> events) {
      this.events = events;
      durable = before;
      MemorySegment zeroes = MemorySegment.ofArray(new byte[PAGE]);
      for (long at = 0; at < before.byteSize(); at += PAGE) {
        if (before.asSlice(at, PAGE).mismatch(zeroes) >= 0) {
          pages.set((int) (at / PAGE));
        }
      }
    }

    /** The contents after a power cut: pages of 4 KiB and writes to them. */
    record Image(MemorySegment durable, BitSet pages, List<Event> kept) {
      void copyTo(MemorySegment target) {
        for (int i = pages.nextSetBit(0); i >= 0; i = pages.nextSetBit(i + 1)) {
          target.asSlice((long) i * PAGE, PAGE).copyFrom(durable.asSlice((long) i * PAGE, PAGE));
        }
        kept.forEach(write -> apply(write, target));
      }
    }

    /**
     * Cuts the power while an event is on its way.
     *
     * @param cut the number of the event, not lower than that of the cut before
     * @param random which of the writes that are not durable are kept, and which one is torn
     */
    Image at(int cut, Random random, Tearing tearing) {
      while (next < cut) {
        completed(events.get(next));
        next++;
      }
      List<Event> maybe = new ArrayList<>(cached);
      if (cut < events.size() && !events.get(cut).isFlush()) {
        maybe.add(events.get(cut));
      }
      return new Image(durable, pages, keep(maybe, random, tearing));
    }

    private void completed(Event event) {
      if (event.isFlush()) {
        cached.forEach(this::durable);
        cached.clear();
      } else if (event.fua) {
        cached.removeIf(write -> within(write, event));
        cached.add(event);
      } else {
        cached.add(event);
      }
    }

    private static boolean within(Event inner, Event outer) {
      return inner.at >= outer.at && inner.at + inner.bytes.length <= outer.at + outer.bytes.length;
    }

    private void durable(Event write) {
      apply(write, durable);
      pages.set((int) (write.at / PAGE), (int) ((write.at + write.bytes.length + PAGE - 1) / PAGE));
    }

    private static List<Event> keep(List<Event> maybe, Random random, Tearing tearing) {
      double share =
          switch (random.nextInt(5)) {
            case 0 -> 0;
            case 1 -> 1;
            case 2 -> 0.95;
            default -> random.nextDouble();
          };
      int torn = maybe.isEmpty() ? -1 : random.nextInt(maybe.size());
      if (random.nextBoolean()) {
        torn = maybe.size() - 1; // the last one is the likeliest
      }
      List<Event> kept = new ArrayList<>();
      for (int i = 0; i < maybe.size(); i++) {
        Event write = maybe.get(i);
        if (write.fua && i < maybe.size() - 1) {
          kept.add(write);
        } else if (i == torn && write.bytes.length > SECTOR && tearing.allowed(write)) {
          tear(write, random, kept);
        } else if (random.nextDouble() < share || (write.fua && random.nextBoolean())) {
          kept.add(write);
        }
      }
      return kept;
    }

    private static void tear(Event write, Random random, List<Event> kept) {
      int sectors = write.bytes.length / SECTOR;
      int most = 1 + random.nextInt(sectors - 1);
      boolean ordered = random.nextBoolean();
      for (int i = 0; i < sectors; i++) {
        if (ordered ? i < most : random.nextBoolean()) {
          byte[] sector = new byte[SECTOR];
          System.arraycopy(write.bytes, i * SECTOR, sector, 0, SECTOR);
          kept.add(new Event(write.at + (long) i * SECTOR, sector, false));
        }
      }
    }

    private static void apply(Event write, MemorySegment to) {
      to.asSlice(write.at, write.bytes.length).copyFrom(MemorySegment.ofArray(write.bytes));
    }
  }
}
