// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.overwrite;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.syscalls.Program;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.IoEvent;
import io.pollux.uapi.Iovec;
import io.pollux.uapi.Nr;
import io.pollux.uapi.RawMemory;
import io.pollux.userland.PathName;
import io.pollux.userland.UserFiles;
import io.pollux.userland.UserMemory;
import io.pollux.userland.UserRing;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;

/**
 * A thread that writes and reads its own stripes of shared files, in every way there is, and knows
 * what has to be in them. Others have the other stripes.
 */
final class Writer implements AutoCloseable {
  static final int STRIPE = 64 << 10;
  private static final int MOST = 24 << 10;
  private static final int DEPTH = 4;
  private static final int PART = STRIPE / DEPTH;
  private static final int SECTOR = 512;

  private final int me;
  private final int threads;
  private final Random random;
  private final List<Contents> contents;
  private final boolean nowait; // RWF_NOWAIT is something that the filesystem knows
  private final Program program;
  private final UserFiles files;
  private final UserMemory memory;
  private final long iovec;
  private final int[] buffered;
  private final int[] direct;
  private final UserRing polled;
  private final UserRing plain;
  private long refused;
  private long written;

  /** A file and what has to be in it; each thread changes its own stripes only. */
  static final class Contents {
    private final String name;
    private final byte[] bytes;
    private final boolean whole;

    Contents(String name, byte[] bytes, boolean whole) {
      this.name = name;
      this.bytes = bytes;
      this.whole = whole;
    }

    String name() {
      return name;
    }

    byte[] bytes() {
      return bytes;
    }

    /** Whether every block inside its size can be written. */
    boolean whole() {
      return whole;
    }
  }

  Writer(Program program, int me, int threads, long seed, List<Contents> contents, boolean nowait) {
    this.program = program;
    this.me = me;
    this.threads = threads;
    this.contents = contents;
    this.nowait = nowait;
    random = new Random(seed);
    files = new UserFiles(program);
    memory = UserMemory.map(program, STRIPE + 4096);
    iovec = memory.address() + STRIPE;
    buffered = new int[contents.size()];
    direct = new int[contents.size()];
    for (int i = 0; i < buffered.length; i++) {
      PathName path = PathName.of("/mnt" + contents.get(i).name());
      buffered[i] = files.open(path, Fcntl.O_RDWR);
      direct[i] = files.open(path, Fcntl.O_RDWR | Fcntl.O_DIRECT);
    }
    polled = UserRing.polled(program, DEPTH, PART);
    plain = UserRing.setup(program, DEPTH, 0, PART);
  }

  /** What was written and what was refused, in calls. */
  String counts() {
    return written + " written, " + refused + " refused";
  }

  void run(int turns) {
    for (int turn = 0; turn < turns; turn++) {
      int file = random.nextInt(contents.size());
      byte[] model = contents.get(file).bytes();
      int stripes = (model.length + STRIPE - 1) / STRIPE;
      int stripe = random.nextInt(stripes);
      if ((file + stripe) % threads != me) {
        continue;
      }
      int start = stripe * STRIPE;
      switch (random.nextInt(10)) {
        case 0, 1, 2 -> oneWrite(file, start, false);
        case 3, 4 -> oneWrite(file, start, true);
        case 5 -> ringWrites(file, start, polled, true);
        case 6 -> ringWrites(file, start, plain, random.nextBoolean());
        case 7, 8 -> read(file, start);
        default -> {
          int call = random.nextBoolean() ? Nr.FSYNC : Nr.FDATASYNC;
          assertThat(program.syscall(call, buffered[file])).isZero();
        }
      }
    }
  }

  private int offset(int start, int room, boolean aligned) {
    return start + (aligned ? random.nextInt(room / SECTOR) * SECTOR : random.nextInt(room));
  }

  private int length(int most, boolean aligned) {
    int length = 1 + random.nextInt(random.nextInt(3) == 0 ? most : Math.min(most, 5000));
    return aligned
        ? Math.min(most / SECTOR * SECTOR, (length + SECTOR - 1) / SECTOR * SECTOR)
        : length;
  }

