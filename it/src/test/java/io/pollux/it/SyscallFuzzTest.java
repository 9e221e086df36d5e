// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import static java.util.concurrent.TimeUnit.MILLISECONDS;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import io.pollux.block.driver.RamDisk;
import io.pollux.core.ErrnoException;
import io.pollux.syscalls.Program;
import io.pollux.testkit.TestDisk;
import io.pollux.testkit.TestKernel;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.AioIoEventRing;
import io.pollux.uapi.AioIocbRing;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.Mman;
import io.pollux.uapi.Nr;
import io.pollux.uapi.RawMemory;
import io.pollux.userland.PathName;
import io.pollux.userland.UserFiles;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.ScheduledFuture;
import org.junit.jupiter.api.Test;

/**
 * Any call with any arguments, drawn from values that are valid in some call. Each call returns a
 * result or an errno, and none waits forever. When the program exits, nothing is held. The caller,
 * submission threads and workers submit to contexts. The requests also read and write pipes and
 * eventfds, where threads and workers wait without a limit.
 *
 * <p>-Dpollux.seed=N repeats the draws, in an order that depends on threads; -Dpollux.calls=N sets
 * the number of calls. This command makes a million:
 *
 * <pre>
 * mvn -pl it -am -Dtest=SyscallFuzzTest -Dsurefire.failIfNoSpecifiedTests=false -Dpollux.calls=1000000 -Dpollux.seed=21 test
 * </pre>
 */
class SyscallFuzzTest {
  private static final int CALLS = 20_000;

  /**
   * Calls of one program. It destroys what it has, and most of what it does in the end answers
   * EFAULT and EBADF.
   */
  private static final int PER_PROGRAM = 250;

  private static final Duration BOUND = Duration.ofMinutes(1);
  private static final long MAX_ERRNO = 4095;
  private static final int SIGALRM = 14;
  private static final long ALARM_MILLIS = 5;

  private static final int[] NUMBERS = {
    Nr.READ,
    Nr.WRITE,
    Nr.OPEN,
    Nr.CLOSE,
    Nr.STAT,
    Nr.FSTAT,
    Nr.LSTAT,
    Nr.POLL,
    Nr.LSEEK,
    Nr.MMAP,
    Nr.MUNMAP,
    Nr.IOCTL,
    Nr.PREAD64,
    Nr.PWRITE64,
    Nr.FSYNC,
    Nr.FDATASYNC,
    Nr.FTRUNCATE,
    Nr.MKDIR,
    Nr.UNLINK,
    Nr.READLINK,
    Nr.IO_SETUP,
    Nr.IO_DESTROY,
    Nr.IO_GETEVENTS,
    Nr.IO_SUBMIT,
    Nr.IO_CANCEL,
    Nr.GETDENTS64,
    Nr.OPENAT,
    Nr.NEWFSTATAT,
    Nr.FALLOCATE,
    Nr.EVENTFD2,
    Nr.PIPE2,
    Nr.PREADV,
    Nr.PWRITEV,
    Nr.PRLIMIT64,
    Nr.PREADV2,
    Nr.PWRITEV2,
    Nr.IO_PGETEVENTS,
    Nr.IO_SETUP2,
    Nr.IO_RING_ENTER,
    Nr.READV,
    Nr.WRITEV,
    Nr.ACCESS,
    Nr.TRUNCATE,
    Nr.GETCWD,
    Nr.RMDIR,
    Nr.CREAT,
    Nr.STATFS,
    Nr.FSTATFS,
    Nr.SYNC,
    Nr.FADVISE64,
    Nr.MKDIRAT,
    Nr.UNLINKAT,
    Nr.READLINKAT,
    Nr.FACCESSAT,
    Nr.SYNC_FILE_RANGE,
    Nr.SYNCFS,
    Nr.STATX,
    Nr.FACCESSAT2
  };

  private static final String[] PATHS = {
    "/",
    "/mnt",
    "/mnt/main.dat",
    "/mnt/fragmented.dat",
    "/mnt/dirs/node",
    "/mnt/links/self",
    "/mnt/links/long",
    "/mnt/special/fifo",
    "/mnt/far.dat",
    "/dev/ram0",
    "/dev/sample0",
    "",
    "..",
    "/mnt/main.dat/x",
    "nothing",
    "/made"
  };

