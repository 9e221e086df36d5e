// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.differential;

import io.pollux.testkit.Oracles;
import io.pollux.uapi.Errno;
import io.pollux.uapi.Nr;
import java.io.IOException;
import java.io.RandomAccessFile;
import java.io.UncheckedIOException;
import java.lang.foreign.Arena;
import java.lang.foreign.FunctionDescriptor;
import java.lang.foreign.Linker;
import java.lang.foreign.MemoryLayout;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.lang.invoke.MethodHandle;
import java.lang.invoke.VarHandle;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;

/**
 * The Linux that this Java process runs on, with a loop device. The disk is then a block device on
 * both sides, and the test needs only root. A file opened with O_DIRECT would not need root, but
 * writes extend it, and its filesystem affects other results.
 *
 * <p>libc's syscall(2) is called directly. Programs pass it addresses of memory that they mapped,
 * or that is never mapped.
 */
final class LinuxMachine implements Machine {
  /** What is linked only where there is a Linux. */
  private static final class LibC {
    static final MethodHandle SYSCALL = link();
    static final VarHandle ERRNO =
        Linker.Option.captureStateLayout()
            .varHandle(MemoryLayout.PathElement.groupElement("errno"));

    private LibC() {}

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
  }

  private final Arena arena = Arena.ofConfined();
  private final MemorySegment capture = arena.allocate(Linker.Option.captureStateLayout());
  private final Path image;
  private final String loop;

  LinuxMachine() {
    try {
      image = Files.createTempFile("pollux-differential", ".img");
      try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
        file.setLength(AioProgram.DISK_BYTES);
      }
      loop = run("losetup", "--find", "--show", "--sector-size", "512", image.toString());
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** Needs a Linux that knows the old aio calls, and loop devices. */
  static void need() {
    boolean linux =
        System.getProperty("os.name").equals("Linux")
            && System.getProperty("os.arch").equals("amd64");
    Oracles.need(linux, "the calls are compared with those of Linux on x86-64");
    Oracles.need(knowsAio(), "this machine's kernel refuses the old aio calls");
    Oracles.needPrograms("mount", "losetup");
    boolean loops = Files.isWritable(Path.of("/dev/loop-control"));
    Oracles.need(
        loops, "a disk for this machine's kernel takes root and loop devices (/dev/loop-control)");
  }

  /** With a null pointer, a kernel that knows io_setup answers EFAULT. */
  private static boolean knowsAio() {
    try (Arena arena = Arena.ofConfined()) {
      MemorySegment errno = arena.allocate(Linker.Option.captureStateLayout());
      return call(errno, Nr.IO_SETUP, 1, 0, 0, 0, 0, 0) == -Errno.EFAULT;
    }
  }

  private static long call(
      MemorySegment errno, long nr, long a0, long a1, long a2, long a3, long a4, long a5) {
    try {
      long result = (long) LibC.SYSCALL.invokeExact(errno, nr, a0, a1, a2, a3, a4, a5);
      return result == -1 ? -(int) LibC.ERRNO.get(errno, 0L) : result;
    } catch (Throwable e) {
      throw new AssertionError("syscall can't be called", e);
    }
  }

  private static String run(String... command) throws IOException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String output =
        new String(process.getInputStream().readAllBytes(), StandardCharsets.UTF_8).strip();
    try {
      if (process.waitFor() != 0) {
        throw new IOException(String.join(" ", command) + ": " + output);
      }
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException(e);
    }
    return output;
  }

  @Override
  public String name() {
    return "Linux";
  }

  @Override
  public String diskPath() {
    return loop;
  }

  @Override
  public long syscall(int nr, long a0, long a1, long a2, long a3, long a4, long a5) {
    return call(capture, nr, a0, a1, a2, a3, a4, a5);
  }

  @Override
  public void assertNothingIsHeld() {}

  /** The loop device goes with the last descriptor on it, even if this process is killed. */
  @Override
  public void opened() {
    try {
      run("losetup", "--detach", loop);
      Files.delete(image);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  @Override
  public void close() {
    arena.close();
  }
}
