// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit;

import static io.pollux.testkit.FaultyClasses.BY_THE_DRIVER;
import static io.pollux.testkit.FaultyClasses.BY_THE_TEST;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowable;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectClass;

import io.pollux.block.fixture.HeldDisk;
import io.pollux.core.Oops;
import io.pollux.syscalls.Program;
import io.pollux.uapi.Nr;
import io.pollux.userland.UserFiles;
import io.pollux.userland.UserMemory;
import io.pollux.userland.UserRing;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.platform.launcher.EngineFilter;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;
import org.junit.platform.launcher.listeners.SummaryGeneratingListener;
import org.junit.platform.launcher.listeners.TestExecutionSummary;

/** Faulty tests end with a failure that names the fault, instead of a hang or a crash. */
@Timeout(120)
class GuardTest {
  /** Runs a class of one test and returns what JUnit shows. */
  private static Throwable failureOf(Class<?> faulty) {
    return failuresOf(faulty, 1).getFirst().getException();
  }

  /** Runs a class of some tests, all of which fail. */
  private static List<TestExecutionSummary.Failure> failuresOf(Class<?> faulty, int tests) {
    return failuresOf(faulty, tests, tests);
  }

  /** Runs a class with several tests, some of which fail. */
  private static List<TestExecutionSummary.Failure> failuresOf(
      Class<?> faulty, int tests, int failing) {
    SummaryGeneratingListener listener = new SummaryGeneratingListener();
    LauncherFactory.create()
        .execute(
            LauncherDiscoveryRequestBuilder.request()
                .selectors(selectClass(faulty))
                .filters(EngineFilter.includeEngines("junit-jupiter"))
                .configurationParameter(
                    "junit.jupiter.execution.parallel.enabled", "" + (tests > 1))
                .configurationParameter("junit.jupiter.execution.parallel.config.strategy", "fixed")
                .configurationParameter(
                    "junit.jupiter.execution.parallel.config.fixed.parallelism", "" + tests)
                .build(),
            listener);
    assertThat(listener.getSummary().getTestsFoundCount()).isEqualTo(tests);
    List<TestExecutionSummary.Failure> failures = listener.getSummary().getFailures();
    assertThat(failures).hasSize(failing);
    return failures;
  }

  private static Throwable limitOf(Class<?> faulty) {
    Throwable failure = failureOf(faulty);
    assertThat(failure)
        .isInstanceOf(AssertionError.class)
        .hasMessageStartingWith("the test took longer than its limit of ")
        .hasMessageContaining("the kernel holds:")
        .hasMessageContaining("threads:");
    return failure;
  }

  @Test
  void aReadOfAMissingEventFails() {
    assertThat(failureOf(FaultyClasses.ReadsNoEvent.class))
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("no memory is mapped at 0x0");
  }

  @Test
  void theTestsOwnFailureIsShownThoughItsRingCouldNotBeClosed() {
    Throwable failure = failureOf(FaultyClasses.FailsInFlight.class);
    assertThat(failure).hasMessage(BY_THE_TEST);
    assertThat(failure.getSuppressed()).hasSize(1);
    assertThat(failure.getSuppressed()[0])
        .hasMessageContaining("longer than its limit of 1 s")
        .hasMessageContaining("requests of its disks failed with EIO")
        .hasMessageContaining("request tag 0 of held0 hctx 1 polled: read 8 sectors at 8");
  }

  @Test
  void aWaitForAnEventFailsWithADump() {
    Throwable failure = limitOf(FaultyClasses.WaitsForAnEvent.class);
    assertThat(failure)
        .hasMessageContaining("request tag 0 of held0 hctx 1 polled: read 8 sectors at 8")
        .hasMessageContaining("aio context 0x")
        .hasMessageContaining("open files: 1")
        .hasMessageContaining("0: runs, pins")
        .hasMessageContaining("io.pollux.syscalls.Program.syscall");
    assertThat(failure.getStackTrace())
        .anyMatch(frame -> frame.getClassName().endsWith("FaultyClasses$WaitsForAnEvent"));
  }

  @Test
  void aMountThatWaitsForItsDiskIsEnded() {
    assertThat(limitOf(FaultyClasses.MountsAHeldDisk.class))
        .hasMessageContaining("requests of its disks failed with EIO")
        .hasMessageContaining("io.pollux.syscalls.Kernel.recognise");
  }

