// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.block.BlkTypes;
import io.pollux.block.BlockDevice;
import io.pollux.block.driver.HostDisk;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.testkit.Oracles;
import io.pollux.uapi.Errno;
import io.pollux.uapi.RawMemory;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * Where an image may live on the machine: block devices, filesystems with large sectors, memory.
 */
@Timeout(120)
class MachineDisksTest {
  private static final int SECTOR = 512;
  private static final int BYTES = 32 << 20;
  private static final int SECTORS = BYTES / SECTOR;
  private static final int SECONDS = 60;

  private final Path dir;
  private final Path image;
  private final UserProcess process = new UserProcess();
  private final Task task = process.newTask();
  private final long memory = HostMemory.map(HostMemory.PAGE_SIZE);

  MachineDisksTest(@TempDir Path dir) throws IOException {
    this.dir = dir;
    image = dir.resolve("image");
    Files.write(image, numbered(SECTORS, 0));
  }

  @BeforeEach
  void enter() {
    assertThat(task.enterKernel()).isTrue();
  }

  @AfterEach
  void leave() {
    task.leaveKernel();
    process.exit();
    HostMemory.unmap(memory, HostMemory.PAGE_SIZE);
  }

  /** Sectors with their numbers in front, and some bytes more. */
  private static byte[] numbered(int sectors, int more) {
    byte[] bytes = new byte[sectors * SECTOR + more];
    for (int sector = 0; sector < sectors; sector++) {
      bytes[sector * SECTOR] = (byte) sector;
      bytes[sector * SECTOR + 1] = (byte) (sector >> 8);
    }
    return bytes;
  }

