// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.exec;

import io.pollux.core.mm.MachineSpace;
import io.pollux.core.sched.UserProcess;
import io.pollux.core.vfs.FilesStruct;
import io.pollux.syscalls.Program;
import io.pollux.tools.console.Failure;
import io.pollux.tools.image.Target;
import io.pollux.tools.image.TargetSpec;
import io.pollux.tools.trace.TraceOptions;
import io.pollux.tools.trace.TraceRun;
import io.pollux.uapi.Errno;
import io.pollux.uapi.RawMemory;
import java.io.PrintStream;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.MethodHandles;
import java.lang.invoke.MethodType;
import java.util.ArrayDeque;
import java.util.Arrays;
import java.util.Deque;
import java.util.concurrent.atomic.AtomicReferenceArray;
import org.jspecify.annotations.Nullable;

/**
 * The kernel in a C program's process. The library calls {@link #start} once through JNI. All other
 * calls are upcalls of {@link #call}, whose address start() stores in the shared block.
 */
final class Guest {
  /** Maximum number of live threads of a program that have made a call. */
  private static final int MAX_THREADS = 32_768;

  /** As FD_LIMIT in pollux.h. */
  private static final int FD_LIMIT = 65_536;

  // Offsets in struct kernel_block of pollux.h.
  private static final int MACHINE = 0;
  private static final int APART = 8;
  private static final int PROBE = 16;
  private static final int WINDOW_PROBE = 24;
  private static final int NOTE_FD = 32;
  private static final int CALL = 40;

  /** A handle or an operation, a number, six arguments. */
  private static final int CALL_ARGUMENTS = 8;

  // Operations, as DO_* in pollux.h.
  private static final int ATTACH = -1;
  private static final int SHUTDOWN = -2;
  private static final int SPAWN = -3;
  private static final int JOIN = -4;
  private static final int DEPART = -5;
  private static final int KEEP = -6;

  // struct note.
  private static final int NOTE_SIZE = 24;
  private static final int NOTE_END = 0;
  private static final int NOTE_FORGET = 65;
  private static final int NOTES = 64;

  /** The environment variable with RLIMIT_MEMLOCK, as written by limits.c. */
  private static final String MEMLOCK = "POLLUX_MEMLOCK";

  private static final int DECIMAL = 10;

  private final Target target;
  private final Program process;
  private final Children children;
  private final @Nullable TraceRun trace;

  /**
   * Threads by handle. A slot is filled by its own thread and cleared when that thread has exited.
   */
  private final AtomicReferenceArray<@Nullable Program> threads =
      new AtomicReferenceArray<>(MAX_THREADS);

  private final Deque<Integer> free = new ArrayDeque<>(); // under its own lock
  private int lastHandle; // under free's lock

  private Guest(Target target, Program process, Children children, @Nullable TraceRun trace) {
    this.target = target;
    this.process = process;
    this.children = children;
    this.trace = trace;
  }

  /**
   * Boots the kernel.
   *
   * @param block address of struct kernel_block
   * @return 0, or the exit status after an error was printed
   */
  static int start(long block) {
    try {
      TargetSpec spec = Order.read(String.valueOf(System.getenv(Order.VARIABLE)));
      TraceRun trace = trace(System.getenv(TraceOptions.VARIABLE));
      Target target = Target.open(spec, !spec.readOnly());
      target
          .kernel()
          .alias(
              String.valueOf(System.getenv("POLLUX_AT")),
              String.valueOf(System.getenv("POLLUX_ROOT")));
      Machine machine = new Machine(function(block + MACHINE));
      GuestFiles files = new GuestFiles(machine, new Machine(function(block + APART)));
      MachineSpace memory = new MachineSpace(RawMemory.getLong(block + PROBE));
      FilesStruct descriptors = new FilesStruct(files, FD_LIMIT);
      UserProcess process = new UserProcess(memory, descriptors);
      takeOverMemlock(process, System.getenv(MEMLOCK));
      MachineSpace windows = new MachineSpace(RawMemory.getLong(block + WINDOW_PROBE));
      Children children = new Children(target, files, windows, process, FD_LIMIT);
      Guest guest = new Guest(target, target.newProgram(process), children, trace);
      guest.listen(machine, (int) RawMemory.getLong(block + NOTE_FD));
      guest.setCall(block + CALL);
      return Failure.DONE;
    } catch (Failure e) {
      complain(String.valueOf(e.getMessage()));
      return e.status();
    } catch (OutOfMemoryError e) {
      complain("out of memory: " + e.getMessage());
      return Failure.COULD_NOT_RUN;
    } catch (ReflectiveOperationException | RuntimeException | Error e) {
      return mistake(e);
    }
  }

