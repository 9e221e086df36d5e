// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.differential;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.it.differential.AioProgram.Address;
import io.pollux.it.differential.AioProgram.Cancel;
import io.pollux.it.differential.AioProgram.Context;
import io.pollux.it.differential.AioProgram.Descriptor;
import io.pollux.it.differential.AioProgram.Destroy;
import io.pollux.it.differential.AioProgram.EventfdRead;
import io.pollux.it.differential.AioProgram.EventfdWrite;
import io.pollux.it.differential.AioProgram.Fault;
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
import io.pollux.uapi.Iovec;
import io.pollux.uapi.Mman;
import io.pollux.uapi.Nr;
import io.pollux.uapi.RawMemory;
import io.pollux.uapi.Timespec;
import java.lang.foreign.MemorySegment;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.BitSet;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
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

  private static final int REQUESTS = AioProgram.MAX_STEPS * AioProgram.MAX_BATCH;
  private static final int EVENTS = 64;
  private static final int IOVECS = 4; // of each request
  private static final int BUFFER = 12 << 10;

  // Memory of the program, by offset.
  private static final int CTXP = 0; // a word for each slot, and one more
  private static final int TIMESPEC = 64;
  private static final int SIGSET = 96;
  private static final int SIGMASK = 128;
  private static final int WORD = 136;
  private static final int POINTERS = 4096;
  private static final int EVENT_ARRAY = POINTERS + 4096;
  private static final int IOCBS = EVENT_ARRAY + EVENTS * (int) IoEvent.SIZE;
  private static final int IOVEC_ARRAYS = IOCBS + EVENTS * (int) Iocb.SIZE;
  private static final int PATH = IOVEC_ARRAYS + EVENTS * IOVECS * (int) Iovec.SIZE;
  private static final int DISK_COPY = PATH + 4096;
  private static final int BUFFERS = DISK_COPY + AioProgram.DISK_BYTES;
  private static final int MEMORY = BUFFERS + REQUESTS * BUFFER;

  private static final int KEY_BEFORE = 0x5a5a5a5a;
  private static final long KERNEL_ADDRESS = -4096;
  private static final long SHORT_NANOS = 200_000;
  private static final long SIGUSR1 = 1L << 9;
  private static final long PATIENCE = TimeUnit.SECONDS.toNanos(3);
  private static final MemorySegment CONTENT = MemorySegment.ofArray(content());

  private final Machine machine;
  private final long memory;
  private final long noAccess;
  private final long readOnly;
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
    memory = map(MEMORY, Mman.PROT_READ | Mman.PROT_WRITE);
    noAccess = map(AioProgram.BLOCK, Mman.PROT_NONE);
    readOnly = map(AioProgram.BLOCK, Mman.PROT_READ);
    byte[] path = (machine.diskPath() + "\0").getBytes(StandardCharsets.UTF_8);
    for (int i = 0; i < path.length; i++) {
      RawMemory.putByte(memory + PATH + i, path[i]);
    }
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
      long fd = machine.syscall(Nr.OPENAT, Fcntl.AT_FDCWD, memory + PATH, mode | Fcntl.O_CLOEXEC);
      assertThat(fd).as("open " + machine.diskPath() + " on " + machine.name()).isNotNegative();
      fds.put(disk, (int) fd);
    }
    machine.opened();
  }

  private static byte[] content() {
    byte[] bytes = new byte[AioProgram.DISK_BYTES + REQUESTS * BUFFER];
    new SplittableRandom(4711).nextBytes(bytes);
    return bytes;
  }

  private long map(long bytes, int protection) {
    long address =
        machine.syscall(
            Nr.MMAP, 0, bytes, protection, Mman.MAP_PRIVATE | Mman.MAP_ANONYMOUS, -1, 0);
    assertThat(address).as("mmap on " + machine.name()).isPositive();
    return address;
  }

  private int fd(Descriptor descriptor) {
    Integer fd = fds.get(descriptor);
    assertThat(fd).as(descriptor.name()).isNotNull();
    return fd;
  }

  private long at(Address where, long good) {
    return switch (where) {
      case GOOD -> good;
      case NULL -> 0;
      case NO_ACCESS -> noAccess;
      case READ_ONLY -> readOnly;
      case KERNEL -> KERNEL_ADDRESS;
    };
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
    RawMemory.zero(memory, PATH);
    copyContent(memory + DISK_COPY, AioProgram.DISK_BYTES + REQUESTS * BUFFER);
    long written =
        machine.syscall(
            Nr.PWRITE64, fd(Descriptor.DIRECT), memory + DISK_COPY, AioProgram.DISK_BYTES, 0, 0, 0);
    assertThat(written).as("writing the disk").isEqualTo(AioProgram.DISK_BYTES);
    for (Descriptor eventfd : Descriptor.EVENTFDS) {
      long fd =
          machine.syscall(Nr.EVENTFD2, 0, EventfdFlags.EFD_NONBLOCK | EventfdFlags.EFD_CLOEXEC, 0);
      assertThat(fd).as("eventfd2").isNotNegative();
      fds.put(eventfd, (int) fd);
      counters.put(eventfd, 0L);
    }
  }

  private static void copyContent(long to, long bytes) {
    MemorySegment.copy(CONTENT, 0, RawMemory.segment(to, bytes), 0, bytes);
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
      lines.add("buffer " + i + ": " + crc(memory + BUFFERS + (long) i * BUFFER, BUFFER));
    }
    long disk = memory + DISK_COPY;
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
      case NO_ACCESS -> noAccess;
      case NOT_A_CONTEXT -> memory + EVENT_ARRAY;
    };
  }

  private long ctxp(Context slot) {
    return memory + CTXP + Context.SLOTS.indexOf(slot) * 8L;
  }

  private long setup(Setup setup) {
    long good = ctxp(setup.slot());
    long result = machine.syscall(Nr.IO_SETUP, setup.nr(), at(setup.ctxp(), good), 0);
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
    long array = memory + POINTERS;
    for (int i = 0; i < batch.size(); i++) {
      RawMemory.putLong(array + i * 8L, prepare(batch.get(i)));
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
    long result = machine.syscall(Nr.IO_SUBMIT, id(submit.ctx()), nr, at(submit.array(), array));
    Slot slot = slots.get(submit.ctx());
    for (int i = 0; i < result && slot != null; i++) {
      slot.accepted.set(first + i);
    }
    StringBuilder keys = new StringBuilder();
    for (int i = 0; i < batch.size(); i++) {
      if (IntendedDifference.keyIsCompared(batch.get(i))) {
        int key = RawMemory.getInt(Iocb.aioKeyAddress(iocb(first + i)));
        keys.append(key == AioAbi.KIOCB_KEY ? 'k' : key == KEY_BEFORE ? '-' : '?');
      }
    }
    return said(result) + " of " + batch.size() + ", keys stored: " + keys;
  }

  private long iocb(int request) {
    return memory + IOCBS + request * Iocb.SIZE;
  }

  /** Makes the iocb of the next request and answers the pointer to submit. */
  private long prepare(Request request) {
    int index = requests.size();
    requests.add(request);
    long iocb = iocb(index);
    Operation operation = request.operation();
    RawMemory.zero(iocb, Iocb.SIZE);
    Iocb.aioData(iocb, 1000 + index);
    Iocb.aioKey(iocb, KEY_BEFORE);
    Iocb.aioLioOpcode(iocb, (short) operation.opcode);
    Iocb.aioFildes(iocb, fd(request.file()));
    Iocb.aioOffset(iocb, request.offset());
    Iocb.aioReserved2(iocb, request.has(Fault.RESERVED2) ? 1 : 0);
    if (operation.moves()) {
      prepareMove(iocb, index, request);
    } else if (operation == Operation.POLL) {
      Iocb.aioBuf(
          iocb, request.options().pollMask() | (request.has(Fault.WIDE_POLL_MASK) ? 1 << 16 : 0));
    } else {
      Iocb.aioBuf(iocb, request.has(Fault.NONZERO_BUFFER) ? memory : 0);
    }
    if (!operation.moves()) {
      Iocb.aioNbytes(iocb, request.has(Fault.NONZERO_LENGTH) ? 1 : 0);
      Iocb.aioRwFlags(iocb, request.has(Fault.NONZERO_RWF) ? AioAbi.RWF_DSYNC : 0);
    }
    if (request.has(Fault.NEGATIVE_COUNT)) {
      Iocb.aioNbytes(iocb, -1);
    }
    prepareFlags(iocb, request);
    if (request.has(Fault.NULL_IOCB)) {
      return 0;
    }
    if (request.has(Fault.NO_ACCESS_IOCB)) {
      return noAccess;
    }
    return request.has(Fault.READ_ONLY_IOCB) ? readOnly : iocb;
  }

  private void prepareFlags(long iocb, Request request) {
    int flags = request.options().aioFlags();
    Descriptor resfd = request.options().resfd();
    if (request.has(Fault.RESFD_CLOSED)) {
      resfd = Descriptor.NEGATIVE;
    } else if (request.has(Fault.RESFD_NO_EVENTFD)) {
      resfd = Descriptor.DIRECT;
    }
    if (resfd != Descriptor.CLOSED) {
      flags |= AioAbi.IOCB_FLAG_RESFD;
      Iocb.aioResfd(iocb, fd(resfd));
    }
    if (request.options().ioprio() >= 0) {
      flags |= AioAbi.IOCB_FLAG_IOPRIO;
      Iocb.aioReqprio(iocb, (short) request.options().ioprio());
    }
    Iocb.aioFlags(iocb, flags);
  }

  private void prepareMove(long iocb, int index, Request request) {
    long buffer =
        memory + BUFFERS + (long) index * BUFFER + (request.has(Fault.MISALIGNED_BUFFER) ? 1 : 0);
    if (request.has(Fault.NULL_BUFFER)) {
      buffer = 0;
    } else if (request.has(Fault.NO_ACCESS_BUFFER)) {
      buffer = noAccess;
    } else if (request.has(Fault.KERNEL_BUFFER)) {
      buffer = KERNEL_ADDRESS;
    } else if (request.has(Fault.READ_ONLY_BUFFER)) {
      buffer = readOnly;
    }
    // The page is all that there is; a longer request would reach what somebody else has mapped
    // behind it.
    int length =
        buffer == readOnly || buffer == noAccess
            ? Math.min(request.length(), AioProgram.BLOCK)
            : request.length();
    Iocb.aioRwFlags(iocb, request.options().rwFlags());
    if (!request.operation().isVectored()) {
      Iocb.aioBuf(iocb, buffer);
      Iocb.aioNbytes(iocb, length);
      return;
    }
    long iovecs = memory + IOVEC_ARRAYS + (long) index * IOVECS * Iovec.SIZE;
    int segments = request.has(Fault.NO_IOVECS) ? 0 : request.extent().segments();
    int step = length / AioProgram.SECTOR / Math.max(1, segments) * AioProgram.SECTOR;
    for (int i = 0; i < segments; i++) {
      Iovec.iovBase(iovecs + i * Iovec.SIZE, buffer + (long) i * step);
      Iovec.iovLen(iovecs + i * Iovec.SIZE, i == segments - 1 ? length - i * step : step);
    }
    if (segments > 0 && request.has(Fault.KERNEL_IOVEC)) {
      Iovec.iovBase(iovecs + (segments - 1) * Iovec.SIZE, KERNEL_ADDRESS);
    }
    if (segments > 0 && request.has(Fault.NEGATIVE_IOVEC)) {
      Iovec.iovLen(iovecs + (segments - 1) * Iovec.SIZE, -1);
    }
    Iocb.aioBuf(iocb, request.has(Fault.NO_ACCESS_IOVECS) ? noAccess : iovecs);
    Iocb.aioNbytes(iocb, request.has(Fault.TOO_MANY_IOVECS) ? AioAbi.UIO_MAXIOV + 1 : segments);
  }

  private long getEvents(GetEvents get) {
    Slot slot = slots.get(get.ctx());
    long array = at(get.array(), memory + EVENT_ARRAY);
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
    long timespec = memory + TIMESPEC;
    Timeout timeout = get.timeout();
    if (timeout == Timeout.BAD_POINTER) {
      return noAccess;
    }
    if (timeout == Timeout.NONE && get.min() <= there) {
      return 0;
    }
    Timespec.tvSec(timespec, timeout == Timeout.NEGATIVE && get.min() <= there ? -1 : 0);
    Timespec.tvNsec(timespec, timeout == Timeout.SHORT ? SHORT_NANOS : 0);
    return timespec;
  }

  private long sigset(Mask mask) {
    long sigset = memory + SIGSET;
    RawMemory.putLong(memory + SIGMASK, SIGUSR1);
    AioSigset.sigmask(
        sigset, mask == Mask.NULL_MASK ? 0 : mask == Mask.BAD_MASK ? noAccess : memory + SIGMASK);
    AioSigset.sigsetsize(sigset, mask == Mask.WRONG_SIZE ? 4 : 8);
    return mask == Mask.NULL ? 0 : mask == Mask.BAD_POINTER ? noAccess : sigset;
  }

  private long cancel(Cancel cancel) {
    int[] candidates =
        IntStream.range(0, requests.size())
            .filter(i -> !cancel.poll() || requests.get(i).operation() == Operation.POLL)
            .toArray();
    long iocb = iocb(candidates.length == 0 ? 0 : candidates[cancel.request() % candidates.length]);
    return machine.syscall(
        Nr.IO_CANCEL, id(cancel.ctx()), at(cancel.iocb(), iocb), memory + EVENT_ARRAY);
  }

  // Eventfds.

  private long write(EventfdWrite write) {
    RawMemory.putLong(memory + WORD, write.value());
    long result = machine.syscall(Nr.WRITE, fd(write.eventfd()), memory + WORD, 8);
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
              long result = machine.syscall(Nr.READ, fd(eventfd), memory + WORD, 8);
              total[0] += result == 8 ? RawMemory.getLong(memory + WORD) : 0;
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
    return (int) ((IoEvent.obj(event) - memory - IOCBS) / Iocb.SIZE);
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
    machine.syscall(Nr.MUNMAP, memory, MEMORY, 0);
    machine.syscall(Nr.MUNMAP, noAccess, AioProgram.BLOCK, 0);
    machine.syscall(Nr.MUNMAP, readOnly, AioProgram.BLOCK, 0);
    machine.close();
  }
}
