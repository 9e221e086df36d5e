// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.block.driver;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import io.pollux.block.BlkTypes;
import io.pollux.block.bdev.DiskParameters;
import io.pollux.block.bdev.OpenedDisk;
import io.pollux.block.bdev.Providers;
import io.pollux.core.ErrnoException;
import io.pollux.core.Options;
import io.pollux.core.mm.HostMemory;
import io.pollux.core.sched.Task;
import io.pollux.core.sched.UserProcess;
import io.pollux.uapi.Errno;
import io.pollux.uapi.RawMemory;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.OptionalLong;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/** The disks of this package, as they are opened by name. */
@Timeout(60)
class DiskTypesTest {
  private static final int BLOCK = 4096;
  private static final long SIZE = 1 << 20;

  private final UserProcess process = new UserProcess();
  private final Task current = process.newTask();
  private final List<OpenedDisk> opened = new ArrayList<>();
  private final long memory = HostMemory.map(BLOCK);

  @BeforeEach
  void enter() {
    assertThat(current.enterKernel()).isTrue();
  }

  @AfterEach
  void close() {
    opened.forEach(OpenedDisk::close);
    HostMemory.unmap(memory, BLOCK);
    current.leaveKernel();
    process.exit();
  }

  private OpenedDisk open(String type, String options, OpenedDisk... lower) throws ErrnoException {
    OpenedDisk disk =
        Providers.builtIn()
            .disk(type)
            .open(
                current,
                new DiskParameters(
                    type + "0",
                    0x100,
                    false,
                    OptionalLong.of(SIZE),
                    Options.parse(options),
                    List.of(lower)));
    opened.removeAll(List.of(lower));
    opened.add(disk);
    return disk;
  }

  private long first(OpenedDisk disk, long position) {
    int result =
        disk.device().transferAndWait(current, position, memory, BLOCK, BlkTypes.REQ_OP_READ);
    return result < 0 ? result : RawMemory.getLong(memory);
  }

  private void write(OpenedDisk disk, long position, long value) {
    RawMemory.putLong(memory, value);
    assertThat(
            disk.device().transferAndWait(current, position, memory, BLOCK, BlkTypes.REQ_OP_WRITE))
        .isZero();
  }

  private void fill(OpenedDisk disk, long position, long value) throws ErrnoException {
    RawMemory.putLong(memory, value);
    disk.fill(current, position, memory, BLOCK);
    RawMemory.putLong(memory, 0);
  }

  @Test
  void aRamDiskHasTheRequestedSizeOrItsOwn() throws ErrnoException {
    OpenedDisk disk = open("ram", "");
    assertThat(disk.device().name()).isEqualTo("ram0");
    assertThat(disk.device().bytes()).isEqualTo(SIZE);
    assertThat(open("ram", "size=64k").device().bytes()).isEqualTo(64 << 10);
    fill(disk, BLOCK, 7);
    assertThat(first(disk, BLOCK)).isEqualTo(7);
    assertThat(disk.keepsData()).isTrue();
    assertThat(disk.completesInOrder()).isTrue();
    assertThat(disk.traits()).isEmpty();
    assertThat(disk.summary()).isEmpty();
    assertThat(open("ram", "copy-engine").traits()).containsExactly("copy engine");
  }

  @Test
  void aNullDiskKeepsItsInitialContentForMetadata() throws ErrnoException {
    OpenedDisk disk = open("null", "irqmode=2,completion_nsec=0,bs=4096,hw_queue_depth=4");
    assertThat(disk.device().queue().logicalBlockSize()).isEqualTo(4096);
    fill(disk, 0, 7);
    int meta = BlkTypes.REQ_OP_READ | BlkTypes.REQ_META;
    assertThat(disk.device().transferAndWait(current, 0, memory, BLOCK, meta)).isZero();
    assertThat(RawMemory.getLong(memory)).isEqualTo(7);
    assertThat(disk.keepsData()).isFalse();
    assertThat(disk.traits()).containsExactly("irqmode=timer");
    assertThat(open("null", "").traits()).containsExactly("irqmode=softirq");
    OpenedDisk backed = open("null", "memory_backed=1");
    write(backed, 0, 9);
    RawMemory.putLong(memory, 0);
    assertThat(first(backed, 0)).isEqualTo(9);
    assertThat(backed.keepsData()).isTrue();
  }