  @Test
  void testsAtTheSameTimeEachEndTheirKernel() {
    assertThat(failuresOf(FaultyClasses.FailsTwice.class, 2))
        .extracting(TestExecutionSummary.Failure::getException)
        .allSatisfy(each -> assertThat(each).hasMessage(BY_THE_DRIVER));
  }

  @Test
  void aFailureFailsOnlyItsOwnTest() {
    TestExecutionSummary.Failure only =
        failuresOf(FaultyClasses.FailsBesideAnother.class, 2, 1).getFirst();
    assertThat(only.getException()).hasMessage(BY_THE_DRIVER);
    assertThat(only.getTestIdentifier().getDisplayName()).isEqualTo("fails()");
  }

  @Test
  void thePropertyIsTheLimitOfATestWithoutAnAnnotation() {
    System.setProperty("pollux.limit", "2");
    try {
      assertThat(limitOf(FaultyClasses.WaitsWithoutALimit.class))
          .hasMessageStartingWith("the test took longer than its limit of 2 s");
      assertThat(limitOf(FaultyClasses.WaitsForAnEvent.class))
          .as("the annotation is stronger")
          .hasMessageStartingWith("the test took longer than its limit of 1 s");
    } finally {
      System.clearProperty("pollux.limit");
    }
  }

  @Test
  void thePropertyZeroRemovesAllLimits() {
    assertThat(failureOf(FaultyClasses.SleepsLongerThanItsLimit.class))
        .hasMessageStartingWith("the test took longer than its limit of 1 s");
    System.setProperty("pollux.limit", "0");
    try {
      assertThat(failureOf(FaultyClasses.SleepsLongerThanItsLimit.class)).hasMessage(BY_THE_TEST);
    } finally {
      System.clearProperty("pollux.limit");
    }
  }

  /** The first step of the rescue throws. The later steps make the thread return. */
  @Test
  void aStepOfTheRescueThatThrowsDoesNotStopTheOthers() throws InterruptedException {
    Oops.setSink((sentence, thrown) -> {});
    TestKernel kernel = TestKernel.boot();
    try {
      HeldDisk disk = new HeldDisk(1 << 20);
      kernel.addDisk("held0", TestDisk.driven(disk, 1 << 20));
      Program program = kernel.newProgram();
      CountDownLatch returned = new CountDownLatch(1);
      Thread stuck =
          new Thread(
              () -> {
                long memory = UserMemory.map(program, 4096).address();
                int fd = FaultyClasses.open(new UserFiles(program), "held0");
                program.syscall(Nr.PREAD64, fd, memory, 4096, 0);
                returned.countDown();
              }) {
            @Override
            public void interrupt() {
              throw new AssertionError("broken");
            }
          };
      stuck.setDaemon(true);
      stuck.start();
      disk.awaitHeld(1);
      assertThat(kernel.rescue(stuck, nanos -> returned.await(nanos, TimeUnit.NANOSECONDS)))
          .isTrue();
    } finally {
      kernel.close();
      Oops.setSink(null);
    }
  }

  @Test
  void theAssertionOfADriverIsShownThoughAProgramDoesNotEnd() {
    TestKernel kernel = TestKernel.boot();
    kernel.addDisk("own0", TestDisk.driven(new FaultyClasses.Thrower(false), 1 << 20));
    Program program = kernel.newProgram();
    UserRing ring = UserRing.polled(program, 4, 4096);
    ring.read(FaultyClasses.open(new UserFiles(program), "own0"), 0, 4096);
    ring.enter(0);
    Throwable failure = catchThrowable(() -> kernel.close(100));
    assertThat(failure).hasMessage(BY_THE_DRIVER);
    assertThat(failure.getSuppressed())
        .anySatisfy(
            each ->
                assertThat(each).hasMessageStartingWith("a program has not ended after 100 ms"));
  }

  @Test
  void aLoopOnPeekEndsWithItsProgram() {
    Throwable failure = limitOf(FaultyClasses.SpinsOnPeek.class);
    assertThat(failure.getSuppressed()[0])
        .hasMessage("a ring is used after the end of its program");
  }

