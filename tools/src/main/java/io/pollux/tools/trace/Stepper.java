// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.trace;

import io.pollux.core.trace.Trace;
import io.pollux.core.trace.TraceEvent;
import io.pollux.core.trace.TraceListener;
import io.pollux.core.trace.TracePoint;
import io.pollux.tools.console.Console;
import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import org.jspecify.annotations.Nullable;

/**
 * Stops the kernel at each point of the first request, and shows what the kernel has there. Without
 * a terminal it stops nowhere, and prints all steps.
 */
public final class Stepper implements TraceListener {
  private final Console console;
  private final @Nullable BufferedReader keys;
  private final ByteArrayOutputStream errors = new ByteArrayOutputStream();
  private final ByteArrayOutputStream results = new ByteArrayOutputStream();

  // All of these under this object's lock.
  private final Snapshot snapshot = new Snapshot();
  private final List<String> steps = new ArrayList<>();
  private long followed; // the request; 0 before it begins
  private boolean polled;
  private boolean over;
  private boolean quiet; // the user quit
  private long began;

  /**
   * Creates a stepper.
   *
   * @param console receives the steps
   * @param keys the user's keys, a line for each; null to print all steps
   */
  public Stepper(Console console, @Nullable BufferedReader keys) {
    this.console = console;
    this.keys = keys;
  }

  /** Turns the points on. */
  public void start() {
    Trace.addListener(this);
  }

  /** Returns the console of the command, whose output waits until the end of the steps. */
  public Console inner() {
    return new Console(
        results, new PrintStream(errors, true, StandardCharsets.UTF_8), console.interrupts());
  }

  /** Turns the points off, and prints the output of the command. */
  public void finish() {
    Trace.removeListener(this);
    errors
        .toString(StandardCharsets.UTF_8)
        .lines()
        .filter(line -> line.startsWith("pollux: "))
        .forEach(console.err()::println);
    console.print(results.toString(StandardCharsets.UTF_8));
    synchronized (this) {
      console.error(
          "trace: " + steps.size() + (over ? " steps of one request" : " steps, unfinished"));
    }
  }

  @Override
  public synchronized void onEvent(TraceEvent event) {
    if (over || event.id() == 0 || (followed != 0 && event.id() != followed)) {
      return;
    }
    if (followed == 0) {
      followed = event.id();
      began = event.nanos();
      polled = event.point() == TracePoint.AIO_SUBMIT && Recorded.isPolled(event);
    }
    steps.add(describe(event));
    over =
        TraceRun.endsRequest(event.point(), polled)
            || (completesDirectIo(event.point()) && event.number("aio") == 0);
    if (!quiet) {
      show();
    }
  }

  private static boolean completesDirectIo(TracePoint point) {
    return point == TracePoint.IOMAP_DIO_COMPLETE || point == TracePoint.BLKDEV_DIO_COMPLETE;
  }

  private String describe(TraceEvent event) {
    StringBuilder text = new StringBuilder();
    text.append(
        String.format(
            Locale.ROOT,
            "--- step %d: %s, %d us after the first, in %s%n",
            steps.size() + 1,
            event.point().cName(),
            (event.nanos() - began) / 1_000,
            event.thread().getName()));
    text.append("event    ");
    for (String field : event.point().fields()) {
      text.append(' ').append(field).append('=').append(value(event, field));
    }
    text.append(System.lineSeparator());
    for (String line : snapshot.take(event)) {
      text.append(line).append(System.lineSeparator());
    }
    return text.toString();
  }

  private static String value(TraceEvent event, String field) {
    long number = event.number(field);
    return switch (field) {
      case "rwbs" -> BlkparseText.rwbs((int) number);
      case "dev" -> BlkparseText.device(number);
      case "ctx" -> "0x" + Long.toHexString(number);
      default -> Long.toString(number);
    };
  }

  /** Shows the last step. With a terminal it returns when the user goes on. */
  private void show() {
    console.print(steps.getLast() + System.lineSeparator());
    console.flush();
    int shown = steps.size() - 1;
    while (keys != null && !quiet) { // until the user goes on, quits or closes the terminal
      switch (key(keys)) {
        case "", "n" -> {
          if (++shown >= steps.size()) {
            return;
          }
        }
        case "b" -> shown = Math.max(0, shown - 1);
        case "q" -> {
          quiet = true;
          return;
        }
        default -> {
          console.print("Enter or n: next, b: back, q: quit" + System.lineSeparator());
          console.flush();
          continue;
        }
      }
      console.print(steps.get(shown) + System.lineSeparator());
      console.flush();
    }
  }

  private static String key(BufferedReader keys) {
    try {
      String line = keys.readLine();
      return line == null ? "q" : line.strip().toLowerCase(Locale.ROOT);
    } catch (IOException e) {
      return "q"; // the terminal is gone
    }
  }
}
