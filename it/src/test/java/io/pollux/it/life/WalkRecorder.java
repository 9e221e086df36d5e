// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.life;

import io.pollux.core.trace.Trace;
import io.pollux.core.trace.TraceEvent;
import io.pollux.core.trace.TraceListener;
import io.pollux.core.trace.TracePoint;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import org.jspecify.annotations.Nullable;

/**
 * Records the steps of one walk: each trace point that a thread of the walk passes, and what the
 * program does in between. A step is a map, which becomes a JSON object. It has no time and no
 * address, so two recordings of one walk are equal.
 */
final class WalkRecorder implements TraceListener, AutoCloseable {
  private static final int LONGEST_PATH = 24;
  private static final String PACKAGE = "io.pollux.";

  /** Classes between a point's place and the listener. */
  private static final Set<String> BETWEEN =
      Set.of("AioTrace", "BlkdevTrace", "BlockTrace", "DioTrace", "Gfs2Trace");

  private static final StackWalker STACK = StackWalker.getInstance();

  private final Thread program = Thread.currentThread();
  private final WalkState state;
  private final List<Map<String, Object>> steps = new ArrayList<>(); // under this object's lock

  /** Starts to record. The calling thread is the program. */
  WalkRecorder(WalkState state) {
    this.state = state;
    Trace.addListener(this);
  }

  /** Notes what the program does. The place is a method that does the same. */
  synchronized void program(String point, String place, String facts) {
    add(point, "program", facts, place, "", List.of());
  }

  /** The steps so far. */
  synchronized List<Map<String, Object>> steps() {
    return List.copyOf(steps);
  }

  @Override
  public void onEvent(TraceEvent event) {
    String thread = threadName(event.thread());
    if (thread == null) {
      return; // of another test
    }
    List<StackWalker.StackFrame> frames =
        STACK.walk(
            all ->
                all.filter(frame -> frame.getClassName().startsWith(PACKAGE))
                    .dropWhile(WalkRecorder::isTracing)
                    .toList());
    List<String> path = new ArrayList<>();
    for (StackWalker.StackFrame frame : frames) {
      String name = name(frame);
      if (isOfTheTest(frame) || path.size() == LONGEST_PATH) {
        break;
      }
      if (path.isEmpty() || !path.getLast().equals(name)) {
        path.add(name);
      }
    }
    StackWalker.StackFrame place = frames.getFirst();
    synchronized (this) {
      state.learn(event);
      add(
          event.point().cName(),
          thread,
          facts(event),
          name(place),
          lineOf(place),
          path.subList(1, path.size()));
    }
  }

  private void add(
      String point, String thread, String facts, String at, String line, List<String> path) {
    Map<String, Object> step = new LinkedHashMap<>();
    step.put("point", point);
    step.put("thread", thread);
    step.put("facts", facts);
    step.put("at", at);
    step.put("line", line);
    step.put("path", path);
    step.putAll(state.take());
    steps.add(step);
  }

  private @Nullable String threadName(Thread thread) {
    if (thread == program) {
      return "program";
    }
    String name = thread.getName();
    if (name.equals(WalkMachine.DEVICE)) {
      return "device";
    }
    return name.startsWith("aio-sq")
        ? "submission thread"
        : name.startsWith("dio/") ? "work queue" : null;
  }

  private static boolean isTracing(StackWalker.StackFrame frame) {
    String type = frame.getClassName();
    return type.startsWith("io.pollux.core.trace.")
        || type.startsWith(WalkRecorder.class.getName())
        || BETWEEN.contains(type.substring(type.lastIndexOf('.') + 1));
  }

  private static boolean isOfTheTest(StackWalker.StackFrame frame) {
    return frame.getClassName().startsWith("io.pollux.it.");
  }

  /** A name as texts of the companion have it: Type#method, with the outer types. */
  private static String name(StackWalker.StackFrame frame) {
    String type = frame.getClassName();
    String simple = type.substring(type.lastIndexOf('.') + 1).replace('$', '.');
    String method = frame.getMethodName();
    if (method.startsWith("lambda$")) {
      method = method.split("\\$", -1)[1];
    }
    return method.startsWith("<") ? simple : simple.replaceFirst("\\.\\d+$", "") + "#" + method;
  }

  /** The words of a line of the sources, by which the companion finds it after it has moved. */
  private static String lineOf(StackWalker.StackFrame frame) {
    String type = frame.getClassName();
    int nested = type.indexOf('$');
    String file = (nested < 0 ? type : type.substring(0, nested)).replace('.', '/') + ".java";
    for (String module : WalkMachine.MODULES) {
      Path path = WalkMachine.ROOT.resolve(module).resolve("src/main/java").resolve(file);
      if (Files.exists(path)) {
        try {
          return Files.readAllLines(path).get(frame.getLineNumber() - 1).strip();
        } catch (IOException e) {
          throw new AssertionError("the source " + file, e);
        }
      }
    }
    throw new AssertionError("no source " + file);
  }

  private static String facts(TraceEvent event) {
    StringBuilder text = new StringBuilder();
    for (String field : event.point().fields()) {
      String value = value(event, field);
      if (value != null) {
        text.append(text.isEmpty() ? "" : ", ").append(field).append(' ').append(value);
      }
    }
    return text.toString();
  }

  /** A number as text, or null for an address. */
  private static @Nullable String value(TraceEvent event, String field) {
    long number = event.number(field);
    return switch (field) {
      case "ctx", "dev", "rwbs" -> null;
      case "obj" -> number >> 32 == 0 ? Long.toString(number) : null;
      case "cur_state", "new_state", "dmt_state", "state" ->
          event.point() == TracePoint.GFS2_PROMOTE || field.endsWith("_state")
              ? lockState((int) number)
              : Long.toString(number);
      default -> Long.toString(number);
    };
  }

  private static String lockState(int state) {
    return switch (state) {
      case 0 -> "unlocked";
      case 1 -> "exclusive";
      case 2 -> "deferred";
      case 3 -> "shared";
      default -> Integer.toString(state);
    };
  }

  @Override
  public void close() {
    Trace.removeListener(this);
  }
}