  @Test
  void aTestThatNeverReturnsIsLeftBehind() {
    try {
      assertThat(limitOf(FaultyClasses.SpinsInJava.class))
          .hasMessageContaining("was left behind")
          .hasMessageContaining("FaultyClasses$SpinsInJava.test");
    } finally {
      FaultyClasses.SpinsInJava.enough = true;
    }
  }

  @Test
  void aSecondDiskOfOneNameIsNotMade() {
    AtomicInteger made = new AtomicInteger();
    TestDisk.Source source =
        (name, dev) -> {
          made.incrementAndGet();
          return TestDisk.ram(4096).open(name, dev);
        };
    try (TestKernel kernel = TestKernel.boot()) {
      kernel.addDisk("ram0", source);
      assertThat(catchThrowable(() -> kernel.addDisk("ram0", source)))
          .hasMessage("the kernel has a disk ram0 already; give each disk its own name");
    }
    assertThat(made).hasValue(1);
  }

  @Test
  void aThreadThatATestHasLeftDoesNotEndTheProcess() {
    assertThat(failureOf(FaultyClasses.LeavesAThread.class)).hasMessage(BY_THE_TEST);
    long before = FaultyClasses.LeavesAThread.READS.get();
    while (FaultyClasses.LeavesAThread.READS.get() < before + 1_000) { // the timeout bounds it
      Thread.onSpinWait();
    }
    FaultyClasses.LeavesAThread.enough = true;
  }

  @Test
  void aWaitInJavaIsInterrupted() {
    assertThat(limitOf(FaultyClasses.WaitsInJava.class).getSuppressed()[0])
        .isInstanceOf(InterruptedException.class);
  }

  @Test
  void aTimeoutOfJUnitEndsAnUninterruptibleWait() {
    Throwable failure = failureOf(FaultyClasses.TimesOutUninterruptibly.class);
    assertThat(failure).isInstanceOf(TimeoutException.class);
    assertThat(failure.getSuppressed()[0])
        .hasMessageStartingWith("the test was interrupted")
        .hasMessageContaining("request tag 0 of held0 hctx 0: read 8 sectors at 0");
  }

  @Test
  void aProgramOnAnotherThreadIsKilledToo() {
    assertThat(limitOf(FaultyClasses.JoinsAnotherProgram.class))
        .hasMessageContaining("io.pollux.syscalls.Program.syscall");
  }

  @Test
  void theAssertionOfADriverIsShownFirst() {
    Throwable failure = failureOf(FaultyClasses.DriverAsserts.class);
    assertThat(failure).isInstanceOf(AssertionError.class).hasMessage(BY_THE_DRIVER);
    assertThat(failure.getSuppressed()[0]).hasMessageContaining("answered -EIO");
  }

  @Test
  void aDriverThatKeepsItsRequestsIsStoppedByTheLimit() {
    Throwable failure = failureOf(FaultyClasses.DriverKeepsRequests.class);
    assertThat(failure).isInstanceOf(AssertionError.class).hasMessage(BY_THE_DRIVER);
    assertThat(failure.getSuppressed()[0])
        .hasMessageStartingWith("the test took longer than its limit of 2 s")
        .hasMessageContaining("tags of own0 in use: 1");
  }

  @Test
  void aSeedIsPrintedAndReplayed() {
    Throwable failure = failureOf(FaultyClasses.FailsWithASeed.class);
    Matcher seed =
        Pattern.compile("-Dpollux\\.seed=(-?\\d+) ")
            .matcher(failure.getSuppressed()[0].getMessage());
    assertThat(seed.find()).isTrue();
    assertThat(failure).hasMessage(BY_THE_TEST + " " + seed.group(1));
    assertThat(failureOf(FaultyClasses.FailsWithASeed.class))
        .as("a new seed for each run")
        .message()
        .isNotEqualTo(failure.getMessage());
    System.setProperty("pollux.seed", seed.group(1));
    try {
      assertThat(failureOf(FaultyClasses.FailsWithASeed.class)).hasMessage(failure.getMessage());
    } finally {
      System.clearProperty("pollux.seed");
    }
  }

  @Test
  void aMistakeInTheAnnotationsIsReported() {
    assertThat(failureOf(FaultyClasses.HasTwoKernels.class))
        .hasMessageContaining("a test has one kernel");
    assertThat(failureOf(FaultyClasses.WantsAMissingDisk.class))
        .hasMessageContaining("the kernel has no disk held0");
  }
}
