// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.differential;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Mman;
import io.pollux.uapi.Nr;
import io.pollux.uapi.RawMemory;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.util.SplittableRandom;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/**
 * Ranges and positions of a block device, here and on Linux: the same calls, whether they make
 * sense or not, have the same results and leave the same bytes. -Dpollux.seed=N draws the same
 * again.
 */
@Timeout(300)
class BlockRangesTest {
  private static final int BYTES = AioProgram.DISK_BYTES;
  private static final int TURNS = 4000;
  private static final int KEEP = Fcntl.FALLOC_FL_KEEP_SIZE;
  private static final int PUNCH = Fcntl.FALLOC_FL_PUNCH_HOLE;
  private static final int ZERO = Fcntl.FALLOC_FL_ZERO_RANGE;
  private static final int[] GOOD_MODES = {ZERO, ZERO | KEEP, PUNCH | KEEP};
  private static final int[] OTHER_MODES = {
    0,
    KEEP,
    PUNCH,
    ZERO | PUNCH | KEEP,
    PUNCH | KEEP | Fcntl.FALLOC_FL_NO_HIDE_STALE,
    Fcntl.FALLOC_FL_NO_HIDE_STALE,
    Fcntl.FALLOC_FL_COLLAPSE_RANGE,
    Fcntl.FALLOC_FL_INSERT_RANGE,
    Fcntl.FALLOC_FL_UNSHARE_RANGE,
    0x400
  };

  private final long seed = Long.getLong("pollux.seed", new SplittableRandom().nextLong() >>> 1);

  @BeforeAll
  static void needsLinux() {
    LinuxMachine.need();
  }

  /** A machine with its disk open. */
  private static final class Side implements AutoCloseable {
    private final Machine machine;
    private final long memory;
    private final int buffered;
    private final int direct;
    private final int readOnly;

    Side(Machine machine) {
      this.machine = machine;
      int flags = Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS;
      memory =
          machine.syscall(Nr.MMAP, 0, 2 * BYTES, Mman.PROT_READ | Mman.PROT_WRITE, flags, -1, 0);
      assertThat(memory).isPositive();
      byte[] path = (machine.diskPath() + "\0").getBytes(StandardCharsets.UTF_8);
      for (int i = 0; i < path.length; i++) {
        RawMemory.putByte(memory + i, path[i]);
      }
      buffered = open(Fcntl.O_RDWR);
      direct = open(Fcntl.O_RDWR | Fcntl.O_DIRECT);
      readOnly = open(Fcntl.O_RDONLY);
      machine.opened();
    }

    private int open(int flags) {
      long fd = machine.syscall(Nr.OPENAT, Fcntl.AT_FDCWD, memory, flags | Fcntl.O_CLOEXEC);
      assertThat(fd).as(machine.name()).isNotNegative();
      return (int) fd;
    }

    /** Does one thing that random says. Answers what it was and what came of it. */
    String turn(SplittableRandom random) {
      int file = random.nextInt(3) == 0 ? direct : buffered;
      String how = file == direct ? "direct " : "buffered ";
      int unit = file == direct ? 512 : 1;
      long pos = (long) random.nextInt(BYTES / unit) * unit;
      int bytes = (random.nextInt((random.nextBoolean() ? 9000 : BYTES) / unit) + 1) * unit;
      return switch (random.nextInt(8)) {
        case 0, 1, 2 -> {
          RawMemory.segment(memory, BYTES).fill((byte) (1 + random.nextInt(100)));
          yield how
              + "write "
              + pos
              + " "
              + bytes
              + ": "
              + call(Nr.PWRITE64, file, memory, bytes, pos);
        }
        case 3 -> {
          long result = call(Nr.PREAD64, file, memory, bytes, pos);
          int hash = 0;
          for (long i = 0; i < result; i++) {
            hash = hash * 31 + RawMemory.getByte(memory + i);
          }
          yield how + "read " + pos + " " + bytes + ": " + result + " " + hash;
        }
        case 4, 5, 6 -> {
          int mode = GOOD_MODES[random.nextInt(GOOD_MODES.length)];
          if (random.nextInt(4) == 0) {
            mode = OTHER_MODES[random.nextInt(OTHER_MODES.length)];
          }
          long offset = (long) random.nextInt(BYTES / 512 + 4) * 512 + wrong(random);
          long length =
              (long) random.nextInt(random.nextBoolean() ? 20 : BYTES / 512 + 4) * 512
                  + wrong(random);
          int of = random.nextInt(20) == 0 ? readOnly : file;
          String what = of == readOnly ? "read-only " : how;
          yield what
              + "fallocate "
              + mode
              + " "
              + offset
              + " "
              + length
              + ": "
              + call(Nr.FALLOCATE, of, mode, offset, length);
        }
        default -> {
          long offset =
              random.nextInt(3) == 0
                  ? random.nextLong(-1000, 1000)
                  : random.nextLong(-BYTES - 9, BYTES + 9);
          int whence = random.nextInt(-1, 6);
          long moved = call(Nr.LSEEK, file, offset, whence, 0);
          yield how
              + "seek "
              + offset
              + " "
              + whence
              + ": "
              + moved
              + " "
              + call(Nr.LSEEK, file, 0, Fcntl.SEEK_CUR, 0);
        }
      };
    }

    private static long wrong(SplittableRandom random) {
      return switch (random.nextInt(24)) {
        case 0 -> random.nextInt(512);
        case 1 -> -1 - random.nextInt(1024);
        case 2 -> Long.MAX_VALUE - random.nextInt(BYTES + 2000);
        default -> 0;
      };
    }

    private long call(int nr, long a0, long a1, long a2, long a3) {
      return machine.syscall(nr, a0, a1, a2, a3, 0, 0);
    }

    byte[] disk(int file) {
      assertThat(call(Nr.PREAD64, file, memory, BYTES, 0)).isEqualTo(BYTES);
      return RawMemory.segment(memory, BYTES).toArray(ValueLayout.JAVA_BYTE);
    }

    @Override
    public void close() {
      for (int fd : new int[] {buffered, direct, readOnly}) {
        assertThat(machine.syscall(Nr.CLOSE, fd, 0, 0)).isZero();
      }
      assertThat(machine.syscall(Nr.MUNMAP, memory, 2 * BYTES, 0)).isZero();
      machine.close();
    }
  }

  @Test
  void theSameCallsDoTheSameHereAndOnLinux() {
    System.out.println("BlockRangesTest: -Dpollux.seed=" + seed);
    SplittableRandom here = new SplittableRandom(seed);
    SplittableRandom there = new SplittableRandom(seed);
    try (Side pollux = new Side(new PolluxMachine());
        Side linux = new Side(new LinuxMachine())) {
      for (int turn = 0; turn < TURNS; turn++) {
        assertThat(pollux.turn(here))
            .as("seed %d, turn %d", seed, turn)
            .isEqualTo(linux.turn(there));
        if (turn % 50 == 0) {
          assertThat(pollux.disk(pollux.buffered))
              .as("seed %d, turn %d", seed, turn)
              .isEqualTo(linux.disk(linux.buffered));
        }
      }
      assertThat(pollux.disk(pollux.direct))
          .as("seed %d, the disk", seed)
          .isEqualTo(linux.disk(linux.direct));
    }
  }
}
