// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.console;

import java.io.ByteArrayOutputStream;
import java.io.File;
import java.io.IOException;
import java.io.InputStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.function.BiFunction;
import java.util.function.Consumer;
import java.util.function.Function;
import java.util.stream.Stream;
import org.jspecify.annotations.Nullable;

/** Runs programs of the host. */
public final class HostProgram {
  private static final long PATIENCE_SECONDS = 120;
  private static final long GRACE_SECONDS = 10; // enough for a script to unmount
  private static final long LISTEN_MILLIS = 50;
  private static final int KEPT_LINES = 20;
  private static final double NANOS = 1e9; // per second
  private static final String OWN_FAILURE = "pollux: ";

  private static volatile boolean ending;

  private HostProgram() {}

  /**
   * Whether a program is on the PATH.
   *
   * @param name without a directory
   */
  public static boolean exists(String name) {
    return exists(name, List.of());
  }

  /**
   * Whether a program is on the PATH or in other directories.
   *
   * @param name without a directory
   * @param more directories searched after the PATH
   */
  public static boolean exists(String name, List<String> more) {
    String path = System.getenv("PATH");
    Stream<String> first =
        path == null ? Stream.empty() : Stream.of(path.split(File.pathSeparator, -1));
    return Stream.concat(first, more.stream())
        .anyMatch(directory -> Files.isExecutable(Path.of(directory, name)));
  }

  /**
   * Whether this process is shutting down, as on Control-C. Its programs are then terminated, and
   * no other is started.
   */
  public static boolean ending() {
    return ending;
  }

  /**
   * Runs a program until it exits. It does not outlive this call or this process.
   *
   * @param command program and arguments
   * @param seconds expected duration; the program is terminated two minutes later
   * @return its standard output
   * @throws Failure if it cannot be started, does not exit, or exits with a status other than 0
   */
  public static String run(List<String> command, double seconds) {
    return toItsEnd(command, seconds + PATIENCE_SECONDS, KEPT_LINES, line -> {})
        .outOr(Failure::couldNotRun);
  }

  /**
   * Runs a program until it exits, and forwards its standard error.
   *
   * @param command program and arguments
   * @param seconds expected duration; the program is terminated two minutes later
   * @param progress receives the lines of its standard error as they arrive
   * @return its standard output
   * @throws Failure if it cannot be started, does not exit, or exits with a status other than 0
   */
  public static String run(List<String> command, double seconds, Consumer<String> progress) {
    return toItsEnd(command, seconds + PATIENCE_SECONDS, 1, progress).outOr(Failure::couldNotRun);
  }

  /**
   * Runs this command line until it exits, and forwards its standard error. The line with its
   * failure is not forwarded, because the exception has it.
   *
   * @param command program and arguments
   * @param seconds expected duration; the program is terminated two minutes later
   * @param progress receives the lines of its standard error as they arrive
   * @return its standard output
   * @throws Failure if it cannot be started, does not exit, or exits with a status other than 0; a
   *     fault if it found one
   */
  public static String runPollux(List<String> command, double seconds, Consumer<String> progress) {
    Consumer<String> others =
        line -> {
          if (!line.startsWith(OWN_FAILURE)) {
            progress.accept(line);
          }
        };
    Ended ended = toItsEnd(command, seconds + PATIENCE_SECONDS, 1, others);
    return ended.outOr(ended.status == Failure.FAULT ? Failure::fault : Failure::couldNotRun);
  }

  /**
   * The end of a program.
   *
   * @param name of the program
   * @param status its exit status
   * @param out its standard output
   * @param last lines of its standard error
   */
  record Ended(String name, int status, String out, List<String> last) {
    /** Returns the standard output; throws if the program failed. */
    String outOr(BiFunction<String, String, Failure> failure) {
      if (status != 0) {
        throw failure.apply(name, "ended with status " + status + ": " + String.join(" ", last));
      }
      return out;
    }
  }

