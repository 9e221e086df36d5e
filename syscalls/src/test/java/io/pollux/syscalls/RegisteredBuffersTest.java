// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pollux.aio.fixture.AioEvent;
import io.pollux.aio.fixture.RingProgram;
import io.pollux.block.BlockDevice;
import io.pollux.block.Plug;
import io.pollux.block.bdev.BdevInode;
import io.pollux.block.driver.FaultDisk;
import io.pollux.block.driver.FaultPlan;
import io.pollux.block.driver.HostDisk;
import io.pollux.core.ramfs.Ramfs;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.AioIocbRing;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.RawMemory;
import java.io.IOException;
import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/**
 * The fixed buffers of a context on a disk of the machine, which has them pinned as long as the
 * context lives.
 */
@Timeout(60)
class RegisteredBuffersTest {
  private static final int NR = 8;
  private static final int HALF = NR / 2;
  private static final int BLOCKS = 64;
  private static final int TABLE = 1024; // entries of each ring's
  // what older kernels show of an empty entry
  private static final String NO_ENTRY = "0xffffffffffffffff";
  private static final int FIXED = AioAbi.IOCTX_FLAG_FIXEDBUFS;

  private Path image;

  @BeforeEach
  void makeImage(@TempDir Path directory) throws IOException {
    image = directory.resolve("image");
    byte[] bytes = new byte[BLOCKS * RingProgram.BLOCK];
    for (int block = 0; block < BLOCKS; block++) {
      bytes[block * RingProgram.BLOCK] = (byte) (block + 1);
    }
    Files.write(image, bytes);
  }

  private HostDisk open() throws IOException {
    HostDisk disk = HostDisk.open(image, false);
    if (!disk.access().startsWith("io_uring")) {
      disk.close();
      assumeTrue("1".equals(System.getenv("POLLUX_REQUIRE_ORACLES")), disk.access());
      throw new AssertionError(disk.access());
    }
    return disk;
  }

  private static RingProgram program(BlockDevice device) {
    return new RingProgram(new BdevInode(new Ramfs(1), 2, device), Plug::new, NR);
  }

  /**
   * What the machine says is registered with rings of this process: address and length of each
   * entry.
   */
  private static List<String> registered() throws IOException {
    List<String> all = new ArrayList<>();
    try (DirectoryStream<Path> fds = Files.newDirectoryStream(Path.of("/proc/self/fd"))) {
      for (Path fd : fds) {
        if (Files.isSymbolicLink(fd)
            && Files.readSymbolicLink(fd).toString().equals("anon_inode:[io_uring]")) {
          all.addAll(registered(Path.of("/proc/self/fdinfo").resolve(fd.getFileName())));
        }
      }
    }
    return all;
  }

  /**
   * Linux prints no details of a ring while a thread is in a call for it. The read is then
   * repeated.
   */
  private static List<String> registered(Path ring) throws IOException {
    for (int attempt = 0; attempt < 10_000; attempt++) {
      List<String> lines = Files.readAllLines(ring);
      int first = lines.indexOf("UserBufs:\t" + TABLE) + 1;
      if (first > 0) {
        List<String> entries = new ArrayList<>();
        for (String line : lines.subList(first, Math.min(first + TABLE, lines.size()))) {
          if (line.matches(" *\\d+: 0x.*") && !line.contains(NO_ENTRY)) {
            entries.add(line.substring(line.indexOf(':') + 1).strip());
          }
        }
        return entries;
      }
      Thread.onSpinWait();
    }
    throw new AssertionError("no table of buffers in " + Files.readString(ring));
  }

  /**
   * One turn of the ring, in halves: a read or a write of every second block, each with its own
   * buffer.
   */
  private static List<AioEvent> turn(RingProgram program, boolean polled, boolean write) {
    List<AioEvent> events = new ArrayList<>();
    for (int i = 0; i < NR; i++) {
      long iocb = program.changeableRead(2L * i * RingProgram.BLOCK, i, polled);
      if (write) {
        Iocb.aioLioOpcode(iocb, (short) AioAbi.IOCB_CMD_PWRITE);
      } else {
        RawMemory.putByte(Iocb.aioBuf(iocb), (byte) 0);
      }
      if (i % HALF == HALF - 1) {
        assertThat(program.enter(HALF, HALF, RingProgram.ENTER)).isEqualTo(HALF);
        events.addAll(program.reap());
        while (events.size() <= i) { // one that is not polled waits for an event, not for so many
          assertThat(program.enter(0, 1, AioAbi.IORING_FLAG_GETEVENTS)).isZero();
          events.addAll(program.reap());
        }
      }
    }
    assertThat(events)
        .extracting(AioEvent::data)
        .containsExactlyInAnyOrder(0L, 1L, 2L, 3L, 4L, 5L, 6L, 7L);
    return events;
  }

