// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit.suite;

import io.pollux.block.BlkMqOps;
import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.EhTimerReturn;
import io.pollux.block.HwCtx;
import io.pollux.block.Request;
import io.pollux.block.RequestQueue;
import io.pollux.block.TagSet;
import io.pollux.block.bdev.DiskParameters;
import io.pollux.block.bdev.DiskType;
import io.pollux.block.bdev.OpenedDisk;
import io.pollux.block.driver.RamDisk;
import io.pollux.core.ErrnoException;
import io.pollux.core.sched.Task;
import io.pollux.uapi.Errno;
import java.util.ArrayList;
import java.util.List;

/**
 * The type suite-stuck: a disk in memory that never serves requests in some sectors. They fail with
 * ETIMEDOUT after the timeout of its queue.
 */
final class StuckDiskType implements DiskType {
  static final String NAME = "suite-stuck";
  static final int FIRST_STUCK = 64;
  static final int LAST_STUCK = 79;

  private static final long TIMEOUT_NANOS = 20_000_000;

  @Override
  public String name() {
    return NAME;
  }

  @Override
  public OpenedDisk open(Task current, DiskParameters parameters) throws ErrnoException {
    RamDisk memory = new RamDisk(parameters.requireBytes(NAME));
    BlockDevice whole = memory.disk(parameters.name(), parameters.dev(), false);
    TagSet tags = new TagSet(1, 1, 64, false).withTimeout(TIMEOUT_NANOS);
    Driver driver = new Driver(memory);
    BlockDevice device =
        new BlockDevice(
            parameters.name(),
            parameters.dev(),
            memory.bytes(),
            parameters.readOnly(),
            new RequestQueue(driver, tags, whole.queue().limits()));
    return new OpenedDisk() {
      @Override
      public BlockDevice device() {
        return device;
      }

      @Override
      public void close() {
        memory.close();
      }
    };
  }

  private static final class Driver implements BlkMqOps {
    private final RamDisk memory;
    private final List<Request> stuck = new ArrayList<>(); // under its own lock

    Driver(RamDisk memory) {
      this.memory = memory;
    }

    private static boolean isStuck(Request request) {
      long first = request.bio().sector();
      return first <= LAST_STUCK
          && first + (request.bytes() >> BlkTypes.SECTOR_SHIFT) > FIRST_STUCK;
    }

    @Override
    public void queueRqs(HwCtx hctx, Request chain) {
      Request request = chain;
      while (request != null) {
        Request following = request.next();
        request.setNext(null);
        if (isStuck(request)) {
          synchronized (stuck) {
            stuck.add(request);
          }
        } else {
          memory.queueRqs(hctx, request);
        }
        request = following;
      }
    }

    @Override
    public int poll(HwCtx hctx) {
      return memory.poll(hctx);
    }

    @Override
    public EhTimerReturn timeout(Request request) {
      synchronized (stuck) {
        if (!request.timedOut() || !stuck.remove(request)) {
          return EhTimerReturn.RESET_TIMER;
        }
      }
      request.complete(-Errno.ETIMEDOUT);
      return EhTimerReturn.DONE;
    }
  }
}
