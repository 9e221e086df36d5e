// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit;

import static io.pollux.testkit.CallAssert.assertThatCall;
import static io.pollux.testkit.DiskAssert.assertThatDisk;
import static io.pollux.testkit.EventAssert.assertThatEvent;
import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.block.driver.FaultDisk;
import io.pollux.block.driver.FaultLog;
import io.pollux.block.driver.FaultPlan;
import io.pollux.block.fixture.HeldDisk;
import io.pollux.syscalls.Program;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.IoEvent;
import io.pollux.uapi.Nr;
import io.pollux.userland.PathName;
import io.pollux.userland.UserFiles;
import io.pollux.userland.UserMemory;
import io.pollux.userland.UserRing;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

/**
 * The kit's disks and what is said about them: the examples, and that assertions fail when they
 * should.
 */
@Timeout(120)
class KitDisksTest {
  private static final Path SOURCES =
      Path.of(System.getProperty("basedir", ".")).toAbsolutePath().resolve("src");

  @RegisterExtension
  final PolluxKernel pollux =
      PolluxKernel.bare()
          .withDisk("held0", TestDisk.held(1 << 20))
          .withDisk("fault0", TestDisk.faulty(1 << 20, FaultPlan.parse("seed=7,volatile-cache")))
          .withDisk("bad0", TestDisk.faulty(1 << 20, FaultPlan.parse("error-at=2")))
          .withDisk("ram0", TestDisk.ram(1 << 20));

  // The examples of the package's Javadoc, which has them letter by letter; a test below compares.
  @Test
  void eventsComeInTheOrderInWhichTheDiskCompletes(TestKernel kernel, Program program) {
    HeldDisk disk = kernel.driver("held0", HeldDisk.class);
    try (UserFiles files = new UserFiles(program);
        UserRing ring = UserRing.polled(program, 4, 4096)) {
      int fd = files.open(PathName.of("/dev/held0"), Fcntl.O_RDONLY | Fcntl.O_DIRECT);
      int first = ring.read(fd, 0, 4096);
      int second = ring.read(fd, 4096, 4096);
      assertThatCall(ring.enter(0)).returns(2);
      assertThat(disk.held()).extracting(HeldDisk.Held::sector).containsExactly(0L, 8L);
      disk.fail(1, Errno.ENODATA);
      assertThatCall(ring.getEvents(1)).returns(0);
      assertThatEvent(ring.peek()).hasObj(second).failedWith(Errno.ENODATA).hasRes2(0);
      ring.consume(ring.peek());
      disk.release(0);
      assertThatCall(ring.getEvents(1)).returns(0);
      assertThatEvent(ring.peek()).hasObj(first).moved(4096);
      ring.consume(ring.peek());
      assertThatDisk(kernel.testDisk("held0")).hasDoneReads(2).hasNothingInFlight();
    }
  }

  @Test
  void whatWasFlushedOutlivesAPowerCut(TestKernel kernel, Program program) {
    FaultDisk disk = kernel.driver("fault0", FaultDisk.class);
    try (UserFiles files = new UserFiles(program);
        UserMemory memory = UserMemory.map(program, 4096)) {
      int fd = files.open(PathName.of("/dev/fault0"), Fcntl.O_RDWR | Fcntl.O_DIRECT);
      memory.segment().fill((byte) 7);
      assertThatCall(program.syscall(Nr.PWRITE64, fd, memory.address(), 4096, 0)).returns(4096);
      assertThatDisk(kernel.testDisk("fault0")).wasNotFlushed();
      assertThatCall(program.syscall(Nr.FSYNC, fd)).returns(0);
      assertThatDisk(kernel.testDisk("fault0")).wasFlushed();
      disk.powerCut();
      assertThatCall(program.syscall(Nr.PREAD64, fd, memory.address(), 4096, 0))
          .failsWith(Errno.EIO);
      disk.powerOn();
      assertThat(disk.log().count(FaultLog.Kind.POWER_OFF)).isEqualTo(1);
      assertThatDisk(kernel.testDisk("fault0")).isFilledWith(0, 8, 7).isFilledWith(8, 8, 0);
    }
  }

  /** Every block of code of the package's documentation, line by line. */
  static Stream<List<String>> documentedExamples() throws IOException {
    List<List<String>> examples = new ArrayList<>();
    List<String> example = null;
    for (String line :
        Files.readAllLines(SOURCES.resolve("main/java/io/pollux/testkit/package-info.java"))) {
      String text = line.replaceFirst("^ \\* ?", "").strip();
      if (text.equals("<pre>{@code")) {
        example = new ArrayList<>();
      } else if (text.equals("}</pre>") && example != null) {
        examples.add(example);
        example = null;
      } else if (example != null) {
        example.add(text);
      }
    }
    assertThat(examples).hasSize(5);
    return examples.stream();
  }

  @ParameterizedTest
  @MethodSource("documentedExamples")
  void everyExampleIsCompiled(List<String> example) throws IOException {
    assertThat(example).hasSizeGreaterThan(5);
    boolean compiled = false;
    for (String source : List.of("KitTest.java", "KitDisksTest.java", "AnnotationsTest.java")) {
      String text =
          Files.readString(SOURCES.resolve("test/java/io/pollux/testkit").resolve(source));
      compiled |= withoutSpace(text).contains(withoutSpace(String.join("", example)));
    }
    assertThat(compiled).as(String.join("\n", example)).isTrue();
  }

  /** The formatter breaks the lines of code where Javadoc does not. */
  private static String withoutSpace(String code) {
    return code.replaceAll("\\s", "");
  }

