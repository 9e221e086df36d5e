// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.differential;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.it.differential.AioProgram.Cancel;
import io.pollux.it.differential.AioProgram.Context;
import io.pollux.it.differential.AioProgram.Descriptor;
import io.pollux.it.differential.AioProgram.Destroy;
import io.pollux.it.differential.AioProgram.EventfdRead;
import io.pollux.it.differential.AioProgram.EventfdWrite;
import io.pollux.it.differential.AioProgram.GetEvents;
import io.pollux.it.differential.AioProgram.Mask;
import io.pollux.it.differential.AioProgram.Operation;
import io.pollux.it.differential.AioProgram.Request;
import io.pollux.it.differential.AioProgram.Setup;
import io.pollux.it.differential.AioProgram.Step;
import io.pollux.it.differential.AioProgram.Submit;
import io.pollux.it.differential.AioProgram.Timeout;
import io.pollux.uapi.AioAbi;
import io.pollux.uapi.AioRing;
import io.pollux.uapi.AioSigset;
import io.pollux.uapi.Errno;
import io.pollux.uapi.EventfdFlags;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.IoEvent;
import io.pollux.uapi.Iocb;
import io.pollux.uapi.Nr;
import io.pollux.uapi.RawMemory;
import io.pollux.uapi.Timespec;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.stream.IntStream;
import java.util.zip.CRC32C;
import org.jspecify.annotations.Nullable;

/**
 * Runs programs on one machine, one after the other, and writes down what they can see. What
 * depends on the machine is not written down: addresses become numbers of requests, ids of contexts
 * become slots.
 *
 * <p>After each step it waits for what is in flight, looking into the completion rings without
 * consuming. This kernel goes first, and is done when every request but the polls has its event:
 * its polls need no time. Linux's do, so there it waits for as many events as this kernel had.
 */
final class ProgramRun implements AutoCloseable {
  /**
   * What a program saw.
   *
   * @param lines in words, to be compared
   * @param completed events that there had been after each step
   */
  record Trace(List<String> lines, List<Integer> completed) {}

  /** Files that stay open from program to program. */
  static final int OPEN_FILES = Descriptor.DISKS.size();

  private static final long SHORT_NANOS = 200_000;
  private static final long SIGUSR1 = 1L << 9;
  private static final long PATIENCE = TimeUnit.SECONDS.toNanos(3);

  private final Machine machine;
  private final ProgramMemory memory;
  private final Map<Descriptor, Integer> fds = new EnumMap<>(Descriptor.class);

  // Of one program:
  private final List<String> lines = new ArrayList<>();
  private final Map<Context, Slot> slots = new EnumMap<>(Context.class);
  // what eventfds should have
  private final Map<Descriptor, Long> counters = new EnumMap<>(Descriptor.class);
  private final List<Request> requests = new ArrayList<>(); // those that have an iocb

  /** A context that is alive. */
  private static final class Slot {
    final long id;
    final List<String> consumed = new ArrayList<>();
    final BitSet accepted = new BitSet();
    final BitSet seen = new BitSet(); // of which an event was seen

    Slot(long id) {
      this.id = id;
    }
  }

  ProgramRun(Machine machine) {
    this.machine = machine;
    memory = new ProgramMemory(machine, this::fd);
    fds.put(Descriptor.CLOSED, 999);
    fds.put(Descriptor.NEGATIVE, -1);
    for (Descriptor disk : Descriptor.DISKS) {
      int mode =
          switch (disk) {
            case DIRECT_READ_ONLY -> Fcntl.O_RDONLY | Fcntl.O_DIRECT;
            case DIRECT_WRITE_ONLY -> Fcntl.O_WRONLY | Fcntl.O_DIRECT;
            case BUFFERED -> Fcntl.O_RDWR;
            default -> Fcntl.O_RDWR | Fcntl.O_DIRECT;
          };
      long fd =
          machine.syscall(
              Nr.OPENAT, Fcntl.AT_FDCWD, memory.at(ProgramMemory.PATH), mode | Fcntl.O_CLOEXEC);
      assertThat(fd).as("open " + machine.diskPath() + " on " + machine.name()).isNotNegative();
      fds.put(disk, (int) fd);
    }
    machine.opened();
  }

  private int fd(Descriptor descriptor) {
    Integer fd = fds.get(descriptor);
    assertThat(fd).as(descriptor.name()).isNotNull();
    return fd;
  }

  private static String said(long result) {
    return result < 0 ? "-" + Errno.name((int) -result) : Long.toString(result);
  }

  // One program.

