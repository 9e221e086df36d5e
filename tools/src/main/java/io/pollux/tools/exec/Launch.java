// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.exec;

import io.pollux.core.host.HostCall;
import io.pollux.core.trace.Trace;
import io.pollux.tools.console.Failure;
import io.pollux.tools.image.TargetSpec;
import io.pollux.tools.trace.TraceOptions;
import io.pollux.uapi.Errno;
import io.pollux.userland.PathName;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.StructLayout;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Replaces this process by a C program that uses this kernel for its calls below a mount point. */
public final class Launch {
  private static final String JIT_OPTIONS = "io/pollux/tools/jit.options";
  private static final int MAX_PATH = 4096;
  private static final int SIGNAL_SET_BYTES = 8; // the host's sigset_t
  private static final int SIG_SETMASK = 2;

  /**
   * Options for programs built with sanitizers. Their runtime need not be the first library, and
   * leak detection is off, because it cannot see Java's references. The user's options follow
   * these.
   */
  private static final List<String> SANITIZERS =
      List.of(
          "ASAN_OPTIONS=verify_asan_link_order=0:detect_leaks=0", "LSAN_OPTIONS=detect_leaks=0");

  private static final Linker LINKER = Linker.nativeLinker();

  private final TargetSpec spec;
  private final String at;
  private final boolean shared;
  private final @Nullable TraceOptions trace;

  /**
   * Creates a launch.
   *
   * @param spec the target of the program
   * @param at absolute path of the mount point; need not exist on the host
   * @param shared whether the kernel runs in a process of its own, for all processes of the program
   * @param trace what the kernel records, or null
   * @throws Failure if it cannot be a mount point
   */
  public Launch(TargetSpec spec, String at, boolean shared, @Nullable TraceOptions trace) {
    String plain = at.replaceAll("/+", "/").replaceAll("(?<=.)/$", "");
    boolean dots =
        Stream.of(plain.split("/", -1)).anyMatch(name -> name.equals(".") || name.equals(".."));
    if (!plain.startsWith("/") || plain.equals("/") || dots || plain.length() >= MAX_PATH) {
      throw Failure.couldNotRun(
          "--at " + at, "has to be an absolute path below /, without . and ..");
    }
    this.spec = spec;
    this.at = plain;
    this.shared = shared;
    this.trace = trace;
  }

  /**
   * Replaces this process by the program, with its arguments unchanged byte by byte. The caller
   * flushes output first.
   *
   * @param command the program, looked up in PATH, and its arguments
   * @return never
   * @throws Failure why it can't
   */
  public Failure become(List<String> command) {
    Path javaHome = Path.of(System.getProperty("java.home"));
    Path library = Preload.library(javaHome);
    Path libjvm = javaHome.resolve("lib/server/libjvm.so");
    if (!Files.isReadable(libjvm)) {
      throw Failure.couldNotRun(libjvm.toString(), "is not there: exec needs a whole JDK");
    }
    String before = System.getenv("LD_PRELOAD");
    setenv("LD_PRELOAD", library + (before == null || before.isEmpty() ? "" : ":" + before));
    for (String option : SANITIZERS) {
      String name = option.substring(0, option.indexOf('='));
      String more = System.getenv(name);
      setenv(
          name,
          option.substring(name.length() + 1) + (more == null || more.isEmpty() ? "" : ":" + more));
    }
    setenv("POLLUX_LIBJVM", libjvm.toString());
    setenv("POLLUX_JVM_OPTIONS", String.join("\n", options()));
    setenv("POLLUX_AT", at);
    setenv("POLLUX_ROOT", spec.bare() ? "" : "/mnt");
    if (!spec.mountsReadOnly()) {
      setenv("POLLUX_WRITABLE", "1");
    }
    if (shared) {
      setenv("POLLUX_SHARED", "1");
    }
    setenv(Order.VARIABLE, Order.write(spec));
    if (trace != null) {
      // execvp keeps the process's number; a shared kernel has another, and is the only one
      long pid = shared ? TraceOptions.ANY : ProcessHandle.current().pid();
      setenv(TraceOptions.VARIABLE, trace.write(pid));
    }
    ModulePath.closeOnExec(String.valueOf(System.getProperty("jdk.module.path")));
    int errno = execvp(command.stream().map(word -> PathName.of(word).bytes()).toList());
    throw Failure.couldNotRun(command.getFirst(), Errno.describe(errno));
  }

