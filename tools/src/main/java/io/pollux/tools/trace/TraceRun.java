// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.trace;

import io.pollux.core.trace.JfrTrace;
import io.pollux.core.trace.TracePoint;
import io.pollux.tools.console.Failure;
import io.pollux.tools.console.IoReason;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.concurrent.atomic.AtomicBoolean;
import jdk.jfr.Recording;
import org.jspecify.annotations.Nullable;

/** One recording: from the first event to the written files. */
public final class TraceRun {
  private final TraceOptions options;
  private final OutputStream standardOutput;
  private final @Nullable JfrTrace jfr;
  private final @Nullable Recording recording;
  private final Recorder recorder;
  private final AtomicBoolean finished = new AtomicBoolean();

  private TraceRun(TraceOptions options, OutputStream standardOutput) {
    this.options = options;
    this.standardOutput = standardOutput;
    boolean flight = options.jfr() != null;
    jfr = flight ? new JfrTrace() : null;
    recording = flight ? new Recording() : null;
    recorder = new Recorder(options.limit(), jfr);
  }

  /**
   * Checks that the files can be written, and starts to record.
   *
   * @param options what to record
   * @param standardOutput receives the text if its file is -
   * @return the recording; the caller calls {@link #finish}
   * @throws Failure if a file cannot be written
   */
  public static TraceRun start(TraceOptions options, OutputStream standardOutput) {
    for (@Nullable String file :
        new @Nullable String[] {options.text(), options.jfr(), options.timeline()}) {
      if (file != null && !file.equals(TraceOptions.STANDARD_OUTPUT)) {
        create(file); // fails now instead of after the run
      }
    }
    TraceRun run = new TraceRun(options, standardOutput);
    if (run.recording != null) {
      run.recording.start();
    }
    run.recorder.start();
    return run;
  }

  private static void create(String file) {
    try {
      Files.write(Path.of(file), new byte[0]);
    } catch (IOException e) {
      throw Failure.couldNotRun(file, IoReason.of(e), e);
    }
  }

  /**
   * Stops recording and writes the files. A second call does nothing.
   *
   * @return a sentence for the user, without a full stop
   * @throws Failure if a file cannot be written
   */
  public String finish() {
    if (!finished.compareAndSet(false, true)) {
      return "";
    }
    recorder.stop();
    if (recording != null && jfr != null) {
      dump(recording, jfr, String.valueOf(options.jfr()));
    }
    List<Recorded> events = recorder.events();
    String text = options.text();
    if (text != null && options.toStandardOutput()) {
      write("standard output", standardOutput, events);
    } else if (text != null) {
      write(text, events);
    }
    String timeline = options.timeline();
    if (timeline != null) {
      try {
        Files.writeString(Path.of(timeline), Timeline.of(events));
      } catch (IOException e) {
        throw Failure.fault(timeline, IoReason.of(e), e);
      }
    }
    return summary(events);
  }

  private static void write(String file, List<Recorded> events) {
    try (OutputStream out = new BufferedOutputStream(Files.newOutputStream(Path.of(file)))) {
      BlkparseText.write(events, out);
    } catch (IOException e) {
      throw Failure.fault(file, IoReason.of(e), e);
    }
  }

  private static void write(String name, OutputStream out, List<Recorded> events) {
    try {
      BlkparseText.write(events, out);
      out.flush();
    } catch (IOException e) {
      throw Failure.fault(name, IoReason.of(e), e);
    }
  }

  private static void dump(Recording recording, JfrTrace jfr, String file) {
    try (recording) {
      recording.stop();
      recording.dump(Path.of(file));
    } catch (IOException e) {
      throw Failure.fault(file, IoReason.of(e), e);
    } finally {
      jfr.unregister();
    }
    removeRepository();
  }

  /**
   * Removes the Flight Recorder's empty directory. The virtual machine does so in a shutdown hook,
   * which a program in exec does not run.
   */
  private static void removeRepository() {
    String repository = System.getProperty("jdk.jfr.repository");
    if (repository != null) {
      try {
        Files.deleteIfExists(Path.of(repository));
      } catch (DirectoryNotEmptyException e) {
        return; // of another recording
      } catch (IOException e) {
        return; // left for the virtual machine
      }
    }
  }

  private String summary(List<Recorded> events) {
    long requests =
        events.stream().mapToLong(Recorded::id).filter(id -> id != 0).distinct().count();
    List<String> files = new ArrayList<>();
    add(files, "text", options.text());
    add(files, "flight recording", options.jfr());
    add(files, "timeline", options.timeline());
    return String.format(
        Locale.ROOT,
        "%,d events of %,d requests%s: %s",
        events.size(),
        requests,
        recorder.isFull() ? ", until the limit" : "",
        String.join(", ", files));
  }

  private static void add(List<String> files, String what, @Nullable String file) {
    if (file != null) {
      files.add(what + " " + (file.equals(TraceOptions.STANDARD_OUTPUT) ? "above" : file));
    }
  }

  /** The point of an iocb's last event, of a context that is not polled. */
  static boolean endsRequest(TracePoint point, boolean polled) {
    return point == TracePoint.AIO_REAP
        || point == TracePoint.AIO_SUBMIT_FAILED
        || (point == TracePoint.AIO_COMPLETE && !polled);
  }
}