  /** Starts to record, if the command line says so. */
  private static @Nullable TraceRun trace(@Nullable String options) {
    return options == null
        ? null
        : TraceRun.start(TraceOptions.read(options, ProcessHandle.current().pid()), System.out);
  }

  /** Sets RLIMIT_MEMLOCK as the program set it before the kernel started: two unsigned numbers. */
  private static void takeOverMemlock(UserProcess process, @Nullable String limits) {
    if (limits == null) {
      return;
    }
    int colon = limits.indexOf(':');
    try {
      long current = Long.parseUnsignedLong(limits, 0, Math.max(colon, 0), DECIMAL);
      long max = Long.parseUnsignedLong(limits, colon + 1, limits.length(), DECIMAL);
      process.setMemlockLimit(
          current < 0 ? Long.MAX_VALUE : current, max < 0 ? Long.MAX_VALUE : max);
    } catch (NumberFormatException e) {
      throw Failure.couldNotRun(
          MEMLOCK, "is this command's own variable, and says \"" + limits + "\"", e);
    }
  }

  private static MemorySegment function(long at) {
    return MemorySegment.ofAddress(RawMemory.getLong(at));
  }

  /** Creates the C function for {@link #call}. */
  @SuppressWarnings("restricted") // called by C
  private void setCall(long at) throws ReflectiveOperationException {
    Class<?>[] longs = new Class<?>[CALL_ARGUMENTS];
    Arrays.fill(longs, long.class);
    ValueLayout[] layouts = new ValueLayout[CALL_ARGUMENTS];
    Arrays.fill(layouts, ValueLayout.JAVA_LONG);
    MethodHandle method =
        MethodHandles.lookup().bind(this, "call", MethodType.methodType(long.class, longs));
    FunctionDescriptor type = FunctionDescriptor.of(ValueLayout.JAVA_LONG, layouts);
    RawMemory.putLong(at, Linker.nativeLinker().upcallStub(method, type, Arena.global()).address());
  }

  /** Prints a line on the current standard error. */
  private static void complain(String text) {
    PrintStream err = System.err;
    err.println("pollux: " + text);
    err.flush();
  }

  private static int mistake(Throwable e) {
    complain("a mistake in pollux itself: " + e);
    e.printStackTrace(System.err);
    return Failure.COULD_NOT_RUN;
  }

  /**
   * Upcall: a system call, or an operation if thread is negative. It catches every exception,
   * because one that leaves an upcall ends the process.
   */
  long call(long thread, long nr, long a0, long a1, long a2, long a3, long a4, long a5) {
    if (thread < 0) {
      return perform((int) thread, nr, a0, a1, a2);
    }
    try {
      Program program = threads.getPlain((int) thread);
      return program == null ? -Errno.ESRCH : program.syscall((int) nr, a0, a1, a2, a3, a4, a5);
    } catch (Throwable e) {
      mistake(e);
      return -Errno.EIO;
    }
  }

