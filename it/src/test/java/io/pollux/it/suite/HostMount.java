// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.suite;

import static io.pollux.testkit.CallAssert.assertThatCall;
import static java.nio.charset.StandardCharsets.UTF_8;
import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.testkit.Oracles;
import io.pollux.testkit.suite.Machine;
import io.pollux.uapi.Fcntl;
import io.pollux.uapi.MountFlags;
import io.pollux.uapi.Nr;
import java.io.IOException;
import java.io.RandomAccessFile;
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
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;

/**
 * A filesystem of the host's Linux, mounted for one thread, which makes all calls. The mount and
 * the thread's IDs exist until the thread exits. Each machine has a new directory there.
 */
final class HostMount implements AutoCloseable {
  private static final int SYS_UNSHARE = 272;
  private static final int CLONE_NEWNS = 0x20000;
  private static final long MS_REC_PRIVATE = 0x4000 | 0x40000;
  private static final int MAP_PRIVATE_FIXED_ANONYMOUS = 0x32;
  private static final long IMAGE_BYTES = 320L << 20;
  private static final int SECONDS = 60;

  private static final VarHandle ERRNO =
      Linker.Option.captureStateLayout().varHandle(MemoryLayout.PathElement.groupElement("errno"));
  private static final MethodHandle SYSCALL = link();

  private final ExecutorService thread =
      Executors.newSingleThreadExecutor(Thread.ofPlatform().name("host-mount").factory());
  private final Arena arena = Arena.ofShared();
  private final MemorySegment capture = arena.allocate(Linker.Option.captureStateLayout());
  private final String type;
  private final long source;
  private final long target;
  private final Path root;
  private int machines;

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

  private HostMount(String type, String device) throws IOException {
    this.type = type;
    root = Files.createTempDirectory("pollux-host-mount");
    source = text(device);
    target = text(root.toString());
    assertThatCall(syscall(SYS_UNSHARE, CLONE_NEWNS)).returns(0);
    assertThatCall(syscall(Nr.MOUNT, text("none"), text("/"), 0, MS_REC_PRIVATE, 0)).returns(0);
    mount(false);
  }

  /** Mounts a new XFS on a loop device. */
  static HostMount xfs() throws IOException, InterruptedException {
    Oracles.needPrograms("xfsprogs", "mkfs.xfs");
    Oracles.needPrograms("util-linux", "losetup");
    Oracles.needLoopMounts("xfs");
    Path image = Files.createTempFile("pollux-host-mount", ".img");
    try (RandomAccessFile file = new RandomAccessFile(image.toFile(), "rw")) {
      file.setLength(IMAGE_BYTES);
    }
    run("mkfs.xfs", "-q", image.toString());
    String loop = run("losetup", "--find", "--show", image.toString());
    HostMount mount = new HostMount("xfs", loop);
    // the loop device exists until its last user closes it: an open descriptor of the thread
    assertThatCall(mount.syscall(Nr.OPEN, mount.source, Fcntl.O_RDONLY)).succeeds();
    run("losetup", "--detach", loop);
    Files.delete(image);
    return mount;
  }

  /** Mounts a new tmpfs. */
  static HostMount tmpfs() throws IOException {
    Oracles.needLoopMounts("tmpfs"); // root
    return new HostMount("tmpfs", "none");
  }

  private static String run(String... command) throws IOException, InterruptedException {
    Process process = new ProcessBuilder(command).redirectErrorStream(true).start();
    String said = new String(process.getInputStream().readAllBytes(), UTF_8).strip();
    assertThat(process.waitFor(SECONDS, TimeUnit.SECONDS)).isTrue();
    assertThat(process.exitValue()).as(said).isZero();
    return said;
  }

  private long text(String text) {
    return arena.allocateFrom(text).address();
  }

  private void mount(boolean readOnly) {
    long flags = readOnly ? MountFlags.MS_RDONLY : 0;
    assertThatCall(syscall(Nr.MOUNT, source, target, text(type), flags, 0)).returns(0);
  }

  private long syscall(int nr, long... arguments) {
    try {
      return thread
          .submit(() -> call(nr, Arrays.copyOf(arguments, 6)))
          .get(SECONDS, TimeUnit.SECONDS);
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

  /** Returns a machine whose directory is new. */
  Machine newMachine() {
    String directory = root + "/" + machines++;
    assertThatCall(syscall(Nr.MKDIR, text(directory), 0755)).returns(0);
    return new Machine() {
      private final Set<Long> open = new TreeSet<>(); // descriptors that a failure may leave

      @Override
      public long syscall(int nr, long... arguments) {
        long result = make(nr, arguments);
        if (result >= 0 && (nr == Nr.OPEN || nr == Nr.OPENAT || nr == Nr.DUP)) {
          open.add(result);
        } else if (nr == Nr.CLOSE) {
          open.remove(arguments[0]);
        }
        return result;
      }

      private long make(int nr, long... arguments) {
        if (nr == Nr.MUNMAP) { // the range stays reserved: another thread must not get it
          long[] a = {arguments[0], arguments[1], 0, MAP_PRIVATE_FIXED_ANONYMOUS, -1, 0};
          return Math.min(0, HostMount.this.syscall(Nr.MMAP, a));
        }
        return HostMount.this.syscall(nr, arguments);
      }

      @Override
      public String directory() {
        return directory;
      }

      @Override
      public void remount(boolean readOnly) {
        assertThatCall(syscall(Nr.UMOUNT2, target, 0)).returns(0);
        mount(readOnly);
      }

      @Override
      public void close() {
        List.copyOf(open).forEach(fd -> syscall(Nr.CLOSE, fd));
        assertThatCall(syscall(Nr.SETRESUID, -1, 0, -1)).returns(0);
      }
    };
  }

  @Override
  public void close() throws IOException {
    thread.shutdown();
    try {
      assertThat(thread.awaitTermination(SECONDS, TimeUnit.SECONDS)).isTrue();
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IOException("the end of the thread of a mount", e);
    }
    arena.close();
    Files.delete(root);
  }
}
