// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.companion;

import java.io.Serial;
import java.util.List;

/** The site cannot be made as the sources and the texts are. */
public final class CompanionException extends Exception {
  @Serial private static final long serialVersionUID = 1L;

  private final transient List<String> faults;

  CompanionException(List<String> faults) {
    super(faults.size() + " faults, first " + faults.getFirst());
    this.faults = List.copyOf(faults);
  }

  /** Every fault in one line: the file, with its line if known, and what is wrong. */
  public List<String> faults() {
    return faults;
  }
}
