// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.BlockDevice;
import io.pollux.block.bdev.Providers;
import io.pollux.block.driver.RamDisk;
import io.pollux.core.ErrnoException;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Mman;
import io.pollux.uapi.Nr;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import java.util.function.BooleanSupplier;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Periodic write-back. */
@Timeout(60)
class FlusherTest {
  private static final Duration SHORT = Duration.ofMillis(5);
  private static final int PAGE = 4096;

  private final RamDisk memory = new RamDisk(1 << 20);
  private final BlockDevice disk = memory.disk("ram0", 16, false);
  private final Toy toy = new Toy();
  private final Kernel kernel;

  FlusherTest() throws ErrnoException {
    kernel = Kernel.boot(Providers.builtIn().with(toy), SHORT);
    kernel.addDisk(disk);
    Toy.EVENTS.clear();
  }

  @AfterEach
  void close() throws ErrnoException {
    kernel.close();
    memory.close();
  }

  private static void await(String what, BooleanSupplier condition) throws InterruptedException {
    long end = System.nanoTime() + TimeUnit.SECONDS.toNanos(30);
    while (!condition.getAsBoolean()) {
      assertThat(System.nanoTime()).as(what).isLessThan(end);
      Thread.sleep(1);
    }
  }

  @Test
  void dirtyPagesReachTheDiskWithoutASync() throws InterruptedException {
    try (Program program = kernel.newProgram()) {
      int prot = Mman.PROT_READ | Mman.PROT_WRITE;
      int flags = Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS;
      long page = program.syscall(Nr.MMAP, 0, PAGE, prot, flags, -1, 0);
      byte[] path = "/dev/ram0\0".getBytes(StandardCharsets.US_ASCII);
      RawMemory.segment(page, path.length).copyFrom(MemorySegment.ofArray(path));
      long fd = program.syscall(Nr.OPEN, page, Fcntl.O_RDWR, 0);
      assertThat(program.syscall(Nr.WRITE, fd, page, 4)).isEqualTo(4);
      await("no write-back", () -> disk.mapping().nrDirty() == 0);
      assertThat(RawMemory.getInt(memory.address())).isEqualTo(RawMemory.getInt(page));
    }
  }

  @Test
  void aMountedFilesystemIsWrittenBack() throws Exception {
    kernel.mount("mnt", toy, disk, "");
    await("no sync", () -> Toy.EVENTS.contains("sync ram0"));
    kernel.umount("mnt");
    Toy.EVENTS.clear();
    Thread.sleep(5 * SHORT.toMillis());
    assertThat(Toy.EVENTS).as("after the unmount").isEmpty();
  }

  @Test
  void aReadOnlyFilesystemIsLeftAlone() throws Exception {
    kernel.mount("mnt", toy, disk, "ro");
    Thread.sleep(5 * SHORT.toMillis());
    assertThat(Toy.EVENTS).isEmpty();
  }

  /** Unmounts and flushes meet; each unmount succeeds, and none comes before a flush has ended. */
  @Test
  void aFlushDoesNotKeepAFilesystemBusy() throws Exception {
    for (int i = 0; i < 200; i++) {
      kernel.mount("mnt", toy, disk, "");
      kernel.umount("mnt");
      assertThat(Toy.EVENTS.removeLast()).isEqualTo("unmount ram0");
    }
    assertThat(kernel.held()).isEmpty();
  }
}