  private static final long[] VALUES = {
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    7,
    8,
    9,
    15,
    16,
    63,
    64,
    255,
    256,
    280,
    511,
    512,
    513,
    1024,
    1025,
    4095,
    4096,
    4097,
    8192,
    65536,
    1 << 20,
    4 << 20,
    16 << 20,
    1 << 28,
    Integer.MAX_VALUE,
    Integer.MIN_VALUE,
    0xffffffffL,
    1L << 32,
    1L << 36,
    1L << 40,
    1L << 62,
    Long.MAX_VALUE,
    Long.MIN_VALUE,
    -1,
    -2,
    -100,
    -4096,
    0777,
    Fcntl.O_DIRECT,
    Fcntl.O_RDWR,
    Fcntl.O_RDWR | Fcntl.O_DIRECT,
    Fcntl.O_DIRECTORY,
    Fcntl.O_NOFOLLOW,
    Fcntl.O_CREAT,
    Fcntl.O_CREAT | Fcntl.O_RDWR,
    Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS,
    0xffff_8000_0000_0000L
  };

  /** Memory of the program that calls work on. */
  private static final int MEMORY = 1 << 20;

  /** Where in it the rings are, and how many entries they have. */
  private static final int SQ_AT = 512 << 10;

  private static final int CQ_AT = SQ_AT + (8 << 10);
  private static final int CTXP_AT = CQ_AT + (8 << 10);
  private static final int ENTRIES = 17;

  @Test
  void anyCallAnswers() throws IOException, ErrnoException {
    Seed seed = Seed.of(SyscallFuzzTest.class);
    int calls = Seed.count("pollux.calls", CALLS);
    LinuxView linux = LinuxView.read(Repository.sample());
    try (TestKernel kernel = TestKernel.boot();
        ScheduledExecutorService alarms = Executors.newSingleThreadScheduledExecutor()) {
      kernel.addDisk("sample0", TestDisk.sample());
      kernel.addDisk("ram0", TestDisk.ram(8 << 20));
      kernel.mount("mnt", "sample0");
      long diskMemory = kernel.driver("sample0", RamDisk.class).address();
      int succeeded = 0;
      long accepted = 0;
      int threaded = 0;
      for (int made = 0; made < calls; made += PER_PROGRAM) {
        Program program = kernel.newProgram();
        Fuzzer fuzzer = new Fuzzer(program, seed.random(made), diskMemory);
        int count = Math.min(PER_PROGRAM, calls - made);
        // A read of an empty pipe, or a poll without events, waits for a signal.
        ScheduledFuture<?> alarm =
            alarms.scheduleWithFixedDelay(
                () -> program.sendSignal(SIGALRM), ALARM_MILLIS, ALARM_MILLIS, MILLISECONDS);
        assertTimeoutPreemptively(BOUND, () -> fuzzer.run(count), () -> "call " + fuzzer.last());
        succeeded += fuzzer.succeeded;
        accepted += fuzzer.accepted;
        threaded += fuzzer.setUp;
        alarm.cancel(false);
        assertTimeoutPreemptively(
            BOUND, program::close, () -> "the end of the program after call " + fuzzer.last());
        kernel.assertNothingHeld();
      }
      System.out.println(
          "SyscallFuzzTest: "
              + calls
              + " calls, "
              + succeeded
              + " of them succeeded, "
              + accepted
              + " requests through rings by the caller, "
              + threaded
              + " contexts with threads or workers");
      assertThat(succeeded).as("calls that succeeded").isGreaterThan(calls / 10);
      assertThat(accepted).as("requests through rings").isGreaterThan(calls / 200);
      assertThat(threaded).as("contexts with threads or workers").isGreaterThan(calls / 1000);

      Program next = kernel.newProgram();
      try (UserFiles files = new UserFiles(next)) {
        PathName path = PathName.of("/main.dat");
        assertThat(FileRead.RING_POLLED_FIXED.sum(next, files, ImageReader.ROOT.resolve(path)))
            .isEqualTo(linux.sums().get(path));
      }
      kernel.assertNothingHeld();
    }
  }

  /** Draws calls, and makes them. */
  private static final class Fuzzer {
    private final Program program;
    private final SplittableRandom random;
    private final List<Long> pointers = new ArrayList<>();
    private final List<Long> descriptors = new ArrayList<>();
    private final List<Long> waitable = new ArrayList<>(); // pipes and eventfds
    private final List<Long> contexts = new ArrayList<>();
    private final Set<Long> threaded = new HashSet<>(); // contexts whose entries a thread takes
    private final long kernelMemory;
    private long memory;
    private long mainFile;
    private volatile long[] call = {}; // number and arguments
    private int setUp; // contexts with threads or workers
    private int succeeded;
    private long accepted;

    Fuzzer(Program program, SplittableRandom random, long kernelMemory) {
      this.program = program;
      this.random = random;
      this.kernelMemory = kernelMemory;
    }

