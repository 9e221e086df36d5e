// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.life;

import static org.assertj.core.api.Assertions.assertThat;

import com.fasterxml.jackson.jr.ob.JSON;
import io.pollux.core.trace.Trace;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * Records each walk again and compares it with the recording that the companion shows.
 *
 * <p>After a change of the path, {@code mvn test -pl it -am -Dtest=WalksTest
 * -Dsurefire.failIfNoSpecifiedTests=false -Dpollux.life.write=true} writes the recordings first.
 * Then the companion's texts need a sentence for each new step.
 */
@Timeout(120)
@EnabledIfSystemProperty(
    named = Trace.PROPERTY,
    matches = "true",
    disabledReason = "the build runs it with trace points")
class WalksTest {
  private static final Path DATA =
      WalkMachine.ROOT.resolve("companion/src/main/resources/io/pollux/companion/text/data");

  @ParameterizedTest
  @EnumSource
  void theRecordingIsWhatTheKernelDoes(Walks walk) throws IOException {
    List<Map<String, Object>> steps = walk.record();
    Path file = DATA.resolve("life-" + walk.page() + ".json");
    if (Boolean.getBoolean("pollux.life.write")) {
      Files.writeString(file, json(steps));
    }
    List<String> recorded = new ArrayList<>();
    for (Object step : JSON.std.listFrom(Files.readString(file))) {
      recorded.add(step.toString());
    }
    assertThat(steps.stream().map(Object::toString).toList()).isEqualTo(recorded);
  }

  /** A line for each step, so that a difference of two recordings is readable. */
  private static String json(List<Map<String, Object>> steps) throws IOException {
    List<String> lines = new ArrayList<>();
    for (Map<String, Object> step : steps) {
      lines.add(JSON.std.asString(step));
    }
    return "[\n" + String.join(",\n", lines) + "\n]\n";
  }
}
