// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.overwrite;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.syscalls.Program;
import io.pollux.testkit.TestDisk;
import io.pollux.testkit.TestKernel;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.IoEvent;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.Nr;
import io.pollux.uapi.RawMemory;
import io.pollux.userland.PathName;
import io.pollux.userland.UserFiles;
import io.pollux.userland.UserMemory;
import io.pollux.userland.UserRing;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The power goes while files are written: what was made durable is there, every other sector is an
 * old one or a new one, and the filesystem is sound. -Dpollux.seed=N draws the same again.
 */
@Timeout(200)
class CrashTest {
  private static final int SECTOR = 512;
  private static final int MOST = 16 << 10;
  private static final int CRASHES = 4;
  private static final int TURNS = 60;

  private final Path directory;
  private final long seed = Long.getLong("pollux.seed", new SplittableRandom().nextLong() >>> 1);
  private final Random random = new Random(seed);

  CrashTest(@TempDir Path directory) {
    this.directory = directory;
    System.out.println("CrashTest: -Dpollux.seed=" + seed);
  }

  /**
   * A file, and what may be found in it: what was durable last, and what was written since then,
   * oldest first.
   */
  private record Versions(String name, int fd, int direct, List<byte[]> contents) {
    byte[] latest() {
      return contents.getLast();
    }

    void durable() {
      byte[] latest = latest();
      contents.clear();
      contents.add(latest);
    }
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void whatWasMadeDurableSurvivesOnXfs(int round) throws Exception {
    LinuxImage.need();
    crash(LinuxImage.make(directory, "", random), LinuxImage.WHOLE, round);
  }

  @ParameterizedTest
  @ValueSource(ints = {1, 2})
  void whatWasMadeDurableSurvivesOnGfs2(int round) throws Exception {
    Gfs2Image.need();
    crash(Gfs2Image.sample(directory), Gfs2Image.SMALL, round);
  }

  private void crash(JudgedImage image, List<String> names, int round) throws Exception {
    CrashDisk disk = new CrashDisk(image, random);
    try (TestKernel kernel = TestKernel.boot()) {
      kernel.addDisk("image0", TestDisk.driven(disk, disk.bytes()));
      kernel.mount("mnt", "image0", "rw");
      Program program = kernel.newProgram();
      try (UserFiles files = new UserFiles(program);
          UserMemory memory = UserMemory.map(program, 1 << 20);
          UserRing ring = UserRing.setup(program, 1, 0, MOST)) {
        List<Versions> all = new ArrayList<>();
        for (String name : names) {
          PathName path = PathName.of("/mnt" + name);
          int fd = files.open(path, Fcntl.O_RDWR);
          int direct = files.open(path, Fcntl.O_RDWR | Fcntl.O_DIRECT);
          Versions file = new Versions(name, fd, direct, new ArrayList<>());
          long got = files.pread(file.fd, memory.address(), memory.bytes(), 0);
          file.contents.add(
              RawMemory.segment(memory.address(), got).toArray(ValueLayout.JAVA_BYTE));
          all.add(file);
        }
        for (int crash = 0; crash < CRASHES; crash++) {
          for (int turn = 0; turn < TURNS; turn++) {
            step(program, memory, ring, all.get(random.nextInt(all.size())));
          }
          if (random.nextBoolean()) {
            program.syscall(Nr.SYNC, 0);
            all.forEach(Versions::durable);
          }
          JudgedImage left = image.at(directory.resolve("left"));
          disk.crash(left);
          check(left, all, round);
        }
        assertThat(disk.flushes()).isPositive();
      }
    }
  }

  private void step(Program program, UserMemory memory, UserRing ring, Versions file) {
    boolean past = random.nextBoolean();
    int size = file.latest().length;
    int unit = past ? SECTOR : 1;
    if (size < unit * 2) {
      return;
    }
    int pos = random.nextInt(size / unit) * unit;
    int bytes = Math.min((1 + random.nextInt(MOST / unit)) * unit, (size - pos) / unit * unit);
    byte[] data = LinuxImage.bytes(random, bytes);
    MemorySegment.copy(
        data, 0, RawMemory.segment(memory.address(), bytes), ValueLayout.JAVA_BYTE, 0, bytes);
    MemorySegment.copy(
        data,
        0,
        RawMemory.segment(ring.buffer(ring.take()), bytes),
        ValueLayout.JAVA_BYTE,
        0,
        bytes);
    int fd = past ? file.direct : file.fd;
    byte[] now = file.latest().clone();
    System.arraycopy(data, 0, now, pos, bytes);
    file.contents.add(now);
    switch (random.nextInt(6)) {
      case 0 -> {
        assertThat(program.syscall(Nr.PWRITE64, fd, memory.address(), bytes, pos)).isEqualTo(bytes);
        assertThat(program.syscall(random.nextBoolean() ? Nr.FSYNC : Nr.FDATASYNC, fd)).isZero();
        file.durable();
      }
      // an asynchronous write with RWF_DSYNC: of what was written, this is durable when its event
      // is there
      case 1 -> {
        int slot = ring.write(fd, pos, bytes);
        Iocb.aioRwFlags(ring.iocb(slot), AioAbi.RWF_DSYNC);
        ring.submitAndWait(1);
        long event = ring.peek();
        assertThat(IoEvent.res(event)).isEqualTo(bytes);
        ring.consume(event);
        for (byte[] version : file.contents) {
          System.arraycopy(data, 0, version, pos, bytes);
        }
      }
      default ->
          assertThat(program.syscall(Nr.PWRITE64, fd, memory.address(), bytes, pos))
              .isEqualTo(bytes);
    }
  }

  private void check(JudgedImage left, List<Versions> all, int round) throws Exception {
    left.recover();
    left.assertSound();
    Map<String, byte[]> contents = left.contents(all.stream().map(Versions::name).toList());
    for (Versions file : all) {
      byte[] found = Objects.requireNonNull(contents.get(file.name));
      assertThat(found).hasSameSizeAs(file.latest());
      // Of a file that is in its inode the sectors are those of the block, which begin elsewhere.
      int unit = left instanceof Gfs2Image && found.length <= Gfs2Image.MOST_IN_INODE ? 8 : SECTOR;
      for (int at = 0; at < found.length; at += unit) {
        int from = at;
        int to = Math.min(at + unit, found.length);
        assertThat(
                file.contents.stream()
                    .anyMatch(version -> Arrays.equals(found, from, to, version, from, to)))
            .as(
                "seed %d, round %d: %s at %d is one of %d versions",
                seed, round, file.name, at, file.contents.size())
            .isTrue();
      }
    }
  }
}
