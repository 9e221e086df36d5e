// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.it.series;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Objects;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/**
 * Every difference from the posting has a reason and a test, and docs/differences.md lists it. To
 * generate the document: {@code mvn verify -Dpollux.series.write=true}.
 */
class LedgerTest {
  private static final Path ROOT = Objects.requireNonNull(Path.of("").toAbsolutePath().getParent());
  private static Ledger ledger = new Ledger(List.of());

  @BeforeAll
  static void scan() throws IOException {
    ledger = new Ledger(AnnotatedElements.scan(ROOT));
  }

  @Test
  void everyDifferenceNamesATestThatExists() {
    assertThat(ledger.withoutATest()).isEmpty();
  }

  @Test
  void thereAreAtLeastThirtyFive() {
    assertThat(ledger.rows()).hasSizeGreaterThanOrEqualTo(35);
  }

  @Test
  void everyDifferenceHasAReasonAndAPatchOfTheSeries() {
    assertThat(ledger.rows())
        .allSatisfy(
            row -> {
              assertThat(row.why()).endsWith(".").hasSizeGreaterThan(20).doesNotContain("|");
              assertThat(row.patch()).isBetween(0, 26);
            });
  }

  @Test
  void theDocumentIsWhatTheCodeSays() throws IOException {
    Path document = ROOT.resolve("docs/differences.md");
    if (Boolean.getBoolean("pollux.series.write")) {
      Files.writeString(document, ledger.markdown());
    }
    assertThat(document)
        .content()
        .as("generate it with -Dpollux.series.write=true")
        .isEqualTo(ledger.markdown());
  }
}
