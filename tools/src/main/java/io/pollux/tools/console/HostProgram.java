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

/** Programs of the machine that take part. */
public final class HostProgram {
  private static final long PATIENCE_SECONDS = 120;
  private static final long GRACE_SECONDS = 10; // enough for a script to unmount what it mounted
  private static final long LISTEN_MILLIS = 50;
  private static final int KEPT_LINES = 20;
  private static final double NANOS = 1e9; // of a second
  private static final String OWN_FAILURE = "pollux: ";

  private static volatile boolean ending;

  private HostProgram() {}

  /**
   * Whether there is a program of that name.
   *
   * @param name without a directory
   * @return true if it is found on the PATH
   */
  public static boolean exists(String name) {
    return exists(name, List.of());
  }

  /**
   * Whether there is a program of that name, there or elsewhere.
   *
   * @param name without a directory
   * @param more directories to look in after those of the PATH
   * @return true if it is found
   */
  public static boolean exists(String name, List<String> more) {
    String path = System.getenv("PATH");
    Stream<String> first = path == null ? Stream.empty() : Stream.of(path.split(File.pathSeparator, -1));
    return Stream.concat(first, more.stream()).anyMatch(directory -> Files.isExecutable(Path.of(directory, name)));
  }

  /**
   * Whether this process is ending, as on Control-C: programs that it ran are ended too, and no other is started.
   *
   * @return true from then on
   */
  public static boolean ending() {
    return ending;
  }

  /**
   * Runs a program to its end. It does not outlive this call, nor this process.
   *
   * @param command its words
   * @param seconds how long it takes, about; two minutes later it is ended
   * @return its standard output
   * @throws Failure if it can't be run, does not end, or ends with another status than 0
   */
  public static String run(List<String> command, double seconds) {
    return toItsEnd(command, seconds + PATIENCE_SECONDS, KEPT_LINES, line -> {}).outOr(Failure::couldNotRun);
  }

  /**
   * Runs a program to its end, and passes on what it says on its way.
   *
   * @param command its words
   * @param seconds how long it takes, about; two minutes later it is ended
   * @param progress takes the lines of its standard error, as they come
   * @return its standard output
   * @throws Failure if it can't be run, does not end, or ends with another status than 0
   */
  public static String run(List<String> command, double seconds, Consumer<String> progress) {
    return toItsEnd(command, seconds + PATIENCE_SECONDS, 1, progress).outOr(Failure::couldNotRun);
  }

  /**
   * Runs this command line to its end, and passes on what it says on its way, but not why it failed: that is in the failure.
   *
   * @param command its words
   * @param seconds how long it takes, about; two minutes later it is ended
   * @param progress takes the lines of its standard error, as they come
   * @return its standard output
   * @throws Failure if it can't be run, does not end, or ends with another status than 0; a fault if it found one
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
   * How a program ended.
   *
   * @param name its own
   * @param status its exit status
   * @param out its standard output
   * @param last of the lines of its standard error
   */
  record Ended(String name, int status, String out, List<String> last) {
    /** Standard output, unless it failed. */
    String outOr(BiFunction<String, String, Failure> failure) {
      if (status != 0) {
        throw failure.apply(name, "ended with status " + status + ": " + String.join(" ", last));
      }
      return out;
    }
  }

  /** Runs a program, which is ended after so many seconds, and keeps so many of the last lines of standard error. */
  static Ended toItsEnd(List<String> command, double seconds, int kept, Consumer<String> progress) {
    String name = command.getFirst();
    try {
      Path out = temporary(".out");
      Path err = temporary(".err");
      try (Child child = new Child();
          Said said = new Said(err, kept, progress)) {
        Process process = child.start(new ProcessBuilder(command).redirectOutput(out.toFile()).redirectError(err.toFile()));
        long end = System.nanoTime() + (long) (seconds * NANOS);
        while (!process.waitFor(LISTEN_MILLIS, TimeUnit.MILLISECONDS)) {
          said.listen();
          if (System.nanoTime() - end > 0) {
            throw Failure.couldNotRun(name, "does not end");
          }
        }
        List<String> last = said.toTheEnd();
        return new Ended(name, process.exitValue(), Files.readString(out, StandardCharsets.UTF_8), last);
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
    file.toFile().deleteOnExit(); // on Control-C too
    return file;
  }

  /** One that runs, and ends with this process. */
  private static final class Child implements AutoCloseable {
    private final Thread hook = new Thread(this::endWithAll, "end of a program");
    private @Nullable Process process;

    /** Not when this process is ending, as nobody would end it then. */
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

    /** First it is asked, and has time for what it has to do at its end; its children are nobody's after that, so they are noted. */
    private synchronized void end() {
      Process running = process;
      if (running == null || !running.isAlive()) {
        return;
      }
      List<ProcessHandle> children = running.descendants().toList();
      running.toHandle().destroy(); // that of Process closes the streams, and who tidies up may have something to say
      boolean interrupted = false;
      try {
        running.waitFor(GRACE_SECONDS, TimeUnit.SECONDS);
      } catch (InterruptedException e) {
        interrupted = true; // at once, then
      }
      List<ProcessHandle> left =
          Stream.of(children.stream(), running.descendants(), Stream.of(running.toHandle()))
              .flatMap(Function.identity()).filter(ProcessHandle::isAlive).toList();
      left.forEach(ProcessHandle::destroyForcibly);
      CompletableFuture.allOf(left.stream().map(ProcessHandle::onExit).toArray(CompletableFuture<?>[]::new))
          .completeOnTimeout(null, GRACE_SECONDS, TimeUnit.SECONDS).join(); // one that hangs in the machine's kernel stays
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
        ending = true; // too late, it runs
      }
    }
  }

  /**
   * What a program has said so far, in a file: it never waits for who listens, and who listens never waits for a child of it that goes on and
   * has the same standard error.
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

    /** Passes on the lines that are there by now; not those that come meanwhile, of which there may be no end. */
    void listen() throws IOException {
      long end = Files.size(file);
      while (heard < end) {
        int n = from.read(bytes, 0, (int) Math.min(bytes.length, end - heard));
        if (n < 0) {
          return; // it was made shorter
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

    /** Passes on what is there when the program has ended, and answers the last lines. */
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