  private static void assertRead(RingProgram program, int more) {
    for (int i = 0; i < NR; i++) {
      int first = RawMemory.getByte(program.buffers + (long) i * RingProgram.BLOCK);
      assertThat(first).as("block %d", 2 * i).isEqualTo(2 * i + 1 + more);
    }
  }

  private static String entry(RingProgram program) {
    return "0x" + Long.toHexString(program.buffers) + "/" + NR * RingProgram.BLOCK;
  }

  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void areRegisteredWhileTheContextLives(boolean polled) throws IOException {
    int flags = polled ? RingProgram.POLLED : RingProgram.RINGS;
    try (HostDisk disk = open();
        RingProgram program = program(disk.disk("file0", 1, false))) {
      for (int life = 0; life < 3; life++) { // at the same addresses
        for (int i = 0; i < NR; i++) {
          Iocb.aioBuf(
              AioIocbRing.iocb(program.sq, i), program.buffers + (long) i * RingProgram.BLOCK);
          Iocb.aioNbytes(AioIocbRing.iocb(program.sq, i), RingProgram.BLOCK);
        }
        assertThat(program.setup(flags | FIXED)).isZero();
        assertThat(registered()).as("not before it is used").isEmpty();
        assertThat(turn(program, polled, false)).extracting(AioEvent::res).containsOnly(4096L);
        assertRead(program, life);
        assertThat(registered()).containsExactly(entry(program));
        for (int i = 0; i < NR; i++) {
          RawMemory.putByte(
              program.buffers + (long) i * RingProgram.BLOCK, (byte) (2 * i + 2 + life));
        }
        assertThat(turn(program, polled, true)).extracting(AioEvent::res).containsOnly(4096L);
        assertThat(registered()).containsExactly(entry(program));
        assertThat(program.destroy()).isZero();
        assertThat(registered()).as("after io_destroy").isEmpty();
        RawMemory.putLong(program.ctxp, 0);

        assertThat(program.setup(flags)).isZero();
        assertThat(turn(program, polled, false)).extracting(AioEvent::res).containsOnly(4096L);
        assertRead(program, life + 1);
        assertThat(registered()).as("of a context without fixed buffers").isEmpty();
        assertThat(program.destroy()).isZero();
        RawMemory.putLong(program.ctxp, 0);
      }
      assertThat(disk.access()).endsWith(", registered buffers");
    }
    assertThat(Files.readAllBytes(image)[4 * RingProgram.BLOCK]).isEqualTo((byte) (4 + 1 + 3));
  }

  /** The end of a process ends its contexts. */
  @ParameterizedTest
  @ValueSource(booleans = {true, false})
  void areLetGoOfWhenTheProcessEnds(boolean polled) throws IOException {
    try (HostDisk disk = open()) {
      try (RingProgram program = program(disk.disk("file0", 1, false))) {
        assertThat(program.setup((polled ? RingProgram.POLLED : RingProgram.RINGS) | FIXED))
            .isZero();
        turn(program, polled, false);
        assertThat(registered()).containsExactly(entry(program));
      }
      assertThat(registered()).isEmpty();
    }
  }

  /** A faulty disk in front has nothing to do with it. */
  @Test
  void onAFaultyDisk() throws IOException {
    HostDisk host = open();
    try (FaultDisk faulty = FaultDisk.over(host, FaultPlan.parse("error-at=3"))) {
      BlockDevice device = faulty.disk("fault0", 1, false);
      try (RingProgram program = program(device)) {
        assertThat(program.setup(RingProgram.POLLED | FIXED)).isZero();
        assertThat(turn(program, true, false))
            .extracting(AioEvent::res)
            .contains((long) -Errno.EIO, 4096L);
        assertThat(turn(program, true, false)).extracting(AioEvent::res).containsOnly(4096L);
        assertRead(program, 0);
        assertThat(registered()).containsExactly(entry(program));
        assertThat(program.destroy()).isZero();
        assertThat(registered()).isEmpty();
      }
      assertThat(host.access()).endsWith(", registered buffers");
    }
  }
}
