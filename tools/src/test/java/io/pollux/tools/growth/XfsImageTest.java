// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools.growth;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import io.pollux.core.ErrnoException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Images that this machine makes, if it can. */
@Timeout(60)
class XfsImageTest {
  private final List<String> progress = new ArrayList<>();
  private final List<Path> images = new ArrayList<>();

  private static void needsTheMachine() {
    String missing = XfsImage.missing();
    assumeTrue(
        missing == null || "1".equals(System.getenv("POLLUX_REQUIRE_ORACLES")),
        String.valueOf(missing));
    assertThat(missing).isNull();
  }

  @Test
  void theFilesAreAsLargeAsTheBareDisk() throws ErrnoException {
    needsTheMachine();

    Bed made =
        XfsImage.with(
            image -> {
              images.add(image);
              assertThat(image).exists();
              return Bed.ofFiles(image, 3);
            },
            progress::add,
            3,
            100);
    try (made) {
      assertThat(made.files()).isEqualTo(3);
      assertThat(made.blocks() * Bed.BLOCK).isEqualTo(XfsImage.FILE_BYTES);
    }

    assertThat(images).hasSize(1).allSatisfy(image -> assertThat(image).doesNotExist());
    assertThat(progress).isEmpty();
  }

  @Test
  void theImageIsGoneAlsoIfItIsOfNoUse() {
    needsTheMachine();
    RuntimeException refused = new IllegalStateException("refused");

    assertThatThrownBy(
            () ->
                XfsImage.with(
                    image -> {
                      images.add(image);
                      throw refused;
                    },
                    progress::add,
                    0,
                    1))
        .isSameAs(refused);
    assertThat(images).hasSize(1).allSatisfy(image -> assertThat(image).doesNotExist());
  }
}
