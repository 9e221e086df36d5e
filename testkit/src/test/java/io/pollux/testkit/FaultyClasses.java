// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit;

import static io.pollux.testkit.CallAssert.assertThatCall;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.BlkMqOps;
import io.pollux.block.HwCtx;
import io.pollux.block.Request;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.core.Oops;
import io.pollux.syscalls.Program;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.IoEvent;
import io.pollux.uapi.Nr;
import io.pollux.userland.PathName;
import io.pollux.userland.UserFiles;
import io.pollux.userland.UserMemory;
import io.pollux.userland.UserRing;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.api.parallel.Execution;
import org.junit.jupiter.api.parallel.ExecutionMode;

/** Test classes for {@link GuardTest}, each with one test that has one fault. */
final class FaultyClasses {
  /** The driver's sentence. */
  static final String BY_THE_DRIVER = "the driver's own assertion";

  /** The test's sentence. */
  static final String BY_THE_TEST = "the test's own assertion";

  private FaultyClasses() {}

  static int open(UserFiles files, String disk) {
    return files.open(PathName.of("/dev/" + disk), Fcntl.O_RDONLY | Fcntl.O_DIRECT);
  }

  /** Reads an event that is not there. */
  @PolluxTest
  static class ReadsNoEvent {
    @Test
    void test(UserRing ring) {
      assertThat(IoEvent.res(ring.peek())).isZero();
    }
  }

  /** Fails while a request is in flight, so that the ring's close waits for it. */
  @PolluxTest
  @PolluxLimit(1)
  @Disk(kind = Disk.Kind.HELD)
  static class FailsInFlight {
    @Test
    void test(Program program, UserFiles files) {
      try (UserRing ring = UserRing.polled(program, 4, 4096)) {
        ring.read(open(files, "held0"), 4096, 4096);
        assertThatCall(ring.enter(0)).returns(1);
        throw new AssertionError(BY_THE_TEST);
      }
    }
  }

  /** Waits in the kernel for an event that never comes. */
  @PolluxTest
  @PolluxLimit(1)
  @Disk(kind = Disk.Kind.HELD)
  static class WaitsForAnEvent {
    @Test
    void test(UserFiles files, UserRing ring) {
      ring.read(open(files, "held0"), 4096, 4096);
      assertThatCall(ring.enter(1)).returns(1);
    }
  }

  /** Mounts a disk that holds the read of its superblock. */
  @PolluxTest
  @PolluxLimit(1)
  @Disk(kind = Disk.Kind.HELD)
  @Mount(at = "mnt", disk = "held0")
  static class MountsAHeldDisk {
    @Test
    void test() {}
  }

  /** Has a failure of the kernel in each of two tests, which run at the same time. */
  @PolluxTest
  @Execution(ExecutionMode.CONCURRENT)
  static class FailsTwice {
    private static final CountDownLatch BOTH = new CountDownLatch(2);

    private static void fail() throws InterruptedException {
      BOTH.countDown();
      BOTH.await();
      Oops.report("a test", new AssertionError(BY_THE_DRIVER), "nothing follows");
    }

    @Test
    void one() throws InterruptedException {
      fail();
    }

    @Test
    void other() throws InterruptedException {
      fail();
    }
  }

  /** Reports a failure of the kernel in one of two tests that run at the same time. */
  @PolluxTest
  @Execution(ExecutionMode.CONCURRENT)
  static class FailsBesideAnother {
    private static final CountDownLatch BOTH = new CountDownLatch(2);
    private static final CountDownLatch FAILED = new CountDownLatch(1);

    @Test
    void fails() throws InterruptedException {
      BOTH.countDown();
      BOTH.await();
      Oops.report("a test", new AssertionError(BY_THE_DRIVER), "nothing follows");
      FAILED.countDown();
    }

    @Test
    void passes() throws InterruptedException {
      BOTH.countDown();
      FAILED.await();
    }
  }

  /** Waits in the kernel for an event that never comes, without a limit of its own. */
  @PolluxTest
  @Disk(kind = Disk.Kind.HELD)
  static class WaitsWithoutALimit {
    @Test
    void test(UserFiles files, UserRing ring) {
      ring.read(open(files, "held0"), 4096, 4096);
      assertThatCall(ring.enter(1)).returns(1);
    }
  }

  /** Fails by itself, after its limit. */
  @PolluxTest
  @PolluxLimit(1)
  static class SleepsLongerThanItsLimit {
    @Test
    void test() throws InterruptedException {
      Thread.sleep(1_500);
      throw new AssertionError(BY_THE_TEST);
    }
  }

  /** Fails while a thread of its own reads the memory of its program. */
  @PolluxTest
  static class LeavesAThread {
    /** Ends the thread that was left behind. */
    static volatile boolean enough;

