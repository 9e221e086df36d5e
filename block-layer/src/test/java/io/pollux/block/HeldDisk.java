// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block;

import io.pollux.uapi.Errno;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.MemorySegment;
import java.util.ArrayList;
import java.util.List;
import org.jspecify.annotations.Nullable;

/** A disk in an array that completes a request only when the test says so. */
public final class HeldDisk implements BlkMqOps {
  public final byte[] contents;
  private final List<Request> held = new ArrayList<>(); // under its own lock
  private final List<Request> released = new ArrayList<>(); // for the next poll; same lock
  private final List<String> done = new ArrayList<>(); // same lock
  private long nanos;
  public volatile boolean passing; // completes at once, or, on a polled queue, at the next poll
  public volatile int failing = -1; // an operation that fails with EIO

  public HeldDisk(int bytes) {
    contents = new byte[bytes];
  }

  public BlockDevice disk(TagSet tags, QueueLimits limits) {
    return disk(tags, limits, false);
  }

  public BlockDevice disk(TagSet tags, QueueLimits limits, boolean readOnly) {
    return new BlockDevice(
        "held0",
        0x10305,
        contents.length,
        readOnly,
        new RequestQueue(this, tags, limits, () -> nanos));
  }

  public void advance(long more) {
    nanos += more;
  }

  @Override
  public void queueRqs(HwCtx hctx, Request chain) {
    List<Request> arrived = new ArrayList<>();
    for (@Nullable Request request = chain; request != null; request = request.next()) {
      arrived.add(request);
    }
    for (Request request : arrived) {
      if (passing && !hctx.polled()) {
        request.complete(work(request));
      } else {
        synchronized (held) {
          (passing ? released : held).add(request);
        }
      }
    }
  }

  public int held() {
    synchronized (held) {
      return held.size();
    }
  }

  /** The held requests, as "op sector+sectors" and " fua", in order of arrival. */
  public List<String> seen() {
    synchronized (held) {
      return held.stream().map(HeldDisk::line).toList();
    }
  }

  /** What was done since the last call, in the same form. */
  public List<String> takeDone() {
    synchronized (held) {
      List<String> taken = List.copyOf(done);
      done.clear();
      return taken;
    }
  }

  private static String line(Request request) {
    Bio bio = request.bio();
    String op =
        switch (bio.op()) {
          case BlkTypes.REQ_OP_READ -> "read ";
          case BlkTypes.REQ_OP_WRITE -> "write ";
          case BlkTypes.REQ_OP_FLUSH -> "flush ";
          case BlkTypes.REQ_OP_DISCARD -> "discard ";
          default -> "zero ";
        };
    return op
        + bio.sector()
        + "+"
        + (request.bytes() >> 9)
        + (bio.has(BlkTypes.REQ_FUA) ? " fua" : "");
  }

  /** The request at a place, from 0. */
  public Request held(int index) {
    synchronized (held) {
      return held.get(index);
    }
  }

  /** Does the work of the request at a place and lets it complete: now, or at the next poll. */
  public void release(int index) {
    Request request;
    synchronized (held) {
      request = held.remove(index);
      if (request.hctx().polled()) {
        released.add(request);
        return;
      }
    }
    request.complete(work(request));
  }

  /** Lets everything complete that is there, and what comes of it. */
  public void releaseAll() {
    while (held() > 0) {
      release(0);
    }
  }

  /** Lets the request at a place fail without doing anything. */
  public void fail(int index, int errno) {
    Request request;
    synchronized (held) {
      request = held.remove(index);
    }
    request.complete(-errno);
  }

  @Override
  public int poll(HwCtx hctx) {
    List<Request> ready;
    synchronized (held) {
      ready = new ArrayList<>(released.stream().filter(request -> request.hctx() == hctx).toList());
      released.removeAll(ready);
    }
    for (Request request : ready) {
      request.complete(work(request));
    }
    return ready.size();
  }

  private int work(Request request) {
    synchronized (held) {
      done.add(line(request));
    }
    if (request.bio().op() == failing) {
      return -Errno.EIO;
    }
    long at = request.bio().sector() << BlkTypes.SECTOR_SHIFT;
    MemorySegment disk = MemorySegment.ofArray(contents);
    for (@Nullable Bio bio = request.bio(); bio != null; bio = bio.next()) {
      if (bio.op() == BlkTypes.REQ_OP_WRITE_ZEROES) {
        disk.asSlice(at, bio.size()).fill((byte) 0);
      }
      for (int i = 0; i < bio.vecs(); i++) {
        MemorySegment memory = RawMemory.segment(bio.vecAddress(i), bio.vecLength(i));
        MemorySegment there = disk.asSlice(at, bio.vecLength(i));
        if (bio.op() == BlkTypes.REQ_OP_WRITE) {
          there.copyFrom(memory);
        } else {
          memory.copyFrom(there);
        }
        at += bio.vecLength(i);
      }
    }
    return 0;
  }
}