    String last() {
      return Arrays.toString(call);
    }

    void run(int calls) {
      begin();
      for (int i = 0; i < calls; i++) {
        if (random.nextInt(8) == 0) {
          scribble();
        }
        if (random.nextInt(40) == 0) {
          prepareSetup();
        } else if (random.nextInt(4) == 0) {
          prepareRing();
        } else if (random.nextInt(3) != 0) {
          drawPlausible();
        } else {
          draw();
        }
        make();
      }
    }

    private void begin() {
      memory = syscall(Nr.MMAP, 0, MEMORY, 3, Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS, -1, 0);
      assertThat(memory).isPositive();
      long readOnly = syscall(Nr.MMAP, 0, 65536, 1, Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS, -1, 0);
      long none = syscall(Nr.MMAP, 0, 65536, 0, Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS, -1, 0);
      for (int i = 0; i < PATHS.length; i++) {
        long at = memory + i * 256L;
        byte[] path = PATHS[i].getBytes(StandardCharsets.UTF_8);
        for (int b = 0; b < path.length; b++) {
          RawMemory.putByte(at + b, path[b]);
        }
        pointers.add(at);
        pointers.add(at);
        descriptors.add(syscall(Nr.OPEN, at, i % 2 == 0 ? Fcntl.O_DIRECT : 0, 0, 0, 0, 0));
        descriptors.add(syscall(Nr.OPEN, at, Fcntl.O_RDWR, 0, 0, 0, 0));
      }
      mainFile = descriptors.get(4);
      for (int i = 0; i < 2; i++) {
        makeWaitable();
      }
      for (int at :
          new int[] {
            4096, 8192, 8193, 8704, 65536, SQ_AT, CQ_AT, CTXP_AT, MEMORY - 4096, MEMORY - 1
          }) {
        pointers.add(memory + at);
      }
      pointers.addAll(
          List.of(readOnly, readOnly + 65535, none, 0L, 1L, -1L, kernelMemory, memory + MEMORY));
    }

    /** Makes a pipe and two eventfds: empty, and with so much in it that a write waits. */
    private void makeWaitable() {
      long pipe = memory + CTXP_AT + 64;
      if (syscall(Nr.PIPE2, pipe, 0, 0, 0, 0, 0) == 0) {
        waitable.add((long) RawMemory.getInt(pipe));
        waitable.add((long) RawMemory.getInt(pipe + 4));
      }
      waitable.add(syscall(Nr.EVENTFD2, 0, 0, 0, 0, 0, 0));
      waitable.add(syscall(Nr.EVENTFD2, 0xfffffffeL, 0, 0, 0, 0, 0));
    }

    /** Puts values into memory, which calls may take for vectors, times, iocbs. */
    private void scribble() {
      for (int i = random.nextInt(1, 8); i > 0; i--) {
        long at = memory + 4096 + 8L * random.nextInt((MEMORY - 8192) / 8 / 32);
        RawMemory.putLong(at, random.nextInt(3) == 0 ? pick(pointers) : value());
        pointers.set(
            random.nextInt(2 * PATHS.length, 2 * PATHS.length + 4),
            at & (random.nextBoolean() ? -1 : -512));
      }
    }

    private void prepareSetup() {
      RawMemory.putLong(memory + CTXP_AT, random.nextInt(20) == 0 ? value() : 0);
      int flags =
          AioAbi.IOCTX_FLAG_SCQRING
              | (random.nextInt(8) & ~AioAbi.IOCTX_FLAG_USERIOCB)
              | whoSubmits();
      for (int i = 0; i < ENTRIES; i++) { // for fixed buffers
        long iocb = AioIocbRing.iocb(memory + SQ_AT, i);
        Iocb.aioBuf(iocb, random.nextInt(60) == 0 ? pick(pointers) : memory + 65536 + i * 8192L);
        Iocb.aioNbytes(iocb, random.nextInt(60) == 0 ? value() : 8192);
      }
      int entries = random.nextInt(3) == 0 ? random.nextInt(1, ENTRIES + 1) : ENTRIES;
      call =
          new long[] {
            Nr.IO_SETUP2, entries, flags, 0, memory + SQ_AT, memory + CQ_AT, memory + CTXP_AT
          };
    }

    /**
     * Mostly the caller. What a thread or a worker takes, it takes while the calls that follow
     * scribble on it.
     */
    private int whoSubmits() {
      return switch (random.nextInt(10)) {
        case 0 -> AioAbi.IOCTX_FLAG_SQTHREAD;
        case 1 -> AioAbi.IOCTX_FLAG_SQTHREAD | AioAbi.IOCTX_FLAG_SQPOLL;
        case 2 -> AioAbi.IOCTX_FLAG_SQWQ;
        case 3 -> AioAbi.IOCTX_FLAG_SQTHREAD | AioAbi.IOCTX_FLAG_SQWQ;
        default -> 0;
      };
    }