  /**
   * Options of the virtual machine in the program: it takes no signals, limits or files of its own.
   * The library prepends the heap size, from the address space limit.
   */
  private List<String> options() {
    List<String> options = new ArrayList<>(jitOptions());
    options.addAll(List.of("-XX:-UsePerfData", "-Xrs", "-XX:-MaxFDLimit"));
    String modulePath = System.getProperty("jdk.module.path");
    if (modulePath == null) {
      throw Failure.couldNotRun(
          "exec", "needs the modules of Pollux on a module path, as bin/pollux starts them");
    }
    String lasting = ModulePath.lasting(modulePath);
    String cache = System.getenv("POLLUX_AOT_CACHE");
    // The cache accepts only the modules, and the path, that bin/pollux made it with.
    if (cache != null && !cache.isEmpty() && lasting.equals(modulePath)) {
      options.addAll(List.of("-XX:AOTCache=" + cache, "-Xlog:aot*=off", "-Xlog:cds*=off"));
    }
    options.add("--module-path=" + lasting);
    options.add("-Djdk.module.main=io.pollux.tools");
    options.add(
        "--enable-native-access=io.pollux.uapi,io.pollux.core,io.pollux.block,io.pollux.tools,"
            + "org.jline.nativ");
    if (trace != null) {
      options.add("-D" + Trace.PROPERTY + "=true");
    }
    String more = System.getenv("POLLUX_JAVA_OPTS");
    if (more != null) {
      Stream.of(more.split("\\s+")).filter(word -> !word.isEmpty()).forEach(options::add);
    }
    return options;
  }

  /** Returns the options that bin/pollux has too. */
  private static List<String> jitOptions() {
    try (InputStream in = Launch.class.getModule().getResourceAsStream(JIT_OPTIONS)) {
      if (in == null) {
        throw new IllegalStateException("this build of pollux came without " + JIT_OPTIONS);
      }
      String text = new String(in.readAllBytes(), StandardCharsets.UTF_8);
      return text.lines().filter(line -> line.startsWith("-")).toList();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @SuppressWarnings("restricted") // calls C
  private static MethodHandle libc(String name, FunctionDescriptor type, Linker.Option... options) {
    return LINKER.downcallHandle(LINKER.defaultLookup().findOrThrow(name), type, options);
  }

  private static void setenv(String name, String value) {
    MethodHandle setenv =
        libc(
            "setenv",
            FunctionDescriptor.of(
                ValueLayout.JAVA_INT,
                ValueLayout.ADDRESS,
                ValueLayout.ADDRESS,
                ValueLayout.JAVA_INT));
    try (Arena arena = Arena.ofConfined()) {
      int result = (int) setenv.invokeExact(arena.allocateFrom(name), arena.allocateFrom(value), 1);
      if (result != 0) {
        throw Failure.couldNotRun(name, "the environment has no room for it");
      }
    } catch (Failure e) {
      throw e;
    } catch (Throwable e) {
      throw new AssertionError("setenv has no Java exceptions", e);
    }
  }

  /** Calls execvp. Returns the errno. */
  private static int execvp(List<byte[]> arguments) {
    StructLayout captured = Linker.Option.captureStateLayout();
    VarHandle errno = captured.varHandle(MemoryLayout.PathElement.groupElement("errno"));
    MethodHandle execvp =
        libc(
            "execvp",
            FunctionDescriptor.of(ValueLayout.JAVA_INT, ValueLayout.ADDRESS, ValueLayout.ADDRESS),
            Linker.Option.captureCallState("errno"));
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment argv = arena.allocate(ValueLayout.ADDRESS, arguments.size() + 1L);
      for (int i = 0; i < arguments.size(); i++) {
        byte[] argument = arguments.get(i);
        MemorySegment string = arena.allocate(argument.length + 1L);
        MemorySegment.copy(argument, 0, string, ValueLayout.JAVA_BYTE, 0, argument.length);
        argv.setAtIndex(ValueLayout.ADDRESS, i, string);
      }
      // The virtual machine blocks SIGQUIT in its threads; the program must start with no signal
      // blocked.
      long none = arena.allocate(SIGNAL_SET_BYTES, Long.BYTES).address();
      long unblocked =
          HostCall.call(HostCall.RT_SIGPROCMASK, SIG_SETMASK, none, 0, SIGNAL_SET_BYTES);
      MemorySegment state = arena.allocate(captured);
      int result = (int) execvp.invokeExact(state, argv.get(ValueLayout.ADDRESS, 0), argv);
      assert result == -1 && unblocked == 0 : result;
      return (int) errno.get(state, 0L);
    } catch (Throwable e) {
      throw new AssertionError("execvp has no Java exceptions", e);
    }
  }
}