  private static String run(String... command) throws IOException, InterruptedException {
    Process started = new ProcessBuilder(command).redirectErrorStream(true).start();
    String said =
        new String(started.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
    assertThat(started.waitFor(SECONDS, TimeUnit.SECONDS)).as(command[0]).isTrue();
    assertThat(started.exitValue()).as(said).isZero();
    return said;
  }

  /** What is done with a loop device. */
  private interface Work {
    void with(Path device) throws IOException, InterruptedException;
  }

  private void onLoop(int sector, boolean readOnly, Work work)
      throws IOException, InterruptedException {
    Oracles.needPrograms("util-linux", "losetup");
    Oracles.needPrograms("e2fsprogs", "mkfs.ext4");
    Oracles.needLoopMounts("ext4");
    String device =
        run(
            "losetup",
            "-f",
            "--show",
            "-b",
            String.valueOf(sector),
            readOnly ? "-r" : "--direct-io=off",
            image.toString());
    try {
      work.with(Path.of(device));
    } finally {
      run("losetup", "-d", device);
    }
  }

  private int numberAt(BlockDevice device, int sector, int bytes) {
    assertThat(
            device.transferAndWait(
                task, (long) sector * SECTOR, memory, bytes, BlkTypes.REQ_OP_READ))
        .isZero();
    return RawMemory.getShort(memory) & 0xffff;
  }

  /** Reads sectors, and copies one over another. */
  private void readsAndWrites(BlockDevice device, int unit) {
    int step = unit / SECTOR;
    for (int sector = 0; sector < SECTORS; sector += 37 * step) {
      assertThat(numberAt(device, sector, unit)).isEqualTo(sector);
    }
    int last = SECTORS - step;
    assertThat(numberAt(device, last, unit)).isEqualTo(last);
    assertThat(device.transferAndWait(task, 5L * unit, memory, unit, BlkTypes.REQ_OP_WRITE))
        .isZero();
    assertThat(device.flushAndWait(task)).isZero();
    assertThat(numberAt(device, 5 * step, unit)).isEqualTo(last);
    assertThat(numberAt(device, 4 * step, unit)).isEqualTo(4 * step);
  }

  @ParameterizedTest
  @ValueSource(ints = {512, 4096})
  void aBlockDeviceHasTheSectorsThatItHas(int sector) throws Exception {
    onLoop(
        sector,
        false,
        loop -> {
          try (HostDisk disk = HostDisk.open(loop, false)) {
            BlockDevice device = disk.disk("file0", 1, false);
            assertThat(device.bytes()).isEqualTo(BYTES);
            if (disk.access().startsWith("io_uring")) {
              assertThat(disk.access()).startsWith("io_uring, O_DIRECT");
              assertThat(device.queue().logicalBlockSize()).isEqualTo(sector);
            }
            readsAndWrites(device, sector);
          }
        });
    assertThat(Files.readAllBytes(image)[5 * sector])
        .as("after the device has gone")
        .isEqualTo((byte) (SECTORS - sector / SECTOR));
  }

  @Test
  void aBlockDeviceThatIsOnlyRead() throws Exception {
    onLoop(
        SECTOR,
        true,
        loop -> {
          // Linux permits the open, and fails the write
          try (HostDisk disk = HostDisk.open(loop, false)) {
            BlockDevice device = disk.disk("file0", 1, false);
            assertThat(device.transferAndWait(task, 0, memory, SECTOR, BlkTypes.REQ_OP_WRITE))
                .isEqualTo(-Errno.EIO);
          }
          try (HostDisk disk = HostDisk.open(loop, true)) {
            BlockDevice device = disk.disk("file0", 1, true);
            assertThat(numberAt(device, 99, SECTOR)).isEqualTo(99);
            assertThat(device.transferAndWait(task, 0, memory, SECTOR, BlkTypes.REQ_OP_WRITE))
                .isEqualTo(-Errno.EPERM);
          }
        });
  }

  /** A file is made of small sectors even where the machine can't read them past its cache. */
  @Test
  void aFileOnADeviceWithLargeSectors() throws Exception {
    onLoop(
        4096,
        false,
        loop -> {
          run("mkfs.ext4", "-q", loop.toString());
          Path root = Files.createDirectory(dir.resolve("root"));
          run("mount", loop.toString(), root.toString());
          try {
            Path file = root.resolve("file");
            Files.write(file, numbered(101, 100));
            // a hole may be read in any way
            run("fallocate", "-p", "-o", "0", "-l", "8192", file.toString());
            try (HostDisk disk = HostDisk.open(file, false)) {
              assertThat(disk.access()).matches("io_uring, buffered|pread and pwrite: .+");
              BlockDevice device = disk.disk("file0", 1, false);
              assertThat(device.bytes()).isEqualTo(101 * SECTOR);
              assertThat(device.queue().logicalBlockSize()).isEqualTo(SECTOR);
              for (int sector = 0; sector < 101; sector++) {
                assertThat(numberAt(device, sector, SECTOR)).isEqualTo(sector < 16 ? 0 : sector);
              }
              assertThat(
                      device.transferAndWait(
                          task, 30 * SECTOR, memory, SECTOR, BlkTypes.REQ_OP_WRITE))
                  .isZero();
            }
            byte[] now = Files.readAllBytes(file);
            assertThat(now).hasSize(101 * SECTOR + 100);
            assertThat(now[30 * SECTOR]).isEqualTo((byte) 100);
            assertThat(now[31 * SECTOR]).isEqualTo((byte) 31);
          } finally {
            run("umount", root.toString());
          }
        });
  }

  @Test
  void aFileInMemoryIsCopied() throws IOException {
    Path shm = Path.of("/dev/shm");
    Oracles.need(
        Files.isWritable(shm) && Files.getFileStore(shm).type().equals("tmpfs"),
        "this machine has no tmpfs at /dev/shm");
    Path file = Files.createTempFile(shm, "pollux", ".img");
    try {
      Files.copy(image, file, StandardCopyOption.REPLACE_EXISTING);
      try (HostDisk disk = HostDisk.open(file, false)) {
        assertThat(disk.access()).isEqualTo("pread and pwrite: tmpfs is memory");
        readsAndWrites(disk.disk("file0", 1, false), SECTOR);
      }
    } finally {
      Files.delete(file);
    }
  }
}
