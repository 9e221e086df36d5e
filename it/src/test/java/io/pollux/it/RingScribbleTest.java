// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it;

import static io.pollux.testkit.CallAssert.assertThatCall;
import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;

import io.pollux.sample.SamplePattern;
import io.pollux.syscalls.Program;
import io.pollux.testkit.PolluxKernel;
import io.pollux.testkit.TestDisk;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.AioIoEventRing;
import io.pollux.uapi.AioIocbRing;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.IoEvent;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.Mman;
import io.pollux.uapi.Nr;
import io.pollux.uapi.RawMemory;
import io.pollux.userland.PathName;
import io.pollux.userland.UserFiles;
import io.pollux.userland.UserMemory;
import io.pollux.userland.UserRing;
import java.time.Duration;
import java.util.SplittableRandom;
import java.util.concurrent.atomic.AtomicBoolean;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.extension.RegisterExtension;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

/**
 * One thread uses rings, and another writes random values anywhere in them. Any data and events may
 * result. But each call returns, and memory outside rings and buffers does not change. Afterwards
 * rings work, and nothing is held.
 */
class RingScribbleTest {
  private static final Duration RUN = Duration.ofMillis(1500);
  private static final Duration BOUND = Duration.ofSeconds(40);
  private static final int BUFFER = 4096;
  private static final int GUARD = 64 << 10;
  private static final int PRIVATE = Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS;

  @RegisterExtension
  final PolluxKernel pollux = PolluxKernel.withSample().withDisk("ram0", TestDisk.ram(1 << 20));

  @ParameterizedTest
  @CsvSource({
    "1, IOPOLL FIXEDBUFS",
    "2, IOPOLL FIXEDBUFS",
    "33, IOPOLL FIXEDBUFS",
    "7, IOPOLL",
    "64, FIXEDBUFS",
    "3, NONE",
    "256, IOPOLL",
    "1, IOPOLL FIXEDBUFS SQPOLL",
    "33, IOPOLL FIXEDBUFS SQPOLL",
    "64, SQPOLL",
    "7, IOPOLL SQTHREAD",
    "16, FIXEDBUFS SQTHREAD"
  })
  void nothingComesOfIt(int entries, String options) {
    int flags =
        (options.contains("IOPOLL") ? AioAbi.IOCTX_FLAG_IOPOLL : 0)
            | (options.contains("FIXEDBUFS") ? AioAbi.IOCTX_FLAG_FIXEDBUFS : 0)
            | (options.contains("SQTHREAD") ? AioAbi.IOCTX_FLAG_SQTHREAD : 0)
            | (options.contains("SQPOLL") ? AioAbi.IOCTX_FLAG_SQPOLL : 0);
    Seed seed = Seed.of(RingScribbleTest.class);
    Program program = pollux.kernel().newProgram();
    assertTimeoutPreemptively(BOUND, () -> scribble(program, entries, flags, seed));
    pollux.kernel().assertNothingHeld();
  }

  /** The rings and all that belongs to them, in one piece of memory. */
  private record Rings(long sq, long cq, long ctxp, long buffers, int entries) {
    static Rings in(UserMemory memory, int entries) {
      long cq = memory.address() + UserMemory.pageAlign(AioIocbRing.bytes(entries));
      long ctxp = cq + UserMemory.pageAlign(AioIoEventRing.bytes(entries));
      return new Rings(memory.address(), cq, ctxp, ctxp + UserMemory.PAGE_SIZE, entries);
    }

    static long bytes(int entries) {
      return UserMemory.pageAlign(AioIocbRing.bytes(entries))
          + UserMemory.pageAlign(AioIoEventRing.bytes(entries))
          + UserMemory.PAGE_SIZE
          + (long) entries * BUFFER;
    }
  }

  private static void scribble(Program program, int entries, int flags, Seed seed)
      throws InterruptedException {
    try (UserFiles files = new UserFiles(program);
        UserMemory memory = UserMemory.map(program, Rings.bytes(entries))) {
      // A gap, so that no buffer that is too long goes on into the guard.
      assertThatCall(program.syscall(Nr.MMAP, 0, GUARD, Mman.PROT_NONE, PRIVATE, -1, 0)).succeeds();
      UserMemory guard = UserMemory.map(program, GUARD);
      SamplePattern.fill(guard.address(), GUARD, 0);
      int file = files.open(PathName.of("/mnt/main.dat"), Fcntl.O_RDONLY | Fcntl.O_DIRECT);
      int disk = files.open(PathName.of("/dev/ram0"), Fcntl.O_RDWR | Fcntl.O_DIRECT);
      int buffered = files.open(PathName.of("/mnt/fragmented.dat"), Fcntl.O_RDONLY);
      int directory = files.open(PathName.of("/mnt/dirs"), Fcntl.O_RDONLY);

      Rings rings = Rings.in(memory, entries);
      for (int i = 0; i < entries; i++) {
        Iocb.aioBuf(AioIocbRing.iocb(rings.sq, i), rings.buffers + (long) i * BUFFER);
        Iocb.aioNbytes(AioIocbRing.iocb(rings.sq, i), BUFFER);
      }
      assertThatCall(
              program.syscall(
                  Nr.IO_SETUP2,
                  entries,
                  flags | AioAbi.IOCTX_FLAG_SCQRING,
                  0,
                  rings.sq,
                  rings.cq,
                  rings.ctxp))
          .returns(0);
      long context = RawMemory.getLong(rings.ctxp);

      AtomicBoolean stop = new AtomicBoolean();
      AtomicLong scribbles = new AtomicLong();
      Thread hostile =
          new Thread(() -> scribbles.set(hostile(rings, disk, seed.random(1), stop)), "hostile");
      hostile.start();
      long accepted;
      try {
        accepted =
            submit(
                program,
                rings,
                context,
                file,
                (flags & AioAbi.IOCTX_FLAG_IOPOLL) != 0,
                seed.random(2));
      } finally {
        stop.set(true);
        hostile.join();
      }
      System.out.println(
          "RingScribbleTest: "
              + entries
              + " entries, "
              + scribbles.get()
              + " scribbles, "
              + accepted
              + " accepted");
      assertThat(scribbles.get()).isGreaterThan(1000);
      assertThat(SamplePattern.verify(guard.address(), GUARD, 0))
          .as("memory outside all buffers")
          .isEqualTo(-1);

      assertThatCall(program.syscall(Nr.IO_DESTROY, context)).returns(0);
      assertThatCall(program.syscall(Nr.IO_DESTROY, context)).failsWith(Errno.EINVAL);
      ringsWork(program, file);
      for (int fd : new int[] {file, disk, buffered, directory}) {
        files.close(fd);
      }
    }
  }

