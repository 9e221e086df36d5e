// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatIOException;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** A whole site of a small tree, and each fault that a site can have. */
@Timeout(60)
class CompanionTest {
  private final SmallTree tree;
  private final Path site;

  CompanionTest(@TempDir Path dir) {
    tree = SmallTree.in(dir.resolve("tree"));
    site = dir.resolve("site");
  }

  private String build() throws CompanionException, IOException {
    return Companion.build(tree.root(), site, SmallTree.MODULES);
  }

  private List<String> faults() {
    return catchThrowableOfType(CompanionException.class, this::build).faults();
  }

  @Test
  void aTreeWithoutFaultsMakesASite() throws CompanionException, IOException {
    assertThat(build()).contains("index.html: ", " pages, ");
    assertThat(site.resolve("patch/01.html"))
        .content()
        .contains("fs: add a method", "It is small.", "QueueTest#polls", "polls.")
        .contains("href=\"../src/Queue.html#Queue\"");
    assertThat(site.resolve("c.html")).content().contains("id=\"iopoll\"");
    assertThat(site.resolve("src/Queue.html"))
        .content()
        .contains("A <em>note</em>.", "patch", "differs");
    assertThat(site.resolve("assets/search-index.js")).content().contains("\"Queue.iopoll\"");
  }

  @Test
  void aMethodLinksItsImplementationsOnItsLineAndOnThePageOfItsPatch()
      throws CompanionException, IOException {
    build();
    assertThat(site.resolve("src/Pollable.html"))
        .content()
        .contains("<a class=badge href=Queue.html#iopoll>in Queue</a>");
    assertThat(site.resolve("patch/01.html"))
        .content()
        .contains(" Implemented in <a href=\"../src/Queue.html#iopoll\"><code>Queue</code></a>");
  }

  @Test
  void aLineHasAnAnchorIfALinkLeadsToIt() throws CompanionException, IOException {
    build();
    assertThat(site.resolve("src/Pollable.html"))
        .content()
        .contains("<a href=#L13>sum</a>", "<i id=L13></i>", "<a href=#L12>cookie</a>")
        .contains("<i></i>")
        .doesNotContain("<i id=L3>");
    assertThat(site.resolve("src/Queue.html"))
        .content()
        .contains("<a href=Pollable.html>Pollable</a>");
  }

  @Test
  void twoBuildsWriteTheSameBytes() throws CompanionException, IOException {
    build();
    String first = Files.readString(site.resolve("assets/search-index.js"));
    String page = Files.readString(site.resolve("src/Queue.html"));
    build();
    assertThat(site.resolve("assets/search-index.js")).content().isEqualTo(first);
    assertThat(site.resolve("src/Queue.html")).content().isEqualTo(page);
  }

  @Test
  void aPatchWithoutTextIsAFault() throws IOException {
    tree.delete("patches/01.md");
    assertThat(faults()).anyMatch(fault -> fault.endsWith("patch 1 has no text"));
  }

  @Test
  void aDeadLinkInATextIsAFaultWithItsLine() {
    tree.text("pages/maps/a.md", "---\ntitle: A\n---\n## Part\n\n[x](java:Queue#gone)\n");
    assertThat(faults())
        .anyMatch(
            fault -> fault.contains("a.md") && fault.endsWith("java:Queue#gone does not exist"));
  }

  @Test
  void aDeadAnchorIsAFault() {
    tree.text("pages/maps/a.md", "---\ntitle: A\n---\n## Another part\n");
    assertThat(faults())
        .containsExactly("index.html: the link to maps/a.html#part leads to no anchor");
  }

  @Test
  void aCNameThatNoElementHasIsAFault() throws IOException {
    Path series = tree.root().resolve("it/src/test/resources/io/pollux/it/series/series.tsv");
    Files.writeString(series, "1\tfs: add a method\tadds it\tiopoll ki_gone\tkernel-core\n");
    assertThat(faults())
        .anyMatch(fault -> fault.endsWith("no element has the C name ki_gone of patch 1"));
  }

  @Test
  void aNoteWhoseTargetIsGoneIsAFault() {
    tree.text("notes/a.md", "# Queue#gone\nText.\n# Queue#iopoll @ no such line\nText.\n");
    assertThat(faults())
        .anyMatch(fault -> fault.endsWith("Queue#gone does not exist"))
        .anyMatch(fault -> fault.endsWith("Queue#iopoll has no \"no such line\""));
  }

  @Test
  void anExerciseWhoseTargetIsGoneIsAFault() {
    tree.text(
        "pages/exercises.md",
        """
        ---
        title: E
        ---
        ```generated exercise
        in: Queue#iopoll
        change: gone => x
        test: QueueTest#polls
        ```
        ```generated exercise
        in: Queue#iopoll
        change: depth() => x
        test: QueueTest#gone
        ```
        """);
    assertThat(faults())
        .anyMatch(fault -> fault.endsWith("Queue#iopoll has no \"gone\""))
        .anyMatch(fault -> fault.endsWith("the test QueueTest#gone does not exist"));
  }

  @Test
  void anErrnoThatTheMethodDoesNotReturnIsAFault() {
    tree.text(
        "pages/errnos.md",
        """
        ---
        title: E
        ---
        ```generated errnos
        call | EIO | when | Queue#iopoll | QueueTest#polls
        ```
        """);
    assertThat(faults()).anyMatch(fault -> fault.endsWith("Queue#iopoll has no EIO"));
  }

  @Test
  void aDirectoryThatIsNoSiteIsNotEmptied() throws IOException {
    Files.createDirectories(site);
    Path kept = Files.writeString(site.resolve("kept"), "");
    assertThatIOException().isThrownBy(this::build).withMessageContaining("not empty");
    assertThat(kept).exists();
  }
}