  @Test
  void aFileDiskIsTheFile(@TempDir Path directory) throws IOException, ErrnoException {
    Path file = Files.write(directory.resolve("image"), new byte[2 * BLOCK]);
    OpenedDisk disk = open("file", "path=" + file);
    assertThat(disk.device().bytes()).isEqualTo(2 * BLOCK);
    fill(disk, BLOCK, 0x0102030405060708L);
    assertThat(Files.readAllBytes(file)[BLOCK]).isEqualTo((byte) 8);
    assertThat(disk.traits()).hasSize(1);
    assertThat(disk.completesInOrder()).isFalse();
    assertThatThrownBy(() -> fill(disk, 2 * BLOCK, 1)).hasMessageContaining("larger than the disk");
  }

  @Test
  void aFaultDiskFailsAsItsPlanSaysButNotWhileItIsFilled() throws ErrnoException {
    OpenedDisk disk = open("fault", "seed=7,error-rate=1,error-at=3,error-at=4", open("ram", ""));
    fill(disk, 0, 7);
    assertThat(first(disk, 0)).isEqualTo(-Errno.EIO);
    assertThat(disk.summary())
        .singleElement()
        .asString()
        .startsWith("faults of fault0: ")
        .contains("seed=7", "error-at=3,error-at=4")
        .doesNotEndWith(".");
    assertThat(open("fault", "volatile-cache=1", open("ram", "")).device().queue().limits())
        .matches(limits -> limits.writeCache(), "has a write cache");
  }

  @Test
  void aFaultDiskTakesOverTheDriverOfADiskInMemory() throws ErrnoException {
    OpenedDisk lower = open("ram", "");
    OpenedDisk disk = open("fault", "", lower);
    assertThat(lower.device().isRemoved()).isTrue();
    assertThat(first(lower, 0)).isEqualTo(-Errno.EIO);
    write(disk, 0, 7);
    assertThat(first(disk, 0)).isEqualTo(7);
  }

  @Test
  void aFaultDiskOverAnyOtherDiskPassesClones() throws ErrnoException {
    OpenedDisk lower = open("fault", "error-sectors=8-15", open("ram", ""));
    OpenedDisk disk = open("fault", "error-sectors=24-31,error=ENOSPC", lower);
    for (int block = 0; block < 5; block++) {
      fill(disk, (long) block * BLOCK, block);
    }
    assertThat(first(disk, 0)).isEqualTo(0);
    assertThat(first(disk, BLOCK)).as("of the lower disk").isEqualTo(-Errno.EIO);
    assertThat(first(disk, 2 * BLOCK)).isEqualTo(2);
    assertThat(first(disk, 3 * BLOCK)).as("of the upper disk").isEqualTo(-Errno.ENOSPC);
    write(disk, 4 * BLOCK, 9);
    assertThat(first(lower, 4 * BLOCK)).isEqualTo(9);
    assertThat(disk.summary().getFirst()).contains("1 of 5 requests failed");
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      textBlock =
          """
          ram | size=100 | option size: 100 is out of range, from 512 to 1152921504606846976
          ram | colour=red | ram has no option 'colour'; it has only copy-engine, size
          null | bs=1000 | option bs: 1000 is not a power of two
          null | irqmode=never | option irqmode: 'never' is not none, softirq or timer
          null | completion_nsec=-1 | option completion_nsec: -1 is out of range, from 0 to 1000000000
          null | seed=7 | null has no option 'seed'; it has only *
          file | '' | a disk of type file needs the option path
          file | path=/nowhere | /nowhere: No such file or directory
          file | path=/dev/null,x | file has no option 'x'; it has only path
          fault | '' | a disk of type fault has 1 lower disks, not 0
          """)
  void aBadParameterIsRefusedByName(String type, String options, String sentence) {
    assertThatThrownBy(() -> open(type, options))
        .isInstanceOf(ErrnoException.class)
        .hasMessageMatching("\\Q" + sentence.replace("*", "\\E.*\\Q") + "\\E");
  }

  @Test
  void aBadPlanOfFaultsIsRefusedByName() throws ErrnoException {
    OpenedDisk lower = open("ram", "");
    assertThatThrownBy(() -> open("fault", "error-rate=2", lower))
        .isInstanceOf(ErrnoException.class)
        .hasMessageContaining("error-rate");
    assertThatThrownBy(() -> open("fault", "error-rat=1", lower))
        .isInstanceOf(ErrnoException.class)
        .hasMessageContaining("'error-rat'");
    OpenedDisk moving = open("ram", "copy-engine");
    for (String plan : new String[] {"volatile-cache", "short-rate=0.1", "short-at=1"}) {
      assertThatThrownBy(() -> open("fault", plan, moving))
          .hasMessage(
              "a disk of type fault with volatile-cache, short-rate or short-at needs a lower"
                  + " disk of type ram, null or file");
    }
    assertThatThrownBy(() -> open("ram", "", lower)).hasMessageContaining("has no lower disks");
    assertThat(opened).as("the caller closes them").contains(lower, moving);
  }
}
