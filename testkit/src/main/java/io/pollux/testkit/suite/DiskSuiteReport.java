// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit.suite;

import java.io.IOException;
import java.io.Serial;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.EnumMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.AfterEachCallback;
import org.junit.jupiter.api.extension.ExtensionContext;
import org.opentest4j.TestAbortedException;

/**
 * Adds the calls to a failure, and writes the counts of a disk to {@code target/suites/NAME.txt}.
 */
final class DiskSuiteReport implements AfterEachCallback, AfterAllCallback {
  private static final ExtensionContext.Namespace COUNTS =
      ExtensionContext.Namespace.create(DiskSuiteReport.class);
  private static final String START = "Disk";
  private static final String END = "Behaviours";

  /** The counts of one disk. */
  private static final class Counts {
    private final String name;
    private final Map<String, int[]> subjects = new TreeMap<>(); // passed, failed, skipped
    private final Map<DiskFeature, Integer> skipped = new EnumMap<>(DiskFeature.class);

    Counts(String name) {
      this.name = name;
    }

    synchronized void add(String subject, int column) {
      subjects.computeIfAbsent(subject, any -> new int[3])[column]++;
    }

    synchronized void skip(DiskFeature feature) {
      skipped.merge(feature, 1, Integer::sum);
    }

    synchronized String text() {
      int[] sum = new int[3];
      List<String> lines = new ArrayList<>();
      lines.add(String.format("%-18s %6s %6s %7s", name, "passed", "failed", "skipped"));
      subjects.forEach(
          (subject, counts) -> {
            lines.add(line(subject, counts));
            for (int i = 0; i < sum.length; i++) {
              sum[i] += counts[i];
            }
          });
      lines.add(line("all", sum));
      if (!skipped.isEmpty()) {
        lines.add("");
        lines.add("skipped, because not declared");
        skipped.forEach((feature, count) -> lines.add(String.format("%-18s %6d", feature, count)));
      }
      return String.join("\n", lines) + "\n";
    }

    private static String line(String subject, int[] counts) {
      return String.format("%-18s %6d %6d %7d", subject, counts[0], counts[1], counts[2]);
    }
  }

  /** The calls of a behaviour that failed. */
  private static final class CallsMade extends Exception {
    @Serial private static final long serialVersionUID = 1L;

    CallsMade(String message) {
      super(message, null, false, false);
    }
  }

  @Override
  public void afterEach(ExtensionContext context) {
    if (!(context.getRequiredTestInstance() instanceof DiskBehaviours behaviours)) {
      return;
    }
    Counts counts = counts(context, behaviours.diskName());
    String subject = subject(context.getRequiredTestMethod().getDeclaringClass());
    Throwable thrown = context.getExecutionException().orElse(null);
    if (thrown == null) {
      counts.add(subject, 0);
    } else if (thrown instanceof TestAbortedException) {
      counts.add(subject, 2);
      if (thrown instanceof NoDiskFeatureException missing) {
        counts.skip(missing.feature());
      }
    } else {
      counts.add(subject, 1);
      thrown.addSuppressed(
          new CallsMade(
              String.format(
                  "%s on %s, -Dpollux.seed=%d; the last calls:%n  %s",
                  context.getRequiredTestMethod().getName(),
                  behaviours.diskName(),
                  behaviours.seed(),
                  String.join("\n  ", behaviours.log()))));
    }
  }

  private static String subject(Class<?> part) {
    String name = part.getSimpleName();
    return name.startsWith(START) && name.endsWith(END)
        ? name.substring(START.length(), name.length() - END.length()).toLowerCase(Locale.ROOT)
        : "other";
  }

  private static Counts counts(ExtensionContext context, String name) {
    return context
        .getRoot()
        .getStore(COUNTS)
        .getOrComputeIfAbsent(
            context.getRequiredTestClass(), any -> new Counts(name), Counts.class);
  }

  @Override
  public void afterAll(ExtensionContext context) throws IOException {
    Counts counts =
        context.getRoot().getStore(COUNTS).get(context.getRequiredTestClass(), Counts.class);
    if (counts != null) {
      Path directory = Path.of("target", "suites");
      Files.createDirectories(directory);
      Files.writeString(directory.resolve(counts.name + ".txt"), counts.text());
    }
  }
}