  /**
   * Runs a program and ends all that it made.
   *
   * @param program the program
   * @param first what the machine that went first saw, or null if this is the first one
   * @return what this one saw
   */
  Trace run(AioProgram program, @Nullable Trace first) {
    lines.clear();
    slots.clear();
    requests.clear();
    List<Integer> completed = new ArrayList<>();
    begin();
    try {
      for (int i = 0; i < program.steps().size(); i++) {
        Step step = program.steps().get(i);
        String result = perform(step);
        int events =
            settle(first == null || i >= first.completed.size() ? null : first.completed.get(i));
        completed.add(events);
        lines.add(
            (i + 1)
                + ". "
                + step.getClass().getSimpleName()
                + " = "
                + result
                + "; events so far: "
                + events);
      }
      for (Context slot : List.copyOf(slots.keySet())) {
        lines.add("at the end, io_destroy of " + slot + " = " + said(destroy(slot)));
      }
      for (Descriptor eventfd : Descriptor.EVENTFDS) {
        lines.add("at the end, " + eventfd + " has " + readAll(eventfd));
      }
    } finally {
      end();
    }
    writeDownBytes();
    machine.assertNothingIsHeld();
    return new Trace(List.copyOf(lines), completed);
  }

  private void begin() {
    memory.fill();
    long written =
        machine.syscall(
            Nr.PWRITE64,
            fd(Descriptor.DIRECT),
            memory.at(ProgramMemory.DISK_COPY),
            AioProgram.DISK_BYTES,
            0,
            0,
            0);
    assertThat(written).as("writing the disk").isEqualTo(AioProgram.DISK_BYTES);
    for (Descriptor eventfd : Descriptor.EVENTFDS) {
      long fd =
          machine.syscall(Nr.EVENTFD2, 0, EventfdFlags.EFD_NONBLOCK | EventfdFlags.EFD_CLOEXEC, 0);
      assertThat(fd).as("eventfd2").isNotNegative();
      fds.put(eventfd, (int) fd);
      counters.put(eventfd, 0L);
    }
  }

  private void end() {
    for (Slot slot : slots.values()) {
      machine.syscall(Nr.IO_DESTROY, slot.id, 0, 0);
    }
    for (Descriptor eventfd : Descriptor.EVENTFDS) {
      machine.syscall(Nr.CLOSE, fd(eventfd), 0, 0);
    }
  }

  private void writeDownBytes() {
    for (int i = 0; i < requests.size(); i++) {
      lines.add("buffer " + i + ": " + crc(memory.buffer(i), ProgramMemory.BUFFER));
    }
    long disk = memory.at(ProgramMemory.DISK_COPY);
    long got =
        machine.syscall(Nr.PREAD64, fd(Descriptor.DIRECT), disk, AioProgram.DISK_BYTES, 0, 0, 0);
    assertThat(got).as("reading the disk").isEqualTo(AioProgram.DISK_BYTES);
    for (int at = 0; at < AioProgram.DISK_BYTES; at += AioProgram.BLOCK) {
      lines.add("block " + at / AioProgram.BLOCK + ": " + crc(disk + at, AioProgram.BLOCK));
    }
  }

  private static String crc(long address, long bytes) {
    CRC32C crc = new CRC32C();
    crc.update(RawMemory.segment(address, bytes).asByteBuffer());
    return Long.toHexString(crc.getValue());
  }

  // Steps.

  private String perform(Step step) {
    return switch (step) {
      case Setup setup -> said(setup(setup));
      case Destroy destroy -> destroy(destroy);
      case Submit submit -> submit(submit);
      case GetEvents get -> said(getEvents(get));
      case Cancel cancel -> said(cancel(cancel));
      case EventfdWrite write -> said(write(write));
      case EventfdRead read -> readAll(read.eventfd());
    };
  }

  private long id(Context context) {
    return switch (context) {
      case FIRST, SECOND, THIRD -> RawMemory.getLong(ctxp(context));
      case ZERO -> 0;
      case ONE -> 1;
      case MINUS_ONE -> -1;
      case NO_ACCESS -> memory.noAccess();
      case NOT_A_CONTEXT -> memory.at(ProgramMemory.EVENT_ARRAY);
    };
  }

  private long ctxp(Context slot) {
    return memory.at(ProgramMemory.CTXP) + Context.SLOTS.indexOf(slot) * 8L;
  }

  private long setup(Setup setup) {
    long good = ctxp(setup.slot());
    long result = machine.syscall(Nr.IO_SETUP, setup.nr(), memory.at(setup.ctxp(), good), 0);
    if (result == 0) {
      slots.put(setup.slot(), new Slot(RawMemory.getLong(good)));
    }
    return result;
  }