  /**
   * Writes anything anywhere in the rings, as long as it may. No buffer pointer of its leads into
   * the guard.
   */
  private static long hostile(Rings rings, int disk, SplittableRandom random, AtomicBoolean stop) {
    long count = 0;
    int[] ints = {
      0,
      1,
      2,
      rings.entries - 1,
      rings.entries,
      rings.entries + 1,
      -1,
      Integer.MAX_VALUE,
      Integer.MIN_VALUE
    };
    while (!stop.get()) {
      int value = random.nextInt(4) == 0 ? random.nextInt() : ints[random.nextInt(ints.length)];
      long iocb = AioIocbRing.iocb(rings.sq, random.nextInt(rings.entries));
      switch (random.nextInt(10)) {
        case 0 -> AioIocbRing.tail(rings.sq, random.nextInt(rings.entries));
        case 1 -> RawMemory.putInt(rings.sq + 4L * random.nextInt(8), value);
        case 2 -> AioIoEventRing.head(rings.cq, random.nextInt(rings.entries));
        case 3 -> RawMemory.putInt(rings.cq + 4L * random.nextInt(8), value);
        // data, key, flags, opcode, fd
        case 4 -> RawMemory.putInt(iocb + 4L * random.nextInt(6), value);
        case 5 -> Iocb.aioFildes(iocb, random.nextInt(disk + 4));
        case 6 -> Iocb.aioNbytes(iocb, random.nextBoolean() ? value : BUFFER);
        case 7 -> Iocb.aioOffset(iocb, random.nextBoolean() ? value : random.nextLong());
        case 8 ->
            Iocb.aioBuf(iocb, random.nextBoolean() ? value : rings.sq + 512L * random.nextInt(16));
        default ->
            IoEvent.obj(
                AioIoEventRing.event(rings.cq, random.nextInt(rings.entries)), random.nextLong());
      }
      count++;
      if (random.nextInt(64) == 0) {
        Thread.onSpinWait();
      }
    }
    return count;
  }

  /** Uses the rings as a program would, for a time. Answers how many entries the kernel took. */
  private static long submit(
      Program program,
      Rings rings,
      long context,
      int file,
      boolean polled,
      SplittableRandom random) {
    long accepted = 0;
    int tail = 0;
    long end = System.nanoTime() + RUN.toNanos();
    while (System.nanoTime() < end) {
      int batch = random.nextInt(1, 12);
      for (int i = 0; i < batch; i++) {
        long iocb = AioIocbRing.iocb(rings.sq, tail);
        Iocb.aioLioOpcode(
            iocb,
            (short) (random.nextInt(8) == 0 ? AioAbi.IOCB_CMD_PWRITE : AioAbi.IOCB_CMD_PREAD));
        Iocb.aioFildes(iocb, file);
        Iocb.aioBuf(iocb, rings.buffers + (long) tail * BUFFER);
        Iocb.aioNbytes(iocb, BUFFER);
        Iocb.aioOffset(iocb, (long) BUFFER * random.nextInt(4096));
        Iocb.aioRwFlags(iocb, 0);
        Iocb.aioReserved2(iocb, 0);
        Iocb.aioFlags(iocb, polled ? AioAbi.IOCB_FLAG_HIPRI : 0);
        tail = tail + 1 == rings.entries ? 0 : tail + 1;
        AioIocbRing.tail(rings.sq, tail);
      }
      int want = random.nextInt(20) == 0 ? -1 : random.nextInt(batch + 2);
      long result =
          program.syscall(
              Nr.IO_RING_ENTER,
              context,
              random.nextInt(10) == 0 ? -1 : batch,
              want,
              random.nextInt(4));
      if (result > 0) {
        // a submission thread's contexts answer what they were told
        accepted += Math.min(result, batch);
      } else if (result < 0) {
        assertThat(-result)
            .isNotIn((long) Errno.ENOSYS, (long) Errno.EBUSY, (long) Errno.ESRCH)
            .isLessThan(4096L);
      }
      AioIoEventRing.head(rings.cq, AioIoEventRing.tail(rings.cq));
    }
    return accepted;
  }

  private static void ringsWork(Program program, int file) {
    try (UserRing ring = UserRing.polled(program, 16, BUFFER)) {
      for (int i = 0; i < 16; i++) {
        ring.read(file, (long) i * BUFFER, BUFFER);
      }
      ring.submitAndWait(16);
      for (int i = 0; i < 16; i++) {
        long event = ring.peek();
        assertThat(event).isNotZero();
        assertThat(IoEvent.res(event)).isEqualTo(BUFFER);
        int slot = ring.slot(event);
        assertThat(SamplePattern.verify(ring.buffer(slot), BUFFER, (long) slot * BUFFER))
            .isEqualTo(-1);
        ring.consume(event);
      }
    }
  }
}