  /** Runs a program with a timeout, and keeps the last lines of its standard error. */
  static Ended toItsEnd(List<String> command, double seconds, int kept, Consumer<String> progress) {
    String name = command.getFirst();
    try {
      Path out = temporary(".out");
      Path err = temporary(".err");
      try (Child child = new Child();
          Said said = new Said(err, kept, progress)) {
        Process process =
            child.start(
                new ProcessBuilder(command)
                    .redirectOutput(out.toFile())
                    .redirectError(err.toFile()));
        long end = System.nanoTime() + (long) (seconds * NANOS);
        while (!process.waitFor(LISTEN_MILLIS, TimeUnit.MILLISECONDS)) {
          said.listen();
          if (System.nanoTime() - end > 0) {
            throw Failure.couldNotRun(name, "does not end");
          }
        }
        List<String> last = said.toTheEnd();
        return new Ended(
            name, process.exitValue(), Files.readString(out, StandardCharsets.UTF_8), last);
      } finally {
        Files.delete(out);
        Files.delete(err);
      }
    } catch (IOException e) {
      throw Failure.couldNotRun(name, String.valueOf(e.getMessage()), e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw Failure.couldNotRun(name, "was interrupted", e);
    }
  }

  private static Path temporary(String suffix) throws IOException {
    Path file = Files.createTempFile("pollux", suffix);
    file.toFile().deleteOnExit(); // also on Control-C
    return file;
  }

  /** A running program, which exits with this process at the latest. */
  private static final class Child implements AutoCloseable {
    private final Thread hook = new Thread(this::endWithAll, "end of a program");
    private @Nullable Process process;

    /**
     * Starts the program, except during the shutdown of this process, when nothing would terminate
     * it.
     */
    synchronized Process start(ProcessBuilder builder) throws IOException {
      try {
        Runtime.getRuntime().addShutdownHook(hook);
      } catch (IllegalStateException e) {
        ending = true;
      }
      if (ending) {
        throw new IOException("not started, as this process is ending");
      }
      Process started = builder.start();
      process = started;
      return started;
    }

    private void endWithAll() {
      ending = true;
      end();
    }

    /**
     * Terminates the program: by a signal, then by force after a grace period. Its descendants are
     * collected first, because they lose their parent.
     */
    private synchronized void end() {
      Process running = process;
      if (running == null || !running.isAlive()) {
        return;
      }
      List<ProcessHandle> children = running.descendants().toList();
      // Process.destroy would close the streams, and the program may still write to them
      running.toHandle().destroy();
      boolean interrupted = false;
      try {
        running.waitFor(GRACE_SECONDS, TimeUnit.SECONDS);
      } catch (InterruptedException e) {
        interrupted = true; // then by force at once
      }
      List<ProcessHandle> left =
          Stream.of(children.stream(), running.descendants(), Stream.of(running.toHandle()))
              .flatMap(Function.identity())
              .filter(ProcessHandle::isAlive)
              .toList();
      left.forEach(ProcessHandle::destroyForcibly);
      CompletableFuture.allOf(
              left.stream().map(ProcessHandle::onExit).toArray(CompletableFuture<?>[]::new))
          // a process stuck in the host's kernel stays
          .completeOnTimeout(null, GRACE_SECONDS, TimeUnit.SECONDS)
          .join();
      if (interrupted) {
        Thread.currentThread().interrupt();
      }
    }

    @Override
    public void close() {
      end();
      try {
        Runtime.getRuntime().removeShutdownHook(hook);
      } catch (IllegalStateException e) {
        ending = true; // the shutdown has started
      }
    }
  }

  /**
   * The standard error of a program, in a file. The program thus never waits for this process. This
   * process never waits for a child of the program that keeps the same standard error.
   */
  private static final class Said implements AutoCloseable {
    private final Path file;
    private final InputStream from;
    private final Consumer<String> to;
    private final int kept;
    private final Deque<String> last = new ArrayDeque<>();
    private final ByteArrayOutputStream line = new ByteArrayOutputStream();
    private final byte[] bytes = new byte[1 << 13];
    private long heard; // bytes

    Said(Path file, int kept, Consumer<String> to) throws IOException {
      this.file = file;
      this.from = Files.newInputStream(file);
      this.kept = kept;
      this.to = to;
    }

    /**
     * Forwards the lines that are in the file now. Later lines are left, because there may be no
     * end of them.
     */
    void listen() throws IOException {
      long end = Files.size(file);
      while (heard < end) {
        int n = from.read(bytes, 0, (int) Math.min(bytes.length, end - heard));
        if (n < 0) {
          return; // the file was truncated
        }
        heard += n;
        for (int i = 0; i < n; i++) {
          if (bytes[i] == '\n') {
            pass();
          } else {
            line.write(bytes[i]);
          }
        }
      }
    }

    private void pass() {
      String text = line.toString(StandardCharsets.UTF_8);
      line.reset();
      if (last.size() == kept) {
        last.removeFirst();
      }
      last.addLast(text);
      to.accept(text);
    }

    /** Forwards the rest after the program has exited. Returns the last lines. */
    List<String> toTheEnd() throws IOException {
      listen();
      if (line.size() > 0) {
        pass();
      }
      return List.copyOf(last);
    }

    @Override
    public void close() throws IOException {
      from.close();
    }
  }
}
