// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit;

import io.pollux.syscalls.Program;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A text dump of a kernel: its programs, tasks, aio contexts, open files and requests in flight,
 * and the stacks of threads in Pollux. Racy, because no thread stops meanwhile.
 */
final class KernelDump {
  private static final String POLLUX = "io.pollux.";

  /** Threads inside this call are inside a kernel. */
  private static final String KERNEL = "io.pollux.syscalls.";

  private static final int MOST_FRAMES = 40;

  private KernelDump() {}

  /** Describes a kernel with all threads. */
  static String of(TestKernel kernel) {
    List<String> lines = new ArrayList<>();
    lines.add("the kernel holds:");
    List<String> held = new ArrayList<>(kernel.kernel().held());
    held.addAll(kernel.kernel().describe());
    held.forEach(each -> lines.add("  " + each));
    if (held.isEmpty()) {
      lines.add("  nothing");
    }
    lines.add("programs:");
    int number = 0;
    for (Program program : kernel.programs()) {
      String state = program.hasEnded() ? "has ended" : "runs";
      lines.add("  " + number + ": " + state + ", pins " + program.pinnedPages() + " pages");
      number++;
    }
    threads(lines);
    return String.join("\n", lines);
  }

  private static void threads(List<String> lines) {
    lines.add("threads:");
    for (Map.Entry<Thread, StackTraceElement[]> each : Thread.getAllStackTraces().entrySet()) {
      Thread thread = each.getKey();
      StackTraceElement[] stack = each.getValue();
      if (thread == Thread.currentThread() || !isOfInterest(stack)) {
        continue;
      }
      lines.add("  \"" + thread.getName() + "\" " + thread.getState());
      for (int i = 0; i < Math.min(stack.length, MOST_FRAMES); i++) {
        lines.add("      at " + stack[i]);
      }
    }
  }

  /** Whether a stack is inside Pollux, or inside a test. The kit's own waiting threads are not. */
  private static boolean isOfInterest(StackTraceElement[] stack) {
    for (StackTraceElement frame : stack) {
      String name = frame.getClassName();
      if (name.startsWith(TestThread.class.getName())) {
        return frame.getMethodName().equals("execute");
      }
      if (name.startsWith(TestRun.class.getName())) {
        return false;
      }
      if (name.startsWith(POLLUX)) {
        return true;
      }
    }
    return false;
  }

  /** Returns whether a thread is inside a system call. */
  static boolean anyInKernel() {
    for (StackTraceElement[] stack : Thread.getAllStackTraces().values()) {
      if (isIn(stack, KERNEL)) {
        return true;
      }
    }
    return false;
  }

  /** Whether a stack has a frame of a close of the user library. */
  static boolean isClosing(StackTraceElement[] stack) {
    for (StackTraceElement frame : stack) {
      if (frame.getMethodName().equals("close")
          && frame.getClassName().startsWith("io.pollux.userland.")) {
        return true;
      }
    }
    return false;
  }

  private static boolean isIn(StackTraceElement[] stack, String prefix) {
    for (StackTraceElement frame : stack) {
      if (frame.getClassName().startsWith(prefix)) {
        return true;
      }
    }
    return false;
  }
}
