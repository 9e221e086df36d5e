// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.words;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Objects;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Code that the pages show is shown as it is in examples/, where CI builds it. */
@Timeout(60)
class PageFilesTest {
  private static final Path ROOT = Objects.requireNonNull(Path.of("").toAbsolutePath().getParent());

  private static final Path EXAMPLES = ROOT.resolve("examples");

  /** A code block, with the file that the comment above it names. */
  private static final Pattern BLOCK =
      Pattern.compile("(?:<!-- file: (\\S+) -->\\n)?```(\\w*)\\n(.*?)\\n```\\n", Pattern.DOTALL);

  @Test
  void blocksAreInTheirFiles() throws IOException {
    assertThat(shownIn("docs/testing.md"))
        .containsExactly(
            "examples/testing/pom.xml",
            "examples/testing/src/test/java/example/FirstReadTest.java",
            "examples/flatfs/src/test/java/example/flatfs/FlatSuiteTest.java",
            "examples/testing-modules/src/test/java/module-info.java",
            "examples/testing-modules/pom.xml");
  }

  @Test
  void theStepsOfTheGuidesAreInTheirExamples() throws IOException {
    assertThat(shownIn("docs/writing-a-filesystem.md"))
        .hasSizeGreaterThanOrEqualTo(7)
        .allMatch(file -> file.startsWith("examples/flatfs/"));
    assertThat(shownIn("docs/writing-a-driver.md"))
        .hasSizeGreaterThanOrEqualTo(5)
        .allMatch(file -> file.startsWith("examples/stripe/"));
  }

  /** Checks the blocks of a page, and returns the files that it shows. */
  private static List<String> shownIn(String page) throws IOException {
    List<String> shown = new ArrayList<>();
    Matcher block = BLOCK.matcher(Files.readString(ROOT.resolve(page)));
    while (block.find()) {
      String file = block.group(1);
      if (file == null) {
        assertThat(block.group(2))
            .as("a block without a file is a command: %s", block.group(3))
            .isEmpty();
        continue;
      }
      assertThat(ROOT.resolve(file)).content().as(file).contains("\n" + block.group(3) + "\n");
      shown.add(file);
    }
    return shown;
  }

  @Test
  void bothProjectsHaveTheSameTest() {
    String file = "src/test/java/example/FirstReadTest.java";
    assertThat(EXAMPLES.resolve("testing-modules").resolve(file))
        .hasSameTextualContentAs(EXAMPLES.resolve("testing").resolve(file));
  }

  @Test
  void examplesNameTheVersionOfThisBuild() throws IOException {
    Matcher version =
        Pattern.compile("<artifactId>pollux</artifactId>\\s*<version>([^<]+)</version>")
            .matcher(Files.readString(ROOT.resolve("pom.xml")));
    assertThat(version.find()).isTrue();
    String testkit =
        "<artifactId>testkit</artifactId>\n      <version>" + version.group(1) + "</version>";
    for (String example : List.of("testing", "testing-modules")) {
      assertThat(EXAMPLES.resolve(example).resolve("pom.xml")).content().contains(testkit);
    }
    assertThat(ROOT.resolve("docs/testing.md"))
        .content()
        .contains("io.pollux:pollux-bom:" + version.group(1) + "`");
  }
}
