// SPDX-License-Identifier: GPL-2.0-only
package io.pollux.tools;

import io.pollux.companion.Companion;
import io.pollux.companion.CompanionException;
import io.pollux.tools.console.Failure;
import io.pollux.tools.console.IoReason;
import java.io.IOException;
import java.nio.file.Path;

/** Calls the optional module. It is a class of its own so that the command loads without it. */
final class CompanionBuild {
  private CompanionBuild() {}

  /** Makes the site, and returns a line about it. */
  static String run(Path root, Path output) {
    try {
      return Companion.build(root, output) + "\n";
    } catch (CompanionException e) {
      String each = "\npollux: companion: ";
      throw Failure.fault("companion", String.join(each, e.faults()));
    } catch (IOException e) {
      throw Failure.couldNotRun(output.toString(), IoReason.of(e), e);
    }
  }
}