  private String destroy(Destroy destroy) {
    Context ctx = destroy.ctx();
    long id = id(ctx);
    String once =
        said(slots.containsKey(ctx) ? destroy(ctx) : machine.syscall(Nr.IO_DESTROY, id, 0, 0));
    return destroy.twice() ? once + ", " + said(machine.syscall(Nr.IO_DESTROY, id, 0, 0)) : once;
  }

  /**
   * Writes down all events of a context and destroys it. The id is forgotten: the next context may
   * have it.
   */
  private long destroy(Context ctx) {
    Slot slot = slots.get(ctx);
    assertThat(slot).isNotNull();
    List<String> events = new ArrayList<>(slot.consumed);
    int left = unread(slot.id);
    for (int i = 0; i < left; i++) {
      events.add(event(AioRing.event(slot.id, (AioRing.head(slot.id) + i) % AioRing.nr(slot.id))));
    }
    events.sort(null);
    lines.add("events of " + ctx + ": " + events);
    for (int i = slot.accepted.nextSetBit(0); i >= 0; i = slot.accepted.nextSetBit(i + 1)) {
      if (!slot.seen.get(i)) { // a poll, which is going to be cancelled
        signalled(requests.get(i));
      }
    }
    long result = machine.syscall(Nr.IO_DESTROY, slot.id, 0, 0);
    slots.remove(ctx);
    RawMemory.putLong(ctxp(ctx), 0);
    return result;
  }

  private String submit(Submit submit) {
    List<Request> batch = submit.independent();
    int first = requests.size();
    long array = memory.at(ProgramMemory.POINTERS);
    for (int i = 0; i < batch.size(); i++) {
      requests.add(batch.get(i));
      RawMemory.putLong(array + i * 8L, memory.prepare(first + i, batch.get(i)));
    }
    RawMemory.putLong(array + batch.size() * 8L, 0);
    long nr =
        switch (submit.count()) {
          case EXACT -> batch.size();
          case ZERO -> 0;
          case MINUS_ONE -> -1;
          case MANY -> batch.size() + 1;
          case HUGE -> Long.MAX_VALUE;
        };
    long result =
        machine.syscall(Nr.IO_SUBMIT, id(submit.ctx()), nr, memory.at(submit.array(), array));
    Slot slot = slots.get(submit.ctx());
    for (int i = 0; i < result && slot != null; i++) {
      slot.accepted.set(first + i);
    }
    StringBuilder keys = new StringBuilder();
    for (int i = 0; i < batch.size(); i++) {
      if (IntendedDifference.keyIsCompared(batch.get(i))) {
        int key = RawMemory.getInt(Iocb.aioKeyAddress(memory.iocb(first + i)));
        keys.append(key == AioAbi.KIOCB_KEY ? 'k' : key == ProgramMemory.KEY_BEFORE ? '-' : '?');
      }
    }
    return said(result) + " of " + batch.size() + ", keys stored: " + keys;
  }

  private long getEvents(GetEvents get) {
    Slot slot = slots.get(get.ctx());
    long array = memory.at(get.array(), memory.at(ProgramMemory.EVENT_ARRAY));
    long timeout = timeout(get, slot == null ? 0 : unread(slot.id));
    long id = id(get.ctx());
    long result;
    if (get.mask() == Mask.NOT_ASKED) {
      result = machine.syscall(Nr.IO_GETEVENTS, id, get.min(), get.nr(), array, timeout, 0);
    } else {
      result =
          machine.syscall(
              Nr.IO_PGETEVENTS, id, get.min(), get.nr(), array, timeout, sigset(get.mask()));
    }
    for (int i = 0; i < result && slot != null; i++) {
      slot.consumed.add(event(array + i * IoEvent.SIZE));
    }
    return result;
  }

  private long timeout(GetEvents get, int there) {
    long timespec = memory.at(ProgramMemory.TIMESPEC);
    Timeout timeout = get.timeout();
    if (timeout == Timeout.BAD_POINTER) {
      return memory.noAccess();
    }
    if (timeout == Timeout.NONE && get.min() <= there) {
      return 0;
    }
    Timespec.tvSec(timespec, timeout == Timeout.NEGATIVE && get.min() <= there ? -1 : 0);
    Timespec.tvNsec(timespec, timeout == Timeout.SHORT ? SHORT_NANOS : 0);
    return timespec;
  }

  private long sigset(Mask mask) {
    long sigset = memory.at(ProgramMemory.SIGSET);
    RawMemory.putLong(memory.at(ProgramMemory.SIGMASK), SIGUSR1);
    AioSigset.sigmask(
        sigset,
        mask == Mask.NULL_MASK
            ? 0
            : mask == Mask.BAD_MASK ? memory.noAccess() : memory.at(ProgramMemory.SIGMASK));
    AioSigset.sigsetsize(sigset, mask == Mask.WRONG_SIZE ? 4 : 8);
    return mask == Mask.NULL ? 0 : mask == Mask.BAD_POINTER ? memory.noAccess() : sigset;
  }

