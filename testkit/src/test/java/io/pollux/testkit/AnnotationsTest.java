// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit;

import static io.pollux.testkit.CallAssert.assertThatCall;
import static io.pollux.testkit.Event.awaitEvents;
import static io.pollux.testkit.EventAssert.assertThatEvent;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.block.BlockDevice;
import io.pollux.block.driver.FaultDisk;
import io.pollux.block.driver.NullDisk;
import io.pollux.block.driver.RamDisk;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.sample.SamplePattern;
import io.pollux.syscalls.Kernel;
import io.pollux.syscalls.Program;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Nr;
import io.pollux.uapi.RawMemory;
import io.pollux.userland.PathName;
import io.pollux.userland.UserFiles;
import io.pollux.userland.UserMemory;
import io.pollux.userland.UserRing;
import java.time.Duration;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Nested;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** What the annotations boot and inject, and what the user library refuses after its close. */
@Timeout(120)
@PolluxTest
@Disk(kind = Disk.Kind.HELD)
@Disk(name = "bad0", kind = Disk.Kind.FAULTY, plan = "error-at=2", size = 1 << 16)
class AnnotationsTest {
  private static final Duration SOON = Duration.ofSeconds(20);

  private long setUp;
  private Thread setUpBy = Thread.currentThread();

  @BeforeEach
  void theProgramMapsMemoryBeforeTheTest(Program program) {
    setUp = UserMemory.map(program, 4096).address();
    setUpBy = Thread.currentThread();
  }

  // An example of the package's Javadoc. KitDisksTest compares the two.
  @PolluxTest
  @Disk(kind = Disk.Kind.SAMPLE)
  @Mount(at = "mnt", disk = "sample0")
  void readsTwoBlocksOfTheMainFile(UserFiles files, UserRing ring) {
    int fd = files.open(PathName.of("/mnt/main.dat"), Fcntl.O_RDONLY | Fcntl.O_DIRECT);
    int first = ring.read(fd, 0, 4096);
    int second = ring.read(fd, 4096, 4096);
    assertThatCall(ring.enter(0)).returns(2);
    List<Event> events = awaitEvents(ring, 2, Duration.ofSeconds(5));
    assertThat(events).extracting(Event::obj).containsExactlyInAnyOrder(first * 1L, second * 1L);
    assertThat(events).extracting(Event::res).containsOnly(4096L);
    assertThat(SamplePattern.verify(ring.buffer(second), 4096, 4096)).isEqualTo(-1);
  }

  // An example of the package's Javadoc, as above.
  @Test
  void eventsComeInTheOrderOfTheReleases(
      UserFiles files, UserRing ring, @Disk("held0") HeldDisk disk) {
    int fd = files.open(PathName.of("/dev/held0"), Fcntl.O_RDONLY | Fcntl.O_DIRECT);
    int first = ring.read(fd, 0, 4096);
    int second = ring.read(fd, 4096, 4096);
    assertThatCall(ring.enter(0)).returns(2);
    disk.fail(1, Errno.ENODATA);
    Event event = awaitEvents(ring, 1, Duration.ofSeconds(5)).getFirst();
    assertThatEvent(event).hasObj(second).failedWith(Errno.ENODATA);
    disk.release(0);
    event = awaitEvents(ring, 1, Duration.ofSeconds(5)).getFirst();
    assertThatEvent(event).hasObj(first).moved(4096);
  }

  @Test
  void setupAndTestHaveTheSameProgramOnTheSameThread(
      TestKernel test, Kernel kernel, Program program, Program another) {
    assertThat(kernel).isSameAs(test.kernel());
    assertThat(program).isNotSameAs(another);
    assertThat(Thread.currentThread()).isSameAs(setUpBy);
    assertThatCall(program.syscall(Nr.MUNMAP, setUp, 4096)).returns(0);
  }

  @Test
  @Disk(name = "null0", kind = Disk.Kind.NOTHING)
  @Disk
  void disksAreInjectedAsDeviceAndDriver(
      @Disk("null0") NullDisk nothing,
      @Disk("ram0") RamDisk ram,
      @Disk("bad0") FaultDisk faulty,
      @Disk("bad0") BlockDevice device,
      @Disk("bad0") TestDisk both) {
    assertThat(nothing.bytes()).isEqualTo(1 << 20);
    assertThat(ram.bytes()).isEqualTo(1 << 20);
    assertThat(device.bytes()).isEqualTo(1 << 16);
    assertThat(both.driver()).isSameAs(faulty);
    assertThat(both.device()).isSameAs(device);
    assertThat(faulty.plan()).isNotNull();
  }

