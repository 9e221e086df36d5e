// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.overwrite;

import io.pollux.block.Bio;
import io.pollux.block.BlkMqOps;
import io.pollux.block.BlkTypes;
import io.pollux.block.HwCtx;
import io.pollux.block.Request;
import io.pollux.block.RequestList;
import io.pollux.block.driver.RamDisk;
import io.pollux.uapi.RawMemory;
import java.io.IOException;
import java.lang.foreign.MemorySegment;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;

/**
 * A disk with a write cache: what is written is durable after the next flush, and until then each
 * sector of it may get lost or not.
 */
final class CrashDisk implements BlkMqOps {
  private static final int SECTOR = BlkTypes.SECTOR_SIZE;
  private static final int CHUNK = 64 << 10;

  private final RamDisk memory; // what a reader sees
  private final RamDisk durable;
  private final Random random;
  private final RequestList polled = new RequestList();

  // Under the lock of this:
  // where what is in memory is not durable, in bytes
  private final TreeSet<Long> cached = new TreeSet<>();
  private int flushes;

  CrashDisk(JudgedImage image, Random random) throws IOException {
    this.random = random;
    try (FileChannel channel = FileChannel.open(image.file(), StandardOpenOption.READ)) {
      memory = new RamDisk(channel.size());
      durable = new RamDisk(channel.size());
      ByteBuffer zeroes = ByteBuffer.allocate(CHUNK);
      ByteBuffer chunk = ByteBuffer.allocate(CHUNK);
      long at = 0;
      while (at < channel.size()) {
        chunk.clear();
        int got = channel.read(chunk, at);
        chunk.flip();
        if (chunk.mismatch(zeroes.slice(0, got)) >= 0) {
          MemorySegment read = MemorySegment.ofBuffer(chunk);
          MemorySegment.copy(read, 0, RawMemory.segment(memory.address() + at, got), 0, got);
          MemorySegment.copy(read, 0, RawMemory.segment(durable.address() + at, got), 0, got);
        }
        at += got;
      }
    }
  }

  long bytes() {
    return memory.bytes();
  }

  synchronized int flushes() {
    return flushes;
  }

  /** What a loss of power at this moment leaves, into a file. */
  synchronized void crash(JudgedImage into) throws IOException {
    into.write(durable.address(), durable.bytes());
    List<Long> survivors = new ArrayList<>(cached);
    survivors.removeIf(at -> random.nextBoolean());
    try (FileChannel channel = FileChannel.open(into.file(), StandardOpenOption.WRITE)) {
      for (long at : survivors) {
        ByteBuffer sector = RawMemory.segment(memory.address() + at, SECTOR).asByteBuffer();
        while (sector.hasRemaining()) {
          channel.write(sector, at + sector.position());
        }
      }
    }
  }

  @Override
  public void queueRqs(HwCtx hctx, Request chain) {
    if (hctx.polled()) {
      polled.add(chain);
    } else {
      work(chain);
    }
  }

  @Override
  public int poll(HwCtx hctx) {
    return work(polled.takeAll());
  }

  private int work(@Nullable Request chain) {
    int count = 0;
    Request request = chain;
    while (request != null) {
      Request next = request.next();
      transfer(request.bio());
      request.complete(0);
      request = next;
      count++;
    }
    return count;
  }

  private synchronized void transfer(Bio bio) {
    long at = bio.sector() << BlkTypes.SECTOR_SHIFT;
    if (bio.op() == BlkTypes.REQ_OP_FLUSH) {
      flushes++;
      cached.forEach(
          sector -> RawMemory.copy(memory.address() + sector, durable.address() + sector, SECTOR));
      cached.clear();
    }
    for (int i = 0; i < bio.vecs(); i++) {
      int length = bio.vecLength(i);
      if (bio.op() == BlkTypes.REQ_OP_WRITE) {
        RawMemory.copy(bio.vecAddress(i), memory.address() + at, length);
        for (long sector = at; sector < at + length; sector += SECTOR) {
          cached.add(sector);
        }
      } else {
        RawMemory.copy(memory.address() + at, bio.vecAddress(i), length);
      }
      at += length;
    }
  }

  @Override
  public void close() {
    memory.close();
    durable.close();
  }
}
