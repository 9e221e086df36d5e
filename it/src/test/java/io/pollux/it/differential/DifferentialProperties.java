// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.differential;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.TimeUnit;
import net.jqwik.api.AfterFailureMode;
import net.jqwik.api.Arbitrary;
import net.jqwik.api.EdgeCasesMode;
import net.jqwik.api.Example;
import net.jqwik.api.ForAll;
import net.jqwik.api.GenerationMode;
import net.jqwik.api.Property;
import net.jqwik.api.Provide;
import net.jqwik.api.ShrinkingMode;
import net.jqwik.api.lifecycle.AddLifecycleHook;
import net.jqwik.api.lifecycle.AroundPropertyHook;
import net.jqwik.api.lifecycle.LifecycleContext;
import net.jqwik.api.lifecycle.PropertyExecutionResult;
import net.jqwik.api.lifecycle.PropertyExecutor;
import net.jqwik.api.lifecycle.PropertyLifecycleContext;
import net.jqwik.api.lifecycle.SkipExecutionHook;
import org.jspecify.annotations.Nullable;
import org.opentest4j.TestAbortedException;

/**
 * Random programs see the same on this kernel and on Linux. -Dpollux.programs says how many;
 * -Dpollux.seed runs those of a seed again, which the report of every run names. A program that
 * fails is shrunk to the plainest one that does.
 */
class DifferentialProperties {
  /** How long a program that fails is shrunk; after that time no smaller one fails any more. */
  private static final long SHRINKING_NANOS = TimeUnit.MINUTES.toNanos(1);

  private static @Nullable ProgramRun pollux;
  private static @Nullable ProgramRun linux;
  private static long failedAt; // when the first program failed, or 0

  // FULL, and bounded here, because jqwik's own bound leaves another thread behind that still runs
  // programs.
  @Property(
      tries = 200,
      shrinking = ShrinkingMode.FULL,
      generation = GenerationMode.RANDOMIZED,
      edgeCases = EdgeCasesMode.NONE,
      afterFailure = AfterFailureMode.RANDOM_SEED)
  @AddLifecycleHook(SizeAndSeed.class)
  @AddLifecycleHook(OnlyBesideLinux.class)
  void programsSeeTheSameHereAndOnLinux(@ForAll("programs") AioProgram program) {
    ProgramRun here = pollux;
    ProgramRun there = linux;
    assertThat(here).isNotNull();
    assertThat(there).isNotNull();
    if (failedAt != 0 && System.nanoTime() - failedAt > SHRINKING_NANOS) {
      return;
    }
    ProgramRun.Trace first = here.run(program, null);
    ProgramRun.Trace second = there.run(program, first);
    List<String> differences = differences(first.lines(), second.lines());
    if (failedAt == 0 && !differences.isEmpty()) {
      failedAt = System.nanoTime();
    }
    assertThat(differences).as("where the program saw something else").isEmpty();
  }

  private static List<String> differences(List<String> here, List<String> there) {
    List<String> found = new ArrayList<>();
    for (int i = 0; i < Math.max(here.size(), there.size()); i++) {
      String ours = i < here.size() ? here.get(i) : "(nothing)";
      String theirs = i < there.size() ? there.get(i) : "(nothing)";
      if (!ours.equals(theirs)) {
        found.add("\nthis kernel: " + ours + "\n      Linux: " + theirs);
      }
    }
    return found;
  }

  @Provide
  Arbitrary<AioProgram> programs() {
    return AioPrograms.programs();
  }

  @Example
  void everyDifferenceIsDocumented() throws IOException {
    String document =
        Files.readString(Path.of("..", "docs", "differences.md")).replaceAll("\\s+", " ");
    for (IntendedDifference difference : IntendedDifference.values()) {
      assertThat(document).contains("`" + difference.name() + "`").contains(difference.reason());
    }
  }

  /** Sets both machines up, as many programs as are wanted, and the seed. */
  static final class SizeAndSeed implements AroundPropertyHook {
    @Override
    public PropertyExecutionResult aroundProperty(
        PropertyLifecycleContext context, PropertyExecutor property) {
      Integer programs = Integer.getInteger("pollux.programs");
      if (programs != null) {
        context.attributes().setTries(programs);
      }
      String seed = System.getProperty("pollux.seed");
      if (seed != null) {
        context.attributes().setSeed(seed);
      }
      LinuxMachine.need();
      try (ProgramRun here = new ProgramRun(new PolluxMachine());
          ProgramRun there = new ProgramRun(new LinuxMachine())) {
        pollux = here;
        linux = there;
        failedAt = 0;
        return property.execute();
      } finally {
        pollux = null;
        linux = null;
      }
    }
  }

  /** Skips where there is no Linux to compare with, unless that is required. */
  static final class OnlyBesideLinux implements SkipExecutionHook {
    @Override
    public SkipResult shouldBeSkipped(LifecycleContext context) {
      try {
        LinuxMachine.need();
        return SkipResult.doNotSkip();
      } catch (TestAbortedException e) {
        return SkipResult.skip(e.getMessage());
      } catch (AssertionError e) { // required: then the property says so itself
        return SkipResult.doNotSkip();
      }
    }
  }
}
