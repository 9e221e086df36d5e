// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import io.pollux.block.Bio;
import io.pollux.block.BlkTypes;
import io.pollux.block.Request;
import io.pollux.core.mm.HostMemory;
import io.pollux.uapi.Errno;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;

/**
 * The volatile write cache of a {@link FaultDisk}: writes in order, with their data, until they are
 * flushed. A full cache is written back whole, as a disk may do at any time. For one thread at a
 * time.
 *
 * <p>Each write allocates its data, and an entry for each sector.
 */
final class WriteCache implements AutoCloseable {
  /** Maximum bytes of data before it is written back. */
  static final long MOST_BYTES = 64 << 20;

  private static final int BOUNCE_BYTES = 1 << 20;

  private final PolledDisk disk;
  private final FaultLog log;
  private final int blockSectors; // the unit that is never torn
  private final List<Write> writes = new ArrayList<>();
  private final Map<Long, Write> newest = new HashMap<>(); // the newest write of each sector
  private final long bounce = HostMemory.map(BOUNCE_BYTES);
  private long bytes;

  /** A write that is not durable. */
  private static final class Write {
    final FaultLog.Fault asFault;
    final int opf;
    final byte[] data;
    // sectors, from the first, that a later durable write has overwritten
    final BitSet durable = new BitSet();

    Write(long number, Request request, int bytes) {
      Bio bio = request.bio();
      int sectors = bytes >> BlkTypes.SECTOR_SHIFT;
      asFault = new FaultLog.Fault(FaultLog.Kind.KEPT, number, bio.op(), bio.sector(), sectors, 1);
      opf = bio.opf();
      data = new byte[bytes];
    }

    long start() {
      return asFault.sector();
    }

    int sectors() {
      return asFault.sectors();
    }

    FaultLog.Fault as(FaultLog.Kind kind) {
      return new FaultLog.Fault(kind, asFault.request(), asFault.op(), start(), sectors(), 1);
    }
  }

  /** The part of a write that reaches the medium at a power cut: sectors from to before to. */
  private record Remains(Write write, int from, int to) {}

  WriteCache(PolledDisk disk, FaultLog log) {
    this.disk = disk;
    this.log = log;
    blockSectors = disk.limits().logicalBlockSize() >> BlkTypes.SECTOR_SHIFT;
    if (bounce == 0) {
      throw new OutOfMemoryError("no memory for a write cache");
    }
  }

  /** Serves a request. Returns 0 or a negative errno. */
  int serve(long number, Request request) {
    Bio bio = request.bio();
    return switch (bio.op()) {
      case BlkTypes.REQ_OP_READ -> read(request, request.bytes());
      case BlkTypes.REQ_OP_WRITE ->
          bio.has(BlkTypes.REQ_FUA)
              ? writeThrough(request)
              : write(number, request, request.bytes());
      case BlkTypes.REQ_OP_FLUSH -> flush();
      default -> -Errno.EOPNOTSUPP;
    };
  }

  /** Reads the first bytes of a request. Returns 0 or a negative errno. */
  int read(Request request, int most) {
    long at = request.bio().sector() << BlkTypes.SECTOR_SHIFT;
    int left = most;
    for (Bio bio = request.bio(); bio != null; bio = bio.next()) {
      for (int i = 0; i < bio.vecs() && left > 0; i++) {
        int length = Math.min(left, bio.vecLength(i));
        int status = readAt(bio.opf(), at, bio.vecAddress(i), length);
        if (status != 0) {
          return status;
        }
        at += length;
        left -= length;
      }
    }
    return 0;
  }

  /** Reads the medium, with the cached writes over it. Returns 0 or a negative errno. */
  int readAt(int opf, long at, long address, int length) {
    int status = disk.move(opf, at, address, length);
    if (status != 0 || newest.isEmpty()) {
      return status;
    }
    long end = at + length;
    for (long sector = at >> BlkTypes.SECTOR_SHIFT;
        sector << BlkTypes.SECTOR_SHIFT < end;
        sector++) {
      Write write = newest.get(sector);
      if (write != null) {
        long from = Math.max(at, sector << BlkTypes.SECTOR_SHIFT);
        long to = Math.min(end, (sector + 1) << BlkTypes.SECTOR_SHIFT);
        int offset = (int) (from - (write.start() << BlkTypes.SECTOR_SHIFT));
        MemorySegment memory = RawMemory.segment(address + from - at, to - from);
        MemorySegment.copy(write.data, offset, memory, ValueLayout.JAVA_BYTE, 0, (int) (to - from));
      }
    }
    return 0;
  }

