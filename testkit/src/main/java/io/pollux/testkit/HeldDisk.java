// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit;

import io.pollux.block.Bio;
import io.pollux.block.BlkMqOps;
import io.pollux.block.BlkTypes;
import io.pollux.block.HwCtx;
import io.pollux.block.Request;
import io.pollux.block.driver.RamDisk;
import io.pollux.uapi.RawMemory;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;

/**
 * A disk in memory that holds every request until the test releases it, in any order and with any
 * result. Data is transferred at the release.
 *
 * <p>A released request of an interrupt-driven queue completes at once, on the releasing thread.
 * One of a polled queue completes at its next poll. Methods may be called from any thread. At the
 * end of the test all held requests are released.
 */
public final class HeldDisk implements BlkMqOps, AutoCloseable {
  private final RamDisk memory;
  private final Object lock = new Object(); // guards all below; not held while a request completes
  private final List<Request> held = new ArrayList<>(); // in the order of arrival
  // of polled queues, in the order of release
  private final List<Released> released = new ArrayList<>();
  private boolean through;
  private long flushes;
  private long unflushed;

  private record Released(Request request, int errno) {}

  /**
   * A held request.
   *
   * @param op one of BlkTypes.REQ_OP_*
   * @param sector first sector
   * @param sectors number of sectors; 0 for a flush
   * @param polled whether its completion is polled
   */
  public record Held(int op, long sector, int sectors, boolean polled) {}

  /**
   * Creates a zeroed disk.
   *
   * @param bytes its size
   */
  public HeldDisk(long bytes) {
    memory = new RamDisk(bytes);
  }

  /** Returns the contents, which released reads and writes access. */
  public RamDisk memory() {
    return memory;
  }

  /** Returns the held requests in order of arrival. */
  public List<Held> held() {
    List<Held> list = new ArrayList<>();
    synchronized (lock) {
      for (Request request : held) {
        Bio bio = request.bio();
        int sectors = request.bytes() >> BlkTypes.SECTOR_SHIFT;
        list.add(new Held(bio.op(), bio.sector(), sectors, request.hctx().polled()));
      }
    }
    return list;
  }

  /**
   * Waits until the disk holds requests from other threads.
   *
   * @param count minimum number of held requests
   */
  public void awaitHeld(int count) {
    long end = System.nanoTime() + TestKernel.PATIENCE.toNanos();
    synchronized (lock) {
      while (held.size() < count) {
        long left = TimeUnit.NANOSECONDS.toMillis(end - System.nanoTime());
        if (left <= 0) {
          throw new AssertionError("the disk holds " + held.size() + " requests, and not " + count);
        }
        try {
          lock.wait(left);
        } catch (InterruptedException e) {
          Thread.currentThread().interrupt();
          throw new AssertionError("interrupted while waiting for requests", e);
        }
      }
    }
  }

  /**
   * Executes and completes a held request.
   *
   * @param index its index among the held requests, from 0
   */
  public void release(int index) {
    letGo(index, 0);
  }

  /**
   * Completes a held request with an error, without executing it.
   *
   * @param index its index among the held requests, from 0
   * @param errno positive
   */
  public void fail(int index, int errno) {
    if (errno <= 0) {
      throw new IllegalArgumentException("an error number is positive: " + errno);
    }
    letGo(index, errno);
  }

  /** Releases all held requests, and requests that follow from them, in order of arrival. */
  public void releaseAll() {
    Request first = takeFirst();
    while (first != null) { // a flushed write returns at most three times
      letGo(first, 0);
      first = takeFirst();
    }
  }

  private @Nullable Request takeFirst() {
    synchronized (lock) {
      return held.isEmpty() ? null : held.removeFirst();
    }
  }

  /** Releases all held requests and stops holding new ones. */
  public void letThrough() {
    synchronized (lock) {
      through = true;
    }
    releaseAll();
  }

  /** Holds new requests again. */
  public void holdAgain() {
    synchronized (lock) {
      through = false;
    }
  }

  /** Returns the number of flushes released, without failed ones. */
  public long flushes() {
    synchronized (lock) {
      return flushes;
    }
  }

  /** Returns the number of writes executed since the last flush. */
  public long unflushedWrites() {
    synchronized (lock) {
      return unflushed;
    }
  }

  private void letGo(int index, int errno) {
    Request request;
    synchronized (lock) {
      if (index < 0 || index >= held.size()) {
        throw new AssertionError(
            "the disk holds " + held.size() + " requests; there is none at " + index);
      }
      request = held.remove(index);
    }
    letGo(request, errno);
  }

  private void letGo(Request request, int errno) {
    if (request.hctx().polled()) {
      synchronized (lock) {
        released.add(new Released(request, errno));
      }
    } else {
      request.complete(work(request, errno));
    }
  }

  @Override
  public void queueRqs(HwCtx hctx, Request chain) {
    List<Request> go = new ArrayList<>();
    synchronized (lock) {
      for (@Nullable Request request = chain; request != null; request = request.next()) {
        (through ? go : held).add(request);
      }
      lock.notifyAll();
    }
    for (Request request : go) {
      letGo(request, 0);
    }
  }

  @Override
  public int poll(HwCtx hctx) {
    List<Released> ready;
    synchronized (lock) {
      ready = released.stream().filter(each -> each.request().hctx() == hctx).toList();
      released.removeAll(ready);
    }
    for (Released each : ready) {
      each.request().complete(work(each.request(), each.errno()));
    }
    return ready.size();
  }

  /** Executes a request, unless it is to fail. Returns its status. */
  private int work(Request request, int errno) {
    if (errno != 0) {
      return -errno;
    }
    int op = request.bio().op();
    if (op == BlkTypes.REQ_OP_READ || op == BlkTypes.REQ_OP_WRITE) {
      move(request, op == BlkTypes.REQ_OP_WRITE);
    }
    synchronized (lock) {
      if (op == BlkTypes.REQ_OP_FLUSH) {
        flushes++;
        unflushed = 0;
      } else if (op == BlkTypes.REQ_OP_WRITE) {
        unflushed++;
      }
    }
    return 0;
  }

  private void move(Request request, boolean write) {
    long at = memory.address() + (request.bio().sector() << BlkTypes.SECTOR_SHIFT);
    for (Bio bio = request.bio(); bio != null; bio = bio.next()) {
      for (int i = 0; i < bio.vecs(); i++) {
        if (write) {
          RawMemory.copy(bio.vecAddress(i), at, bio.vecLength(i));
        } else {
          RawMemory.copy(at, bio.vecAddress(i), bio.vecLength(i));
        }
        at += bio.vecLength(i);
      }
    }
  }

  @Override
  public void close() {
    memory.close();
  }
}
