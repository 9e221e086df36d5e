// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.testkit;

import static org.assertj.core.api.Assertions.assertThat;
import static org.junit.platform.engine.discovery.DiscoverySelectors.selectMethod;

import io.pollux.testkit.suite.Feature;
import io.pollux.testkit.suite.FileSystemSuite;
import io.pollux.testkit.suite.SuiteFileSystem;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.platform.engine.TestExecutionResult;
import org.junit.platform.launcher.EngineFilter;
import org.junit.platform.launcher.TestExecutionListener;
import org.junit.platform.launcher.TestIdentifier;
import org.junit.platform.launcher.core.LauncherDiscoveryRequestBuilder;
import org.junit.platform.launcher.core.LauncherFactory;

/** The suite of filesystems reports what fails, what is skipped, and the counts. */
@Timeout(60)
class SuiteTest {
  /** Declares a feature that ramfs does not have. */
  static class FalseSuite extends FileSystemSuite {
    @Override
    protected SuiteFileSystem fileSystem() {
      return SuiteFileSystem.ofRoot().with(Feature.CREATE, Feature.ALLOCATE, Feature.DIRECT);
    }
  }

  private static TestExecutionResult run(String behaviour) {
    List<TestExecutionResult> results = new ArrayList<>();
    LauncherFactory.create()
        .execute(
            LauncherDiscoveryRequestBuilder.request()
                .selectors(selectMethod(FalseSuite.class, behaviour))
                .filters(EngineFilter.includeEngines("junit-jupiter"))
                .build(),
            new TestExecutionListener() {
              @Override
              public void executionFinished(TestIdentifier test, TestExecutionResult result) {
                if (test.isTest()) {
                  results.add(result);
                }
              }
            });
    assertThat(results).hasSize(1);
    return results.getFirst();
  }

  @Test
  void aFailureHasTheBehaviourTheCallsAndTheSeed() {
    TestExecutionResult result = run("directReadsAreRight");
    assertThat(result.getStatus()).isEqualTo(TestExecutionResult.Status.FAILED);
    Throwable failure = result.getThrowable().orElseThrow();
    assertThat(failure).hasMessageContaining("-EINVAL");
    assertThat(failure.getSuppressed())
        .anySatisfy(
            calls ->
                assertThat(calls)
                    .hasMessageContaining("directReadsAreRight on ramfs, -Dpollux.seed=")
                    .hasMessageContaining("open(\"sample\", 040000, 0644) = -EINVAL"));
  }

  @Test
  void aSkippedBehaviourNamesTheFeature() {
    TestExecutionResult result = run("twoNamesAreOneFile");
    assertThat(result.getStatus()).isEqualTo(TestExecutionResult.Status.ABORTED);
    assertThat(result.getThrowable().orElseThrow()).hasMessage("ramfs declares no HARD_LINKS");
  }

  @Test
  void theCountsAreWritten() {
    run("renameMovesAName");
    assertThat(Path.of("target", "suites", "ramfs.txt"))
        .content()
        .matches(
            "(?s)ramfs +passed failed skipped\\nname +0 +0 +1\\nall +0 +0 +1\\n"
                + "\\nskipped, because not declared\\nRENAME +1\\n");
  }
}
