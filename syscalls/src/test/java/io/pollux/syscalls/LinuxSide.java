// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.syscalls;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pollux.uapi.Errno;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/**
 * The machine's own Linux. One thread makes all calls: it has a mount namespace, and its root is an
 * empty tmpfs there. IDs, umask and working directory are the thread's too, so the rest of the
 * process sees nothing of it. All of it goes with the thread. It needs root.
 */
final class LinuxSide implements Side {
  private static final int SYS_MOUNT = 165;
  private static final int SYS_CHROOT = 161;
  private static final int SYS_UNSHARE = 272;
  private static final int SYS_CHDIR = 80;
  private static final int SYS_UMASK = 95;
  private static final int CLONE_NEWNS = 0x20000;
  private static final int MS_REC_PRIVATE = 0x4000 | 0x40000;

  private static final VarHandle ERRNO =
      Linker.Option.captureStateLayout().varHandle(MemoryLayout.PathElement.groupElement("errno"));
  private static final MethodHandle SYSCALL = link();

  private final ExecutorService thread =
      Executors.newSingleThreadExecutor(Thread.ofPlatform().name("linux-side").factory());
  private final Arena arena = Arena.ofShared();
  private final MemorySegment capture = arena.allocate(Linker.Option.captureStateLayout());
  private final long memory = arena.allocate(MEMORY, 4096).address();
  private final Path root;

  LinuxSide() throws Exception {
    root = Files.createTempDirectory("pollux-linux-side");
    long unshared = syscall(SYS_UNSHARE, CLONE_NEWNS);
    if (unshared != 0) {
      close();
      boolean required = "1".equals(System.getenv("POLLUX_REQUIRE_ORACLES"));
      String why = "a mount namespace for this machine's kernel takes root";
      assertThat(required).as(why).isFalse();
      assumeTrue(false, why);
    }
    long none = text("tmpfs");
    assertThat(syscall(SYS_MOUNT, none, text("/"), 0, MS_REC_PRIVATE, 0)).isZero();
    long at = text(root.toString());
    assertThat(syscall(SYS_MOUNT, none, at, none, 0, text("mode=755"))).isZero();
    assertThat(syscall(SYS_CHROOT, at)).isZero();
    assertThat(syscall(SYS_CHDIR, text("/"))).isZero();
    assertThat(syscall(SYS_UMASK, 0)).isNotNegative();
  }

  private long text(String text) {
    return arena.allocateFrom(text).address();
  }

  // The C library is trusted to have syscall(2), which takes a number and six words.
  @SuppressWarnings("restricted")
  private static MethodHandle link() {
    Linker linker = Linker.nativeLinker();
    ValueLayout.OfLong word = ValueLayout.JAVA_LONG;
    return linker.downcallHandle(
        linker.defaultLookup().findOrThrow("syscall"),
        FunctionDescriptor.of(word, word, word, word, word, word, word, word),
        Linker.Option.firstVariadicArg(1),
        Linker.Option.captureCallState("errno"));
  }

  @Override
  public long syscall(int nr, long... arguments) {
    try {
      return thread.submit(() -> call(nr, Arrays.copyOf(arguments, 6))).get(1, TimeUnit.MINUTES);
    } catch (ExecutionException e) {
      throw new AssertionError(e.getCause());
    } catch (Exception e) {
      throw new AssertionError(e);
    }
  }

  private long call(long nr, long[] a) {
    try {
      long result = (long) SYSCALL.invokeExact(capture, nr, a[0], a[1], a[2], a[3], a[4], a[5]);
      return result == -1 ? -(int) ERRNO.get(capture, 0L) : result;
    } catch (Throwable e) {
      throw new AssertionError("syscall can't be called", e);
    }
  }

  @Override
  public long memory() {
    return memory;
  }

  @Override
  public void close() throws Exception {
    thread.shutdown();
    assertThat(thread.awaitTermination(1, TimeUnit.MINUTES)).isTrue();
    arena.close();
    Files.delete(root);
  }

  /** Returns the name of a result's errno, or the result. */
  static String text(long result) {
    return result < 0 ? Errno.name((int) -result) : Long.toString(result);
  }
}
