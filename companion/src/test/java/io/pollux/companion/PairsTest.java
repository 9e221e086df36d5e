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

/** The map of releases and acquires agrees with the sources. */
@Timeout(60)
class PairsTest {
  private static final String GATE =
      "opening | Gate#open setRelease OPEN | Gate#isOpen getAcquire OPEN | `smp_store_release`\n";
  private static final String FENCE =
      "seeing | Gate#look fullFence VarHandle | Gate#look of Gate#seen | none\n";

  private final SmallTree tree;
  private final Path site;

  PairsTest(@TempDir Path dir) {
    tree = SmallTree.in(dir.resolve("tree"));
    site = dir.resolve("site");
  }

  @BeforeEach
  void gate() {
    tree.kernel(
        "Gate",
        """
        import java.lang.invoke.MethodHandles;
        import java.lang.invoke.VarHandle;
        public final class Gate {
          private static final VarHandle OPEN;
          static {
            try {
              OPEN = MethodHandles.lookup().findVarHandle(Gate.class, "open", boolean.class);
            } catch (ReflectiveOperationException e) {
              throw new ExceptionInInitializerError(e);
            }
          }
          private boolean open;
          private volatile boolean seen;
          void open() {
            OPEN
                .setRelease(this, true);
          }
          boolean isOpen() {
            return (boolean) OPEN.getAcquire(this);
          }
          boolean look() {
            VarHandle.fullFence();
            return seen;
          }
        }
        """);
  }

  private void pairs(String rows) {
    tree.text(
        "pages/maps/a.md",
        "---\ntitle: A map\nsection: maps\n---\n## Part\n\n```generated pairs\n" + rows + "```\n");
  }

  private List<String> faults() {
    return catchThrowableOfType(
            CompanionException.class, () -> Companion.build(tree.root(), site, SmallTree.MODULES))
        .faults();
  }

  @Test
  void eachPlaceIsALinkToItsLine() throws CompanionException, IOException {
    pairs(GATE + FENCE + "all kernel-core\n");
    Companion.build(tree.root(), site, SmallTree.MODULES);
    assertThat(site.resolve("maps/a.html"))
        .content()
        .contains("Gate.<wbr>open</a> <code>setRelease</code>", "<code>smp_store_release</code>")
        .contains("Gate.<wbr>look</a> <code>seen</code>");
  }

  @Test
  void anAccessThatNoRowHasIsAFault() {
    pairs(GATE + "all kernel-core\n");
    assertThat(faults())
        .anyMatch(fault -> fault.contains("no row has Gate#look fullFence VarHandle"));
    pairs(FENCE + "all kernel-core\n");
    assertThat(faults())
        .anyMatch(fault -> fault.contains("no row has Gate#open setRelease OPEN"))
        .anyMatch(fault -> fault.contains("no row has Gate#isOpen getAcquire OPEN"));
  }

  @Test
  void aPlaceThatTheSourcesDoNotHaveIsAFault() {
    pairs("x | Gate#open setRelease SHUT | Gate#shut getAcquire OPEN | none\n");
    assertThat(faults())
        .anyMatch(fault -> fault.endsWith("Gate#open has no setRelease of SHUT"))
        .anyMatch(fault -> fault.endsWith("Gate#shut has no getAcquire of OPEN"));
    pairs("x | Gate#open of Gate#seen | - the program | none\n");
    assertThat(faults()).anyMatch(fault -> fault.endsWith("Gate#open does not use Gate#seen"));
  }

  @Test
  void anAcquireIsNoRelease() {
    pairs("x | Gate#isOpen getAcquire OPEN | Gate#open setRelease OPEN | none\n");
    assertThat(faults()).filteredOn(fault -> fault.endsWith("is on the wrong side")).hasSize(2);
  }
}