  @Test
  void aSleeperWakesWhenItsRequestIsReleased(TestKernel kernel, Program program) {
    HeldDisk disk = kernel.driver("held0", HeldDisk.class);
    CompletableFuture<Long> result =
        CompletableFuture.supplyAsync(
            () -> {
              try (UserFiles files = new UserFiles(program);
                  UserMemory memory = UserMemory.map(program, 512)) {
                memory.segment().fill((byte) 3);
                int fd = files.open(PathName.of("/dev/held0"), Fcntl.O_RDWR | Fcntl.O_DIRECT);
                return program.syscall(Nr.PWRITE64, fd, memory.address(), 512, 1024);
              }
            });
    disk.awaitHeld(1);
    TestDisk held = kernel.testDisk("held0");
    assertThat(disk.held()).map(HeldDisk.Held::line).containsExactly("write 2+1");
    assertThat(disk.held()).noneMatch(HeldDisk.Held::polled);
    assertThatDisk(held).hasDoneWrites(0).isFilledWith(2, 1, 0);
    assertThatThrownBy(() -> assertThatDisk(held).hasNothingInFlight())
        .hasMessageContaining("held0");
    disk.letThrough();
    assertThatCall(result.join()).returns(512);
    assertThatDisk(held)
        .hasDoneWrites(1)
        .hasNothingInFlight()
        .isFilledWith(2, 1, 3)
        .hasDoneDiscards(0)
        .wasNotFlushed();
    assertThat(disk.flushes()).isZero();
    assertThatThrownBy(() -> assertThatDisk(held).wasFlushed())
        .hasMessageContaining("writes that were not flushed: 0");
    disk.holdAgain();
    assertThatThrownBy(() -> disk.release(0))
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("holds 0 requests");
  }

  @Test
  void whatIsHeldAtTheEndIsLetThrough(TestKernel kernel, Program program) {
    try (UserFiles files = new UserFiles(program)) {
      int fd = files.open(PathName.of("/dev/held0"), Fcntl.O_RDONLY | Fcntl.O_DIRECT);
      UserRing ring = UserRing.polled(program, 4, 4096);
      ring.read(fd, 0, 4096);
      assertThatCall(ring.enter(0)).returns(1);
      assertThat(kernel.driver("held0", HeldDisk.class).held()).hasSize(1);
    }
  }

  @Test
  void aFaultyDiskFailsWhatItsPlanSays(TestKernel kernel, Program program) {
    try (UserFiles files = new UserFiles(program);
        UserMemory memory = UserMemory.map(program, 512)) {
      int fd = files.open(PathName.of("/dev/bad0"), Fcntl.O_RDONLY | Fcntl.O_DIRECT);
      assertThatCall(program.syscall(Nr.PREAD64, fd, memory.address(), 512, 0)).returns(512);
      assertThatCall(program.syscall(Nr.PREAD64, fd, memory.address(), 512, 0))
          .failsWith(Errno.EIO);
      assertThat(kernel.driver("bad0", FaultDisk.class).log()).hasToString("error=1");
      assertThatThrownBy(() -> assertThatDisk(kernel.testDisk("bad0")).wasFlushed())
          .isInstanceOf(IllegalArgumentException.class)
          .hasMessageContaining("bad0");
    }
  }

  @Test
  void assertionsAboutDisksAndEventsFailWithWhatIsThere(TestKernel kernel, Program program) {
    TestDisk ram = kernel.testDisk("ram0");
    assertThatDisk(ram).hasAtSector(0, new byte[700]);
    assertThatThrownBy(() -> assertThatDisk(ram).hasAtSector(3, new byte[] {0, 0, 5}))
        .isInstanceOf(AssertionError.class)
        .hasMessageContaining("expected 05 in sector 3 from its byte 2 on, but there is 00");
    assertThatThrownBy(() -> assertThatDisk(ram).isFilledWith(2047, 2, 0))
        .isInstanceOf(IllegalArgumentException.class);
    assertThatThrownBy(() -> assertThatDisk(ram).hasDoneReads(1))
        .hasMessageContaining("ram0 to have reads: 1");
    assertThatThrownBy(() -> assertThatDisk(kernel.testDisk("fault0")).wasNotFlushed())
        .hasMessageContaining("fault0");
    assertThatThrownBy(() -> assertThatEvent(0)).hasMessageContaining("there is none");
    try (UserMemory memory = UserMemory.map(program, IoEvent.SIZE)) {
      long event = memory.address();
      IoEvent.data(event, 17);
      IoEvent.obj(event, 3);
      IoEvent.res(event, -Errno.EIO);
      assertThatEvent(event).hasData(17).hasObj(3).failedWith(Errno.EINVAL, Errno.EIO).hasRes2(0);
      assertThatThrownBy(() -> assertThatEvent(event).moved(512))
          .hasMessageContaining("res 512")
          .hasMessageContaining("-EIO");
      assertThatThrownBy(() -> assertThatEvent(event).hasData(18))
          .hasMessageContaining("data 0x11");
      assertThatThrownBy(() -> assertThatEvent(event).hasObj(4)).hasMessageContaining("obj 4");
      assertThatThrownBy(() -> assertThatEvent(event).hasRes2(1)).hasMessageContaining("res2 1");
      assertThatThrownBy(() -> assertThatEvent(event).failedWith(Errno.EAGAIN))
          .hasMessageContaining("res -EAGAIN");
    }
  }

  @Test
  void aDiskOfAnotherKindIsAskedByAReadThatCounts() {
    try (TestKernel kernel = TestKernel.boot()) {
      kernel.addDisk("null0", TestDisk.nothing(1 << 20));
      assertThatDisk(kernel.testDisk("null0")).isFilledWith(0, 8, 0).hasDoneReads(1);
    }
  }
}
