// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.catchThrowableOfType;

import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** The walks: text, recording and sources must agree. */
@Timeout(60)
class WalkTest {
  private static final String FRONT =
      "---\ntitle: W\nscripts:\n  - life.js\ndata:\n  - life-w\n---\n";

  private static final String FIRST =
      "{\"point\":\"fill\",\"thread\":\"program\",\"facts\":\"\",\"at\":\"Queue#iopoll\","
          + "\"line\":\"\",\"path\":[]}";

  private static final String SECOND =
      "{\"point\":\"poll\",\"thread\":\"program\",\"facts\":\"tag 3\",\"at\":\"Queue#iopoll\","
          + "\"line\":\"return (int) cookie;\",\"path\":[\"Pollable#twice\"]}";

  @TempDir private Path dir = Path.of("");

  private SmallTree tree;

  @BeforeEach
  void makeTree() {
    tree = SmallTree.in(dir.resolve("tree"));
    recording(FIRST, SECOND);
  }

  private void recording(String... steps) {
    tree.text("data/life-w.json", "[" + String.join(",", steps) + "]");
  }

  private void walk(String lines) {
    tree.text("pages/life/w.md", FRONT + "```generated life w\n" + lines + "```\n");
  }

  private String build() throws CompanionException, IOException {
    return Companion.build(tree.root(), dir.resolve("site"), SmallTree.MODULES);
  }

  private List<String> faults() {
    return catchThrowableOfType(CompanionException.class, this::build).faults();
  }

  @Test
  void eachStepHasItsSentenceItsLineAndItsCallers() throws CompanionException, IOException {
    walk("= Part\nfill: One fills.\npoll: The `Queue` is polled.\n");
    build();
    assertThat(dir.resolve("site/life/w.html"))
        .content()
        .contains("id=step-1 data-part=\"Part\"", "One fills.", "tag 3", "Pollable.twice")
        .contains("<a href=\"../src/Queue.html#Queue\"><code>Queue</code></a> is polled.")
        .contains("../src/Queue.html#L14\">Queue.iopoll, line 14")
        .containsPattern("<span class=here>.*cookie</a>;</span>\\n}\n</code>");
    assertThat(dir.resolve("site/data/life-w.js")).content().startsWith("pollux.data[\"life-w\"]=");
  }

  @Test
  void aStepWithoutASentenceIsAFault() {
    walk("fill: One fills.\n");
    assertThat(faults()).containsExactly("life-w, step 2: the recording has poll, no text");
  }

  @Test
  void aSentenceWithoutAStepIsAFault() {
    walk("fill: One fills.\npoll: Two.\nreap: Three.\n");
    assertThat(faults())
        .containsExactly("life-w, step 3: the text has \"reap\", the recording ends");
  }

  @Test
  void aSentenceForAnotherPointIsAFault() {
    walk("poll: One.\nfill: Two.\n");
    assertThat(faults()).contains("life-w, step 1: the text has poll, the recording fill");
  }

  @Test
  void aLineThatTheSourcesNoLongerHaveIsAFault() {
    recording(FIRST, SECOND.replace("(int) cookie", "gone"));
    walk("fill: One.\npoll: Two.\n");
    assertThat(faults())
        .anyMatch(fault -> fault.contains("step 2: Queue#iopoll has no line \"return gone;\""));
  }

  @Test
  void aPlaceOrACallerThatIsGoneIsAFault() {
    recording(FIRST.replace("Queue#iopoll", "Queue#gone"), SECOND.replace("#twice", "#thrice"));
    walk("fill: One.\npoll: Two.\n");
    assertThat(faults())
        .anyMatch(fault -> fault.contains("step 1: Queue#gone does not exist"))
        .anyMatch(fault -> fault.contains("step 2: Pollable#thrice does not exist"));
  }

  @Test
  void aWalkWithoutARecordingIsAFault() throws IOException {
    tree.delete("data/life-w.json");
    walk("fill: One.\n");
    assertThat(faults()).contains("life-w: there is no recording");
  }
}