  @Test
  void aMethodsDiskIsOnlyItsOwn(TestKernel kernel) {
    assertThat(kernel.testDisks()).containsOnlyKeys("held0", "bad0");
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void aParameterizedTestHasItsOwnParametersToo(int number, Program program) {
    assertThatCall(program.syscall(Nr.CLOSE, 100 + number)).failsWith(Errno.EBADF);
  }

  @Test
  void aSeedIsOneForAllParameters(@PolluxSeed(42) long seed, @PolluxSeed Random random) {
    assertThat(random.nextLong()).isEqualTo(new Random(seed).nextLong());
  }

  @Nested
  @Disk(kind = Disk.Kind.RAM)
  class InAClassInside {
    @Test
    void theOuterDisksAreThereToo(TestKernel kernel) {
      assertThat(kernel.testDisks()).containsOnlyKeys("held0", "bad0", "ram0");
    }
  }

  @Test
  void missingEventsAreListedWithTheRequestsInFlight(UserFiles files, UserRing ring) {
    assertThatThrownBy(() -> awaitEvents(ring, 1, SOON))
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("expected 1 events, but only 0 I/Os are in flight");
    int fd = files.open(PathName.of("/dev/held0"), Fcntl.O_RDONLY | Fcntl.O_DIRECT);
    ring.read(fd, 8192, 4096);
    assertThatThrownBy(() -> awaitEvents(ring, 1, SOON))
        .hasMessageContaining("pushed and not submitted: 1 (call enter)");
    ring.enter(0);
    assertThatThrownBy(() -> awaitEvents(ring, 1, Duration.ofMillis(1)))
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("no more came in 1 ms")
        .hasMessageContaining("events: []")
        .hasMessageContaining("read 8 sectors at 16");
  }

  @Test
  void whatIsClosedIsRefusedWithASentence(Program program) {
    UserMemory memory = UserMemory.map(program, 4096);
    memory.close();
    memory.close();
    assertThatThrownBy(memory::address).hasMessage("the memory is used after its close");
    assertThatThrownBy(memory::segment).isInstanceOf(IllegalStateException.class);
    UserFiles files = new UserFiles(program);
    files.close();
    assertThatThrownBy(() -> files.stat(PathName.of("/dev")))
        .isInstanceOf(IllegalStateException.class)
        .hasMessage("the files of a program are used after their close");
    assertThatThrownBy(() -> files.fstat(0)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> files.readDirectory(0)).isInstanceOf(IllegalStateException.class);
    UserRing ring = UserRing.polled(program, 2, 4096);
    ring.close();
    ring.close();
    assertRefused(ring, "a ring is used after its close");
    assertThatThrownBy(() -> ring.slot(0)).hasMessageContaining("there is no event");
    assertThatThrownBy(() -> ring.consume(0)).isInstanceOf(IllegalStateException.class);
    assertThatThrownBy(() -> assertThatEvent(8)).hasMessageContaining("there is none");
    assertThatThrownBy(() -> assertThatEvent((Event) null)).hasMessageContaining("there is none");
  }

  private static void assertRefused(UserRing ring, String sentence) {
    assertThatThrownBy(ring::take).hasMessage(sentence);
    assertThatThrownBy(ring::peek).hasMessage(sentence);
    assertThatThrownBy(() -> ring.read(0, 0, 512)).hasMessage(sentence);
    assertThatThrownBy(() -> ring.enter(0)).hasMessage(sentence);
    assertThatThrownBy(() -> ring.getEvents(1)).hasMessage(sentence);
    assertThatThrownBy(ring::submit).hasMessage(sentence);
    assertThatThrownBy(ring::wakeUp).hasMessage(sentence);
    assertThatThrownBy(() -> ring.submitAndWait(1)).hasMessage(sentence);
  }

  @Test
  void theMemoryOfAProgramThatHasEndedReadsAsZeroes(TestKernel kernel) {
    Program program = kernel.newProgram();
    UserMemory memory = UserMemory.map(program, 4096);
    UserFiles files = new UserFiles(program);
    UserRing ring = UserRing.polled(program, 2, 4096);
    memory.segment().fill((byte) 1);
    long address = memory.address();
    program.close();
    assertThat(RawMemory.getLong(address)).isZero();
    assertThatThrownBy(memory::segment).hasMessageContaining("after the end of its program");
    assertThatThrownBy(() -> files.open(PathName.of("/dev"), Fcntl.O_RDONLY))
        .hasMessage("the files of a program are used after its end");
    assertThatThrownBy(ring::peek).hasMessage("a ring is used after the end of its program");
    assertThatThrownBy(() -> ring.enter(0)).isInstanceOf(IllegalStateException.class);
    ring.close();
    files.close();
    memory.close();
  }

  @Test
  void aProgramCanMapAsMuchAsItsWindow() {
    try (TestKernel kernel = TestKernel.boot(4 << 20)) {
      Program program = kernel.newProgram();
      UserMemory.map(program, 4 << 20);
      assertThatThrownBy(() -> UserMemory.map(program, 4096)).hasMessageContaining("mmap");
      assertThatThrownBy(() -> UserMemory.map(kernel.newProgram(), (4 << 20) + 1))
          .hasMessageContaining("mmap");
    }
    assertThatThrownBy(() -> TestKernel.boot(4096).newProgram())
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessageContaining("2 MiB");
  }
}