  /** Caches the first bytes of a write. Returns 0 or a negative errno. */
  int write(long number, Request request, int most) {
    Write write = new Write(number, request, most);
    int at = 0;
    for (Bio bio = request.bio(); bio != null; bio = bio.next()) {
      for (int i = 0; i < bio.vecs() && at < most; i++) {
        int length = Math.min(most - at, bio.vecLength(i));
        MemorySegment memory = RawMemory.segment(bio.vecAddress(i), length);
        MemorySegment.copy(memory, ValueLayout.JAVA_BYTE, 0, write.data, at, length);
        at += length;
      }
    }
    writes.add(write);
    for (int i = 0; i < write.sectors(); i++) {
      newest.put(write.start() + i, write);
    }
    bytes += most;
    return bytes > MOST_BYTES ? writeBack() : 0;
  }

  /**
   * Writes to the medium durably. The rest of the cache stays cached, without these sectors.
   * Returns 0 or a negative errno.
   */
  private int writeThrough(Request request) {
    long at = request.bio().sector() << BlkTypes.SECTOR_SHIFT;
    for (Bio bio = request.bio(); bio != null; bio = bio.next()) {
      for (int i = 0; i < bio.vecs(); i++) {
        int status = disk.move(bio.opf(), at, bio.vecAddress(i), bio.vecLength(i));
        if (status != 0) {
          return status;
        }
        at += bio.vecLength(i);
      }
    }
    long first = request.bio().sector();
    long end = at >> BlkTypes.SECTOR_SHIFT;
    for (Write write : writes) {
      long from = Math.max(first, write.start());
      long to = Math.min(end, write.start() + write.sectors());
      if (from < to) {
        write.durable.set((int) (from - write.start()), (int) (to - write.start()));
      }
    }
    for (long sector = first; sector < end && !newest.isEmpty(); sector++) {
      newest.remove(sector);
    }
    return disk.flush();
  }

  /** Makes all cached writes durable. Returns 0, or a negative errno with the cache unchanged. */
  int flush() {
    int status = writeBack();
    return status != 0 ? status : disk.flush();
  }

  private int writeBack() {
    for (Write write : writes) {
      int status = store(write, 0, write.sectors());
      if (status != 0) {
        return status;
      }
    }
    forget();
    return 0;
  }

  private void forget() {
    writes.clear();
    newest.clear();
    bytes = 0;
  }

  /**
   * Stores sectors of a write on the medium, except those that a later durable write has
   * overwritten. Returns 0 or a negative errno.
   */
  private int store(Write write, int first, int end) {
    int from = write.durable.nextClearBit(first);
    while (from < end) { // each step stores a sector or more
      int next = write.durable.nextSetBit(from);
      int most = Math.min(end, from + (BOUNCE_BYTES >> BlkTypes.SECTOR_SHIFT));
      int to = next < 0 ? most : Math.min(next, most);
      int length = (to - from) << BlkTypes.SECTOR_SHIFT;
      MemorySegment memory = RawMemory.segment(bounce, length);
      MemorySegment.copy(
          write.data, from << BlkTypes.SECTOR_SHIFT, memory, ValueLayout.JAVA_BYTE, 0, length);
      int status =
          disk.move(write.opf, (write.start() + from) << BlkTypes.SECTOR_SHIFT, bounce, length);
      if (status != 0) {
        return status;
      }
      from = write.durable.nextClearBit(to);
    }
    return 0;
  }

  /** Sectors of all unflushed writes. A sector that was written several times counts as often. */
  int unflushedSectors() {
    return (int) (bytes >> BlkTypes.SECTOR_SHIFT);
  }

  int unflushedWrites() {
    return writes.size();
  }

  /**
   * Cuts the power: each write is kept, lost or torn. In half of all cases the writes reach the
   * medium in another order. A write that the medium refuses is lost. The cache is empty
   * afterwards.
   */
  void cut(SplittableRandom random) {
    List<Remains> remains = new ArrayList<>();
    for (Write write : writes) {
      remains.add(remains(write, random));
    }
    if (random.nextBoolean()) {
      Collections.shuffle(remains, random);
    }
    for (Remains each : remains) {
      int there = each.to() - each.from();
      boolean stored = there > 0 && store(each.write(), each.from(), each.to()) == 0;
      FaultLog.Kind whole =
          there == each.write().sectors() ? FaultLog.Kind.KEPT : FaultLog.Kind.TORN;
      log.add(each.write().as(stored ? whole : FaultLog.Kind.LOST));
    }
    forget();
  }

  private Remains remains(Write write, SplittableRandom random) {
    int sectors = write.sectors();
    int blocks = sectors / blockSectors;
    int fate = random.nextInt(3);
    if (fate == 0 || (fate == 2 && blocks < 2)) {
      return new Remains(write, 0, sectors);
    }
    if (fate == 1) {
      return new Remains(write, 0, 0);
    }
    int border = random.nextInt(1, blocks) * blockSectors;
    return random.nextBoolean()
        ? new Remains(write, 0, border)
        : new Remains(write, border, sectors);
  }

  @Override
  public void close() {
    HostMemory.unmap(bounce, BOUNCE_BYTES);
  }
}