  private long perform(int operation, long a0, long a1, long a2, long a3) {
    try {
      return switch (operation) {
        case ATTACH -> attach();
        case SHUTDOWN -> shutdown();
        case SPAWN -> children.spawn(a0, a1);
        case JOIN -> join(a0);
        case DEPART -> depart(a0, a1);
        case KEEP -> keep(a0, a1, a2, a3);
        default -> throw new IllegalArgumentException("operation " + operation);
      };
    } catch (Throwable e) {
      mistake(e);
      return -Errno.EAGAIN;
    }
  }

  /** The first call of a thread. Returns its handle, or -EAGAIN. */
  private long attach() {
    int handle = newHandle();
    if (handle > 0) {
      threads.setRelease(handle, process.newThread());
    }
    return handle;
  }

  /** Returns a free handle, or -EAGAIN. */
  private int newHandle() {
    synchronized (free) {
      Integer again = free.poll();
      int handle = again != null ? again : lastHandle + 1;
      if (handle >= MAX_THREADS) {
        return -Errno.EAGAIN;
      }
      lastHandle = Math.max(lastHandle, handle);
      return handle;
    }
  }

  private void freeHandle(int handle) {
    threads.setRelease(handle, null);
    synchronized (free) {
      free.add(handle);
    }
  }

  /** A new thread of a process. Returns its handle or a negative errno. */
  private long join(long key) {
    int handle = newHandle();
    if (handle > 0) {
      Program thread = children.newThread(key);
      if (thread == null) {
        freeHandle(handle);
        return -Errno.ESRCH;
      }
      threads.setRelease(handle, thread);
    }
    return handle;
  }

  /** The exit of a thread, with handle 0 of a process that made no call. */
  private long depart(long key, long handle) {
    Program thread = handle > 0 ? threads.getAcquire((int) handle) : null;
    children.depart(key, thread);
    if (thread != null) {
      freeHandle((int) handle);
    }
    return 0;
  }

  /** An exec. See {@link Children#keep}. */
  private long keep(long key, long handle, long list, long count) {
    Program thread = threads.getAcquire((int) handle);
    return thread == null ? -Errno.ESRCH : children.keep(key, thread, list, count);
  }

  /** The program exits. Returns the exit status. */
  private long shutdown() {
    try {
      try (target) { // closed last, even if the program fails
        process.close();
      }
      target.summary().forEach(Guest::complain);
      if (trace != null) {
        complain("trace: " + trace.finish());
      }
      return Failure.DONE;
    } catch (Failure e) {
      complain(String.valueOf(e.getMessage()));
      return e.status();
    } catch (Throwable e) {
      return mistake(e);
    }
  }

  /** Starts the thread that receives notes: signals for threads in a call, and exits of threads. */
  private void listen(Machine machine, int fd) {
    Thread listener = new Thread(() -> hear(machine, fd), "pollux-notes");
    listener.setDaemon(true);
    listener.start();
  }

  private void hear(Machine machine, int fd) {
    MemorySegment notes = Arena.global().allocate((long) NOTE_SIZE * NOTES, Long.BYTES);
    while (true) {
      long bytes = machine.call(Machine.READ, fd, notes.address(), notes.byteSize());
      if (bytes <= 0) {
        return; // the program has closed the pipe
      }
      for (long at = 0; at + NOTE_SIZE <= bytes; at += NOTE_SIZE) {
        long done = notes.get(ValueLayout.JAVA_LONG, at + 2 * Long.BYTES);
        heard(
            (int) notes.get(ValueLayout.JAVA_LONG, at),
            (int) notes.get(ValueLayout.JAVA_LONG, at + Long.BYTES));
        if (done != 0) {
          RawMemory.putIntRelease(done, 1); // pairs with the acquire of the waiting thread
        }
      }
    }
  }

  private void heard(int handle, int what) {
    Program thread = handle <= 0 || handle >= MAX_THREADS ? null : threads.getAcquire(handle);
    if (thread == null) {
      return;
    }
    switch (what) {
      case NOTE_END -> {
        thread.threadEnded();
        freeHandle(handle);
      }
      case NOTE_FORGET -> thread.forgetSignals();
      default -> thread.sendSignal(what);
    }
  }
}
