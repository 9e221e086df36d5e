// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.source;

import static org.assertj.core.api.Assertions.assertThat;

import io.pollux.companion.SmallTree;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** Declarations and references of a small tree. */
@Timeout(60)
class SourceTreeTest {
  @TempDir Path dir = Path.of("");
  private final Faults faults = new Faults();
  private SourceTree tree = none();

  private static SourceTree none() {
    try {
      return SourceTree.read(Path.of("/nowhere"), List.of(), List.of(), new Faults());
    } catch (IOException e) {
      throw new AssertionError(e);
    }
  }

  @BeforeEach
  void read() throws IOException {
    tree = SourceTree.read(SmallTree.in(dir).root(), SmallTree.MODULES, List.of(), faults);
    assertThat(faults.all()).isEmpty();
  }

  private Decl decl(String name) {
    return Objects.requireNonNull(tree.find(name), name);
  }

  @Test
  void aCallRefersToTheDeclarationOfItsOverload() {
    assertThat(decl("Queue#iopoll").uses())
        .extracting(ref -> ref.file().simpleName() + " " + ref.from())
        .containsExactly("QueueTest QueueTest#polls");
    assertThat(decl("Queue#iopoll-2").uses()).isEmpty();
    assertThat(decl("Queue#iopoll-2").id()).isEqualTo("iopoll-2");
  }

  @Test
  void callersAreThoseOfTheDeclaredMethod() {
    assertThat(decl("Pollable#iopoll").uses())
        .hasSize(2)
        .allMatch(ref -> ref.from() == decl("Pollable#twice"));
  }

  @Test
  void aMethodKnowsWhatItOverridesAndATypeWhatImplementsIt() {
    assertThat(decl("Queue#iopoll").supers()).containsExactly(decl("Pollable#iopoll"));
    assertThat(decl("Pollable#iopoll").subs()).containsExactly(decl("Queue#iopoll"));
    assertThat(decl("Pollable").subs()).containsExactly(decl("Queue"));
  }

  @Test
  void theImplicitAccessorOfARecordIsItsComponent() {
    assertThat(decl("Queue#depth").uses())
        .extracting(Ref::from)
        .containsExactly(decl("Queue#iopoll"));
  }

  @Test
  void annotationsAreRead() {
    assertThat(decl("Pollable#iopoll").patches()).containsExactly(1);
    assertThat(tree.ofC("iopoll")).containsExactly(decl("Pollable#iopoll"));
    assertThat(decl("Queue#iopoll").differences())
        .singleElement()
        .satisfies(
            row -> {
              assertThat(row.patch()).isEqualTo(1);
              assertThat(row.kind()).isEqualTo("OURS");
              assertThat(row.why()).isEqualTo("It is small.");
            });
  }

  @Test
  void aTestIsFoundAlthoughItsLibrariesAreMissing() {
    assertThat(decl("QueueTest#polls").test()).isTrue();
  }

  @Test
  void theFirstSentenceOfACommentIsPlain() {
    assertThat(decl("Pollable").doc()).isEqualTo("A thing that can be polled.");
    assertThat(decl("Pollable#iopoll").doc()).isEqualTo("Polls things, e.g. a queue.");
  }

  @Test
  void aLocalVariableLeadsToItsLine() {
    SourceFile file = decl("Pollable").file();
    assertThat(file.refs())
        .filteredOn(ref -> ref.to() == null && file.text().startsWith("sum", ref.at()))
        .singleElement()
        .satisfies(ref -> assertThat(file.line(ref.targetLine())).contains("int sum ="));
  }

  @Test
  void anErrorInAMainSourceIsAFault() throws IOException {
    Path bad = dir.resolve("kernel-core/src/main/java/io/pollux/core/Bad.java");
    Files.writeString(bad, "package io.pollux.core;\nclass Bad extends Gone {}\n");
    SourceTree.read(dir, SmallTree.MODULES, List.of(), faults);
    assertThat(faults.all()).singleElement().asString().contains("Bad.java:2: ");
  }
}