  private long cancel(Cancel cancel) {
    int[] candidates =
        IntStream.range(0, requests.size())
            .filter(i -> !cancel.poll() || requests.get(i).operation() == Operation.POLL)
            .toArray();
    long iocb =
        memory.iocb(candidates.length == 0 ? 0 : candidates[cancel.request() % candidates.length]);
    return machine.syscall(
        Nr.IO_CANCEL,
        id(cancel.ctx()),
        memory.at(cancel.iocb(), iocb),
        memory.at(ProgramMemory.EVENT_ARRAY));
  }

  // Eventfds.

  private long write(EventfdWrite write) {
    RawMemory.putLong(memory.at(ProgramMemory.WORD), write.value());
    long result = machine.syscall(Nr.WRITE, fd(write.eventfd()), memory.at(ProgramMemory.WORD), 8);
    if (result > 0) {
      counters.merge(write.eventfd(), write.value(), Long::sum);
    }
    return result;
  }

  private void signalled(Request request) {
    counters.computeIfPresent(request.options().resfd(), (fd, count) -> count + 1);
  }

  /**
   * Reads until all that is due has come: an event is in the ring before its eventfd is signalled.
   */
  private String readAll(Descriptor eventfd) {
    Long due = counters.put(eventfd, 0L);
    long[] total = new long[1];
    boolean came =
        waitUntil(
            () -> {
              long result = machine.syscall(Nr.READ, fd(eventfd), memory.at(ProgramMemory.WORD), 8);
              total[0] += result == 8 ? RawMemory.getLong(memory.at(ProgramMemory.WORD)) : 0;
              return due != null && total[0] == due;
            });
    return Long.toUnsignedString(total[0]) + (came ? "" : ", not what the events say");
  }

  // Events.

  private static int unread(long ring) {
    int nr = AioRing.nr(ring);
    return (AioRing.tail(ring) - AioRing.head(ring) + nr) % nr;
  }

  private int request(long event) {
    return memory.indexOf(IoEvent.obj(event));
  }

  private String event(long event) {
    return String.format(
        "request %02d: %s, data %d, res2 %d",
        request(event), said(IoEvent.res(event)), IoEvent.data(event), IoEvent.res2(event));
  }

  /** Waits for what is in flight and answers how many events the living contexts have had. */
  private int settle(@Nullable Integer expected) {
    boolean done = waitUntil(() -> expected == null ? !movesInFlight() : completed() >= expected);
    movesInFlight(); // for what it sees
    assertThat(done || expected != null)
        .as("requests have ended after 3 seconds on " + machine.name())
        .isTrue();
    return completed();
  }

  private int completed() {
    return slots.values().stream().mapToInt(slot -> slot.consumed.size() + unread(slot.id)).sum();
  }

  /** Looks at all events. Answers whether one of a request is missing that is not a poll. */
  private boolean movesInFlight() {
    boolean missing = false;
    for (Slot slot : slots.values()) {
      for (String event : slot.consumed) {
        see(slot, Integer.parseInt(event, 8, 10, 10));
      }
      int left = unread(slot.id);
      for (int i = 0; i < left; i++) {
        see(
            slot,
            request(AioRing.event(slot.id, (AioRing.head(slot.id) + i) % AioRing.nr(slot.id))));
      }
      for (int i = slot.accepted.nextSetBit(0); i >= 0; i = slot.accepted.nextSetBit(i + 1)) {
        missing |= !slot.seen.get(i) && requests.get(i).operation() != Operation.POLL;
      }
    }
    return missing;
  }

  private void see(Slot slot, int request) {
    if (request >= 0 && request < requests.size() && !slot.seen.get(request)) {
      slot.seen.set(request);
      signalled(requests.get(request));
    }
  }

  private static boolean waitUntil(BooleanSupplier condition) {
    long start = System.nanoTime();
    while (!condition.getAsBoolean()) {
      long waited = System.nanoTime() - start;
      if (waited > PATIENCE) {
        return false;
      }
      if (waited > 50_000) {
        LockSupport.parkNanos(50_000);
      } else {
        Thread.onSpinWait();
      }
    }
    return true;
  }

  @Override
  public void close() {
    for (Descriptor disk : Descriptor.DISKS) {
      machine.syscall(Nr.CLOSE, fd(disk), 0, 0);
    }
    memory.close();
    machine.close();
  }
}
