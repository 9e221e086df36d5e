// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.source;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Words of comments and names. */
@Timeout(60)
class SentenceTest {
  @Test
  void aNameIsASentence() {
    assertThat(Sentence.ofName("aBatchOfTwoIsGatheredToo"))
        .isEqualTo("a batch of two is gathered too");
    assertThat(Sentence.ofName("fullCQRing")).isEqualTo("full CQ ring");
  }

  @Test
  void tagsAreLeftOut() {
    assertThat(Sentence.firstOf(" Whether {@code a < b} holds for\n {@link X#y the y}. Or not."))
        .isEqualTo("Whether a < b holds for the y.");
    assertThat(Sentence.firstOf("@return nothing")).isEmpty();
    assertThat(Sentence.firstOf("One thing\n\n<p>Another.")).isEqualTo("One thing");
  }
}
