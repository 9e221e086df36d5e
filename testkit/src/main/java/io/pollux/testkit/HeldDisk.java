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
 * A disk in memory that holds every request until the test releases it, in whatever order and with whatever result. Data
 * moves when the request is released.
 *
 * <p>A released request of an interrupt-driven queue completes at once, on the thread that releases it; one of a polled queue
 * completes when it is polled next. Calls from any thread. At the end of the test, what is held is let through.
 */
public final class HeldDisk implements BlkMqOps, AutoCloseable {
  private final RamDisk memory;
  private final Object lock = new Object(); // of all below; not held while a request completes
  private final List<Request> held = new ArrayList<>(); // in the order of arrival
  private final List<Released> released = new ArrayList<>(); // of polled queues, in the order of release
  private boolean through;
  private long flushes;
  private long unflushed;

  private record Released(Request request, int errno) {}

  /**
   * A request that is held.
   *
   * @param op what it is to do, one of BlkTypes.REQ_OP_*
   * @param sector its first sector
   * @param sectors how many; 0 for a flush
   * @param polled whether it is polled for
   */
  public record Held(int op, long sector, int sectors, boolean polled) {}

  /**
   * Makes a disk full of zeroes.
   *
   * @param bytes its size
   */
  public HeldDisk(long bytes) {
    memory = new RamDisk(bytes);
  }

  /**
   * What is on it.
   *
   * @return memory that reads and writes go to when they are released
   */
  public RamDisk memory() {
    return memory;
  }

  /**
   * What is held now.
   *
   * @return the requests in the order of their arrival
   */
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
   * Waits until other threads have sent some requests.
   *
   * @param count how many are to be held, at least
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
   * Does what a request is for, and lets it complete.
   *
   * @param index its place among those that are held, from 0
   */
  public void release(int index) {
    letGo(index, 0);
  }

  /**
   * Lets a request fail without doing anything.
   *
   * @param index its place among those that are held, from 0
   * @param errno positive
   */
  public void fail(int index, int errno) {
    if (errno <= 0) {
      throw new IllegalArgumentException("an error number is positive: " + errno);
    }
    letGo(index, errno);
  }

  /** Releases everything that is held, and what comes of it, in the order of arrival. */
  public void releaseAll() {
    Request first = takeFirst();
    while (first != null) { // a flushed write comes back three times at most
      letGo(first, 0);
      first = takeFirst();
    }
  }

  private @Nullable Request takeFirst() {
    synchronized (lock) {
      return held.isEmpty() ? null : held.removeFirst();
    }
  }

  /** Holds nothing any more: what is held is released, and what comes is let through. */
  public void letThrough() {
    synchronized (lock) {
      through = true;
    }
    releaseAll();
  }

  /** Holds what comes from now on, again. */
  public void holdAgain() {
    synchronized (lock) {
      through = false;
    }
  }

  /**
   * Flushes that were released, not those that failed.
   *
   * @return how many
   */
  public long flushes() {
    synchronized (lock) {
      return flushes;
    }
  }

  /**
   * Writes that were done since the last flush was.
   *
   * @return how many
   */
  public long unflushedWrites() {
    synchronized (lock) {
      return unflushed;
    }
  }

  private void letGo(int index, int errno) {
    Request request;
    synchronized (lock) {
      if (index < 0 || index >= held.size()) {
        throw new AssertionError("the disk holds " + held.size() + " requests; there is none at " + index);
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

  /** Does what a request is for, unless it is to fail. Answers how it ends. */
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
