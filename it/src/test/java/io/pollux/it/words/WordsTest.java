// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.words;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.condition.EnabledIfSystemProperty;

/**
 * Pages and Javadoc name the actor and use short sentences. To list the findings of one directory
 * or file, with any limit: {@code mvn test -pl it -am -Dtest=WordsTest
 * -Dsurefire.failIfNoSpecifiedTests=false -Dpollux.words.dir=kernel-core
 * -Dpollux.words.longest=25}.
 */
@Timeout(60)
class WordsTest {
  /** The modules whose Javadoc is checked. A module is added here once it has no findings. */
  private static final List<String> CLEAN_MODULES =
      List.of(
          "benchmarks",
          "block-layer",
          "companion",
          "fs-gfs2",
          "fs-iomap",
          "fs-xfs",
          "kernel-aio",
          "kernel-core",
          "sample",
          "syscalls",
          "testkit",
          "tools",
          "uapi",
          "userland");

  private static final Path ROOT = Objects.requireNonNull(Path.of("").toAbsolutePath().getParent());

  @Test
  void pages() throws IOException {
    List<Path> pages = new ArrayList<>();
    for (String page : List.of("README.md", "CONTRIBUTING.md", "CHANGELOG.md")) {
      pages.add(ROOT.resolve(page));
    }
    try (Stream<Path> docs = Files.list(ROOT.resolve("docs"))) {
      docs.filter(page -> page.toString().endsWith(".md")).sorted().forEach(pages::add);
    }
    assertThat(pages).hasSizeGreaterThan(3);
    List<WordChecker.Finding> findings = new ArrayList<>();
    for (Path page : pages) {
      findings.addAll(
          WordChecker.check(ROOT, ROOT.relativize(page).toString(), WordChecker.LONGEST));
    }
    assertThat(findings).isEmpty();
  }

  @Test
  void javadocOfCleanModules() throws IOException {
    for (String module : CLEAN_MODULES) {
      assertThat(ROOT.resolve(module).resolve("src/main/java")).isDirectory();
      assertThat(WordChecker.check(ROOT, module, WordChecker.LONGEST)).isEmpty();
    }
  }

  @Test
  @EnabledIfSystemProperty(
      named = "pollux.words.dir",
      matches = ".+",
      disabledReason = "lists the findings of -Dpollux.words.dir")
  void oneDirectory() throws IOException {
    int longest = Integer.getInteger("pollux.words.longest", WordChecker.LONGEST);
    List<WordChecker.Finding> findings =
        WordChecker.check(
            ROOT, Objects.requireNonNull(System.getProperty("pollux.words.dir")), longest);
    findings.forEach(System.out::println);
    assertThat(findings.size()).as("findings, printed above").isZero();
  }
}
