// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion.site;

import io.pollux.companion.source.Faults;
import java.nio.file.Path;

/** placeholder */
final class Numbers {
  private final Path texts;
  private final Faults faults;

  Numbers(Path texts, Faults faults) {
    this.texts = texts;
    this.faults = faults;
  }

  String html() {
    return "";
  }
}