    /** Counts its reads. */
    static final AtomicLong READS = new AtomicLong();

    @Test
    void test(Program program) {
      MemorySegment memory = UserMemory.map(program, 4096).segment();
      Thread reader =
          new Thread(
              () -> {
                while (!enough) { // until GuardTest has seen it
                  READS.addAndGet(1 + memory.get(ValueLayout.JAVA_BYTE, 0));
                }
              });
      reader.setDaemon(true);
      reader.start();
      throw new AssertionError(BY_THE_TEST);
    }
  }

  /** Peeks for an event forever. */
  @PolluxTest
  @PolluxLimit(1)
  static class SpinsOnPeek {
    @Test
    void test(UserRing ring) {
      while (ring.peek() == 0) { // until the guard kills the program
        Thread.onSpinWait();
      }
    }
  }

  /** Loops forever in Java. */
  @PolluxTest
  @PolluxLimit(1)
  static class SpinsInJava {
    /** Ends the thread that was left behind. */
    static volatile boolean enough;

    @Test
    void test() {
      while (!enough) { // until GuardTest has seen it
        Thread.onSpinWait();
      }
    }
  }

  /** Waits for a Java latch that no thread releases. */
  @PolluxTest
  @PolluxLimit(1)
  static class WaitsInJava {
    @Test
    void test() throws InterruptedException {
      new CountDownLatch(1).await();
    }
  }

  /** Waits uninterruptibly in the kernel, longer than JUnit permits. */
  @PolluxTest
  @Disk(kind = Disk.Kind.HELD)
  static class TimesOutUninterruptibly {
    @Test
    @Timeout(1)
    void test(Program program, UserFiles files) {
      UserMemory memory = UserMemory.map(program, 4096);
      int fd = open(files, "held0");
      assertThatCall(program.syscall(Nr.PREAD64, fd, memory.address(), 4096, 0)).returns(4096);
    }
  }

  /** Waits for a program on another thread, which waits for a disk. */
  @PolluxTest
  @PolluxLimit(1)
  @Disk(kind = Disk.Kind.HELD)
  static class JoinsAnotherProgram {
    @Test
    void test(Program program) {
      CompletableFuture<Long> other =
          CompletableFuture.supplyAsync(
              () -> {
                UserMemory memory = UserMemory.map(program, 4096);
                int fd = open(new UserFiles(program), "held0");
                return program.syscall(Nr.PREAD64, fd, memory.address(), 4096, 0);
              });
      assertThatCall(other.join()).returns(4096);
    }
  }

  /** A driver that throws, and may never return its requests. */
  record Thrower(boolean isIdle) implements BlkMqOps {
    @Override
    public void queueRqs(HwCtx hctx, Request chain) {
      throw new AssertionError(BY_THE_DRIVER);
    }

    @Override
    public int poll(HwCtx hctx) {
      return 0;
    }
  }

  /** Has a driver that asserts, inside a plug. */
  static class DriverAsserts {
    @RegisterExtension
    final PolluxKernel pollux =
        PolluxKernel.bare().withDisk("own0", TestDisk.driven(new Thrower(true), 1 << 20));

    @Test
    void test(Program program, UserFiles files) {
      UserMemory memory = UserMemory.map(program, 4096);
      int fd = open(files, "own0");
      assertThatCall(program.syscall(Nr.PREAD64, fd, memory.address(), 4096, 0)).returns(4096);
    }
  }

  /** Has a driver that throws and keeps its requests, so that the ring's close never returns. */
  @PolluxLimit(2)
  static class DriverKeepsRequests {
    @RegisterExtension
    final PolluxKernel pollux =
        PolluxKernel.bare().withDisk("own0", TestDisk.driven(new Thrower(false), 1 << 20));

    @Test
    void test(Program program, UserFiles files) {
      try (UserRing ring = UserRing.polled(program, 4, 4096)) {
        ring.read(open(files, "own0"), 0, 4096);
        ring.enter(0);
      }
    }
  }

  /** Fails with a seed. */
  @PolluxTest
  static class FailsWithASeed {
    @Test
    void test(@PolluxSeed long seed) {
      throw new AssertionError(BY_THE_TEST + " " + seed);
    }
  }

  /** Registers two kernels. */
  @PolluxTest
  static class HasTwoKernels {
    @RegisterExtension final PolluxKernel pollux = PolluxKernel.bare();

    @Test
    void test() {}
  }

  /** Asks for a disk that its kernel does not have. */
  @PolluxTest
  static class WantsAMissingDisk {
    @Test
    void test(@Disk("held0") HeldDisk disk) {
      disk.releaseAll();
    }
  }
}
