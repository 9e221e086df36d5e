// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.catchThrowable;

import io.pollux.block.BlockDevice;
import io.pollux.block.bdev.FileSystemType;
import io.pollux.block.driver.RamDisk;
import io.pollux.core.Debug;
import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.core.ramfs.Ramfs;
import io.pollux.core.sched.Task;
import io.pollux.core.vfs.Inode;
import io.pollux.core.vfs.SuperBlock;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Mman;
import io.pollux.uapi.Nr;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Mounting, threads of programs, and shutting down, with a filesystem that does what the test
 * wants.
 */
@Timeout(60)
class KernelTest {
  private static final int PAGE = 4096;

  private final RamDisk memory = new RamDisk(1 << 20);
  private final BlockDevice first = memory.disk("ram0", 0x100, false);
  private final BlockDevice second = memory.disk("ram1", 0x101, false);
  private final Kernel kernel = Kernel.boot();
  private final Program program = kernel.newProgram();
  private final List<String> unmounted = new ArrayList<>();

  KernelTest() {
    kernel.addDisk(first);
    kernel.addDisk(second);
  }

  @AfterEach
  void close() {
    Throwable late = catchThrowable(kernel::close);
    memory.close();
    assertThat(late).as("a test that expects a failure closes the kernel itself").isNull();
  }

  /** A filesystem in memory that says so when it is unmounted, and fails then if asked to. */
  private final class Fake implements FileSystemType {
    private final String name;
    private boolean refuses;
    private @Nullable Throwable failure;

    Fake(String name) {
      this.name = name;
    }

    @Override
    public String name() {
      return name;
    }

    @Override
    public boolean recognises(MemorySegment head) {
      return false;
    }

    @Override
    public SuperBlock mount(Task current, BlockDevice bdev, boolean readOnly, Options options)
        throws ErrnoException {
      if (refuses) {
        throw new ErrnoException(Errno.EUCLEAN, "not mine");
      }
      Ramfs files = new Ramfs(bdev.dev());
      return new SuperBlock(bdev.dev(), false) {
        @Override
        public Inode root() {
          return files.root();
        }

        @Override
        protected void statfs(Task task, long statfs) {}

        @Override
        public void unmount(Task task) throws ErrnoException {
          unmounted.add(name);
          files.unmount(task);
          switch (failure) {
            case null -> {}
            case ErrnoException e -> throw e;
            case RuntimeException e -> throw e;
            case Error e -> throw e;
            default -> throw new AssertionError(failure);
          }
        }
      };
    }
  }

  private void mount(String at, Fake type, BlockDevice disk) throws ErrnoException {
    kernel.mount(at, type, disk, "ro");
  }

  private static void assertBusy(Throwable thrown, String... words) {
    assertThat(thrown).isInstanceOf(ErrnoException.class).hasMessageContainingAll(words);
    assertThat(((ErrnoException) thrown).errno()).isEqualTo(Errno.EBUSY);
  }

  private long open(int flags) {
    long address =
        program.syscall(
            Nr.MMAP,
            0,
            PAGE,
            Mman.PROT_READ | Mman.PROT_WRITE,
            Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS,
            -1,
            0);
    byte[] name = "/dev/ram0\0".getBytes(StandardCharsets.UTF_8);
    for (int i = 0; i < name.length; i++) {
      RawMemory.putByte(address + i, name[i]);
    }
    return program.syscall(Nr.OPEN, address, flags, 0);
  }

  @Test
  void aDiskIsMountedOnceAtATime() throws ErrnoException {
    Fake type = new Fake("a");
    mount("one", type, first);
    assertBusy(catchThrowable(() -> mount("two", type, first)), "ram0", "mounted");
    assertBusy(catchThrowable(() -> mount("two", new Fake("b"), first)), "ram0");
    mount("two", type, second);
    assertThat(kernel.held()).isEmpty();
    kernel.close();
    assertThat(unmounted).containsExactly("a", "a");
  }

  @Test
  void aMountThatFailsLeavesTheDiskToOthers() throws ErrnoException {
    Fake type = new Fake("a");
    type.refuses = true;
    assertThatThrownBy(() -> mount("one", type, first)).hasMessageContaining("not mine");
    type.refuses = false;
    mount("one", type, first);
  }

  @Test
  void aMountedDiskIsOpenedForWritingButNotExclusively() throws ErrnoException {
    mount("one", new Fake("a"), first);
    assertThat(open(Fcntl.O_RDWR)).isNotNegative();
    assertThat(open(Fcntl.O_RDONLY | Fcntl.O_EXCL)).isEqualTo(-Errno.EBUSY);
    assertThat(open(Fcntl.O_RDONLY | Fcntl.O_EXCL | Fcntl.O_CREAT))
        .as("another question")
        .isEqualTo(-Errno.EEXIST);
  }

  @Test
  void anExclusiveFileKeepsMountsAndOtherExclusiveFilesAway() throws ErrnoException {
    long file = open(Fcntl.O_RDWR | Fcntl.O_EXCL);
    assertThat(file).isNotNegative();
    assertThat(program.syscall(Nr.FCNTL, file, Fcntl.F_GETFL) & Fcntl.O_EXCL)
        .as("not a flag of the file")
        .isZero();
    assertThat(open(Fcntl.O_RDWR | Fcntl.O_EXCL)).isEqualTo(-Errno.EBUSY);
    assertThat(open(Fcntl.O_RDWR)).as("who does not ask").isNotNegative();
    assertBusy(catchThrowable(() -> mount("one", new Fake("a"), first)), "ram0", "O_EXCL");
    long dup = program.syscall(Nr.DUP, file);
    assertThat(program.syscall(Nr.CLOSE, file)).isZero();
    assertThat(open(Fcntl.O_RDWR | Fcntl.O_EXCL)).as("still open").isEqualTo(-Errno.EBUSY);
    assertThat(program.syscall(Nr.CLOSE, dup)).isZero();
    assertThat(program.syscall(Nr.CLOSE, open(Fcntl.O_RDWR | Fcntl.O_EXCL))).isZero();
    mount("one", new Fake("a"), first);
  }

