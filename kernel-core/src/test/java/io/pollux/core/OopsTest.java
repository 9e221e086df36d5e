// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.core;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.ByteArrayOutputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.List;
import java.util.Objects;
import java.util.concurrent.CopyOnWriteArrayList;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** What is said of failures of the kernel itself, and how often. */
@Timeout(60)
class OopsTest {
  private static String printedBy(Runnable action) {
    PrintStream before = System.err;
    ByteArrayOutputStream printed = new ByteArrayOutputStream();
    System.setErr(new PrintStream(printed, true, StandardCharsets.UTF_8));
    try {
      action.run();
    } finally {
      System.setErr(before);
    }
    return printed.toString(StandardCharsets.UTF_8);
  }

  private static Throwable at(int line) {
    Throwable thrown = new IllegalStateException("broken");
    thrown.setStackTrace(
        new StackTraceElement[] {new StackTraceElement("Driver", "poll", "Driver.java", line)});
    return thrown;
  }

  @Test
  void aListenerGetsEveryFailureUntilItIsRemoved() {
    List<Throwable> heard = new CopyOnWriteArrayList<>();
    Oops.Sink listener = (sentence, thrown) -> heard.add(Objects.requireNonNull(thrown));
    Throwable first = at(3);
    Oops.addListener(listener);
    printedBy(
        () -> {
          Oops.report("a disk", first, "it is shut down");
          Oops.report("a disk", first, "it is shut down");
          Oops.warn("nothing failed");
        });
    Oops.removeListener(listener);
    printedBy(() -> Oops.report("a disk", first, "it is shut down"));
    assertThat(heard.stream().filter(each -> each == first)).hasSize(2);
  }

  @Test
  void eachPlaceIsPrintedOnceAndAllAreCounted() {
    long before = Oops.count();
    String printed =
        printedBy(
            () -> {
              for (int i = 0; i < 1_000; i++) {
                Oops.report("a disk", at(1), "it is shut down");
              }
              Oops.report("a disk", at(2), "it is shut down");
            });
    String sentence =
        "kernel oops in a disk: java.lang.IllegalStateException: broken; it is shut down\n";
    assertThat(printed).isEqualTo(sentence + sentence);
    assertThat(Oops.count() - before).isEqualTo(1_001);
  }

  @Test
  void itNeverPrintsWithoutAnEnd() {
    String printed =
        printedBy(
            () -> {
              for (int i = 0; i < 2 * Oops.MAX_PLACES; i++) {
                Oops.report("a disk", at(1_000 + i), "it is shut down");
              }
            });
    assertThat(printed.lines().count()).isLessThanOrEqualTo(Oops.MAX_PLACES + 1L);
    assertThat(printed).endsWith("kernel oops at 100 places; further places are not printed\n");
  }

  @Test
  void aStepThatFailsKeepsNoOtherFromRunning() {
    Oops.setSink(
        (sentence, thrown) -> {
          throw new AssertionError("a sink that fails");
        });
    try {
      assertThat(Oops.contain("a teardown", () -> {})).isTrue();
      assertThat(
              Oops.contain(
                  "a teardown",
                  () -> {
                    throw new AssertionError("broken");
                  }))
          .isFalse();
    } finally {
      Oops.setSink(null);
    }
  }
}