    private void prepareRing() {
      // the same for all, or nothing gets far
      int hipri = random.nextInt(2) * AioAbi.IOCB_FLAG_HIPRI;
      for (int i = 0; i < ENTRIES; i++) {
        long iocb = AioIocbRing.iocb(memory + SQ_AT, i);
        Iocb.aioLioOpcode(
            iocb, (short) (random.nextInt(10) == 0 ? random.nextInt(10) : AioAbi.IOCB_CMD_PREAD));
        Iocb.aioFildes(iocb, (int) (random.nextInt(4) == 0 ? descriptor() : mainFile));
        if (random.nextInt(12) == 0) {
          Iocb.aioFildes(iocb, (int) pick(waitable));
          Iocb.aioLioOpcode(
              iocb,
              (short) (random.nextInt(3) == 0 ? AioAbi.IOCB_CMD_PWRITE : AioAbi.IOCB_CMD_PREAD));
        }
        Iocb.aioOffset(iocb, random.nextInt(10) == 0 ? value() : 512L * random.nextInt(4096));
        Iocb.aioFlags(iocb, random.nextInt(20) == 0 ? (int) value() : hipri);
        if (random.nextInt(40) == 0) {
          Iocb.aioResfd(iocb, (int) pick(waitable));
        }
        Iocb.aioRwFlags(iocb, random.nextInt(20) == 0 ? (int) value() : 0);
        Iocb.aioReserved2(iocb, random.nextInt(30) == 0 ? value() : 0);
        if (random.nextInt(10) == 0) {
          Iocb.aioBuf(iocb, pick(pointers));
          Iocb.aioNbytes(iocb, value());
        } else {
          Iocb.aioBuf(iocb, memory + 65536 + i * 8192L);
          Iocb.aioNbytes(iocb, 512L * random.nextInt(17));
        }
      }
      AioIocbRing.tail(
          memory + SQ_AT, random.nextInt(10) == 0 ? (int) value() : random.nextInt(ENTRIES));
      AioIoEventRing.head(
          memory + CQ_AT, random.nextInt(10) == 0 ? (int) value() : random.nextInt(ENTRIES));
      long context = contexts.isEmpty() || random.nextInt(20) == 0 ? value() : pick(contexts);
      long flags = random.nextInt(20) == 0 ? value() : random.nextInt(4);
      call = new long[] {Nr.IO_RING_ENTER, context, value(), value(), flags, value(), value()};
    }

    /** A call that may well succeed, most of the time with something wrong in one place. */
    private void drawPlausible() {
      if (random.nextInt(60) == 0) {
        makeWaitable();
      }
      long fd = random.nextInt(12) == 0 ? pick(waitable) : descriptor();
      long path = memory + 256L * random.nextInt(PATHS.length);
      long buffer = memory + 65536 + 512L * random.nextInt(600);
      long length = 512L * random.nextInt(33);
      long offset = 512L * random.nextInt(40_000);
      long vector = memory + 4096 + 16L * random.nextInt(64);
      RawMemory.putLong(vector, buffer);
      RawMemory.putLong(vector + 8, length);
      long at = Fcntl.AT_FDCWD;
      long[] drawn =
          switch (random.nextInt(26)) {
            case 20 -> new long[] {Nr.OPEN, path, Fcntl.O_CREAT | Fcntl.O_RDWR, 0644};
            case 21 -> new long[] {random.nextBoolean() ? Nr.MKDIR : Nr.RMDIR, path, 0755};
            case 22 -> new long[] {Nr.UNLINK, path};
            case 23 -> new long[] {Nr.FTRUNCATE, fd, offset};
            case 24 -> new long[] {Nr.FALLOCATE, fd, random.nextInt(4), offset, length};
            case 25 -> new long[] {Nr.STATX, at, path, 0, 0x7ff, buffer};
            case 0 -> new long[] {Nr.OPEN, path, random.nextBoolean() ? Fcntl.O_DIRECT : 0, 0};
            case 1 ->
                new long[] {Nr.OPENAT, random.nextBoolean() ? fd : at, path, Fcntl.O_RDONLY, 0};
            case 2 -> new long[] {Nr.STAT, path, buffer};
            case 3 -> new long[] {Nr.LSTAT, path, buffer};
            case 4 -> new long[] {Nr.FSTAT, fd, buffer};
            case 5 -> new long[] {Nr.NEWFSTATAT, at, path, buffer, 0};
            case 6 -> new long[] {Nr.READLINK, path, buffer, 1 + length};
            case 7 -> new long[] {Nr.GETDENTS64, fd, buffer, length};
            case 8 -> new long[] {Nr.LSEEK, fd, offset, random.nextInt(3)};
            case 9 -> new long[] {Nr.READ, fd, buffer, length};
            case 10, 11 -> new long[] {Nr.PREAD64, fd, buffer, length, offset};
            case 12 -> new long[] {Nr.PREADV, fd, vector, 1, offset};
            case 13 -> new long[] {Nr.PREADV2, fd, vector, 1, offset, 0, random.nextInt(2)};
            case 14 -> new long[] {Nr.PWRITE64, fd, buffer, length, offset};
            case 15 -> new long[] {Nr.PWRITEV2, fd, vector, 1, offset, 0, random.nextInt(2)};
            case 16 -> new long[] {Nr.MMAP, 0, 4096L * random.nextInt(1, 64), 3, 34, -1, 0};
            case 17 ->
                new long[] {
                  Nr.MUNMAP, random.nextInt(4) == 0 ? pick(pointers) & -4096 : memory + MEMORY, 4096
                };
            case 18 -> new long[] {Nr.FSYNC, fd};
            default ->
                new long[] {
                  random.nextBoolean() ? Nr.CLOSE : Nr.IO_DESTROY,
                  contexts.isEmpty() ? fd : pick(contexts)
                };
          };
      call = Arrays.copyOf(drawn, 7);
      if (random.nextInt(3) == 0) {
        call[random.nextInt(1, drawn.length)] = random.nextBoolean() ? value() : pick(pointers);
      }
    }