  @Test
  void mountingAndRecognisingLeaveNoTask() throws ErrnoException {
    for (int i = 0; i < 100; i++) {
      assertThat(kernel.recognise(first)).isEmpty();
      Fake type = new Fake("a");
      type.refuses = true;
      assertThatThrownBy(() -> mount("one", type, first)).isInstanceOf(ErrnoException.class);
    }
    mount("one", new Fake("a"), first);
    assertThatThrownBy(() -> mount("two", new Fake("a"), first)).isInstanceOf(ErrnoException.class);
    assertThat(kernel.held()).isEmpty();
  }

  @Test
  void theFirstFailureOfCloseIsThrownAndCarriesTheLaterOnes() throws ErrnoException {
    Fake one = new Fake("one");
    Fake two = new Fake("two");
    one.failure = new ErrnoException(Errno.EIO, "one is lost");
    two.failure = new AssertionError("two is worse");
    mount("a", one, first);
    mount("b", two, second);
    Throwable thrown = catchThrowable(kernel::close);
    assertThat(thrown).isSameAs(one.failure);
    assertThat(thrown.getSuppressed()).containsExactly(two.failure);
    assertThat(unmounted).containsExactly("one", "two");
    kernel.close(); // nothing is left to do
  }

  @Test
  void aFailureOfAnyKindEndsNothingEarly() throws ErrnoException {
    Fake one = new Fake("one");
    one.failure = new IllegalStateException("a mistake");
    mount("a", one, first);
    mount("b", new Fake("two"), second);
    assertThatThrownBy(kernel::close).isSameAs(one.failure);
    assertThat(unmounted).containsExactly("one", "two");
    assertThat(program.syscall(Nr.SYNC, 0)).as("the program has ended").isEqualTo(-Errno.ESRCH);
  }

  @Test
  void closingAThreadEndsThatThread() throws Exception {
    long file = open(Fcntl.O_RDWR);
    CompletableFuture<Long> ended = new CompletableFuture<>();
    Thread thread =
        new Thread(
            () -> {
              Program other = program.newThread();
              try (other) {
                other.syscall(Nr.SYNC, 0);
              }
              other.close();
              ended.complete(other.syscall(Nr.SYNC, 0));
            });
    thread.start();
    assertThat(ended.get(30, TimeUnit.SECONDS)).isEqualTo(-Errno.ESRCH);
    assertThat(program.syscall(Nr.CLOSE, file)).as("the process lives on").isZero();
    Program unused = program.newThread();
    unused.close();
    assertThat(unused.syscall(Nr.SYNC, 0))
        .as("closed before its first call")
        .isEqualTo(-Errno.ESRCH);
    Program left = program.newThread();
    program.close();
    assertThat(left.syscall(Nr.SYNC, 0))
        .as("the end of the process ends all")
        .isEqualTo(-Errno.ESRCH);
    left.close();
  }

  @Test
  void aKilledProgramMakesNoCallsAndKeepsItsMemory() throws ErrnoException {
    try (Booted booted = new Booted()) {
      assertThat(booted.program.hasEnded()).isFalse();
      booted.program.kill();
      assertThat(booted.program.hasEnded()).isTrue();
      assertThat(booted.program.syscall(Nr.CLOSE, 3)).isEqualTo(-Errno.ESRCH);
      RawMemory.putLong(booted.memory, 7);
      assertThat(RawMemory.getLong(booted.memory)).isEqualTo(7);
      booted.program.close();
      booted.program.kill();
      assertThat(booted.program.hasEnded()).isTrue();
      assertThat(booted.kernel.held()).isEmpty();
    }
  }

  @Test
  void aDumpListsTasksContextsFilesAndRequests() throws ErrnoException {
    try (Booted booted = new Booted()) {
      assertThat(booted.open("/dev/ram0", Fcntl.O_RDONLY)).isEqualTo(3);
      long id = booted.memory;
      assertThat(booted.program.syscall(Nr.IO_SETUP, 4, id)).isZero();
      List<String> lines = booted.kernel.describe();
      assertThat(lines.get(0)).isEqualTo("task of thread " + Thread.currentThread().getName());
      assertThat(lines.get(1)).startsWith("aio context 0x").contains(", nr_events 4,");
      assertThat(lines.get(2)).startsWith("  ring: head 0, tail 0 of ");
      assertThat(lines.get(3))
          .startsWith(Debug.ON ? "file 3 /dev/ram0 O_RDONLY refs 1, opened by" : "open files: 1,");
      assertThat(lines).hasSize(4);
    }
  }

  @Test
  void aSecondDiskOfOneNameIsRefused() {
    assertThatThrownBy(() -> kernel.addDisk(memory.disk("ram1", 0x102, false)))
        .isInstanceOf(IllegalArgumentException.class)
        .hasMessage("the kernel has a disk ram1 already; give each disk its own name");
  }
}