  private void oneWrite(int file, int start, boolean past) {
    int pos = offset(start, STRIPE, past);
    int bytes = length(Math.min(MOST, start + STRIPE - pos), past);
    byte[] data = LinuxImage.bytes(random, bytes);
    MemorySegment.copy(
        data, 0, RawMemory.segment(memory.address(), bytes), ValueLayout.JAVA_BYTE, 0, bytes);
    int flags =
        random.nextInt(8) == 0 ? AioAbi.RWF_DSYNC : random.nextInt(8) == 0 ? AioAbi.RWF_SYNC : 0;
    flags |= past && random.nextBoolean() ? AioAbi.RWF_HIPRI : 0;
    flags |= nowait && random.nextInt(4) == 0 ? AioAbi.RWF_NOWAIT : 0;
    Iovec.iovBase(iovec, memory.address());
    Iovec.iovLen(iovec, bytes);
    int fd = past ? direct[file] : buffered[file];
    long result =
        flags == 0
            ? program.syscall(Nr.PWRITE64, fd, memory.address(), bytes, pos)
            : program.syscall(Nr.PWRITEV2, fd, iovec, 1, pos, 0, flags);
    took(file, pos, data, result, past, (flags & AioAbi.RWF_NOWAIT) != 0);
  }

  /** A write in each part of a stripe, all at once. */
  private void ringWrites(int file, int start, UserRing ring, boolean past) {
    int[] pos = new int[DEPTH + 1]; // by slot
    List<byte[]> data = new ArrayList<>(Collections.nCopies(DEPTH + 1, new byte[0]));
    for (int i = 0; i < DEPTH; i++) {
      int at = offset(start + i * PART, PART, past);
      byte[] bytes = LinuxImage.bytes(random, length(start + (i + 1) * PART - at, past));
      int slot = ring.take();
      MemorySegment.copy(bytes, 0, ring.segment(slot), ValueLayout.JAVA_BYTE, 0, bytes.length);
      assertThat(ring.write(past ? direct[file] : buffered[file], at, bytes.length))
          .isEqualTo(slot);
      pos[slot] = at;
      data.set(slot, bytes);
    }
    int events = 0;
    while (events < DEPTH) {
      long result = ring.prepared() > 0 ? ring.enter(0) : ring.getEvents(DEPTH - events);
      assertThat(result).isNotNegative();
      for (long event = ring.peek(); event != 0; event = ring.peek()) {
        int slot = ring.slot(event);
        took(file, pos[slot], data.get(slot), IoEvent.res(event), past, false);
        ring.consume(event);
        events++;
      }
    }
  }

  /** What a write answered, and what it means for what has to be in the file. */
  private void took(int file, int pos, byte[] data, long result, boolean past, boolean mayRetry) {
    Contents there = contents.get(file);
    int inside = Math.clamp(there.bytes().length - pos, 0, data.length);
    int can = past ? inside / SECTOR * SECTOR : inside;
    String what =
        there.name() + " at " + pos + ", " + data.length + " bytes" + (past ? ", direct" : "");
    if (result == -Errno.EAGAIN && mayRetry) {
      return;
    }
    if (result == -Errno.EOPNOTSUPP) {
      refused++;
      assertThat(can == 0 || !there.whole()).as(what).isTrue();
      return;
    }
    boolean mayBeShort = mayRetry || !there.whole();
    assertThat(result).as(what).isBetween(mayBeShort ? 1L : can, (long) can);
    System.arraycopy(data, 0, there.bytes(), pos, (int) result);
    written++;
  }

  private void read(int file, int start) {
    boolean past = random.nextBoolean();
    byte[] model = contents.get(file).bytes();
    int pos = offset(start, STRIPE, past);
    int bytes = length(start + STRIPE - pos, past);
    int inside = Math.clamp(model.length - pos, 0, bytes);
    long result =
        program.syscall(
            Nr.PREAD64, past ? direct[file] : buffered[file], memory.address(), bytes, pos);
    assertThat(result).isEqualTo(inside);
    byte[] got = RawMemory.segment(memory.address(), inside).toArray(ValueLayout.JAVA_BYTE);
    assertThat(inside == 0 ? -1 : Arrays.mismatch(got, 0, inside, model, pos, pos + inside))
        .as(
            "%s from %d on, %d bytes%s",
            contents.get(file).name(), pos, inside, past ? ", direct" : "")
        .isEqualTo(-1);
  }

  @Override
  public void close() {
    polled.close();
    plain.close();
    for (int i = 0; i < buffered.length; i++) {
      files.close(buffered[i]);
      files.close(direct[i]);
    }
    memory.close();
    files.close();
  }
}