    private void draw() {
      long number =
          random.nextInt(5) == 0
              ? random.nextInt(-1, Nr.COUNT + 2)
              : NUMBERS[random.nextInt(NUMBERS.length)];
      long[] drawn = new long[7];
      drawn[0] = random.nextInt(200) == 0 ? value() : number;
      for (int i = 1; i < drawn.length; i++) {
        drawn[i] =
            switch (random.nextInt(i == 1 ? 6 : 8)) {
              case 0, 1 -> pick(pointers);
              case 2, 3, 4 -> i <= 2 ? descriptor() : pick(pointers);
              case 5 -> contexts.isEmpty() ? 0 : pick(contexts);
              default -> value();
            };
      }
      call = drawn;
    }

    private void make() {
      int number = (int) call[0];
      long result = syscall(number, call[1], call[2], call[3], call[4], call[5], call[6]);
      assertThat(result).as("call " + last()).isGreaterThanOrEqualTo(-MAX_ERRNO);
      if (result < 0) {
        return;
      }
      succeeded++;
      switch (number) {
        case Nr.OPEN, Nr.OPENAT, Nr.CREAT ->
            descriptors.set(random.nextInt(descriptors.size()), result);
        case Nr.MMAP -> pointers.set(random.nextInt(PATHS.length, pointers.size()), result);
        case Nr.IO_SETUP2 -> {
          if (call[6] == memory + CTXP_AT) { // else it is who knows where
            long context = RawMemory.getLong(memory + CTXP_AT);
            contexts.add(context);
            if ((call[2]
                    & (AioAbi.IOCTX_FLAG_SQTHREAD
                        | AioAbi.IOCTX_FLAG_SQPOLL
                        | AioAbi.IOCTX_FLAG_SQWQ))
                != 0) {
              setUp++;
            }
            if ((call[2] & (AioAbi.IOCTX_FLAG_SQTHREAD | AioAbi.IOCTX_FLAG_SQPOLL)) == 0) {
              threaded.remove(context);
            } else {
              threaded.add(context);
            }
          }
        }
        // to a thread it says what it was told
        case Nr.IO_RING_ENTER -> accepted += threaded.contains(call[1]) ? 0 : result;
        default -> {}
      }
    }

    private long syscall(int number, long a0, long a1, long a2, long a3, long a4, long a5) {
      return program.syscall(number, a0, a1, a2, a3, a4, a5);
    }

    private long descriptor() {
      return random.nextInt(10) == 0 ? random.nextInt(-2, 64) : pick(descriptors);
    }

    private long value() {
      return random.nextInt(12) == 0 ? random.nextLong() : VALUES[random.nextInt(VALUES.length)];
    }

    private long pick(List<Long> from) {
      return from.get(random.nextInt(from.size()));
    }
  }
}
